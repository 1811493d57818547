"""`compare`: whether the difference between runs is real."""

from __future__ import annotations

from typing import Annotated

from stackfit.cli.arguments import By, Direction, Filter, Format, Paths, chosen_runs, option
from stackfit.cli.text import complain, width, write_whole


def command(
    paths: Paths = None,
    metric: Annotated[str | None, option("Compare by this; if not given, by the metric of a search, else by test_accuracy.")] = None,
    direction: Direction = None,
    by: By = None,
    filter: Filter = None,
    format: Format = "text",
) -> None:
    """Two run folders, or two experiments' names (the newest finished run of each): McNemar's test on the test set.

    Anything else, such as a sweep or one name: all configurations found there, by a test across their seeds. To compare
    all runs of two experiments: stackfit compare outputs/ONE outputs/OTHER. With --by, the groups, whatever else differs in
    them.
    """
    from stackfit.results.comparison import compare
    from stackfit.results.naming import stands_for_run

    paths = paths or []
    if by is None and len(paths) == 2 and all(map(stands_for_run, paths)):
        paths = chosen_runs(paths)
    comparison = compare(paths, metric, filter, direction, by)
    complain(comparison.problems)
    write_whole(comparison.render(format, width()), format)
