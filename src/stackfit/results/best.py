"""The best finished run by one metric."""

from __future__ import annotations

from stackfit.errors import ConfigError, RunFolderError, counted
from stackfit.results.differences import NO_VALUE, choose_metric, columns_of
from stackfit.results.directions import check_direction, find_mixture, undirected
from stackfit.results.frames import Paths, read_runs
from stackfit.results.items import check_same_items
from stackfit.results.search_rank import best_mean
from stackfit.results.selection import no_match, order, rows_where

DOUBTED = ("changed", "stale", "diverged")  # what `certificate.Standing` says of numbers that are not to be trusted


def find_best(
    paths: Paths, metric: str | None = None, direction: str | None = None, filter: str | None = None
) -> tuple[str, str, list[str]]:
    """The folder of the finished run with the highest or the lowest value; of equal ones, the oldest. Of a search that trained
    several seeds, or was confirmed with new ones, the best run of the setting with the best mean.

    A run without the metric, or with a value that is not finite, is never the best; nor is one whose files have changed.

    Args:
        metric: if not given, see `differences.choose_metric`.
        direction: `max` or `min`; if not given, the search or the metric's class says which.
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
    name, direction, ranking = choose_metric(runs, metric, "--metric", direction)
    values = runs.metrics[name].astype(float)
    values = values[np.isfinite(values)]
    if values.empty:
        raise ConfigError(NO_VALUE.format(name))
    runs = runs.pick(values.index)
    if direction is None:
        raise ConfigError(undirected(name), where="--metric")
    problems += find_mixture(runs, name)
    try:
        problems += check_same_items(runs, name)
    except RunFolderError as error:
        problems.append(str(error))
    by_search = ", by the metric of the search" if ranking else ""
    extreme = "highest" if direction == "max" else "lowest"
    said = ""
    if ranking and ranking.settings is not None:
        of_folder = dict(zip(runs.about["folder"], values, strict=True))
        known = {folder: setting for folder, setting in ranking.settings.items() if folder in of_folder or filter is None}
        if of_folder.keys() & known.keys():
            folders, mean, count = best_mean(of_folder, known, direction)
            of = f"the {extreme} mean of {counted(count, 'setting')}" if count > 1 else "the mean of the only setting"
            said = f"{name} {mean:.6g} over {counted(len(folders), 'seed')}, {of}{by_search}; its best run has "
            runs = runs.pick(runs.about["folder"].isin(folders))
            values, by_search = values[runs.about.index], ""
    best = values.max() if direction == "max" else values.min()
    about = runs.about[values == best]
    oldest = min(about.itertuples(), key=lambda run: (str(run.started), order(run.folder)))
    if said:
        return oldest.folder, f"{said}{best:.6g}", problems
    rank = f"the {extreme} of {len(values)} runs" if len(values) > 1 else "the only run"
    said = f"{name} {best:.6g}, {rank}{by_search}"
    if len(about) > 1:
        said += f"; {len(about)} runs have it, and this is the oldest"
    return oldest.folder, said, problems
