"""How far a sweep is, from its folder alone, whoever trains it: the state of each cell, its epochs, its last value."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError
from stackfit.keys import label_of
from stackfit.results.bounds import check_study, read_bounded
from stackfit.results.directions import BY_CLASS, DIRECTIONS
from stackfit.results.run_files import RunFiles, read_history, read_status_if_any
from stackfit.results.sweep_folder import STUDY, SweepFolder
from stackfit.results.sweep_rows import Stamp, names_in, stamp_of

SETTLED = ("finished", "failed", "pruned")
FINAL = ("finished", "pruned")  # a failed cell is tried again by a new command
NOT_MEASURES = ("epoch", "learning_rate", "seconds", "members")  # columns of history.csv
AFTER_SECONDS = 1.0  # the files are not looked at more often


@dataclass
class CellView:
    """One cell: `epoch` of `epochs` are complete; `values` are those of the last one, or of the saved weights."""

    label: str
    state: str = "waiting"
    epoch: int = 0
    epochs: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""  # the host that trains it, where several do


@dataclass
class SweepView:
    """All cells, in the order of the sweep; `metric` is what compares them, and `leader` has the best of it so far."""

    cells: list[CellView]
    metric: str | None = None
    leader: CellView | None = None
    left: float | None = None  # seconds until all are settled; None as long as nobody can know
    is_search: bool = False  # its cells may end at a rung
    asks: bool = False  # it may ask for further cells when these are settled

    @property
    def counts(self) -> Counter[str]:
        """How many cells are in each state."""
        return Counter(cell.state for cell in self.cells)

    @property
    def epochs(self) -> tuple[int, int]:
        """How many epochs are complete, and how many there will be; 0 while that is not known."""
        known = [cell.epochs for cell in self.cells if cell.epochs]
        usual = max(known, default=0)
        done = sum(cell.epoch for cell in self.cells)
        every = [cell.epoch if cell.state in SETTLED else cell.epochs or usual for cell in self.cells]
        return done, sum(every) if known else 0


class Underway:
    """Reads a sweep's folder again and again; of what has not changed it keeps what it knows."""

    def __init__(self, path: Path):
        self.folder = SweepFolder(path)
        self._known: dict[str, tuple[Stamp, CellView]] = {}  # by folder
        self._index: tuple[Stamp, list[dict[str, Any]]] = ((), [])
        self._study: dict[str, Any] = {}  # of a search: its settings
        self._asks = False
        self._view, self._read = SweepView([]), -AFTER_SECONDS
        self._first: tuple[float, int, int] | None = None  # when it was first seen with cells; epochs, settled cells then

    def look(self, at_once: bool = False) -> SweepView:
        """What the files say now, or without `at_once`: said within the last second."""
        now = time.monotonic()
        if at_once or now - self._read >= AFTER_SECONDS:
            self._read = now
            self._view = self._look(now)
        return self._view

    def _look(self, now: float) -> SweepView:
        rows, begun = self._rows(), names_in(self.folder.path)
        cells = [self._cell(row, row["folder"] in begun) for row in rows]
        hosts = {cell.owner for cell in cells if cell.state == "running"}
        for cell in cells:
            cell.owner = cell.owner if len(hosts) > 1 else ""
        view = SweepView(cells, is_search=bool(self._study), asks=self._asks)
        view.metric, view.leader = _leader(cells, self._study)
        done, settled = view.epochs[0], sum(cell.state in SETTLED for cell in cells)
        if cells and self._first is None:
            self._first = (now, done, settled)
        if self._first is not None:
            view.left = self._left(view, now)
        return view

    def _left(self, view: SweepView, now: float) -> float | None:
        """By the pace since the first look: with compiling, testing and saving in it. So either a cell has been through all of
        them, or all that are left train already."""
        began, before, settled = self._first  # type: ignore[misc]
        done, every = view.epochs
        counts = view.counts
        if view.is_search:  # how many epochs each cell trains is not known
            return None
        through = sum(counts[state] for state in SETTLED) > settled
        if done <= before or not every or not (through or not counts["waiting"]):
            return None
        ended = [cell for cell in view.cells if cell.state == "finished" and cell.epochs]
        share = sum(cell.epoch / (cell.epochs or 1) for cell in ended) / len(ended) if ended else 1.0  # early stops
        return (every - done) * share * (now - began) / (done - before)

    def _rows(self) -> list[dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):  # not written yet, or damaged
            stamp = stamp_of(self.folder.index)
            if stamp != self._index[0]:
                index = json.loads(read_bounded(self.folder.index))
                if STUDY in index:
                    check_study(index[STUDY])
                cells, self._study = index["cells"], dict(index.get(STUDY) or {})
                most, asked = self._study.get("n_trials"), {cell.get("trial") for cell in cells}
                self._asks = bool(self._study) and (most is None or len(asked) < most)
                self._index = stamp, [{"folder": str(row["folder"]), "axes": dict(row["axes"])} for row in cells if row.get("planned", True)]
        return self._index[1]

    def _cell(self, row: Mapping[str, Any], has_begun: bool) -> CellView:
        if row["folder"] not in self._known:
            self._known[row["folder"]] = (), CellView(label_of(row["axes"]))
        stamp, known = self._known[row["folder"]]
        if known.state in FINAL or not (has_begun or stamp):
            return known
        files = RunFiles(self.folder.path / row["folder"])
        new = stamp_of(files.status) + stamp_of(files.history)
        # A running cell is read again as well: its owner may have died.
        if new != stamp or known.state == "running":
            with contextlib.suppress(OSError, RunFolderError, ValueError):  # half a file of somebody else's
                known = _read(files, known.label)
            self._known[row["folder"]] = new, known
        return known

    @property
    def states(self) -> dict[str, str]:
        """The state of each cell by the name of its folder, as it was at the last look."""
        return {folder: cell.state for folder, (_, cell) in self._known.items()}


def _read(files: RunFiles, label: str) -> CellView:
    status = read_status_if_any(files.path)
    if not status:
        return CellView(label)
    state, settings = status["state"], status.get("settings") or {}
    rows = read_history(files.path)
    last = {name: value for name, value in (rows[-1] if rows else {}).items() if name not in NOT_MEASURES}
    final = status.get("metrics") or {}
    values = {name: final.get(name, value) for name, value in last.items()} if state == "finished" else last
    classes = {name: BY_CLASS.get(str(settings.get(f"task.metrics.{name}._target_"))) for name in values}
    directions = {**classes, **(status.get("directions") or {}), "loss": "min"}
    epochs = settings.get("epochs")
    return CellView(
        label,
        state,
        int(rows[-1].get("epoch") or 0) if rows else 0,
        epochs if isinstance(epochs, int) else None,
        values,
        {name: way for name, way in directions.items() if way in DIRECTIONS},
        str((status.get("owner") or {}).get("host") or ""),
    )


def measures(names: Iterable[str]) -> list[str]:
    """What says best how good a cell is comes first: of the validation before of the training, a metric before the loss."""
    return sorted(dict.fromkeys(names), key=lambda name: (not name.startswith("val_"), name.removeprefix("val_") == "loss"))


def _leader(cells: Sequence[CellView], study: Mapping[str, Any]) -> tuple[str | None, CellView | None]:
    """The measure that compares cells: of the validation where there is one, a metric before the loss; and the best cell.

    Of a metric whose class does not say whether more is better, nobody is the best. A search (`study`) says by what it
    compares them.
    """
    ways = {name: way for cell in cells for name, way in cell.directions.items()}
    names = measures([name for cell in cells for name in cell.values])
    if study:
        names = [name for name in study["metric"][:1] if name in names]
        ways = {name.removeprefix("val_"): study["direction"][0] for name in names}
    for metric in names:
        way = ways.get(metric.removeprefix("val_"))
        known = [
            cell for cell in cells if isinstance(cell.values.get(metric), (int, float)) and cell.state in ("running", "paused", "finished")
        ]
        if way and known:
            best = max if way == "max" else min
            return metric, best(known, key=lambda cell: cell.values[metric])
    return None, None
