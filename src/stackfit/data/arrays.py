"""Decoded arrays on disk: built once, checked every time they are opened, replaced when damaged.

A cached data set is a folder of `.npy` files and a `manifest.json` that holds their order and their fingerprint.
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
from stackfit.data.progress import Progress
from stackfit.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"


class Damaged(Exception):
    """A cached data set is incomplete or its bytes have changed; the text names the file."""


@dataclass(frozen=True)
class Stored:
    """Arrays by name, in stored order, with what is known about them (`source`, `class_names`)."""

    arrays: dict[str, np.ndarray]
    fingerprint: str
    facts: dict[str, Any]


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over dtype, shape and bytes of each array, in the order given."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        if array.size:
            digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a cached data set, or None where none was ever built.

    Raises:
        Damaged: it is not the JSON that `build_arrays` writes.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_dir():
            raise Damaged(f"{MANIFEST} is missing") from None
        return None
    except (ValueError, OSError) as error:
        raise Damaged(f"{MANIFEST} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or not {"format", "arrays", "fingerprint", "facts", "bytes"} <= manifest.keys():
        raise Damaged(f"{MANIFEST} is not a manifest")
    if manifest["format"] != FORMAT:
        raise Damaged(f"{MANIFEST} has format {manifest['format']}, this version writes {FORMAT}")
    return manifest


def open_arrays(folder: Path) -> Stored | None:
    """Read a cached data set and check every byte of it; None where none was ever built.

    The one hash of the fingerprint covers values, dtypes and shapes, and costs about 0.1 s for Fashion-MNIST.

    Raises:
        Damaged: a file is missing, cut short or changed.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    arrays = {}
    for name in manifest["arrays"]:
        try:
            arrays[name] = np.load(folder / f"{name}.npy", allow_pickle=False)
        except FileNotFoundError:
            raise Damaged(f"{name}.npy is missing") from None
        except (OSError, ValueError, EOFError, SyntaxError, MemoryError, OverflowError):
            raise Damaged(f"{name}.npy is empty, cut short or not an array") from None
    if fingerprint(arrays.values()) != manifest["fingerprint"]:
        raise Damaged("the bytes of an array have changed since it was written")
    return Stored(arrays, manifest["fingerprint"], manifest["facts"])


def build_arrays(folder: Path, write: Callable[[Path], dict[str, Any]], progress: Progress) -> Stored:
    """Open the cached data set, or build it: once, however many processes ask at the same time.

    Args:
        folder: where the data set lives; its name names the data in messages.
        write: fills a private folder with `.npy` files and returns the facts: `arrays` (the names in stored order) and
            whatever else is to be kept. It may raise DataError; nothing is left behind then.
        progress: told when a damaged data set is replaced.

    Raises:
        DataError: the cache cannot be written, or `write` failed.
    """
    if stored := _open_or_report(folder, Progress()):
        return stored
    try:
        with locked(folder, progress):
            if stored := _open_or_report(folder, progress):
                return stored
            return _build(folder, write)
    except OSError as error:
        raise unwritable(folder, error) from None


def _open_or_report(folder: Path, progress: Progress) -> Stored | None:
    try:
        return open_arrays(folder)
    except Damaged as damage:
        progress.say(f"The cached {folder.name} is damaged ({damage}); building it again.")
        return None


def _build(folder: Path, write: Callable[[Path], dict[str, Any]]) -> Stored:
    for left_over in folder.parent.glob(f".{folder.name}.*.tmp"):  # of a process that was killed: we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    private = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    private.mkdir()
    try:
        facts = write(private)
        names = facts.pop("arrays")
        arrays = {name: np.load(private / f"{name}.npy", allow_pickle=False) for name in names}
        manifest = {
            "format": FORMAT,
            "arrays": names,
            "fingerprint": fingerprint(arrays.values()),
            "bytes": sum(array.nbytes for array in arrays.values()),
            "facts": facts,
        }
        (private / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for path in [*private.iterdir(), private]:
            _flush(path)
        if folder.exists():
            folder.rename(private.with_suffix(".old.tmp"))
        private.rename(folder)
        shutil.rmtree(private.with_suffix(".old.tmp"), ignore_errors=True)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return Stored(arrays, manifest["fingerprint"], facts)


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


def unwritable(path: Path, error: OSError) -> DataError:
    """The error for a cache that refuses to be written."""
    return DataError(
        f"{places.shown(path)} cannot be written: {error.strerror or error}. Data are kept there between runs. "
        "Set STACKFIT_CACHE to a folder that you can write to and that has room."
    )
