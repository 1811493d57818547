"""`report`: runs as one HTML page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import Direction, Filter, Paths, Trust, option
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, say

IDLE = (
    *(Idle(name, without="check") for name in ("claims", "max_epochs", "max_parameters", "max_minutes", "by", "engine", "trust")),
    *(Idle(name, beside="check") for name in ("metric", "direction", "filter")),
)


def command(
    paths: Paths = None,
    out: Annotated[Path, option("The file to write.", metavar="FILE")] = Path("report.html"),
    metric: Annotated[str | None, option("Compare by this; if not given, by the metric of a search, else by test_accuracy.")] = None,
    direction: Direction = None,
    filter: Filter = None,
    check: Annotated[bool, option("PATHS are experiments: a page of their claims, as check judges them.", "--check")] = False,
    claims: Annotated[Path | None, option("With --check: a rubric.", metavar="RUBRIC")] = None,
    max_epochs: Annotated[int | None, option("With --check: the most epochs of an item.", metavar="N")] = None,
    max_parameters: Annotated[int | None, option("With --check: the most parameters.", metavar="N")] = None,
    max_minutes: Annotated[float | None, option("With --check: the longest training.", metavar="M")] = None,
    by: Annotated[str | None, option("With --check: rows of a table of the items: part, part.2.", metavar="KEY")] = None,
    engine: Annotated[str | None, option("With --check: tensorflow or jax, for every item.", metavar="NAME")] = None,
    trust: Trust = None,
) -> int:
    """One file that opens without a network: of a run its curves, mistakes and layers; of several which differences
    are real, what each setting does and costs, and a table to sort and filter.

    stackfit report outputs/gsp631_base

    stackfit report --check --claims rubric.yaml 'hand-ins/*.yaml'
    """
    from stackfit.files import shown
    from stackfit.reports.making import check_out, report_of, write_report

    check_out(out)
    code = 0
    if check:
        from stackfit.execution.progress import make_reporter
        from stackfit.proof.items import Limits
        from stackfit.reports.classbook import class_report

        limits = Limits(max_epochs, max_parameters, max_minutes)
        text, marks = class_report([str(path) for path in paths or ()], make_reporter(), trust or (), claims, limits, by, engine)
        for mark in marks:
            if mark.problem:
                say(f"error: {mark.item}: {mark.problem}")
        code = 1 if any(mark.state in ("failed", "error") for mark in marks) else 0
    else:
        text, problems = report_of(paths or (), out, metric, direction, filter)
        complain(problems)
    write_report(text, out)
    say(f"{out.stat().st_size / 1e6:.1f} MB")
    sys.stdout.write(f"{shown(out)}\n")
    return code
