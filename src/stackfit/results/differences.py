"""What differs between runs: which settings, what to call them, which runs differ in nothing but the seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from stackfit.errors import ConfigError
from stackfit.keys import short_names
from stackfit.results.directions import direction_of
from stackfit.results.frames import ABOUT, COUNTS, Runs
from stackfit.results.selection import check_column, order

if TYPE_CHECKING:
    import pandas as pd

    from stackfit.results.search_rank import Ranking

NO_VALUE = "No run has a value of {}. Expected a finished run with one. Try: stackfit table"
# The other columns that a table can have.
RESERVED = ("folder", "folders", "state", *ABOUT, "n", "epoch")


def differing(runs: Runs, taken: Iterable[str] = ()) -> dict[str, str]:
    """`{key: short name}` of the settings that are not the same in all runs, a sweep's axes first.

    A missing key differs from any value, but not in a run that has written no settings (yet). The choice of a group
    (`optimizer=adam`) counts if every run made one. A short name is neither a metric nor a column of every table, nor `taken`.
    """
    axes = [key for key in runs.settings if key in runs.axes or key == "experiment"]
    has_written = runs.settings.drop(columns=axes).notna().any(axis=1)
    several = runs.settings[has_written].nunique(dropna=False) > 1
    several[axes] = runs.settings[axes].nunique(dropna=False) > 1
    columns = runs.settings.loc[:, several]
    keys = [key for key in columns if key not in runs.groups or not columns[key].hasnans]
    return short_names(keys, [*RESERVED, *taken, *runs.metrics])


def in_order(runs: Runs) -> Runs:
    """By experiment; the cells of a search as it ranks them, those of another sweep by their settings, then single runs by their start."""
    import pandas as pd

    from stackfit.results.search_rank import ranks_of

    sweep = runs.about["sweep"]
    cells = runs.settings[[*differing(runs)]].where(sweep.notna())
    ranks = runs.about["folder"].map(ranks_of(runs)).astype(object)
    places = [runs.settings["experiment"], sweep, ranks, cells, runs.about[["started", "folder"]]]
    rows = pd.concat(places, axis=1).map(order).itertuples(name=None)
    return runs.pick([row[0] for row in sorted(rows, key=lambda row: row[1:])])


def names_of(runs: Runs, taken: Iterable[str] = ()) -> dict[str, str]:
    """`{key: short name}` of all settings: those that differ as in `differing`, the others where no key ends alike."""
    differ = differing(runs, taken)
    others = short_names(runs.settings, [*RESERVED, *taken, *runs.metrics, *differ.values()])
    return {**others, **differ}


def columns_of(runs: Runs) -> pd.DataFrame:
    """What runs can be filtered and sorted by: settings by key and by short name, metrics, and what is known of each run."""
    import pandas as pd

    names, differ = names_of(runs), differing(runs)
    short = runs.settings[[*differ]].rename(columns=differ)
    frame = pd.concat([runs.settings[["experiment"]], short, runs.metrics, runs.about, runs.settings], axis=1)
    frame = frame.loc[:, ~frame.columns.duplicated()]
    others = {key: name for key, name in names.items() if name not in frame}
    return pd.concat([frame, runs.settings[[*others]].rename(columns=others)], axis=1)


def key_of(runs: Runs, name: str, option: str) -> str:
    """The key of a setting that was given by its key or by its short name; ConfigError if there is none."""
    keys, short = {short: key for key, short in names_of(runs).items()}, differing(runs).values()
    check_column(name, dict.fromkeys([*short, *runs.settings, *keys]), option)
    return name if name in runs.settings and name not in short else keys[name]


def group(runs: Runs, over: str, by: str | None = None) -> tuple[list[str], pd.Series]:
    """The keys in which groups of runs differ that otherwise differ only in `over`, and each run's group number.

    A setting that equals `over` in every run follows it by interpolation (a layer's `seed: ${seed}`): it divides
    no group. With `by`, the groups are those of this key alone.
    """
    check_column(over, runs.settings, "--over")
    keys = [key for key in differing(runs) if not runs.settings[key].equals(runs.settings[over])]
    keys = keys if by is None else [by]
    return keys, runs.settings.groupby(keys or "experiment", dropna=False, sort=False).ngroup()


def of_last_epoch(runs: Runs, metric: str) -> list[str]:
    """A sentence where this metric is of other weights in some runs than in others: of the last epoch, in old runs."""
    count = int(runs.about["metrics_of"].notna().sum())
    if not count or metric in COUNTS or metric.startswith("test_"):
        return []
    which = "a run" if count == 1 else f"{count} runs"
    return [f"Of {which} of an earlier version {metric} is that of the last epoch, not of the saved weights (metrics_of)."]


class Chosen(NamedTuple):
    """A metric to rank runs by, whether more of it is better, if that is known, and how their search ranks them."""

    metric: str
    direction: str | None
    ranking: Ranking | None


def choose_metric(runs: Runs, name: str | None, option: str, direction: str | None = None, strict: bool = True) -> Chosen:
    """The metric asked for, or that of the search which the runs are of, or `test_accuracy`, or the first test metric, or the first.

    Args:
        option: with which one may be asked for.
        direction: that was asked for.
        strict: raise a ConfigError if no run has the metric of their search, instead of going on to the others.
    """
    from stackfit.results.search_rank import ranking_of

    if runs.metrics.empty:
        raise ConfigError("No run has a metric. Expected a finished run. Try: stackfit table, which shows the reasons")
    if name is not None:
        check_column(name, runs.metrics, option)
    elif (ranking := ranking_of(runs)) and (strict or ranking.metric in runs.metrics):
        if ranking.metric not in runs.metrics:
            raise ConfigError(NO_VALUE.format(ranking.metric))
        return Chosen(ranking.metric, direction or ranking.direction, ranking)
    tests = [name for name in runs.metrics if name.startswith("test_")]
    chosen = name or ("test_accuracy" if "test_accuracy" in tests else [*tests, *runs.metrics][0])
    return Chosen(chosen, direction or direction_of(runs, chosen), None)
