"""A search as its sweep's folder tells it: which trials were asked for, how far each went, and what came of it.

Nothing else remembers a search: `sweep.json` lists the trials, and the cells' own folders hold their results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackfit.errors import RunFolderError
from stackfit.files import reading
from stackfit.results.run_files import read_history
from stackfit.results.sweep_folder import ENDS, STUDY, SweepFolder

SEED = "seed"
# Of several seeds, the first of these that one of them is in; all others mean that the whole trial has ended.
STATES = ("failed", "running", "interrupted", "waiting", "paused", "pruned", "finished")
SETTLED = ("failed", "pruned", "finished")


@dataclass(frozen=True)
class Trial:
    """One setting that a search asked for: a cell for each seed."""

    number: int  # from 0, in the order asked
    batch: int
    axes: Mapping[str, str]  # without the seed where the study has several
    folders: tuple[str, ...]  # names, one for each seed
    state: str  # one of `STATES`
    curve: tuple[float, ...]  # the metric after each epoch, mean over seeds, as far as all have it; NaN where absent
    value: float | None  # what the sampler is told: finished: the final metric; pruned: the curve's last value
    epochs: int  # trained in all, over seeds
    reason: str = ""
    values: tuple[float, ...] = ()  # of a finished trial, for each metric of the study
    longest: int = 0  # epochs that it trains if nothing stops it, over seeds


@dataclass(frozen=True)
class Study:
    """A search: its settings, as `sweep.json` has them, and its trials so far."""

    settings: Mapping[str, Any]
    trials: tuple[Trial, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """One, or two of a search for the Pareto front."""
        return tuple(self.settings["metric"])

    @property
    def directions(self) -> tuple[str, ...]:
        """`max` or `min` for each metric."""
        return tuple(self.settings["direction"])


def read_study(folder: SweepFolder) -> Study | None:
    """The search in a sweep's folder; None if the sweep is not a search.

    Raises:
        RunFolderError: the folder has no `sweep.json`, it is damaged, or a newer stackfit wrote it.
    """
    index = folder.read_index()
    if STUDY not in index:
        return None
    cells: dict[int, list[Mapping[str, Any]]] = {}
    with reading(folder.index, "the trials of a search", "Run the search's command again: it asks for the same trials."):
        study = Study(index[STUDY], ())
        for cell in index["cells"]:
            if "trial" in cell:
                cells.setdefault(int(cell["trial"]), []).append({**cell, "batch": int(cell["batch"])})
    rows = {row["folder"]: row for row in folder.read()}
    return Study(study.settings, tuple(_read_trial(folder, study, cells[number], rows) for number in sorted(cells)))


def find_differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What two searches decide by and do not share: `batch is 8 there and 16 here`; see `SweepFolder.find`."""
    found = []
    for one, other in ((here, there), (here.get("space") or {}, there.get("space") or {})):
        for key in dict.fromkeys([*one, *other]):
            values = [one.get(key), other.get(key)]
            if key == "overrides":  # in any order
                values = [sorted(value or ()) for value in values]
            if key not in (*ENDS, "space") and values[0] != values[1]:
                words = [_shown(value.get(key)) for value in (other, one)]
                found.append(f"{key} is {words[0]} there and {words[1]} here")
    orders = [", ".join(study.get("space") or {}) for study in (there, here)]
    if not found and orders[0] != orders[1]:  # numbers are drawn axis by axis
        found.append(f"the axes are {orders[0]} there and {orders[1]} here")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return "nothing" if value is None else str(value)


def _read_trial(
    folder: SweepFolder, study: Study, cells: Sequence[Mapping[str, Any]], rows: Mapping[str, Mapping[str, Any]]
) -> Trial:
    names = tuple(cell["folder"] for cell in cells)
    own = [rows.get(name, {"state": "waiting", "status": {}}) for name in names]
    state = min((row["state"] for row in own), key=STATES.index)
    curves = [_read_curve(folder, name, study.metrics[0]) for name in names]
    curve = tuple(math.fsum(values) / len(values) for values in zip(*curves, strict=False))
    finals = [_mean([(row["status"].get("metrics") or {}).get(metric) for row in own]) for metric in study.metrics]
    values = tuple(finals) if state == "finished" else ()
    value = values[0] if values else None
    if state == "pruned" and curve:
        value = curve[-1]
    reason = next((str(row["status"].get("reason") or "") for row in own if row["state"] == state), "")
    axes = {key: text for key, text in cells[0]["axes"].items() if key != SEED or len(cells) == 1}
    is_number = value is not None and math.isfinite(value)
    return Trial(
        cells[0]["trial"],
        cells[0]["batch"],
        axes,
        names,
        state,
        curve,
        value if is_number else None,
        sum(map(len, curves)),
        reason,
        values,
        sum((row["status"].get("settings") or {}).get("epochs") or 0 for row in own),
    )


def _read_curve(folder: SweepFolder, name: str, metric: str) -> list[float]:
    """The metric after each epoch; NaN where the history has a blank, or not this metric."""
    try:
        rows = read_history(folder.path / name)
    except RunFolderError:  # damaged: the run counts without it
        return []
    values = [row.get(metric) for row in rows]
    return [math.nan if value is None else float(value) for value in values]


def _mean(values: Sequence[float | None]) -> float:
    return math.fsum(math.nan if value is None else value for value in values) / len(values)
