"""Runs that a search ended early: marked as such, and found again by whoever wants the whole run."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from stackfit import files
from stackfit.files import writing
from stackfit.results import takeover
from stackfit.results.bounds import read_bounded
from stackfit.results.run_files import NAMES, RunFiles, read_status, read_status_if_any, state_of
from stackfit.results.sweep_head import is_search

if TYPE_CHECKING:
    from stackfit.results.run_folder import RunFolder

_known: dict[Path, tuple[tuple[int, int], dict[str, Path]]] = {}  # cells of a search by fingerprint, by its sweep.json


def mark_pruned(path: Path, reason: str) -> bool:
    """Settle a cell that waits, or was interrupted, without training it; False if another process has it."""
    with writing(path), files.locked(path):
        before = read_status(path)
        if state_of(before) not in ("paused", "interrupted"):
            return False
        number = takeover.take(path, before.get("claim") or 0)
        if number is None:
            return False
        with RunFiles(path).log.open("a", encoding="utf-8") as log:
            log.write(f"pruned: {reason}\n")
        files.write_json(
            RunFiles(path).status, {**before, "status": "pruned", "reason": reason, "traceback": None, "claim": number}
        )
        return True


def find_pruned(experiment_folder: Path, fingerprint: str) -> Path | None:
    """A run with this fingerprint that a search of this experiment has pruned and that has its checkpoint."""
    for index in sorted(experiment_folder.glob("*/sweep.json")):
        path = _cells(index).get(fingerprint)
        if path and RunFiles(path).checkpoint.exists() and (read_status_if_any(path) or {}).get("status") == "pruned":
            return path
    return None


def _cells(index: Path) -> dict[str, Path]:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # gone, damaged, or not ours
        about = index.stat()
        stamp = about.st_mtime_ns, about.st_size
        if _known.get(index, ((0, 0), {}))[0] != stamp:
            cells = json.loads(read_bounded(index))["cells"] if is_search(index) else ()
            _known[index] = stamp, {cell["fingerprint"]: index.parent / cell["folder"] for cell in cells}
        return _known[index][1]
    return {}


def go_on_from(folder: RunFolder, pruned: Path) -> bool:
    """Copy what a pruned run has left into a folder that was claimed and is new: it is then resumed from its checkpoint.

    Files of its callbacks are copied as well. False if they cannot be read: then the run starts from the first epoch.
    """
    source = RunFiles(pruned)
    kept = (source.history, source.environment, source.log)  # of an earlier part of a run
    try:
        for path in source.path.iterdir():
            is_own = path.name in NAMES or path.name.startswith(".")
            if path in kept or (not is_own and path.is_file()):
                shutil.copyfile(path, folder.path / path.name)
        shutil.copyfile(source.config, folder.config)
        shutil.copyfile(source.checkpoint, folder.checkpoint)  # last: without it, nothing of the rest counts
    except OSError:
        return False
    folder.begun = True
    return True
