"""`report`: runs as one HTML page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import Direction, Filter, Paths, Trust, option
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, say
from stackfit.errors import ConfigError

IDLE = (
    *(Idle(name, without="check") for name in ("claims", "max_epochs", "max_parameters", "max_minutes", "trust")),
    *(Idle(name, beside="check") for name in ("metric", "direction", "filter")),
)


def command(
    paths: Paths = None,
    out: Annotated[Path, option("The file to write.", metavar="FILE")] = Path("report.html"),
    metric: Annotated[str | None, option("Compare by this metric; test_accuracy if there is one.")] = None,
    direction: Direction = None,
    filter: Filter = None,
    check: Annotated[bool, option("PATHS are experiments: a page of their claims, as check judges them.", "--check")] = False,
    claims: Annotated[Path | None, option("With --check: a rubric.", metavar="RUBRIC")] = None,
    max_epochs: Annotated[int | None, option("With --check: the most epochs of an item.", metavar="N")] = None,
    max_parameters: Annotated[int | None, option("With --check: the most parameters.", metavar="N")] = None,
    max_minutes: Annotated[float | None, option("With --check: the longest training.", metavar="M")] = None,
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
        text, code = _of_class(list(map(str, paths or ())), claims, (max_epochs, max_parameters, max_minutes), trust or ())
    else:
        text, problems = report_of(paths or (), out, metric, direction, filter)
        complain(problems)
    write_report(text, out)
    say(f"{out.stat().st_size / 1e6:.1f} MB")
    sys.stdout.write(f"{shown(out)}\n")
    return code


def _of_class(words: Sequence[str], claims: Path | None, most: Sequence[float | None], trust: Sequence[str]) -> tuple[str, int]:
    """The page of what `check` says of the items, and its exit code."""
    from stackfit.config.rubric import read_rubric
    from stackfit.execution.progress import make_reporter
    from stackfit.proof.check import check
    from stackfit.proof.items import Limits
    from stackfit.reports.classbook import class_page
    from stackfit.reports.page import render

    if not words:
        raise ConfigError("No experiment was named. Expected names or files. Try: stackfit report --check gsp631_base")
    limits = Limits(*most)  # type: ignore[arg-type]
    marks = check(words, make_reporter(), trust, rubric=read_rubric(claims) if claims else None, limits=limits)
    problems = [(mark.item, mark.problem) for mark in marks if mark.problem]
    if problems and not any(mark.outcomes or mark.state != "error" for mark in marks):
        raise problems[0][1]
    for item, problem in problems:
        say(f"error: {item}: {problem}")
    return render(class_page(marks)), 1 if any(mark.state in ("failed", "error") for mark in marks) else 0
