"""The manifest of a finished run: what each of its files was, and which of them are something else now."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from typing import Any

from stackfit import files
from stackfit.errors import RunFolderError
from stackfit.files import shown
from stackfit.results.run_files import RESULTS, STATUS, RunFiles
from stackfit.results.sealing import read_sealed, write_sealed
from stackfit.waiting import doing

FORMAT = 1
Entries = dict[str, dict[str, Any]]  # by file name: sha256, size in bytes, mtime_ns


def write_manifest(run: RunFiles, status: Mapping[str, Any]) -> None:
    """Describe the run's files as they are, and the status as it will be written."""
    text = files.json_bytes(status)
    # Whoever compares reads the status anyway: its time, which is not known yet, would save nothing.
    entry = {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text), "mtime_ns": None}
    write_sealed(run.manifest, {"format": FORMAT, "files": describe(run) | {STATUS: entry}})


@doing("Hashing the run's files")
def describe(run: RunFiles) -> Entries:
    """The run's files as they are now."""
    found = {}
    for path in map(run.path.joinpath, RESULTS):
        if path.is_file():
            about = path.stat()
            found[path.name] = {"sha256": _digest(str(path)), "size": about.st_size, "mtime_ns": about.st_mtime_ns}
    return found


def read_manifest(run: RunFiles) -> Entries | None:
    """The files with which the run finished: none if the manifest is damaged, None if there is no manifest.

    Raises:
        RunFolderError: a newer stackfit wrote it.
    """
    manifest = read_sealed(run.manifest)
    if manifest is None:
        return None
    written, entries = manifest.record.get("format"), manifest.record.get("files")
    if manifest.intact and written != FORMAT:
        raise RunFolderError(
            f"{shown(run.manifest)} has format {written!r}. This stackfit reads {FORMAT}. Update stackfit."
        )
    return entries if manifest.intact and isinstance(entries, dict) else {}


@doing("Hashing the run's files")
def changed_files(run: RunFiles, entries: Entries | None, expected: bool, whole: bool) -> list[str]:
    """The names of files that are not those of the run's manifest, the manifest's own name if it is not the run's.

    Args:
        entries: from `read_manifest`.
        expected: whether the run has written a manifest.
        whole: see `unlike`.
    """
    if entries is None:
        return [run.manifest.name] if expected else []
    if not entries:
        return [run.manifest.name]
    others = unlike(run, entries, whole)
    return [run.manifest.name, *others] if 2 * len(others) > len(entries) else others


def unlike(run: RunFiles, entries: Any, whole: bool) -> list[str]:
    """The names of the run's files that are not as described.

    Args:
        whole: read every file; else only one whose size or time has changed, as by copying: it is another one only if
            its bytes are.
    """
    if not isinstance(entries, dict):
        return [*RESULTS]
    folder = str(run.path)
    return [name for name in RESULTS if not _is_like(f"{folder}/{name}", entries.get(name), whole)]


def _is_like(path: str, entry: Any, whole: bool) -> bool:
    try:
        about = os.stat(path)
    except OSError:
        return entry is None
    if not isinstance(entry, dict) or about.st_size != entry.get("size") or not stat.S_ISREG(about.st_mode):
        return False
    if not whole and about.st_mtime_ns == entry.get("mtime_ns"):
        return True
    try:
        return _digest(path) == entry.get("sha256")
    except OSError:  # it cannot be read
        return False


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:  # not file_digest: for 10,000 small files its buffer costs 0.2 s
        while part := file.read(65536):
            digest.update(part)
    return digest.hexdigest()
