"""Tables of runs: the settings that differ, then the metrics; grouped, pivoted, or one row an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError
from stackfit.results.differences import (
    choose_metric,
    columns_of,
    in_order,
    key_of,
    names_of,
)
from stackfit.results.directions import check_direction, direction_of, undirected
from stackfit.results.frames import Paths, Runs, read_runs
from stackfit.results.grouping import with_groups
from stackfit.results.selection import check_column, names_in, no_match, rows_where, sort_rows
from stackfit.results.shapes import epoch_rows, grouped, measured_each_epoch, pivoted, run_rows

if TYPE_CHECKING:
    import pandas as pd


def table(paths: Paths = (), **options: Any) -> pd.DataFrame:
    """The table of all runs at or below `paths`; options as in `build_table`. A damaged run is a warning."""
    frame, problems = read_table(paths, **options)
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return frame


def read_table(paths: Paths = (), **options: Any) -> tuple[pd.DataFrame, list[str]]:
    """As `table`, with a sentence for each run that cannot be read, instead of a warning."""
    runs, problems = read_runs(paths)
    return build_table(runs, problems, **options), problems


def build_table(
    runs: Runs,
    problems: list[str],
    *,
    over: str | None = None,
    epochs: bool = False,
    pivot: Sequence[str] | None = None,
    by: str | None = None,
    sort: str | None = None,
    top: int | None = None,
    direction: str | None = None,
    filter: str | None = None,
    last: int | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """One row a run, or what the options make of it. Settings are headed by their dotted keys.

    First stand the settings that differ and the metrics, as people are shown them, then all other settings.

    Args:
        problems: gets a sentence for each damaged history, and one if a mean is over runs that differ otherwise.
        over: a setting, mostly `seed`; see `grouped`.
        epochs: one row an epoch of every run, with the columns of `history.csv`; the learning rate where it changes.
        pivot: row setting, column setting and metric (see `differences.choose_metric`): a matrix of means over
            the finished runs, with columns `…_n` where a mean has more than one run.
        by: a setting, or `part`; see `grouping.with_parts`. Its groups stand together; `last` and `top` hold for each.
        sort: a column; `-column` for descending. Blanks come last.
        top: only so many rows with the best values of the column to sort by, or of what `differences.choose_metric` says.
        direction: `max` or `min`, for `top` by a metric whose class does not say what is best.
        filter: a pandas query, such as `units > 64 and test_accuracy > 0.87`. It picks runs; a query on
            columns that only the finished table has (`n`, `epoch`, `test_accuracy_mean`), or that each epoch has, picks rows.
        last: only the newest this many runs.
        columns: only these, in this order.

    Options that name a setting take its key, or a short name: the end of the key, where no other ends like it.
    """
    asked = filter
    _check_options(over, epochs, pivot, by, top, direction, last)
    runs, group = with_groups(runs, by)
    chosen, short = columns_of(runs), {name: key for key, name in names_of(runs).items()}  # before any run is left out
    over = over and key_of(runs, over, "--over")
    if over and group and runs.settings[group].equals(runs.settings[over]):
        raise ConfigError(f"--by {by} groups runs by what --over makes means over. Expected another setting. Leave one of them out.")
    if pivot is not None:
        pivot = [short.get(name, name) for name in pivot[:2]] + [*pivot[2:]]
    newest = sort_rows(sort_rows(runs.about, "folder", True), "started", True)
    runs = in_order(runs.pick(_first(newest, last, runs.settings[group] if group else None).index))
    of_rows = measured_each_epoch(runs) if epochs else set()
    if filter is not None and names_in(filter) <= {*chosen} - of_rows:
        runs, filter = runs.pick(rows_where(chosen.loc[runs.about.index], filter).index), None
    ranked = _ranked_by(runs, sort, top, direction)
    by_name = ranked[0].removesuffix("_mean") if ranked else None
    if ranked and over is None and pivot is None and ranked[0] in {*chosen} - of_rows:
        rows = sort_rows(chosen.loc[runs.about.index], *ranked)
        runs, ranked = runs.pick(_first(rows, top, rows[group] if group else None).index), None
    if over is not None:
        frame, _ = grouped(runs, over)
    elif epochs:
        frame = epoch_rows(runs, problems)
    elif pivot is not None:
        frame = pivoted(runs, pivot, problems)
    else:
        frame = run_rows(runs)
    frame = frame.reset_index(drop=True)  # a run has several epochs
    if filter is not None:
        known = _known(frame, chosen)
        for name in names_in(filter):
            check_column(name, dict.fromkeys([*chosen, *known]), "--filter")
        frame = frame.loc[rows_where(known, filter).index]
    if asked and frame.empty:
        problems.append(no_match(asked))
    if ranked:
        named = _known(frame, chosen)
        name = f"{ranked[0]}_mean" if f"{ranked[0]}_mean" in named and over else ranked[0]  # the column as it is headed
        check_column(name, dict.fromkeys([*chosen, *named]), "--sort")
        named = sort_rows(named, name, ranked[1])
        frame = frame.loc[_first(named, top, named[group] if group else None).index]
    if group:
        frame = frame.loc[sort_rows(frame, group).index, [group, *(name for name in frame if name != group)]]
    if by_name is not None:
        frame.attrs["decisive"] = [by_name, frame.attrs["short"].get(by_name, by_name)]
    if columns is not None:
        if not columns:
            raise ConfigError("--columns names none. Expected at least one. Write for example: --columns units,test_accuracy")
        frame = _chosen(frame, columns, short, _known(frame, chosen))
    return frame.reset_index(drop=True)


def _check_options(
    over: str | None, epochs: bool, pivot: Sequence[str] | None, by: str | None, top: int | None, direction: str | None, last: int | None
) -> None:
    """ConfigErrors: options that exclude one another, or do nothing, or a number that is not one of rows."""
    if sum((over is not None, epochs, pivot is not None)) > 1:
        raise ConfigError("--over, --epochs and --pivot make different tables. Expected at most one of them. Leave the others out.")
    if pivot is not None and (top is not None or by is not None):
        raise ConfigError("--pivot makes a matrix, which has neither groups nor best rows. Leave out --by and --top.")
    if direction is not None and top is None:
        raise ConfigError("--direction says which rows of --top are the best. Expected --top N with it. Write for example: --top 5")
    check_direction(direction)
    for name, number in (("last", last), ("top", top)):
        if number is not None and number < 1:
            raise ConfigError(f"--{name} is {number}. Expected at least 1. Try: stackfit table --{name} 10")


def _ranked_by(runs: Runs, sort: str | None, top: int | None, direction: str | None) -> tuple[str, bool] | None:
    """The column to sort by and whether the largest come first; of `top`, the best; None for the order of the runs."""
    if sort is None and top is None:
        return None
    if sort is None:
        name, direction, _ = choose_metric(runs, None, "--top", direction)
    else:
        name = sort.removeprefix("-")
    metric = name.removesuffix("_mean")
    if top is None or sort == f"-{name}" or metric not in runs.metrics:
        return name, sort == f"-{name}" if direction is None else direction == "max"
    direction = direction or direction_of(runs, metric)
    if direction is None:
        raise ConfigError(undirected(metric), where="--top")
    return name, direction == "max"


def _first(rows: pd.DataFrame, count: int | None, groups: pd.Series | None = None) -> pd.DataFrame:
    """The first rows, or the first of each group."""
    if count is None:
        return rows
    return rows.head(count) if groups is None else rows.groupby(groups, dropna=False, sort=False).head(count)


def _known(frame: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The frame with what else its rows can be filtered, sorted and shown by: `chosen` of the same run, settings by short name."""
    import pandas as pd

    parts = [frame]
    if "folder" in frame:
        parts.append(chosen.set_index("folder", drop=False).loc[frame["folder"]].set_axis(frame.index))
    parts.append(frame.rename(columns=frame.attrs["short"]))
    known = pd.concat(parts, axis=1)
    return known.loc[:, ~known.columns.duplicated()]


def _chosen(frame: pd.DataFrame, columns: Sequence[str], short: dict[str, str], known: pd.DataFrame) -> pd.DataFrame:
    """The columns of these names; of a metric over seeds, its mean with all that belongs to it."""
    keys = {name: key for name, key in short.items() if key in frame} | {name: name for name in frame}
    names = []
    for name in columns:
        parts = [f"{name}_{part}" for part in ("mean", "sd", "low", "high") if f"{name}_mean" in frame]
        if not parts:
            check_column(name, dict.fromkeys([*keys, *known]), "--columns")
        names += [key for key in frame if key in parts] or [keys.get(name, name)]
    picked = known[[*dict.fromkeys(names)]]
    heads = {keys[name]: name for name in columns if name in short and name in keys}
    picked.attrs = {**frame.attrs, "short": frame.attrs["short"] | heads, "aside": [], "chosen": True}
    return picked
