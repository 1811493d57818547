"""`check`: one line a claim, and files for graders."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import Trust, option, word
from stackfit.errors import ConfigError

if TYPE_CHECKING:
    from stackfit.proof.check import Outcome


def command(
    experiments: Annotated[
        list[str] | None, word("Names, as `stackfit list` shows them.", completion.experiments)
    ] = None,
    everything: Annotated[bool, option("Every shipped experiment, without the long ones.", "--all")] = False,
    long: Annotated[bool, option("With --all: the long ones too.", "--long")] = False,
    quiet: Annotated[bool, option("Only the claims.", "--quiet", "-q")] = False,
    csv: Annotated[Path | None, option("Write the claims to a CSV file.")] = None,
    junit: Annotated[Path | None, option("Write the claims to a JUnit file, for graders.")] = None,
    trust: Trust = None,
) -> int:
    """Each claim passes, fails or is skipped. Trains what is missing, reuses finished runs of the same config.
    Exit code 1 when a claim fails.
    """
    from stackfit.config.experiments import find_experiment, read_record
    from stackfit.execution.progress import Reporter, make_reporter
    from stackfit.files import csv_text
    from stackfit.proof.check import check, checkable

    chosen = list(dict.fromkeys([*(experiments or []), *(checkable(long) if everything else [])]))
    if not chosen:
        raise ConfigError("No experiment was named. Expected names, or --all. Try: stackfit check gsp631_base")
    for path in (csv, junit):
        _check_writable(path)
    widest = max(map(len, chosen))

    def print_outcome(outcome: Outcome) -> None:
        sys.stdout.write(_line(outcome, widest) + "\n")
        sys.stdout.flush()

    for name in chosen:
        if not read_record(name, find_experiment(name)).expect:
            print(f"{name} claims nothing: it has no `expect`.", file=sys.stderr)
    outcomes = check(chosen, Reporter(0) if quiet else make_reporter(), trust or (), print_outcome)
    counts = _count(outcomes, "passed", "failed", "skipped")
    sys.stdout.write(", ".join(f"{count} {state}" for state, count in counts.items()) + "\n")
    if csv is not None:
        csv.write_text(csv_text([_row(outcome) for outcome in outcomes]), encoding="utf-8")
    if junit is not None:
        junit.write_text(junit_text(outcomes), encoding="utf-8")
    return 1 if counts["failed"] else 0


def _check_writable(path: Path | None) -> None:
    """Find out before hours of training, not after."""
    from stackfit.files import writing

    if path is not None:
        with writing(path, "a file's name", "Write for example: claims.csv", ConfigError):
            path.open("a").close()


def _count(outcomes: Sequence[Outcome], *states: str) -> dict[str, int]:
    return {state: sum(outcome.verdict.state == state for outcome in outcomes) for state in states}


def _published(outcome: Outcome) -> str:
    values = ", ".join(f"{value:g}" for value in outcome.claim.published)
    seen = f" (n={outcome.claim.n})" if outcome.claim.n else ""
    return f"{values}{seen}" if values else ""


def _line(outcome: Outcome, width: int) -> str:
    published = f"  published {text}" if (text := _published(outcome)) else ""
    source = f"  [{text}]" if (text := outcome.claim.source or outcome.source) else ""
    said = f"{outcome.claim.text()}  ->  {' '.join(outcome.verdict.found.split())}"
    return f"{outcome.verdict.state:<8}{outcome.experiment:<{width}}  {said}{published}{source}"


def _row(outcome: Outcome) -> dict[str, str]:
    return {
        "experiment": outcome.experiment,
        "claim": outcome.claim.text(),
        "state": outcome.verdict.state,
        "found": outcome.verdict.found,
        "published": _published(outcome),
        "source": outcome.claim.source or outcome.source,
    }


def junit_text(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a JUnit file."""
    from xml.etree import ElementTree

    counts = _count(outcomes, "failed", "skipped")
    suite = ElementTree.Element(
        "testsuite",
        name="stackfit check",
        tests=str(len(outcomes)),
        failures=str(counts["failed"]),
        errors="0",
        skipped=str(counts["skipped"]),
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=outcome.experiment, name=_xml(outcome.claim.text()))
        if outcome.verdict.state != "passed":
            tag = "failure" if outcome.verdict.state == "failed" else "skipped"
            ElementTree.SubElement(case, tag, message=_xml(outcome.verdict.found)).text = _xml(_line(outcome, 0))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True).decode() + "\n"


def _xml(text: str) -> str:
    """Without the control characters that XML cannot hold and ElementTree writes all the same."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
