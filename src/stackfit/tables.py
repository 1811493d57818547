"""Tables of runs: only the settings that differ, then the metrics; grouped, pivoted, or one row an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from stackfit.differences import (
    RESERVED,
    choose_metric,
    columns_of,
    differing,
    filtered,
    group,
    identity,
    in_order,
    independent,
    metrics_of,
    resolve,
    short_names,
    shown_values,
    value_of,
)
from stackfit.errors import ConfigError, RunFolderError
from stackfit.formats import render
from stackfit.results import Paths, Run, frame_of, read_epochs, read_records, union
from stackfit.selection import check_column, names_in, order, sorted_rows, where_true
from stackfit.statistics import summarize

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["build_table", "read_table", "render", "table"]


def table(paths: Paths = (), **options: Any) -> pd.DataFrame:
    """The table of all runs at or below `paths`; options as in `build_table`. A damaged run is a warning.

    Raises:
        RunFolderError: a path is no run folder and has none below it, or none can be read.
        ConfigError: an option names a column that there is not.
    """
    frame, problems = read_table(paths, **options)
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return frame


def read_table(paths: Paths = (), **options: Any) -> tuple[pd.DataFrame, list[str]]:
    """As `table`, with a sentence for each run that cannot be read, instead of a warning."""
    runs, problems = read_records(paths)
    return build_table(runs, problems=problems, **options), problems


def build_table(
    runs: list[Run],
    *,
    over: str | None = None,
    epochs: bool = False,
    pivot: Sequence[str] | None = None,
    sort: str | None = None,
    filter: str | None = None,
    last: int | None = None,
    problems: list[str] | None = None,
) -> pd.DataFrame:
    """One row a run, or what the options make of it.

    Args:
        runs: from `results.read_records`.
        over: a setting, mostly `seed`: runs that differ in nothing else become one row with `n`, and of every
            metric `_mean`, `_sd` and Student's 95 % interval `_low`, `_high`. Runs with the same value of it
            are no new evidence, so their mean counts once. Unfinished runs keep rows of their own. `folders`
            lists every run.
        epochs: one row an epoch of every run, with the columns of `history.csv`.
        pivot: row setting, column setting and metric (`test_accuracy` if not given): a matrix of means over
            the finished runs, with columns `…_n` where a mean has more than one run.
        sort: a column; `-column` for descending. Blanks come last.
        filter: a pandas query, such as `units > 64 and test_accuracy > 0.87`. It picks runs; a query on
            columns that only the finished table has (`n`, `epoch`, `test_accuracy_mean`) picks rows.
        last: only the newest this many runs.
        problems: gets a sentence for each damaged history and for each mean over unlike runs.

    Raises:
        ConfigError: two shapes at once, or a column that there is not.
    """
    problems = [] if problems is None else problems
    if sum((over is not None, epochs, pivot is not None)) > 1:
        raise ConfigError(
            "--over, --epochs and --pivot are three different tables. Expected one of them. Leave one out."
        )
    if last is not None:
        if last < 1:
            raise ConfigError(f"--last is {last}. Expected at least 1. Try: stackfit table --last 10")
        runs = sorted(runs, key=lambda run: (run.started, run.folder))[-last:]
    runs = in_order(runs)
    columns = columns_of(runs) if filter or sort else {}
    if sort and over is None and pivot is None and sort.removeprefix("-") in columns:
        runs, sort = [runs[row] for row in sorted_rows(columns, sort)], None
    if filter is not None and names_in(filter) <= columns.keys():
        runs, filter = filtered(runs, filter), None
    if over is not None:
        frame = _grouped(runs, over)
    elif epochs:
        frame = _epochs(runs, problems)
    elif pivot is not None:
        frame = _pivoted(runs, pivot, problems)
    else:
        frame = _plain(runs)
    if filter is not None:
        for name in names_in(filter):
            check_column(name, dict.fromkeys([*frame, *columns]), "--filter")
        frame = frame.iloc[where_true(frame, filter)].reset_index(drop=True)
    return frame.iloc[sorted_rows(frame, sort)].reset_index(drop=True) if sort else frame


# ---- the shapes


def _settings(runs: list[Run], differ: dict[str, str]) -> dict[str, list[Any]]:
    return {
        "experiment": [run.experiment for run in runs],
        **{name: shown_values([value_of(run, key) for run in runs]) for key, name in differ.items()},
    }


def _state(runs: list[Run]) -> dict[str, list[Any]]:
    """`state`, and `reason` where any run did not finish."""
    columns: dict[str, list[Any]] = {"state": [run.state for run in runs]}
    if any(run.state != "finished" for run in runs):
        columns["reason"] = [run.reason for run in runs]
    return columns


def _plain(runs: list[Run]) -> pd.DataFrame:
    columns = _settings(runs, differing(runs))
    for name in metrics_of(runs):
        columns[name] = [run.metrics.get(name) for run in runs]
    columns |= {
        "seconds": [run.seconds for run in runs],
        **_state(runs),
        "folder": [run.folder for run in runs],
    }
    return frame_of(columns)


def _grouped(runs: list[Run], over: str) -> pd.DataFrame:
    over = resolve(runs, over, "--over")
    differ, groups = group(runs, over)
    rows = []
    for members in groups:
        finished = [run for run in members if run.state == "finished"]
        rows += [finished] if finished else []
        rows += [[run] for run in members if run.state != "finished"]
    first = [row[0] for row in rows]
    columns = _settings(first, differ)
    columns["n"] = [
        len({identity(value_of(run, over)) for run in row}) if row[0].state == "finished" else 0
        for row in rows
    ]
    for name in [*metrics_of(runs), "seconds"]:
        if name == "parameters":  # a function of the settings, not a measurement
            columns[name] = [run.metrics.get(name) for run in first]
            continue
        summaries = [summarize(independent(row, name, over)) for row in rows]
        for part in ("mean", "sd", "low", "high"):
            columns[f"{name}_{part}"] = [getattr(summary, part) for summary in summaries]
    return frame_of({**columns, **_state(first), "folders": [[run.folder for run in row] for row in rows]})


def _epochs(runs: list[Run], problems: list[str]) -> pd.DataFrame:
    owners: list[Run] = []
    rows: list[dict[str, Any]] = []
    for run in runs:
        try:
            history = read_epochs(run)
        except RunFolderError as error:
            problems.append(str(error))
            continue
        owners += [run] * len(history)
        rows += history
    measured = union([{"epoch": None}, *rows])
    differ = short_names(differing(runs), {*RESERVED, *measured})  # a history may have a learning_rate too
    columns: dict[str, list[Any]] = {"folder": [run.folder for run in owners], **_settings(owners, differ)}
    for name in measured:
        columns[name] = [row.get(name) for row in rows]
    return frame_of({**columns, "state": [run.state for run in owners]})


def _pivoted(runs: list[Run], pivot: Sequence[str], problems: list[str]) -> pd.DataFrame:
    if not 2 <= len(pivot) <= 3:
        raise ConfigError(
            f"--pivot has {len(pivot)} names. Expected a row setting, a column setting and, if you like, a "
            "metric. Try: --pivot units,seed,test_accuracy"
        )
    row_key, column_key = (resolve(runs, name, "--pivot") for name in pivot[:2])
    metric = choose_metric(runs, pivot[2] if len(pivot) == 3 else None, "--pivot")
    differ = differing(runs)
    others = [name for key, name in differ.items() if key not in (row_key, column_key, "seed")]
    if others:
        problems.append(
            f"The means go over runs that also differ in {', '.join(others)}. Narrow them with --filter."
        )
    cells: dict[tuple[Hashable, Hashable], list[float]] = {}
    finished = [run for run in runs if run.metrics.get(metric) is not None]
    for run in finished:
        place = identity(value_of(run, row_key)), identity(value_of(run, column_key))
        cells.setdefault(place, []).append(run.metrics[metric])
    down, across = (_values(finished, key) for key in (row_key, column_key))
    columns: dict[str, list[Any]] = {differ.get(row_key, row_key): list(down.values())}
    many = any(len(values) > 1 for values in cells.values())
    for column, name in across.items():
        found = [cells.get((row, column), []) for row in down]
        heading = f"{differ.get(column_key, column_key)}={'null' if name is None else name}"
        columns[heading] = [sum(values) / len(values) if values else None for values in found]
        if many:
            columns[f"{heading}_n"] = [len(values) for values in found]
    return frame_of(columns)


def _values(runs: list[Run], key: str) -> dict[Hashable, Any]:
    """`{identity: as shown}` of a setting, in the order of its values."""
    raw = [value_of(run, key) for run in runs]
    pairs = dict(zip(map(identity, raw), shown_values(raw), strict=True))
    return dict(sorted(pairs.items(), key=lambda pair: order(pair[1])))
