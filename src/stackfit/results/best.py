"""The best finished run by one metric."""

from __future__ import annotations

from stackfit.errors import ConfigError, RunFolderError
from stackfit.results.differences import choose_metric, columns_of
from stackfit.results.directions import check_direction, direction_of, find_mixture, undirected
from stackfit.results.frames import Paths, read_runs
from stackfit.results.items import check_same_items
from stackfit.results.selection import no_match, order, rows_where

DOUBTED = ("changed", "stale", "diverged")  # what `certificate.Standing` says of numbers that are not to be trusted


def find_best(
    paths: Paths, metric: str | None = None, direction: str | None = None, filter: str | None = None
) -> tuple[str, str, list[str]]:
    """The folder of the finished run with the highest or the lowest value; of equal ones, the oldest.

    A run without the metric, or with a value that is not finite, is never the best; nor is one whose files have changed.

    Args:
        metric: `test_accuracy` if not given; see `differences.choose_metric`.
        direction: `max` or `min`; if not given, the metric's class says which.
        filter: a query that picks runs, as in `tables.build_table`.

    Returns:
        The folder; what decided in a line; and a sentence for each doubt: damaged runs, runs on different data.

    Raises:
        RunFolderError: a path holds no run.
        ConfigError: no such metric, no value of it, or it is not known whether more of it is better.
    """
    import numpy as np

    check_direction(direction)
    runs, problems = read_runs(paths, whole=True)
    doubted = runs.about["verified"].astype(str).str.startswith(DOUBTED)
    if doubted.any():
        runs = runs.pick(~doubted)
    if filter is not None:
        runs = runs.pick(rows_where(columns_of(runs), filter).index)
        if runs.about.empty:
            raise ConfigError(no_match(filter))
    name = choose_metric(runs, metric, "--metric")
    values = runs.metrics[name].astype(float)
    values = values[np.isfinite(values)]
    if values.empty:
        raise ConfigError(f"No run has a value of {name}. Expected a finished run with one. Try: stackfit table")
    runs = runs.pick(values.index)
    direction = direction or direction_of(runs, name)
    if direction is None:
        raise ConfigError(undirected(name), where="--metric")
    problems += find_mixture(runs, name)
    try:
        problems += check_same_items(runs, name)
    except RunFolderError as error:
        problems.append(str(error))
    best = values.max() if direction == "max" else values.min()
    about = runs.about[values == best]
    oldest = min(about.itertuples(), key=lambda run: (str(run.started), order(run.folder)))
    rank = f"the {'highest' if direction == 'max' else 'lowest'} of {len(values)} runs" if len(values) > 1 else "the only run"
    said = f"{name} {best:.6g}, {rank}"
    if len(about) > 1:
        said += f"; {len(about)} runs have it, and this is the oldest"
    return oldest.folder, said, problems
