"""The sweep's folder: `sweep.json`, `results.csv`, and the names of its cells' folders."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.places import shown
from stackfit.run_folder import FORMAT, csv_text, read_status, state_of, writing


class SweepFolder:
    """One sweep on disk."""

    def __init__(self, path: Path):
        self.path = path

    index = property(lambda self: self.path / "sweep.json")
    results = property(lambda self: self.path / "results.csv")

    @classmethod
    def find(
        cls, experiment_folder: Path, experiment: str, fixed: Iterable[str], axes: Iterable[str], fresh: bool = False
    ) -> SweepFolder:
        """The newest folder of this sweep, or with `fresh` the next one: `sweep-<id>`, `sweep-<id>-2`, ….

        The id is over the experiment, the fixed overrides and the names of the axes, so that a value more on an axis
        stays in the folder.
        """
        text = json.dumps([experiment, sorted(fixed), sorted(axes)])
        base = f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        number = 1
        while (experiment_folder / _numbered(base, number + 1)).is_dir():
            number += 1
        newest = experiment_folder / _numbered(base, number)
        return cls(experiment_folder / _numbered(base, number + 1) if fresh and newest.is_dir() else newest)

    def cell(self, axes: Mapping[str, str], fingerprint: str) -> Path:
        """A cell's folder: every axis as `key=value`, cut to 100 safe characters, then 8 digits of the fingerprint."""
        name = ",".join(f"{key}={value}" for key, value in axes.items())
        safe = re.sub(r"[^A-Za-z0-9._=,+\[\]\-]", "_", name)[:100].strip(".") or "cell"
        return self.path / f"{safe}-{fingerprint[:8]}"

    def read(self) -> list[dict[str, Any]]:
        """The cells that `sweep.json` lists; none where there is no such file or it is damaged or newer."""
        try:
            content = json.loads(self.index.read_bytes())
            return list(content["cells"]) if content.get("format", 0) <= FORMAT else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def write(self, experiment: str, fixed: Sequence[str], axes: Sequence[str], cells: Sequence[Mapping[str, Any]]) -> None:
        """Write `sweep.json` and `results.csv` from the cells' own status.

        `cells`: for each `overrides`, `axes`, `fingerprint` and `folder` (a Path). Cells of earlier calls that are
        not among them stay listed.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with files.locked(self.path):
                names = {Path(cell["folder"]).name for cell in cells}
                rows = [
                    {**cell, "folder": Path(cell["folder"]).name, **_state(Path(cell["folder"]))} for cell in cells
                ]
                kept = [
                    {**cell, **_state(self.path / cell["folder"])}
                    for cell in self.read()
                    if cell.get("folder") and cell["folder"] not in names
                ]
                content = {
                    "format": FORMAT,
                    "experiment": experiment,
                    "overrides": list(fixed),
                    "axes": list(axes),
                    "cells": [{k: v for k, v in row.items() if k != "status"} for row in kept + rows],
                }
                files.write_json(self.index, content)
                files.write_text(self.results, csv_text([self._row(row) for row in kept + rows]))

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        status = row.get("status") or {}
        return {
            **row["axes"],
            **(status.get("metrics") or {}),
            "seconds": status.get("seconds"),
            "state": row["state"],
            "reason": status.get("reason"),
            "folder": shown(self.path / row["folder"]),
        }


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def _state(folder: Path) -> dict[str, Any]:
    status = read_status(folder, damaged_is_empty=True) if (folder / "status.json").exists() else None
    return {"state": "waiting" if status is None else state_of(status), "status": status}
