"""`compare`: whether the difference between runs is real."""

from __future__ import annotations

import sys
from typing import Annotated

from stackfit.cli.arguments import Filter, Format, Paths, option
from stackfit.cli.text import complain, width


def command(
    paths: Paths = None,
    metric: Annotated[str | None, option("Compare by this metric; test_accuracy if there is one.")] = None,
    filter: Filter = None,
    format: Format = "text",
) -> None:
    """Two runs: McNemar's test on the test set. Configurations with several seeds: a test across seeds."""
    from stackfit.results.comparison import compare

    comparison = compare(paths or (), metric=metric, filter=filter)
    complain(comparison.problems)
    sys.stdout.write(comparison.render(format, width()))
