"""Runs as the rows of a table: one a run, one a group over seeds, one an epoch, or a matrix of means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, RunFolderError
from stackfit.results.dependence import following
from stackfit.results.differences import choose_metric, differing, group, key_of, names_of, of_last_epoch
from stackfit.results.frames import COUNTS, SHOWN, Runs, tidy
from stackfit.results.run_files import read_history
from stackfit.results.selection import order
from stackfit.results.statistics import summarize

if TYPE_CHECKING:
    import pandas as pd


def joined(runs: Runs, all_runs: Runs, differ: dict[str, str], *columns: pd.DataFrame) -> pd.DataFrame:
    """The experiment, the settings that differ, other columns of these runs, and the settings that all of `all_runs` share."""
    import pandas as pd

    frame = pd.concat(columns, axis=1)
    first = [*dict.fromkeys(["experiment", *differ])]
    varied = differing(all_runs)
    rest = [key for key in runs.settings if key not in first and key not in varied]
    short = {**names_of(runs, frame), **differ}
    keys = {key: f"settings.{key}" if key in frame else key for key in (*first, *rest)}  # a metric may be called `seed`
    settings = runs.settings.rename(columns=keys)
    frame = pd.concat([settings[[keys[key] for key in first]], frame, settings[[keys[key] for key in rest]]], axis=1)
    follow = {*following(all_runs)}
    frame.attrs |= {
        "short": {keys[key]: short[key] for key in keys if key != "experiment"},
        "settings": [*keys.values()],
        "aside": [keys[key] for key in keys if key in rest or key in follow],
    }
    return frame


def _times(runs: Runs) -> list[str]:
    """The column `seconds`; where any run has trained with others, also how long they took together and how many they were."""
    shared = runs.about["members"].fillna(1).gt(1).any()
    return ["seconds", *(["cohort_seconds", "members"] if shared else [])]


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


def grouped(runs: Runs, over: str, by: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs that differ in nothing but `over` as one row, and the values that each row's means are made of.

    Or runs with one value of `by`, whatever else they differ in.

    A row has `n`, of every metric `_mean`, `_sd` and Student's 95 % interval `_low`, `_high`, and in
    `folders` every run. Runs with the same value of `over` are not new evidence: their mean counts once.
    Unfinished runs keep rows of their own. The values' index is the row's number and the value of `over`.
    """
    import numpy as np

    keys, number = group(runs, over, by)
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
    summary["n"] = summary["n"].astype(int)
    summary["folders"] = runs.about["folder"].groupby(row).agg(list).tolist()
    differ = {key: name for key, name in differing(runs).items() if key in keys}
    return joined(first, runs, differ, summary), values


def measured_each_epoch(runs: Runs) -> set[str]:
    """What runs have as a whole and each row of a history has of its epoch."""
    return {"seconds", "members", *(name for name in runs.metrics if name not in COUNTS and not name.startswith("test_"))}


def epoch_rows(runs: Runs, problems: list[str]) -> pd.DataFrame:
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
    return joined(owners, runs, differ, history.set_axis(owners.about.index), owners.about[["state", "folder"]])


def pivoted(runs: Runs, pivot: Sequence[str], problems: list[str]) -> pd.DataFrame:
    import pandas as pd

    if not 2 <= len(pivot) <= 3:
        raise ConfigError(
            f"--pivot has {len(pivot)} names. Expected a row setting, a column setting and optionally a "
            "metric. Try: --pivot units,seed,test_accuracy"
        )
    keys = [key_of(runs, name, "--pivot") for name in pivot[:2]]
    metric = choose_metric(runs, pivot[2] if len(pivot) == 3 else None, "--pivot").metric
    runs, names = runs.pick(runs.metrics[metric].notna()), names_of(runs)
    problems += of_last_epoch(runs, metric)
    sides = [in_words(runs.settings[key]) for key in keys]
    unlike = unlike_in(runs, sides, set())
    if unlike:
        problems.append(f"The means are over runs that also differ in {unlike}. Narrow with --filter.")
    data = pd.DataFrame({"row": sides[0], "column": sides[1], "value": runs.metrics[metric]})
    means = data.pivot_table("value", "row", "column", aggfunc=["mean", "count"], sort=False)
    means = means.loc[sorted(means.index, key=order)]
    row, column = keys
    short = {row: names.get(row, row)}
    columns = {row: [*means.index]}
    for value in sorted({*sides[1]}, key=order):
        head = f"{column}={value}"
        short |= {head: f"{names.get(column, column)}={value}"}
        columns[head] = [*means["mean", value]]
        if means["count"].max(axis=None) > 1:
            columns[f"{head}_n"] = [int(n) for n in means["count", value].fillna(0)]
    frame = tidy(pd.DataFrame(columns, dtype=object))
    frame.attrs |= {"short": short, "settings": [row]}
    return frame


def in_words(values: pd.Series) -> pd.Series:
    """Values that name groups, each different one by another text: a blank is `none`, or `not set` where that is a value."""
    values = values.astype(object)
    values = values.fillna("not set" if values.eq("none").any() else "none")
    texts: dict[str, dict[Any, None]] = {}
    for value in values:
        texts.setdefault(str(value), {})[repr(value)] = None
    return values.map(lambda value: value if len(texts[str(value)]) == 1 else repr(value))


def run_rows(runs: Runs) -> pd.DataFrame:
    """One row a run."""
    return joined(runs, runs, differing(runs), runs.metrics, runs.about[[*_times(runs), *_state(runs), "folder"]])


def unlike_in(runs: Runs, groups: list[pd.Series], without: set[str]) -> str:
    """The short names of the settings, besides the seed, in which runs of one group differ, with commas."""
    names, follow = names_of(runs), following(runs)
    keys = [key for key in group(runs, "seed")[0] if key not in {*follow, *without}]
    return ", ".join(names[key] for key in keys if (runs.settings[key].groupby(groups).nunique(False) > 1).any())
