"""The rows of a sweep's `results.csv`, from its cells' own status; that of a cell which has not changed is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit.files import shown
from stackfit.results.duration import times_of
from stackfit.results.run_files import STATUS, read_status, state_of

Stamp = tuple[int, ...]


class SweepRows:
    """Reads the cells of one sweep's folder again and again."""

    def __init__(self, path: Path):
        self.path = path
        self._known: dict[str, tuple[Stamp, dict[str, Any]]] = {}  # by folder

    def read(self, cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """A row for each cell, as `sweep.json` lists them; then those of other runs in the folder.

        Raises:
            RunFolderError: a newer stackfit wrote one of them.
        """
        begun = names_in(self.path)
        listed = {cell["folder"]: cell["axes"] for cell in cells}
        left = [name for name in sorted(begun - listed.keys()) if stamp_of(self.path / name / STATUS)]
        rows = [self._row(name, axes, name in begun) for name, axes in listed.items()]
        return rows + [self._row(name, None, True) for name in left]

    def _row(self, name: str, axes: Mapping[str, str] | None, has_begun: bool) -> dict[str, Any]:
        folder = self.path / name
        stamp = stamp_of(folder / STATUS) if has_begun else ()
        before, row = self._known.get(name, (None, {}))
        if stamp != before or row["state"] == "running":  # whose owner may have died
            status = read_status(folder, damaged_is_empty=True) if stamp else {}
            row = {
                **(status.get("axes") or {} if axes is None else axes),
                **(status.get("metrics") or {}),
                **times_of(folder, status),
                "state": state_of(status) if stamp else "waiting",
                "reason": status.get("reason"),
                "folder": shown(folder),
            }
            self._known[name] = stamp, row
        return row


def names_in(folder: Path) -> set[str]:
    """What a folder holds; nothing if it is not there. One listing is much less than a look for each of thousands of names."""
    try:
        return {*os.listdir(folder)}
    except OSError:
        return set()


def stamp_of(path: Path) -> Stamp:
    """Changes with the file, which is replaced when it is written; empty if there is none."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_mtime_ns, about.st_size, about.st_ino
