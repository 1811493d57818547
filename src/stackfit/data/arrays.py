"""Decoded arrays on disk: a folder of `.npy` files with a manifest; checked when opened, built again when damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.data.dataset import SILENT, Progress
from stackfit.errors import AbsentError, DataError
from stackfit.files import locked, shown, write_json, writing

DAY_SECONDS = 86_400.0  # preparing takes less


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over dtype, shape and bytes of each array, in the order given; 0.05 s for Fashion-MNIST."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def absent(name: str) -> AbsentError:
    """The error for data that are missing and must not be fetched now."""
    return AbsentError(
        f"The data {name!r} are not on this machine yet. Expected them in {shown(project.cache())}. "
        "The first run fetches and prepares them, or: stackfit data fetch NAME",
        key="data",
    )


@dataclass(frozen=True)
class Stored:
    """Arrays by name, in stored order, with what is known about them."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """Over the arrays; with `revisions` in the facts, fixes of ours that change these data's numbers, over both."""
        digest = fingerprint(self.arrays.values())
        revisions = self.facts.get("revisions")
        return _digest({"arrays": digest, "revisions": revisions}) if revisions else digest


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_arrays(folder: Path, facts: dict[str, Any]) -> Stored:
    """Read the `arrays` that the facts name, each from its `.npy` file."""
    names = facts["arrays"]
    return Stored({name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}, facts)


def open_arrays(folder: Path, progress: Progress) -> Stored | None:
    """Read a cached data set and check every byte of it; None where there is none, or a damaged one."""
    if not folder.is_dir():
        return None
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        stored = read_arrays(folder, {**manifest["facts"], "arrays": manifest["arrays"]})
        known = _digest(stored.facts)
        if stored.fingerprint == manifest["fingerprint"] and manifest.get("facts_sha256", known) == known:
            return stored
        damage = "bytes have changed since it was written"
    except Exception:  # whatever NumPy and JSON raise for a file that is not what was written
        damage = "a file is missing, empty or cut short"
    progress.say(f"The cached {folder.name} is damaged ({damage}); building it again.")
    return None


def build_arrays(folder: Path, write: Callable[[Path], dict[str, Any]], progress: Progress) -> Stored:
    """Open the cached data set in `folder`, or build it: once, however many processes ask at the same time.

    `write` fills a private folder with `.npy` files and returns the facts: `arrays` (the names in stored order) and
    whatever else is to be kept. When it raises, nothing is left behind. DataError when the cache cannot be written.
    """
    if stored := open_arrays(folder, SILENT):
        return stored
    if not progress.build:
        raise absent(folder.name)
    lock = folder.with_name(f".{folder.name}")
    cure = "Set STACKFIT_CACHE to a folder that you can write to and that has room."
    waits = f"Another process is preparing {folder.name}: waiting for it."
    with writing(folder, "a folder for prepared data", cure, DataError):
        lock.mkdir(parents=True, exist_ok=True)
        with locked(lock, lambda: progress.say(waits)):
            if stored := open_arrays(folder, progress):
                return stored
            private = Path(tempfile.mkdtemp(prefix="new-", dir=lock))  # ours alone, even on a disk without locks
            try:
                _clear_leftovers(lock, private)
                stored = read_arrays(private, write(private))
                facts = {**stored.facts, "arrays": list(stored.arrays)}
                known = {"fingerprint": stored.fingerprint, "facts_sha256": _digest(facts)}
                write_json(private / "manifest.json", {**known, "facts": facts, "arrays": facts["arrays"]})
                private.chmod(0o755)  # mkdtemp makes it private; others may share the cache
                if not open_arrays(folder, SILENT):
                    shutil.rmtree(folder, ignore_errors=True)
                    private.rename(folder)
            finally:
                shutil.rmtree(private, ignore_errors=True)
            return stored


def _clear_leftovers(lock: Path, private: Path) -> None:
    """Remove what killed processes have left: other folders than `private` that are a day older, by the clock of the disk."""
    for path in lock.iterdir():
        with contextlib.suppress(OSError):
            if private.stat().st_mtime - path.stat().st_mtime > DAY_SECONDS:
                shutil.rmtree(path)
