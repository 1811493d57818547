"""The page of a class or a laboratory: which claims hold, of which experiment, with what was published and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stackfit.proof.check import Mark
from stackfit.reports.figures import Grid, Section
from stackfit.reports.page import Page, made

STATES = ("passed", "failed", "error", "skipped")


def class_page(marks: Sequence[Mark]) -> Page:
    """The page of these verdicts: a row an item, then each claim."""
    counts = Counter(outcome.verdict.state for mark in marks for outcome in mark.outcomes)
    items = Counter(mark.state for mark in marks)
    facts = [(f"{items['passed']} of {len(marks)}", "items passed")]
    facts += [(str(counts[state]), f"claims {state}" if state != "error" else "claims could not be judged") for state in STATES if counts[state]]
    has_points = any(claim.points != 1 for mark in marks for claim in mark.claims)
    return Page(
        title=marks[0].item if len(marks) == 1 else f"{len(marks)} items held against their claims",
        facts=facts,
        sections=[_items(marks, has_points), *_claims(marks)],
        made=made(),
    )


def _items(marks: Sequence[Mark], has_points: bool) -> Section:
    rows = []
    for mark in marks:
        points = f"{mark.points:g} of {mark.most_points:g}" if has_points else ""
        rows.append((mark.item, mark.state, f"{mark.passed} of {len(mark.claims)}" if mark.claims else "", points, mark.reason))
    head = ("item", "verdict", "claims passed", "points", "reason")
    return Section("items", "Items", grids=[Grid(head, rows, "All items", frozenset({2, 3})).without_blanks()])


def _claims(marks: Sequence[Mark]) -> list[Section]:
    rows = []
    for mark in marks:
        for outcome in mark.outcomes:
            claim, verdict = outcome.claim, outcome.verdict
            measured = " ".join(verdict.found.split())
            rows.append((mark.item, claim.text(), verdict.state, claim.published_text(), measured, claim.source or outcome.source))
    head = ("item", "claim", "verdict", "published", "measured", "source")
    return [Section("claims", "Claims", grids=[Grid(head, rows, "All claims").without_blanks()])] if rows else []
