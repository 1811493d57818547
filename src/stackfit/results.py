"""Run folders as rows. Only `status.json` is read, and `history.csv` for epochs: YAML is too slow."""

from __future__ import annotations

import csv
import math
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit import run_folder
from stackfit.errors import RunFolderError
from stackfit.places import outputs, shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
COSMETIC = (
    "about",
    "expect",
    "save",
    "verbosity",
)  # as in schema.COSMETIC, which would cost omegaconf's import


@dataclass(frozen=True)
class Run:
    """What `status.json` tells of one run.

    `settings` is flat, `{dotted key: value}`, without the cosmetic keys; lists are lists. `groups` holds the
    sweep's axes that chose a group file, such as `optimizer: adam`. `metrics` is empty unless the run
    finished.
    """

    folder: str  # as a user types it
    experiment: str
    state: str
    reason: str | None
    started: str  # ISO, UTC
    seconds: float | None
    sweep: str | None
    settings: dict[str, Any]
    groups: dict[str, Any]
    metrics: dict[str, Any]


def read_records(paths: Paths = ()) -> tuple[list[Run], list[str]]:
    """Every run at or below `paths` (no path: `./outputs`), each once, and a sentence for each that cannot be
    read.

    Raises:
        RunFolderError: a path does not exist, holds no run, or none of its runs can be read.
    """
    runs: list[Run] = []
    problems: list[str] = []
    for folder in _run_folders(as_paths(paths)):
        try:
            runs.append(_record(folder, run_folder.read_status(folder)))
        except RunFolderError as error:
            problems.append(str(error))
    if not runs:
        raise RunFolderError("\n".join(problems))
    return runs, problems


def read_runs(paths: Paths = ()) -> tuple[pd.DataFrame, list[str]]:
    """`read_records` as a DataFrame, one row a run.

    Its columns: folder, experiment, state, reason, started, seconds, sweep; then `settings.<key>` for every
    setting of any run, then `metrics.<name>`. A blank is a key that the run does not have, or null.

    Raises:
        RunFolderError: see `read_records`.
    """
    runs, problems = read_records(paths)
    names = ("folder", "experiment", "state", "reason", "started", "seconds", "sweep")
    columns = {name: [getattr(run, name) for run in runs] for name in names}
    for key in union(run.settings for run in runs):
        columns[f"settings.{key}"] = [run.settings.get(key) for run in runs]
    for name in union(run.metrics for run in runs):
        columns[f"metrics.{name}"] = [run.metrics.get(name) for run in runs]
    return frame_of(columns), problems


def read_epochs(run: Run) -> list[dict[str, Any]]:
    """The rows of the run's `history.csv`, numbers as numbers and empty cells as None.

    Raises:
        RunFolderError: the file is damaged.
    """
    try:
        rows = run_folder.read_history(Path(run.folder))
        return [{name: _number(text) for name, text in row.items()} for row in rows]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunFolderError(
            f"The history of {run.folder} cannot be read: {error}. Expected a CSV of numbers, one row "
            "an epoch. Run the experiment again; the folder's other files are as they were."
        ) from None


def read_predictions(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores of shape (items, classes) and labels of shape (items,) of the test split; None if none were
    saved.

    Raises:
        RunFolderError: the file is damaged.
    """
    import numpy as np

    file = run_folder.RunFolder(Path(run.folder)).predictions
    if not file.exists():
        return None
    try:
        # np.load leaves a file that it opened itself open when it is damaged.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            scores, labels = arrays["scores"], arrays["labels"]
        if scores.ndim != 2 or labels.shape != scores.shape[:1]:
            raise ValueError(f"scores have shape {scores.shape}, labels {labels.shape}")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunFolderError(
            f"{shown(file)} cannot be read: {error}. Expected scores (items, classes) and labels (items,). "
            "Run the experiment again; the folder's other files are as they were."
        ) from None
    return scores, labels


def union(mappings: Iterable[dict[str, Any]]) -> list[str]:
    """Every key of any mapping, in order of first appearance."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def frame_of(columns: dict[str, list[Any]]) -> pd.DataFrame:
    """A DataFrame of plain lists in which whole numbers stay whole though some are missing."""
    import pandas as pd

    length = len(next(iter(columns.values()), []))
    return pd.DataFrame({name: _series(values) for name, values in columns.items()}, index=range(length))


def cell_value(value: Any) -> Any:
    """A cell of a DataFrame as a plain value; None for every kind of blank (NaN, NaT, NA)."""
    if isinstance(value, list):
        return value
    return None if value is None or type(value).__name__ == "NAType" or value != value else value


def _series(values: list[Any]) -> pd.Series:
    import pandas as pd

    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int}:
        dtype: Any = "Int64" if None in values else "int64"
    elif kinds == {bool}:
        dtype = "boolean" if None in values else "bool"
    elif kinds and kinds <= {int, float}:
        dtype = "float64"
    else:
        dtype = None if kinds == {str} else object
    try:
        return pd.Series(values, dtype=dtype)
    except OverflowError:  # an integer of more than 64 bits
        return pd.Series(values, dtype=object)


def as_paths(paths: Paths) -> list[Path]:
    """One path or several as a list; `./outputs` for none.

    Raises:
        RunFolderError: none was given, and there is no `./outputs`.
    """
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    given = [Path(path) for path in paths]
    if given:
        return given
    if not outputs().is_dir():
        raise RunFolderError(
            "There is no ./outputs here. Expected the folder of earlier runs. Try: stackfit list"
        )
    return [outputs()]


def _run_folders(paths: list[Path]) -> Iterable[Path]:
    """Each run folder once, though paths may overlap."""
    found: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir():
            what = "is a file" if path.exists() else "does not exist"
            raise RunFolderError(
                f"{shown(path)} {what}. Expected a run folder, or a folder with runs below it. "
                "Try: stackfit table"
            )
        try:
            below = list(run_folder.find_run_folders([path]))
        except OSError as error:
            raise RunFolderError(
                f"{shown(path)} cannot be searched: {error.strerror}: {error.filename}. Expected folders "
                "that you may read. Give the run folders themselves, or change the permission."
            ) from None
        if not below:
            raise RunFolderError(
                f"There is no run in {shown(path)}. Expected a run folder, or a folder with runs below it. "
                "Try: stackfit run EXPERIMENT"
            )
        for folder in below:
            found.setdefault(os.path.abspath(folder), folder)
    return found.values()


def _record(folder: Path, status: dict[str, Any]) -> Run:
    settings, axes, metrics = (status.get(part) or {} for part in ("settings", "axes", "metrics"))
    if not all(isinstance(part, dict) for part in (settings, axes, metrics)):
        raise RunFolderError(
            f"{shown(folder)}: its settings, axes or metrics are not mappings. Expected them as stackfit "
            "writes them. Run the experiment again."
        )
    state = run_folder.state_of(status)
    return Run(
        folder=shown(folder),
        experiment=str(status.get("experiment") or folder.parent.name),
        state=state,
        reason=status.get("reason") or ("its process is gone" if state == "interrupted" else None),
        started=str(status.get("started") or ""),
        seconds=_finite(status.get("seconds")),
        sweep=status.get("sweep"),
        settings={key: value for key, value in settings.items() if key.split(".")[0] not in COSMETIC},
        groups={key: value for key, value in axes.items() if key not in settings},
        metrics={name: _finite(value) for name, value in metrics.items()} if state == "finished" else {},
    )


def _finite(value: Any) -> Any:
    """A finite number, or None."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _number(text: str | None) -> float | int | None:
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)
