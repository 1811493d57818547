"""The verdicts of `check` as files for graders: CSV, JUnit, and the results.json of Gradescope."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import Any
from xml.etree import ElementTree

from stackfit.errors import StackfitError, printable
from stackfit.files import csv_text as as_csv
from stackfit.files import shown
from stackfit.proof.check import Mark, Outcome, say

# Folders in a text, of any machine: what is before the last part of a path.
_FOLDERS = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?(?:\.{0,2}[/\\])(?:[^\s/\\:'\"]+[/\\])*")
_BELOW = re.compile(r"(?:[\w.@+-]+/)+(?=[\w.@+-]+\.(?:yaml|csv|npz|txt|json|py|keras|h5)\b)|\boutputs/\S*/")

POINTS = ("points", "max_points")


def refused(name: str, error: StackfitError) -> Mark:
    """The mark of what could not be judged at all, such as a rubric that is wrong."""
    return Mark(name, "error", say(error), (), problem=error)


def csv_text(marks: Sequence[Mark]) -> str:
    """The rows as CSV."""
    return as_csv([{column: _cell(value) for column, value in row.items()} for row in rows_of(marks)])


def rows_of(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """A row for each claim, and one for each item that was not judged by claims. Numbers are numbers."""
    rows: list[dict[str, Any]] = []
    for mark in marks:
        rows += [_row(outcome) for outcome in mark.outcomes]
        if not mark.outcomes:
            unjudged = {"item": mark.item, "claim": "", "state": mark.state, "reason": mark.reason}
            rows.append({**unjudged, "points": mark.points, "max_points": mark.most_points})
    columns = ("item", "claim", "state", "value", "lower", "upper", "seed", "folder", "reason", "published", "source", *POINTS)
    return [{column: _plain(row[column]) if column in POINTS else row.get(column) for column in columns} for row in rows]


def _plain(number: float) -> float:
    """A whole number without a point, in all rows."""
    return int(number) if number == int(number) else number


def _row(outcome: Outcome) -> dict[str, Any]:
    verdict, seeds = outcome.verdict, [run.status.get("seed") for run in outcome.runs]
    return {
        "item": outcome.experiment,
        "claim": outcome.claim.text(),
        "state": verdict.state,
        "value": verdict.value,
        "lower": verdict.lower,
        "upper": verdict.upper,
        "seed": seeds[0] if len(seeds) == 1 else ", ".join(map(str, seeds)),
        "folder": "; ".join(shown(run.folder) for run in outcome.runs),
        "reason": " ".join(verdict.found.split()),
        "published": outcome.claim.published_text(),
        "source": outcome.claim.source or outcome.source,
        "points": outcome.claim.points if verdict.state == "passed" else 0,
        "max_points": outcome.claim.points,
    }


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = printable(" ".join(value.split()))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def junit_text(marks: Sequence[Mark]) -> str:
    """A test case for each claim, and one for each item that was not judged by claims."""
    cases: list[tuple[str, str, str, str]] = []
    for mark in marks:
        for outcome in mark.outcomes:
            cases.append((mark.item, outcome.claim.text(), outcome.verdict.state, outcome.verdict.found))
        if not mark.outcomes:
            cases.append((mark.item, "can be judged", mark.state, str(mark.problem or mark.reason)))
    counts = Counter(state for *_, state, _ in cases)
    suite = ElementTree.Element(
        "testsuite",
        name="stackfit check",
        tests=str(len(cases)),
        failures=str(counts["failed"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
    )
    tags = {"failed": "failure", "error": "error", "skipped": "skipped"}
    for item, name, state, found in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(item), name=_xml(name))
        if state != "passed":
            ElementTree.SubElement(case, tags[state], message=_xml(found)).text = _xml(f"{item}  {name}  ->  {found}")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True).decode() + "\n"


def _xml(text: str) -> str:
    """Without the control characters that XML cannot hold and ElementTree writes all the same."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def gradescope_text(marks: Sequence[Mark]) -> str:
    """Gradescope's results.json: every claim is a test worth its points, whether it could be judged or not.

    Those who are judged read it: it has no path of this machine, and of a hidden claim only that there is one.
    """
    parts = [re.split(r"--|[/\\]", mark.item.removesuffix(".yaml")) for mark in marks]
    above = zip(*(each[:-1] for each in parts), strict=False)
    shared = len([*takewhile(lambda level: len({*level}) == 1, above)])  # s01.net of hand-ins/s01/net: each has its student
    tests = []
    for mark, each in zip(marks, parts, strict=True):
        name = _public(".".join(each[shared:]))
        tests += _tests(mark, f"{name}: " if len(marks) > 1 else "")
    problems = [_public(mark.reason) for mark in marks if not mark.outcomes]
    record: dict[str, Any] = {"score": sum(test["score"] for test in tests), "tests": tests}
    if problems:
        record["output"] = "\n".join(problems)
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def _tests(mark: Mark, before: str) -> list[dict[str, Any]]:
    tests = []
    for number, claim in enumerate(mark.claims):
        outcome = mark.outcomes[number] if mark.outcomes else None
        passed = outcome is not None and outcome.verdict.state == "passed"
        text = f"claim {number + 1}" if claim.hidden else claim.text()
        test = {
            "name": before + _public(text),
            "score": claim.points if passed else 0,
            "max_score": claim.points,
            "status": "passed" if passed else "failed",
            "visibility": "hidden" if claim.hidden else "visible",
        }
        if not claim.hidden:
            test["output"] = _public(outcome.verdict.found if outcome else mark.reason)
        tests.append(test)
    return tests


def _public(text: str) -> str:
    """One line of a text, with file names instead of paths."""
    for folder in (os.getcwd(), os.path.expanduser("~")):  # their names may hold spaces
        text = text.replace(f"{folder}{os.sep}", "")
    return printable(_BELOW.sub("", _FOLDERS.sub("", " ".join(text.split()))))
