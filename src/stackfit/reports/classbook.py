"""The page of a class or a laboratory: which claims hold, of which experiment, with what was published and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackfit.config.experiments import expand
from stackfit.config.rubric import read_rubric
from stackfit.errors import ConfigError, StackfitError
from stackfit.execution.progress import Reporter
from stackfit.proof.check import Mark, check
from stackfit.proof.items import Limits
from stackfit.reports.figures import Grid, Section
from stackfit.reports.page import Page, made, render
from stackfit.results.grouping import parts_and_rests

STATES = ("passed", "failed", "error", "skipped")
MOST_COLUMNS = 8  # claims that have a column of their own in the table of items


def class_report(
    words: Sequence[str],
    reporter: Reporter,
    trust: Sequence[str] = (),
    claims: Path | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    by: str | None = None,
    engine: str | None = None,
) -> tuple[str, Sequence[Mark]]:
    """The page of what `check` says of the items, and their marks.

    Args:
        claims: a rubric.
        by: `part` or `part.2`: what makes the rows of a table of the items; see `results.grouping`.

    Raises:
        StackfitError: nothing was named, `by` is no part of the paths, or no item could be judged.
    """
    if not words:
        raise ConfigError("No experiment was named. Expected names or files. Try: stackfit report --check gsp631_base")
    if by:
        parts_and_rests(expand(words), by)
    marks = check(words, reporter, trust, rubric=read_rubric(claims) if claims else None, limits=limits, engine=engine)
    problems: list[StackfitError] = [mark.problem for mark in marks if mark.problem]
    if problems and not any(mark.outcomes or mark.state != "error" for mark in marks):
        raise problems[0]
    return render(class_page(marks, by)), marks


def class_page(marks: Sequence[Mark], by: str | None = None) -> Page:
    """The page of these verdicts: a row a student where they have several items, a row an item, then each claim."""
    counts = Counter(outcome.verdict.state for mark in marks for outcome in mark.outcomes)
    items = Counter(mark.state for mark in marks)
    facts = [(f"{items['passed']} of {len(marks)}", "items passed")]
    facts += [(str(counts[state]), f"claims {state}" if state != "error" else "claims could not be judged") for state in STATES if counts[state]]
    return Page(
        title=marks[0].item if len(marks) == 1 else f"{len(marks)} items held against their claims",
        facts=facts,
        sections=[*_groups(marks, by), _items(marks), *_claims(marks)],
        made=made(),
    )


def _has_points(marks: Sequence[Mark]) -> bool:
    return any(claim.points != 1 for mark in marks for claim in mark.claims)


def _groups(marks: Sequence[Mark], by: str | None) -> Iterator[Section]:
    """A row for each first part of the items' paths, such as a student; a column for each of what they handed in."""
    if len(marks) < 2:
        return
    pairs = parts_and_rests([mark.item for mark in marks], by or "part")
    names, columns = ([*dict.fromkeys(side)] for side in zip(*pairs, strict=True))
    if len(columns) < 2 or len(names) * len(columns) > 2 * len(marks):
        return  # one item each, or other names each
    cells = {pair: _short(mark) for pair, mark in zip(pairs, marks, strict=True)}
    rows = []
    for name in names:
        own = [mark for (of, _), mark in zip(pairs, marks, strict=True) if of == name]
        rows.append((name, *(cells.get((name, column), "") for column in columns), _sum(own, _has_points(marks))))
    head = (by or "part", *columns, "points" if _has_points(marks) else "claims passed")
    grid = Grid(head, rows, "Items side by side", frozenset({len(columns) + 1}), states=frozenset(range(1, len(columns) + 1)))
    yield Section("groups", f"{len(names)} groups", grids=[grid])


def _short(mark: Mark) -> str:
    return mark.state if mark.state in ("passed", "skipped") or not mark.outcomes else f"{mark.state} {_sum([mark])}"


def _sum(marks: Sequence[Mark], points: bool = False) -> str:
    if points:
        return f"{sum(mark.points for mark in marks):g} of {sum(mark.most_points for mark in marks):g}"
    return f"{sum(mark.passed for mark in marks)} of {sum(len(mark.claims) for mark in marks)}"


def _items(marks: Sequence[Mark]) -> Section:
    """A row an item; where all are held against the same claims, a column for each of these."""
    shared = marks[0].claims if all(mark.claims == marks[0].claims for mark in marks) else ()
    texts = [claim.text() for claim in shared] if 1 < len(shared) <= MOST_COLUMNS and len(marks) > 1 else []
    rows = []
    for mark in marks:
        states = [outcome.verdict.state for outcome in mark.outcomes] or [""] * len(texts)
        points = _sum([mark], points=True) if _has_points(marks) else ""
        passed = _sum([mark]) if mark.claims else ""
        rows.append((mark.item, mark.state, passed, points, *states[: len(texts)], mark.reason))
    head = ("item", "verdict", "claims passed", "points", *texts, "reason")
    verdicts = frozenset({1, *range(4, 4 + len(texts))})
    return Section("items", "Items", grids=[Grid(head, rows, "All items", frozenset({2, 3}), states=verdicts).without_blanks()])


def _claims(marks: Sequence[Mark]) -> list[Section]:
    rows = []
    for mark in marks:
        for outcome in mark.outcomes:
            claim, verdict = outcome.claim, outcome.verdict
            measured = " ".join(verdict.found.split())
            rows.append((mark.item, claim.text(), verdict.state, claim.published_text(), measured, claim.source or outcome.source))
    head = ("item", "claim", "verdict", "published", "measured", "source")
    return [Section("claims", "Claims", grids=[Grid(head, rows, "All claims", states=frozenset({2})).without_blanks()])] if rows else []
