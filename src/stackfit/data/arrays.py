"""Decoded arrays on disk: built once, checked every time they are opened, replaced when damaged.

A cached data set is a folder of `.npy` files and a `manifest.json` with their order and their fingerprint.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.progress import SILENT, Progress
from stackfit.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Stored:
    """Arrays by name, in stored order, with what is known about them."""

    arrays: dict[str, np.ndarray]
    fingerprint: str
    facts: dict[str, Any]


class _Damaged(Exception):
    """A cached data set is incomplete or its bytes have changed; the text says which and how."""


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over dtype, shape and bytes of each array, in the order given."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def open_arrays(folder: Path, progress: Progress) -> Stored | None:
    """Read a cached data set and check every byte of it; None where there is none, or a damaged one.

    The one hash of the fingerprint covers values, dtypes and shapes; about 0.05 s for Fashion-MNIST.
    """
    if not folder.is_dir():
        return None
    try:
        return _read(folder)
    except _Damaged as damage:
        progress.say(f"The cached {folder.name} is damaged ({damage}); building it again.")
        return None


def _read(folder: Path) -> Stored:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names, expected, facts = manifest["arrays"], manifest["fingerprint"], manifest["facts"]
        if manifest["format"] != FORMAT:
            raise _Damaged(f"it has format {manifest['format']}, this version writes {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError):
        raise _Damaged(f"{MANIFEST} is missing or not a manifest") from None
    arrays = {}
    for name in names:
        try:
            arrays[name] = np.load(folder / f"{name}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError, MemoryError, OverflowError):
            raise _Damaged(f"{name}.npy is missing, empty or cut short") from None
    if fingerprint(arrays.values()) != expected:
        raise _Damaged("bytes have changed since it was written")
    return Stored(arrays, expected, facts)


def build_arrays(folder: Path, write: Callable[[Path], dict[str, Any]], progress: Progress) -> Stored:
    """Open the cached data set, or build it: once, however many processes ask at the same time.

    Args:
        folder: where the data set lives; its name names the data in messages.
        write: fills a private folder with `.npy` files and returns the facts: `arrays` (the names in stored
            order) and whatever else is to be kept. When it raises, nothing is left behind.
        progress: told when a damaged data set is replaced.

    Raises:
        DataError: the cache cannot be written.
    """
    if stored := open_arrays(folder, SILENT):
        return stored
    try:
        with locked(folder, progress):
            return open_arrays(folder, progress) or _build(folder, write)
    except OSError as error:
        raise DataError(
            f"{places.shown(folder)} cannot be written: {error.strerror or error}. Data are kept there "
            "between runs. Set STACKFIT_CACHE to a folder that you can write to and that has room."
        ) from None


def _build(folder: Path, write: Callable[[Path], dict[str, Any]]) -> Stored:
    private = folder.with_name(f".{folder.name}.tmp")  # ours alone: we hold the lock
    shutil.rmtree(private, ignore_errors=True)  # of a process that was killed
    private.mkdir()
    try:
        facts = write(private)
        names = facts.pop("arrays")
        arrays = {name: np.load(private / f"{name}.npy", allow_pickle=False) for name in names}
        stored = Stored(arrays, fingerprint(arrays.values()), facts)
        manifest = {"format": FORMAT, "arrays": names, "fingerprint": stored.fingerprint, "facts": facts}
        (private / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for path in [*private.iterdir(), private]:
            _flush(path)
        shutil.rmtree(folder, ignore_errors=True)
        private.rename(folder)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return stored


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock beside `folder`; the system lets go of it when the process ends, however it ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            progress.say(f"Another process is building {folder.name}; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
