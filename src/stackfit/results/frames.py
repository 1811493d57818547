"""Run folders as data frames. Only `status.json` and what vouches for it are read, and `history.csv` for epochs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.config.project import outputs
from stackfit.errors import RunFolderError, made_by_newer
from stackfit.files import shown
from stackfit.results import final_metrics, run_files
from stackfit.results.certificate import UNKNOWN, Standing
from stackfit.results.duration import times_of
from stackfit.results.naming import folder_of
from stackfit.waiting import doing

if TYPE_CHECKING:
    import pandas as pd

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
COSMETIC = ("about", "expect", "save", "verbosity", "silence")  # schema.COSMETIC, without paying for omegaconf
LONG = 2**63
COUNTS = ("stopped_epoch", "weights_epoch", "parameters")

# What `about` has of each run besides its folder and state, from its status: texts, and numbers in TIMES. Rows are filtered and
# sorted by any of them; those of SHOWN are columns of every table in which a run has one.
ABOUT: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "reason": lambda status: status.get("reason"),
    "started": lambda status: status.get("started"),  # ISO, UTC
    "seconds": lambda status: status.get("seconds"),
    "cohort_seconds": lambda status: status.get("cohort_seconds"),
    "members": lambda status: status.get("members"),
    "sweep": lambda status: status.get("sweep"),
    "verified": lambda status: status.get("verified"),
    "metrics_of": final_metrics.metrics_of,
}
SHOWN = ("verified", "metrics_of")
KNOWN = {*run_files.STATUS_KEYS, *ABOUT}
TIMES = ("seconds", "cohort_seconds", "members")  # see `duration.times_of`


@dataclass(frozen=True)
class Runs:
    """Runs: one row each in frames with the same index."""

    about: pd.DataFrame  # folder (as it is typed), state, and the columns of ABOUT
    settings: pd.DataFrame  # experiment, the axes of sweeps, then every dotted key; lists read `[64,64]`
    metrics: pd.DataFrame  # training, validation, test, counts; blank unless the run finished
    directions: pd.Series  # `{metric: max or min}` of each run, or None if it did not record it
    axes: frozenset[str]  # the columns of `settings` that a sweep varied
    groups: frozenset[str]  # those of them that choose a group, such as `optimizer: adam`

    def pick(self, rows: Any) -> Runs:
        """The runs with these labels (or where it is true), in this order, and the metrics that they have."""
        metrics = self.metrics.loc[rows].dropna(axis=1, how="all")
        frames = {name: getattr(self, name).loc[rows] for name in ("about", "settings", "directions")}
        return replace(self, **frames, metrics=metrics)


@doing("Reading the runs")
def read_runs(paths: Paths = (), whole: bool = False) -> tuple[Runs, list[str]]:
    """Each run at or below `paths` once (no path: `./outputs`), and a sentence for each that cannot be read.

    Args:
        whole: read every file of a run, and have a sentence too for each whose numbers are not to be trusted.

    Raises:
        RunFolderError: a path does not exist, holds no run, or none of its runs can be read.
    """
    folders = {os.path.abspath(folder): folder for path in as_paths(paths) for folder in folders_below(path)}
    statuses: dict[Path, dict[str, Any]] = {}
    problems: list[str] = []
    for folder in folders.values():
        try:
            status = run_files.read_status(folder)
            parts = {part: status.get(part) or {} for part in ("settings", "axes", "metrics")}
            if not all(isinstance(part, dict) for part in parts.values()):
                raise RunFolderError(
                    f"{shown(folder)}: its settings, axes or metrics are not mappings. Expected them as "
                    "stackfit writes them. Run the experiment again."
                )
            standing = Standing.of(folder, status, whole)
            statuses[folder] = {**status, **parts, **times_of(folder, status), "verified": standing.text or None}
            if whole and standing.problem:
                problems.append(standing.problem)
        except RunFolderError as error:
            problems.append(str(error))
    if not statuses:
        raise RunFolderError("\n".join(problems))
    if newer := {key: folder for folder, status in statuses.items() for key in status.keys() - KNOWN}:
        where = shown(run_files.RunFiles(next(iter(newer.values()))).status)
        problems.append(f"{made_by_newer(where, sorted(newer))} What these keys say is not in the table.")
    if whole or any(status["verified"] for status in statuses.values()):
        for status in statuses.values():
            if status["status"] == "finished" and not status.get("manifest"):
                status["verified"] = status["verified"] or UNKNOWN
    return runs_of(statuses), problems


def as_paths(paths: Paths) -> list[Path]:
    """One path or several as a list, experiments' names as their folders; `./outputs` for none."""
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    return [folder_of(Path(path)) for path in paths] or [outputs()]


def folders_below(path: Path) -> list[Path]:
    """Every run folder at or below a path; RunFolderError if there is none."""
    problem = "is a file" if path.exists() else "does not exist"
    folders: list[Path] = []
    if path.is_dir():
        problem = "has no run in it"
        try:
            folders = list(run_files.find_run_folders([path]))
        except OSError as error:
            problem = f"cannot be searched ({error.strerror}: {error.filename})"
    if not folders:
        raise RunFolderError(
            f"{shown(path)} {problem}. Expected a run folder, or a folder with runs below it. "
            "Try: stackfit table, for all in ./outputs, or: stackfit list, for what can be run"
        )
    return folders


def runs_of(statuses: Mapping[Path, dict[str, Any]]) -> Runs:
    """The runs of `{folder: content of status.json}`."""
    import pandas as pd

    about, settings, metrics = [], [], []
    for folder, status in statuses.items():
        state = run_files.state_of(status)
        fields = {key: read(status) for key, read in ABOUT.items()}
        fields = {key: _number(value) if key in TIMES else value and str(value) for key, value in fields.items()}
        fields["reason"] = fields["reason"] or ("its process is gone" if state == "interrupted" else None)
        about.append({"folder": shown(folder), "state": state, **fields})
        experiment = str(status.get("experiment") or folder.parent.name)
        axes = status["axes"] if status["settings"] else {axis: _read(text) for axis, text in status["axes"].items()}
        settings.append({"experiment": experiment, **axes, **status["settings"]})
        final = status["metrics"] if state == "finished" else {}
        metrics.append({name: _number(value) for name, value in final.items()})
    if any("weights_epoch" in row for row in metrics):  # a run that ends with the weights of its last epoch has none
        for status, row in zip(statuses.values(), metrics, strict=True):
            if status.get("results_format") is not None and "stopped_epoch" in row:
                row.setdefault("weights_epoch", row["stopped_epoch"])
    keys = dict.fromkeys(key for row in settings for key in row if key.split(".")[0] not in COSMETIC)
    told = [row for row, status in zip(settings, statuses.values(), strict=True) if status["settings"]]
    everywhere = {key for key in keys if all(key in row for row in told or settings)}
    typed = [{key: _typed(row[key], key in everywhere) for key in keys if key in row} for row in settings]
    names = dict.fromkeys(name for row in metrics for name in row)
    ranked = sorted(names, key=lambda name: (name in COUNTS, name.startswith("test_"), name.startswith("val_")))
    axes = [(axis, axis in status["settings"]) for status in statuses.values() for axis in status["axes"]]
    return Runs(
        tidy(pd.DataFrame(about, dtype=object)),
        tidy(pd.DataFrame(typed, columns=[*keys], dtype=object)),
        tidy(pd.DataFrame(metrics, columns=ranked, index=range(len(about)), dtype=object)),
        pd.Series([status.get("directions") for status in statuses.values()], dtype=object),
        frozenset(axis for axis, _ in axes),
        frozenset(axis for axis, is_setting in axes if not is_setting),
    )


def _typed(value: Any, everywhere: bool = False) -> Any:
    """A setting as it is typed. Null is blank, but `null` where other runs have no such key."""
    if isinstance(value, list):
        return "[" + ",".join(str(_typed(item)) for item in value) + "]"
    if value is None:
        return None if everywhere else "null"
    return str(value) if isinstance(value, int) and abs(value) >= LONG else _plain(value)


def _read(text: Any) -> Any:
    """The value of an axis, of a cell that has not written its settings yet."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _number(value: Any) -> Any:
    return _plain(value) if isinstance(value, (int, float)) else None


def _plain(value: Any) -> Any:
    """What a column can hold: no mapping or list; a whole number beyond 64 bits as a float."""
    if isinstance(value, int) and abs(value) >= LONG:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return str(value) if isinstance(value, (dict, list)) else value


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of objects with their own types: whole numbers and booleans stay what they are where some are missing."""
    from pandas.api.types import infer_dtype

    nullable = {"integer": "Int64", "boolean": "boolean"}
    kinds = {name: nullable.get(infer_dtype(frame[name])) for name in frame if frame[name].hasnans}
    return frame.astype({name: kind for name, kind in kinds.items() if kind}).infer_objects()
