"""The sweep's folder: `sweep.json`, `results.csv`, and the names of its cells' folders."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.errors import RunFolderError, made_by_newer
from stackfit.files import csv_text, shown, writing
from stackfit.results.duration import times_of
from stackfit.results.run_files import FORMAT, STATUS, read_status, state_of

KEYS = ("format", "experiment", "overrides", "axes", "cells")  # of sweep.json
CELL_KEYS = ("overrides", "axes", "fingerprint", "folder", "state")


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

        The id is a hash of the experiment, the fixed overrides and the names of the axes: another value on an axis
        stays in the same folder. Where none has that name, a renamed one is recognized by its `sweep.json`.
        """
        text = json.dumps([experiment, sorted(fixed), sorted(axes)])
        base = f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        number = 1
        while (experiment_folder / _numbered(base, number + 1)).is_dir():
            number += 1
        newest = experiment_folder / _numbered(base, number)
        if not newest.is_dir() and not fresh:
            for index in sorted(experiment_folder.glob("*/sweep.json")):
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # damaged, or not ours
                    written = json.loads(index.read_bytes())
                    if text == json.dumps([written["experiment"], sorted(written["overrides"]), sorted(written["axes"])]):
                        return cls(index.parent)
        return cls(experiment_folder / _numbered(base, number + 1) if fresh and newest.is_dir() else newest)

    def cell(self, axes: Mapping[str, str], fingerprint: str) -> Path:
        """A cell's folder: every axis as `key=value`, cut to 100 safe characters, then 8 digits of the fingerprint."""
        name = ",".join(f"{key}={value}" for key, value in axes.items())
        safe = re.sub(r"[^A-Za-z0-9._=,+\[\]\-]", "_", name)[:100].strip(".") or "cell"
        return self.path / f"{safe}-{fingerprint[:8]}"

    def read(self) -> list[dict[str, Any]]:
        """What every cell's folder says about itself: `overrides`, `axes`, `fingerprint`, `folder`, `state`, `status`.

        Raises:
            RunFolderError: a newer stackfit wrote the sweep, or one of its cells.
        """
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):  # a damaged index is rewritten
            index = json.loads(self.index.read_bytes())
            written = index.get("format", 0)
            if written > FORMAT:
                raise RunFolderError(
                    f"{shown(self.index)} has format {written!r}. This stackfit reads up to {FORMAT}. Update stackfit."
                )
            unknown = {*index} - {*KEYS} | {f"cells.{key}" for cell in index["cells"] for key in {*cell} - {*CELL_KEYS}}
            if unknown:  # writing it again would lose them
                raise RunFolderError(made_by_newer(shown(self.index), sorted(unknown)))
        return [_describe(path.parent) for path in sorted(self.path.glob(f"*/{STATUS}"))]

    def write(
        self, experiment: str, fixed: Sequence[str], axes: Sequence[str], cells: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write `sweep.json` and `results.csv` from the cells' own status.

        `cells`: the `overrides`, `axes`, `fingerprint` and `folder` (its name) of each. Cells of earlier commands stay
        listed.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with files.locked(self.path):
                files.clear_leftovers(self.path)
                there = {row["folder"]: row for row in self.read()}
                rows = [{"state": "waiting", "status": {}, **there.pop(cell["folder"], {}), **cell} for cell in cells]
                rows += there.values()
                listed = [{key: row[key] for key in row if key != "status"} for row in rows]
                content = dict(zip(KEYS, (FORMAT, experiment, list(fixed), list(axes), listed), strict=True))
                try:
                    files.write_json(self.index, content)
                    files.write_text(self.results, csv_text([self._row(row) for row in rows]))
                except OSError:
                    with contextlib.suppress(OSError):  # it holds cells
                        self.path.rmdir()
                    raise

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        status = row["status"]
        return {
            **row["axes"],
            **(status.get("metrics") or {}),
            **times_of(self.path / row["folder"], status),
            "state": row["state"],
            "reason": status.get("reason"),
            "folder": shown(self.path / row["folder"]),
        }


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def _describe(folder: Path) -> dict[str, Any]:
    status = read_status(folder, damaged_is_empty=True)
    return {
        "overrides": status.get("overrides") or [],
        "axes": status.get("axes") or {},
        "fingerprint": status.get("fingerprint"),
        "folder": folder.name,
        "state": state_of(status),
        "status": status,
    }
