"""What there is, and what came of it: experiments and configs, tables and comparisons. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.api.proofs import Run, warn
from stackfit.api.records import Config, Search, Text
from stackfit.api.wording import spoken
from stackfit.config.override_text import override_lines
from stackfit.errors import raising

if TYPE_CHECKING:
    import pandas as pd

    from stackfit.config.hydra.composition import Composition
    from stackfit.results.comparison import Comparison
    from stackfit.results.frames import Paths


@spoken
def experiments(pattern: str | None = None) -> pd.DataFrame:
    """The experiments that there are, shipped ones and your own: `stackfit.experiments("gsp631")`.

    Args:
        pattern: part of a name or question.

    Returns:
        One row an experiment: `name`, `question`, `published`, `seconds` (the typical time), `own` (whether it is yours).
    """
    import pandas as pd

    from stackfit.config.experiments import list_experiments
    from stackfit.errors import ConfigError

    broken: list[ConfigError] = []
    records = list_experiments(pattern, broken)
    warn(map(str, broken))
    columns = ("question", "published", "seconds")
    rows = [{"name": each.name, **{name: each.about.get(name) for name in columns}, "own": each.own} for each in records]
    return pd.DataFrame(rows, columns=["name", *columns, "own"])


@spoken
def show(experiment: str | PathLike[str], *overrides: Any, resolve: bool = False) -> Config:
    """The composed config: `stackfit.show("gsp631_base", "epochs=2")["optimizer"]`.

    Args:
        experiment: its name, or its file.
        overrides: see `stackfit.run`.
        resolve: put values in place of `${…}`.

    Returns:
        The config as a mapping, shown as YAML.

    Raises:
        ConfigError: there is no such experiment, or an override or a file is wrong.
    """
    from stackfit.cli.showing import plain
    from stackfit.config.resolving import resolve as resolve_config

    with raising() as problems:
        composition = _compose(experiment, overrides, problems)
        config = resolve_config(composition.config, problems) if resolve else plain(composition)
        problems.place(composition.origins)
    return Config(config)


@spoken
def explain(experiment: str | PathLike[str], key: str, *overrides: Any) -> Text:
    """Every place that set a value, first to last: `print(stackfit.explain("gsp631_base", "optimizer.learning_rate"))`.

    Args:
        experiment: its name, or its file.
        key: such as `optimizer.learning_rate`; of a mapping, one line for each value in it.
        overrides: see `stackfit.run`.

    Raises:
        ConfigError: there is no such experiment or key, or an override or a file is wrong.
    """
    from stackfit.cli.explaining import lines_of
    from stackfit.config.explanation import Explainer

    with raising() as problems:
        composition = _compose(experiment, overrides, problems)
    return Text("\n".join(lines_of(Explainer(composition), key)[1]))


def _compose(experiment: str | PathLike[str], overrides: Iterable[Any], problems: Any) -> Composition:
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.overrides import refuse_axes

    composition = Composer(str(experiment)).compose(override_lines(overrides), problems)
    refuse_axes(composition.axes, problems)
    return composition


@spoken
def table(
    *paths: Paths,
    over: str | None = None,
    epochs: bool = False,
    pivot: Iterable[str] | None = None,
    by: str | None = None,
    sort: str | None = None,
    top: int | None = None,
    direction: str | None = None,
    filter: str | None = None,
    last: int | None = None,
    columns: Iterable[str] | None = None,
) -> pd.DataFrame:
    """One row a run, settings by their dotted keys, then the metrics: `stackfit.table("gsp631_base", over="seed")`.

    Args:
        paths: runs, their folders, sweeps, or experiments' names; all of ./outputs if none is given.
        over: mean, deviation and 95 % interval over this setting, mostly `seed`.
        epochs: one row an epoch: the histories of all runs.
        pivot: row setting, column setting and metric (if not given, that of a search, else `test_accuracy`): a matrix of means.
        by: a setting, or `"part"`, the first part of the paths that differs: its groups stand together.
        sort: a column; `"-column"` for the largest first.
        top: only the best this many, by `sort`, or else by the metric of a search, or the test accuracy.
        direction: `"max"` or `"min"`: whether more is better, where the metric's class does not say it.
        filter: a pandas query, such as `"units > 64 and test_accuracy > 0.87"`.
        last: only the newest this many runs.
        columns: only these, in this order.

    Raises:
        RunFolderError: a path holds no run.
        ConfigError: there is no such column, or the options do not go together.
    """
    from stackfit.results.tables import read_table

    axes = [part.strip() for part in pivot.split(",")] if isinstance(pivot, str) else pivot and [*pivot]
    frame, problems = read_table(
        flat(paths),
        over=over,
        epochs=epochs,
        pivot=axes,
        by=by,
        sort=sort,
        top=top,
        direction=direction,
        filter=filter,
        last=last,
        columns=columns and [*columns],
    )
    warn(problems)
    return frame


@spoken
def compare(
    *paths: Paths,
    metric: str | None = None,
    direction: str | None = None,
    filter: str | None = None,
    by: str | None = None,
) -> Comparison:
    """Whether the difference between runs is real: `stackfit.compare("gsp631_base", "gsp631_ex1_128")`.

    Args:
        paths: two runs, run folders or experiments' names (the newest finished run of each): McNemar's test on the test
            set. Anything else, such as a sweep: all configurations found there, by a test across their seeds.
        metric: compare by this; if not given, by the metric of a search, else by `test_accuracy`.
        direction: `"max"` or `"min"`: whether more is better, where the metric's class does not say it.
        filter: a pandas query that picks runs.
        by: a setting or `"part"`, as in `table`: its groups are compared, whatever else differs in them.

    Returns:
        A comparison, shown as text: its `tables` by their headings, and its `sentences`.

    Raises:
        RunFolderError: a path holds no run, or the runs were measured on different items.
        ConfigError: there are fewer than two configurations, or no such metric.
    """
    from stackfit.cli.arguments import chosen_runs
    from stackfit.results.comparison import compare as compare_paths
    from stackfit.results.naming import stands_for_run

    chosen = [Path(path) for path in flat(paths)]
    if len(chosen) == 2 and all(map(stands_for_run, chosen)):
        chosen = chosen_runs(chosen)
    comparison = compare_paths(chosen, metric, filter, direction, by)
    warn(comparison.problems)
    return comparison


@spoken
def best(
    *paths: Paths, metric: str | None = None, direction: str | None = None, filter: str | None = None
) -> Run:
    """The best finished run: `stackfit.best("gsp631_base", metric="test_loss").predict(pictures)`.

    Args:
        paths: runs, their folders, sweeps, or experiments' names; all of ./outputs if none is given.
        metric: rank by this; if not given, by the metric of a search, else by `test_accuracy`.
        direction: `"max"` or `"min"`: whether more is better, where the metric's class does not say it.
        filter: a pandas query that picks runs.

    Raises:
        RunFolderError: a path holds no run.
        ConfigError: there is no such metric, or no run has a value of it.
    """
    from stackfit.results.best import find_best

    folder, _, problems = find_best(flat(paths), metric, direction, filter)
    warn(problems)
    return Run(Path(folder).absolute())


@spoken
def search_summary(path: str | PathLike[str]) -> Search:
    """What a search found: `stackfit.search_summary("search_quickstart")["best"]`.

    Args:
        path: the search's folder, or an experiment's name, whose newest sweep is a search or confirms one.

    Returns:
        A mapping, shown as text: the `best` setting, or the `front` of two metrics; the `epochs` spent; `chance`, which says
        what random search, and one epoch of all settings, would have found with these; the `importance` of each axis; and
        the `command` that trains the best setting.

    Raises:
        RunFolderError: there is no search.
    """
    from stackfit.errors import RunFolderError
    from stackfit.results.search_summary import summary_of

    found = summary_of(path)
    if found is None:
        raise RunFolderError(
            f"{path} is not a search. Expected a search's folder, or the name of an experiment whose newest sweep is one. "
            "Try: stackfit run search_quickstart"
        )
    return Search(found)


def flat(paths: Iterable[Any]) -> list[Any]:
    """Paths, and lists of paths, as one list."""
    found: list[Any] = []
    for path in paths:
        if isinstance(path, (str, PathLike)):
            found.append(path)
        elif isinstance(path, Iterable) and not isinstance(path, Mapping):
            found += flat(path)
        else:
            raise TypeError(f"{path!r} is not a run. Expected a run, a folder, or an experiment's name.")
    return found
