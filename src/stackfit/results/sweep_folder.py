"""The sweep's folder: `sweep.json`, the list of its cells, `results.csv`, and the names of the cells' folders.

The folder is the queue of the sweep's workers: a cell's state stands in its own `status.json` alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.errors import RunFolderError, made_by_newer
from stackfit.files import csv_text, reading, shown, writing
from stackfit.results import owner
from stackfit.results.bounds import check_study, read_bounded
from stackfit.results.run_files import FORMAT, STATUS, read_status, state_of
from stackfit.results.sweep_head import read_head
from stackfit.results.sweep_rows import Stamp, SweepRows, stamp_of
from stackfit.results.takeover import exists, silent_seconds

KEYS = ("format", "experiment", "overrides", "axes", "cells")  # of sweep.json
CELL_KEYS = ("overrides", "axes", "fingerprint", "folder", "planned")
ENGINE_KEYS = ("engine", "stack")  # of a cell with another engine than tensorflow: what its workers train with
STUDY = "study"  # of a search: its settings and its space; see `study`
ENDS = ("n_trials", "minutes")  # of a study: they decide when it ends, and nothing before
TRIAL_KEYS = ("trial", "batch")  # of a search's cells: numbers from 0, in the order asked
EARLIER_KEYS = ("state",)  # of a cell, as earlier versions wrote them
RARELY = 50  # of a large sweep, `results.csv` is written again after this many times as long as writing it took
AGAIN = "Run the sweep's command again: it writes the file from the cells' folders."
QUICK_SECONDS = 0.05  # what takes less is written each time


class SweepFolder:
    """One sweep on disk."""

    def __init__(self, path: Path):
        self.path = path
        self._pause = 0.0  # seconds before `results.csv` is written again, by whoever
        self._rows = SweepRows(path)
        self._read: tuple[Stamp, dict[str, Any]] = ((), {})  # the index

    index = property(lambda self: self.path / "sweep.json")
    results = property(lambda self: self.path / "results.csv")
    journal = property(lambda self: self.path / "study.journal")  # of a search, for Optuna's dashboard; never read
    jobs = property(lambda self: self.path / "jobs")  # of launchers and workers: logs, who works, the wish to stop
    stop = property(lambda self: self.jobs / "stop")  # workers that began before it was written stop

    def worker_log(self, rank: int) -> Path:
        """What a worker prints."""
        return self.jobs / f"worker-{rank}.log"

    @contextlib.contextmanager
    def registered(self, launch: str | None = None, cores: Sequence[int] = ()) -> Iterator[Path]:
        """Inside, this process is listed among the sweep's workers.

        Args:
            launch: the name that `begin_launch` gave.
            cores: that it may use.

        Yields:
            The file whose time says when the worker began: its launch's, or its own entry.
        """
        entry = self.jobs / f"worker-{socket.gethostname()}-{os.getpid()}-{owner.token()}.json"
        with writing(self.jobs):
            self.jobs.mkdir(exist_ok=True)
            files.write_json(entry, {"owner": owner.this_process() | {"cores": [*cores]}})
        try:
            yield self.jobs / launch if launch else entry
        finally:
            entry.unlink(missing_ok=True)

    def begin_launch(self, workers: int) -> str:
        """Note that workers are started now, whenever each of them begins; the name of the note."""
        with writing(self.jobs):
            self.jobs.mkdir(exist_ok=True)
            name = f"launch-{secrets.token_hex(4)}"
            files.write_text(self.jobs / name, f"{workers} workers\n")
        return name

    def must_stop(self, began: Path) -> bool:
        """Whether somebody has asked the workers to stop that began when this file was written, by the disk's own times."""
        try:
            return self.stop.stat().st_mtime_ns > began.stat().st_mtime_ns
        except OSError:  # nobody has, or the folder is gone: then the next write says so
            return False

    @classmethod
    def find(
        cls,
        experiment_folder: Path,
        experiment: str,
        fixed: Iterable[str],
        axes: Iterable[str],
        fresh: bool = False,
        study: Mapping[str, Any] | None = None,
    ) -> SweepFolder:
        """The newest folder of this sweep, or with `fresh` the next one: `sweep-<id>`, `sweep-<id>-2`, ….

        The id is a hash of the experiment, the fixed overrides and the names of the axes: another value on an axis
        stays in the same folder. Where none has that name, a renamed one is recognized by its `sweep.json`.

        Args:
            study: of a search; what its decisions depend on is part of the id.
        """
        text = _identity(experiment, fixed, axes, study)
        base = f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        number = next(n for n in itertools.count(1) if not (experiment_folder / _numbered(base, n + 1)).is_dir())
        newest = experiment_folder / _numbered(base, number)
        if not newest.is_dir() and not fresh:
            for index in sorted(experiment_folder.glob("*/sweep.json")):
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # damaged, or not ours
                    if head := read_head(index):
                        there = json.loads(index.read_bytes())[STUDY] if head.is_search else None
                        if text == _identity(head.experiment, head.overrides, head.axes, there):
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
            self._check_version(json.loads(self.index.read_bytes()))
        return [_describe(path.parent) for path in sorted(self.path.glob(f"*/{STATUS}"))]

    def _check_version(self, index: dict[str, Any]) -> None:
        """RunFolderError: a newer stackfit wrote it; writing it again would lose what this one does not know."""
        written = index.get("format", 0)
        if written > FORMAT:
            raise RunFolderError(
                f"{shown(self.index)} has format {written!r}. This stackfit reads up to {FORMAT}. Update stackfit."
            )
        known = {*CELL_KEYS, *ENGINE_KEYS, *EARLIER_KEYS, *TRIAL_KEYS}
        unknown = {*index} - {*KEYS, STUDY} | {f"cells.{key}" for cell in index["cells"] for key in {*cell} - known}
        if unknown:
            raise RunFolderError(made_by_newer(shown(self.index), sorted(unknown)))

    def read_index(self) -> dict[str, Any]:
        """The content of `sweep.json`: `experiment`, `overrides`, `axes` (names) and `cells`, each with `overrides`,
        `axes`, `fingerprint`, `folder` (its name) and `planned` (by the newest command), some with `engine` and `stack`.
        Of a search also `study`, and each cell's `trial` and `batch`.

        Raises:
            RunFolderError: there is none, it is damaged, or a newer stackfit wrote it.
        """
        if not exists(self.index):
            raise RunFolderError(
                f"{shown(self.path)} is not a sweep's folder: it has no sweep.json. Expected a folder that "
                "`stackfit run NAME -m …` printed. Try: ls outputs/*/"
            )
        with reading(self.index, "JSON as stackfit writes it", AGAIN):
            if (stamp := stamp_of(self.index)) == self._read[0]:
                return self._read[1]
            index = json.loads(read_bounded(self.index))
            self._check_version(index)
            texts = [index["experiment"], *index["overrides"], *index["axes"]]
            if STUDY in index:
                check_study(index[STUDY])
            for cell in index["cells"]:
                texts += [cell["fingerprint"], cell["folder"], cell.get("engine", "")]
                texts += [*cell["overrides"], *cell["axes"], *cell["axes"].values()]
                if not all(isinstance(cell.get(key, 1), int) for key in ("stack", *TRIAL_KEYS)):
                    raise TypeError("a number is missing")
                if cell["folder"] != self.cell(cell["axes"], cell["fingerprint"]).name:
                    raise ValueError(f"{cell['folder']!r} is not the folder of these axes")
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("a text is missing")
            self._read = stamp, index
        return index

    def write_index(
        self,
        experiment: str,
        fixed: Sequence[str],
        axes: Sequence[str],
        cells: Sequence[Mapping[str, Any]],
        study: Mapping[str, Any] | None = None,
        newest: int = -1,
    ) -> None:
        """Write `sweep.json`, and `results.csv` from the cells' own status; for commands that plan a sweep.

        `cells`: the `overrides`, `axes`, `fingerprint` and `folder` (its name) of each. Cells of earlier commands stay
        listed if they have begun; workers leave them alone. `study`: of a search, whose cells have `trial` and `batch`; later
        batches than these and `newest`, of other processes, stay listed.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with files.locked(self.path):
                files.clear_leftovers(self.path)
                there = self.read()
                if study:
                    newest = max([newest, *(cell["batch"] for cell in cells)])
                    with contextlib.suppress(RunFolderError):  # there is none, or it is damaged
                        cells = [*cells, *(cell for cell in self.read_index()["cells"] if cell.get("batch", -1) > newest)]
                planned = {cell["folder"] for cell in cells}
                begun = [row for row in there if row["folder"] not in planned and row["status"]]
                earlier = [{key: row[key] for key in CELL_KEYS[:-1]} for row in begun]
                listed = [{**cell, "planned": True} for cell in cells] + [{**cell, "planned": False} for cell in earlier]
                named = dict(zip(KEYS, (FORMAT, experiment, list(fixed), list(axes), listed), strict=True))
                try:
                    files.write_json(self.index, named | ({STUDY: study} if study else {}))
                    self._write_results(listed)
                except OSError:
                    with contextlib.suppress(OSError):  # it holds cells
                        self.path.rmdir()
                    raise

    def forget(self) -> None:
        """Remove the folder if no cell of it has begun."""
        if not self.read():
            shutil.rmtree(self.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # they hold other runs
                self.path.parent.rmdir()
                self.path.parent.parent.rmdir()

    def write_results(self, at_once: bool = False) -> None:
        """Write `results.csv` again from the cells' own status; of a large sweep rarely, unless `at_once`."""
        if not self.path.is_dir():
            return
        with contextlib.suppress(OSError):  # there is none yet
            if self._pause and not at_once and silent_seconds(self.results) < self._pause:
                return
        began = time.monotonic()
        with writing(self.path), files.locked(self.path):
            listed: list[Mapping[str, Any]] = []
            with contextlib.suppress(RunFolderError):  # a damaged index: the folders are enough
                listed = self.read_index()["cells"]
            self._write_results(listed)
        passed = time.monotonic() - began
        self._pause = RARELY * passed if passed > QUICK_SECONDS else 0.0

    def _write_results(self, cells: Sequence[Mapping[str, Any]]) -> None:
        files.write_text(self.results, csv_text(self._rows.read(cells)))

    def ask_to_stop(self) -> int:
        """Ask the workers that have begun by now to stop, wherever they run.

        Returns:
            How many workers there are, as far as this machine can tell.

        Raises:
            RunFolderError: it is not a sweep's folder, or cannot be written.
        """
        self.read_index()
        with writing(self.jobs):
            self.jobs.mkdir(exist_ok=True)
            files.write_text(self.stop, f"asked on {socket.gethostname()}\n")
        return len(self.workers())

    def workers(self) -> list[dict[str, Any]]:
        """The owner entry of each worker that lives, as far as this machine can tell, with its `cores`; see
        `owner.this_process`."""
        found = []
        for entry in sorted(self.jobs.glob("worker-*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # it ends just now, or is damaged
                held = json.loads(read_bounded(entry))["owner"]
                if owner.is_alive(held, silent_seconds(entry)):
                    found.append(held)
        return found


def _identity(experiment: str, fixed: Iterable[str], axes: Iterable[str], study: Mapping[str, Any] | None) -> str:
    decisive = {key: value for key, value in study.items() if key not in ENDS} if study else None
    return json.dumps([experiment, sorted(fixed), sorted(axes), *([decisive] if decisive else [])])


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
