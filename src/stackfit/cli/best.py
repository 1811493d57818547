"""`best`: the folder of the best finished run."""

from __future__ import annotations

import sys
from typing import Annotated

from stackfit.cli.arguments import Direction, Filter, Paths, option
from stackfit.cli.text import complain, say


def command(
    paths: Paths = None,
    metric: Annotated[str | None, option("Rank by this; if not given, by the metric of a search, else by test_accuracy.")] = None,
    direction: Direction = None,
    filter: Filter = None,
) -> None:
    """For example: stackfit predict $(stackfit best gsp631_base --metric test_loss)

    Of equal runs the oldest. Runs without a value are never the best. Of a search with several seeds, or one that was confirmed,
    the setting with the best mean decides.
    """
    from stackfit.results.best import find_best

    folder, said, problems = find_best(paths or (), metric, direction, filter)
    complain(problems)
    if [str(path) for path in paths or ()] != [folder]:  # else the run was named, or chosen by `@best`, which has said why
        say(said)
    sys.stdout.write(f"{folder}\n")
