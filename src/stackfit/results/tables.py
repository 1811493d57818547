"""Tables of runs: only the settings that differ, then the metrics; grouped, pivoted, or one row an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, RunFolderError
from stackfit.results.differences import (
    choose_metric,
    columns_of,
    differing,
    following,
    group,
    in_order,
    key_of,
    of_last_epoch,
)
from stackfit.results.frames import SHOWN, Paths, Runs, read_runs, tidy
from stackfit.results.run_files import read_history
from stackfit.results.selection import check_column, names_in, no_match, order, rows_where, sort_rows
from stackfit.results.statistics import summarize

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
    sort: str | None = None,
    filter: str | None = None,
    last: int | None = None,
) -> pd.DataFrame:
    """One row a run, or what the options make of it.

    Args:
        problems: gets a sentence for each damaged history, and one if a mean is over runs that differ otherwise.
        over: a setting, mostly `seed`; see `grouped`.
        epochs: one row an epoch of every run, with the columns of `history.csv`; the learning rate where it changes.
        pivot: row setting, column setting and metric (`test_accuracy` if not given): a matrix of means over
            the finished runs, with columns `…_n` where a mean has more than one run.
        sort: a column; `-column` for descending. Blanks come last.
        filter: a pandas query, such as `units > 64 and test_accuracy > 0.87`. It picks runs; a query on
            columns that only the finished table has (`n`, `epoch`, `test_accuracy_mean`) picks rows.
        last: only the newest this many runs.
    """
    if sum((over is not None, epochs, pivot is not None)) > 1:
        raise ConfigError("--over, --epochs and --pivot make different tables. Expected at most one of them. Leave the others out.")
    if last is not None and last < 1:
        raise ConfigError(f"--last is {last}. Expected at least 1. Try: stackfit table --last 10")
    runs = in_order(runs.pick(runs.about.sort_values(["started", "folder"]).index[-(last or 0) :]))
    chosen, asked = columns_of(runs), filter
    known = [*chosen]
    if filter is not None and names_in(filter) <= {*known}:
        chosen, filter = rows_where(chosen, filter), None
    if sort and over is None and pivot is None and sort.removeprefix("-") in known:
        chosen, sort = sort_rows(chosen, sort), None
    runs = runs.pick(chosen.index)
    if over is not None:
        frame, _ = grouped(runs, key_of(runs, over, "--over"))
        if sort and f"{sort.removeprefix('-')}_mean" in frame:
            sort += "_mean"  # the column as it is headed
    elif epochs:
        frame = _epochs(runs, problems)
    elif pivot is not None:
        frame = _pivoted(runs, pivot, problems)
    else:
        frame = _joined(runs, differing(runs), runs.metrics, runs.about[["seconds", *_state(runs), "folder"]])
    if filter is not None:
        for name in names_in(filter):
            check_column(name, dict.fromkeys([*frame, *known]), "--filter")
        frame = rows_where(frame, filter)
    if asked and frame.empty:
        problems.append(no_match(asked))
    return (sort_rows(frame, sort) if sort else frame).reset_index(drop=True)


def _joined(runs: Runs, differ: dict[str, str], *columns: pd.DataFrame) -> pd.DataFrame:
    """The experiment, the settings that differ under their short names, and other columns of these runs."""
    import pandas as pd

    names = {"experiment": "experiment", **differ}
    frame = pd.concat([runs.settings[[*names]].rename(columns=names), *columns], axis=1)
    frame.attrs["follows"] = [differ[key] for key in following(runs) if key in differ]
    return frame


def _state(runs: Runs) -> list[str]:
    """The column `state`, `reason` where any run did not finish, and those of SHOWN that any run has."""
    reason = [] if (runs.about["state"] == "finished").all() else ["reason"]
    return ["state", *reason, *(name for name in SHOWN if runs.about[name].notna().any())]


def _together(verdicts: pd.Series) -> str | None:
    """What several runs have in this column: each with its count, if they differ."""
    counts = verdicts.fillna("not verified").value_counts()
    if len(counts) == 1:
        return verdicts.iloc[0]
    return "; ".join(f"{text} ({count})" for text, count in counts.items())


def grouped(runs: Runs, over: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs that differ in nothing but `over` as one row, and the values that each row's means are made of.

    A row has `n`, of every metric `_mean`, `_sd` and Student's 95 % interval `_low`, `_high`, and in
    `folders` every run. Runs with the same value of `over` are not new evidence: their mean counts once.
    Unfinished runs keep rows of their own. The values' index is the row's number and the value of `over`.
    """
    import numpy as np

    keys, number = group(runs, over)
    done = runs.about["state"] == "finished"
    row = number.where(done, number + np.linspace(0.1, 0.9, len(number)))  # after the finished ones
    row = row.rank(method="dense").astype(int) - 1
    measured = runs.metrics.assign(seconds=runs.about["seconds"]).astype(float)[done]
    values = measured.groupby([row[done], runs.settings[over][done]], dropna=False, sort=False).mean()
    first = runs.pick(row.sort_values(kind="stable").drop_duplicates().index)
    rows = range(len(first.about))
    counts = [*{"parameters"} & {*runs.metrics}]  # a function of the settings, not a measurement
    summary = summarize(values.drop(columns=counts), values.index.get_level_values(0)).reindex(rows)
    summary.insert(0, "n", values.groupby(level=0).size().reindex(rows, fill_value=0))
    first.about["metrics_of"] = runs.about["metrics_of"].groupby(row).first().tolist()  # of any of them
    summary = summary.set_axis(first.about.index).join([runs.metrics[counts], first.about[_state(runs)]])
    if "verified" in summary:
        summary["verified"] = runs.about["verified"].groupby(row).agg(_together).tolist()
    summary["folders"] = runs.about["folder"].groupby(row).agg(list).tolist()
    differ = {key: name for key, name in differing(runs).items() if key in keys}
    return _joined(first, differ, summary), values


def _epochs(runs: Runs, problems: list[str]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for number, folder in runs.about["folder"].items():
        try:
            rows += [(number, row) for row in read_history(Path(folder))]
        except RunFolderError as error:
            problems.append(str(error))
    owners = runs.pick([number for number, _ in rows])
    rates: dict[Any, set[Any]] = {}
    for number, row in rows:
        rates.setdefault(number, set()).add(row.get("learning_rate"))
    if all(len(values) == 1 for values in rates.values()):  # constant in every run: a setting says it
        rows = [(number, {name: row[name] for name in row if name != "learning_rate"}) for number, row in rows]
    history = tidy(pd.DataFrame([row for _, row in rows] or {"epoch": []}, dtype=object))
    differ = differing(runs, history)  # a history may have a learning_rate too
    return _joined(owners, differ, history.set_axis(owners.about.index), owners.about[["state", "folder"]])


def _pivoted(runs: Runs, pivot: Sequence[str], problems: list[str]) -> pd.DataFrame:
    import pandas as pd

    if not 2 <= len(pivot) <= 3:
        raise ConfigError(
            f"--pivot has {len(pivot)} names. Expected a row setting, a column setting and optionally a "
            "metric. Try: --pivot units,seed,test_accuracy"
        )
    keys = [key_of(runs, name, "--pivot") for name in pivot[:2]]
    metric = choose_metric(runs, pivot[2] if len(pivot) == 3 else None, "--pivot")
    runs, names = runs.pick(runs.metrics[metric].notna()), differing(runs)
    problems += of_last_epoch(runs, metric)
    sides = [runs.settings[key].astype(object).fillna("none") for key in keys]
    others = [key for key in group(runs, "seed")[0] if key not in following(runs)]
    unlike = [names[key] for key in others if (runs.settings[key].groupby(sides).nunique(False) > 1).any()]
    if unlike:
        problems.append(f"The means are over runs that also differ in {', '.join(unlike)}. Narrow with --filter.")
    data = pd.DataFrame({"row": sides[0], "column": sides[1], "value": runs.metrics[metric]})
    means = data.pivot_table("value", "row", "column", aggfunc=["mean", "count"], sort=False)
    means = means.loc[sorted(means.index, key=order)]
    row, column = (names.get(key, key) for key in keys)
    columns = {row: [*means.index]}
    for value in sorted({*sides[1]}, key=order):
        columns[f"{column}={value}"] = [*means["mean", value]]
        if means["count"].max(axis=None) > 1:
            columns[f"{column}={value}_n"] = [int(n) for n in means["count", value].fillna(0)]
    return tidy(pd.DataFrame(columns, dtype=object))
