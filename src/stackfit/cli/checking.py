"""`check`: one line a claim, and files for graders."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from stackfit.config.experiments import find_experiment, read_record
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter, make_reporter
from stackfit.files import csv_text, writing
from stackfit.proof.check import Outcome, check, checkable


def check_command(
    names: Sequence[str],
    *,
    everything: bool,
    long: bool,
    trust: Sequence[str],
    quiet: bool,
    csv: Path | None,
    junit: Path | None,
) -> int:
    """Check the named experiments, or all that are shipped; 1 if a claim fails.

    Raises:
        ConfigError: no name and no --all, an unknown experiment, or a file that cannot be written.
    """
    chosen = list(dict.fromkeys([*names, *(checkable(long) if everything else [])]))
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
    outcomes = check(chosen, Reporter(0) if quiet else make_reporter(), trust, print_outcome)
    counts = {state: sum(one.verdict.state == state for one in outcomes) for state in ("passed", "failed", "skipped")}
    sys.stdout.write(", ".join(f"{count} {state}" for state, count in counts.items()) + "\n")
    if csv is not None:
        csv.write_text(_csv(outcomes), encoding="utf-8")
    if junit is not None:
        junit.write_text(junit_text(outcomes), encoding="utf-8")
    return 1 if counts["failed"] else 0


def _check_writable(path: Path | None) -> None:
    """Find out before hours of training, not after."""
    if path is not None:
        with writing(path, "a file's name", "Write for example: claims.csv", ConfigError):
            path.open("a").close()


def _published(outcome: Outcome) -> str:
    values = ", ".join(f"{value:g}" for value in outcome.claim.published)
    seen = f" (n={outcome.claim.n})" if outcome.claim.n else ""
    return f"{values}{seen}" if values else ""


def _line(outcome: Outcome, width: int) -> str:
    published = f"  published {text}" if (text := _published(outcome)) else ""
    source = f"  [{text}]" if (text := outcome.claim.source or outcome.source) else ""
    said = f"{outcome.claim.text()}  ->  {' '.join(outcome.verdict.found.split())}"
    return f"{outcome.verdict.state:<8}{outcome.experiment:<{width}}  {said}{published}{source}"


def _csv(outcomes: Sequence[Outcome]) -> str:
    return csv_text(
        [
            {
                "experiment": one.experiment,
                "claim": one.claim.text(),
                "state": one.verdict.state,
                "found": one.verdict.found,
                "published": _published(one),
                "source": one.claim.source or one.source,
            }
            for one in outcomes
        ]
    )


def junit_text(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a JUnit file."""
    counts = {state: sum(one.verdict.state == state for one in outcomes) for state in ("failed", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name="stackfit check",
        tests=str(len(outcomes)),
        failures=str(counts["failed"]),
        errors="0",
        skipped=str(counts["skipped"]),
    )
    for one in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=one.experiment, name=_xml(one.claim.text()))
        if one.verdict.state != "passed":
            tag = "failure" if one.verdict.state == "failed" else "skipped"
            ElementTree.SubElement(case, tag, message=_xml(one.verdict.found)).text = _xml(_line(one, 0))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True).decode() + "\n"


def _xml(text: str) -> str:
    """Without the control characters that XML cannot hold and ElementTree writes all the same."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
