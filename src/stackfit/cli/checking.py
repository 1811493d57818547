"""`check`: one line a claim, and files for graders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from stackfit.check import Outcome, check, checkable
from stackfit.errors import ConfigError
from stackfit.progress import Reporter, make_reporter
from stackfit.run_folder import csv_text


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
    outcomes = []
    for outcome in check(chosen, Reporter(0) if quiet else make_reporter(), trust):
        outcomes.append(outcome)
        sys.stdout.write(_line(outcome, max(map(len, chosen))) + "\n")
        sys.stdout.flush()
    counts = {state: sum(one.verdict.state == state for one in outcomes) for state in ("passed", "failed", "skipped")}
    sys.stdout.write(", ".join(f"{count} {state}" for state, count in counts.items()) + "\n")
    for path, text in ((csv, _csv), (junit, _junit)):
        if path is not None:
            try:
                path.write_text(text(outcomes), encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"{path} cannot be written: {error.strerror}. Expected a file's name.") from None
    return 1 if counts["failed"] else 0


def _published(outcome: Outcome) -> str:
    values = ", ".join(f"{value:g}" for value in outcome.claim.published)
    seen = f" (n={outcome.claim.n})" if outcome.claim.n else ""
    return f"{values}{seen}" if values else ""


def _line(outcome: Outcome, width: int) -> str:
    published = f"  published {text}" if (text := _published(outcome)) else ""
    source = f"  [{outcome.claim.source or outcome.source}]" if published else ""
    said = f"{outcome.claim.text()}  ->  {outcome.verdict.found}"
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


def _junit(outcomes: Sequence[Outcome]) -> str:
    suite = ElementTree.Element("testsuite", name="stackfit check", tests=str(len(outcomes)))
    for one in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=one.experiment, name=one.claim.text())
        if one.verdict.state != "passed":
            tag = "failure" if one.verdict.state == "failed" else "skipped"
            ElementTree.SubElement(case, tag, message=one.verdict.found)
    suite.set("failures", str(sum(one.verdict.state == "failed" for one in outcomes)))
    suite.set("skipped", str(sum(one.verdict.state == "skipped" for one in outcomes)))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
