"""`plot`: one figure for a paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import Direction, Filter, Paths, option, split_names
from stackfit.cli.text import complain


def _kinds() -> list[str]:
    from stackfit.reports.plotting import KINDS

    return list(KINDS)


def command(
    paths: Paths = None,
    out: Annotated[Path, option("A .png, .svg or .pdf file.", metavar="FILE")] = Path("figure.png"),
    kind: Annotated[
        str | None, option("curves, axis, heatmap, pareto, compare; of one run curves, confusion, layers.", offers=_kinds)
    ] = None,
    metric: Annotated[str | None, option("What is shown; if not given, the metric of a search, else test_accuracy.")] = None,
    by: Annotated[str | None, option("The setting of an axis, two of a heat map, the colours of curves.", metavar="A[,B]")] = None,
    width: Annotated[float, option("In millimetres.", metavar="MM")] = 85.0,
    direction: Direction = None,
    filter: Filter = None,
) -> None:
    """Readable at one column of a paper. Several seeds are drawn as their mean with its 95 % interval, and the note says so.

    stackfit plot gsp631_base --kind axis --by units --out widths.pdf

    stackfit plot gsp631_base@best --kind confusion --width 120 --out c.svg
    """
    from stackfit.files import shown
    from stackfit.reports.plotting import check_file, plot_of

    check_file(out)
    plot, problems = plot_of(paths or (), kind, metric, split_names(by) or (), width, direction, filter)
    complain(problems)
    plot.write(out)
    sys.stdout.write(f"{shown(out)}\n")
