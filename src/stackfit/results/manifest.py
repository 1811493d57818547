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

FORMAT = 1
Entries = dict[str, dict[str, Any]]  # by file name: sha256, size in bytes, mtime_ns


def write_manifest(run: RunFiles, status: Mapping[str, Any]) -> None:
    """Describe the run's files as they are, and the status as it will be written."""
    text = files.json_bytes(status)
    # Whoever compares reads the status anyway: its time, which is not known yet, would save nothing.
    entry = {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text), "mtime_ns": None}
    write_sealed(run.manifest, {"format": FORMAT, "files": describe(run) | {STATUS: entry}})


def describe(run: RunFiles) -> Entries:
    """The run's files as they are now."""
    found = {}
    for name in RESULTS:
        if (run.path / name).is_file():
            about = os.stat(run.path / name)
            found[name] = {"sha256": _digest(run, name), "size": about.st_size, "mtime_ns": about.st_mtime_ns}
    return found


def changed_files(run: RunFiles, expected: bool, whole: bool) -> list[str]:
    """The names of files that are not those with which the run finished; none if it has no manifest.

    Args:
        expected: whether the run has written a manifest.
        whole: read every file, not only those whose size or time has changed.

    Raises:
        RunFolderError: a newer stackfit wrote the manifest.
    """
    manifest = read_sealed(run.manifest)
    if manifest is None:
        return [run.manifest.name] if expected else []
    if not manifest.intact:
        return [run.manifest.name]
    written = manifest.record.get("format")
    if written != FORMAT:
        raise RunFolderError(
            f"{shown(run.manifest)} has format {written!r}. This stackfit reads {FORMAT}. Update stackfit."
        )
    return unlike(run, manifest.record.get("files"), whole)


def unlike(run: RunFiles, entries: Any, whole: bool) -> list[str]:
    """The names of the run's files that are not as described; see `changed_files` for `whole`.

    A file whose time has changed, as by copying, is read: it is another one only if its bytes are.
    """
    if not isinstance(entries, dict):
        return [*RESULTS]
    return [name for name in RESULTS if not _is_like(run, name, entries.get(name), whole)]


def _is_like(run: RunFiles, name: str, entry: Any, whole: bool) -> bool:
    try:
        about = os.stat(f"{run.path}/{name}")
    except OSError:
        return entry is None
    if not isinstance(entry, dict) or about.st_size != entry.get("size") or not stat.S_ISREG(about.st_mode):
        return False
    if not whole and about.st_mtime_ns == entry.get("mtime_ns"):
        return True
    try:
        return _digest(run, name) == entry.get("sha256")
    except OSError:  # it cannot be read
        return False


def _digest(run: RunFiles, name: str) -> str:
    with open(f"{run.path}/{name}", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
