"""`check`: one line a claim, one an item, and files for graders."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import Trust, option, word
from stackfit.cli.idle import Idle
from stackfit.cli.text import say
from stackfit.errors import ConfigError, ConfigErrors, printable

if TYPE_CHECKING:
    from stackfit.proof.check import Mark, Outcome

STATES = ("passed", "failed", "skipped")


IDLE = (Idle("long", without="everything"),)


def command(
    experiments: Annotated[
        list[str] | None, word("Names, files, or a pattern of them in quotes.", completion.experiments)
    ] = None,
    everything: Annotated[bool, option("Every shipped experiment, without the long ones.", "--all")] = False,
    long: Annotated[bool, option("With --all: the long ones too.", "--long")] = False,
    claims: Annotated[Path | None, option("A rubric: it judges, not the items' own expect.", metavar="RUBRIC")] = None,
    max_epochs: Annotated[int | None, option("The most epochs that an item may ask for.", metavar="N")] = None,
    max_parameters: Annotated[int | None, option("The most parameters of an item's model.", metavar="N")] = None,
    max_minutes: Annotated[float | None, option("The longest that an item may train.", metavar="M")] = None,
    by: Annotated[str | None, option("Sums for groups of items: part, the first part of the paths that differs.", metavar="KEY")] = None,
    engine: Annotated[str | None, option("What trains every item: tensorflow or jax.", metavar="NAME")] = None,
    quiet: Annotated[bool, option("Only the verdicts.", "--quiet", "-q")] = False,
    csv: Annotated[Path | None, option("Write the verdicts to a CSV file.", metavar="FILE")] = None,
    junit: Annotated[Path | None, option("Write them to a JUnit file.", metavar="FILE")] = None,
    gradescope: Annotated[Path | None, option("Write results.json for Gradescope.", metavar="FILE")] = None,
    trust: Trust = None,
) -> int:
    """Each claim passes, fails or is skipped; an item that cannot be judged is an error, and the others are judged.
    Trains what is missing, reuses finished runs of the same config: with --claims, and of files, only runs that check
    has made and signed here.

    stackfit check gsp631_base gsp631_ex1_128

    stackfit check --claims rubric.yaml 'hand-ins/*.yaml' --max-epochs 20

    Exit code: 1 when a claim or an item fails, 2 when nothing could be judged.
    """
    from stackfit.cli import gradebook
    from stackfit.config.experiments import expand
    from stackfit.config.rubric import read_rubric
    from stackfit.execution.progress import Reporter, make_reporter
    from stackfit.files import write_text
    from stackfit.proof.check import check, checkable
    from stackfit.proof.items import Limits
    from stackfit.results.grouping import parts_of

    chosen = [*(experiments or []), *(checkable(long) if everything else [])]
    if not chosen:
        raise ConfigError("No experiment was named. Expected names, or --all. Try: stackfit check gsp631_base")
    limits = Limits(max_epochs, max_parameters, max_minutes)
    if by:
        parts_of(expand(chosen), by)
    writers = [(csv, gradebook.csv_text), (junit, gradebook.junit_text), (gradescope, gradebook.gradescope_text)]
    for path, _ in writers:
        _check_writable(path)

    def write(marks: Sequence[Mark]) -> None:
        for path, text_of in writers:
            if path is not None:
                write_text(path, text_of(marks))

    try:
        rubric = read_rubric(claims) if claims else None
    except ConfigError as error:
        write([gradebook.refused(str(claims), error)])
        raise

    widest = max(map(len, expand(chosen)))

    def print_outcome(outcome: Outcome) -> None:
        sys.stdout.write(claim_line(outcome, widest) + "\n")
        sys.stdout.flush()

    marks = check(chosen, Reporter(0) if quiet else make_reporter(), trust or (), print_outcome, rubric, limits, engine)
    for mark in marks:
        if mark.problem:
            say(f"error: {_line(mark.item)}: {mark.problem}")
    sys.stdout.writelines(f"{line}\n" for line in _summary(marks, by))
    write(marks)
    if all(mark.state == "error" and not mark.outcomes for mark in marks):
        return 2
    return 1 if any(mark.state in ("failed", "error") for mark in marks) else 0


def _check_writable(path: Path | None) -> None:
    """Find out before hours of training, not after."""
    from stackfit.files import writing

    if path is not None:
        with writing(path, "a file's name", "Write for example: claims.csv", ConfigError):
            path.open("a").close()


def claim_line(outcome: Outcome, width: int) -> str:
    """`passed  NAME  what is claimed  ->  what was found`, and where it was published."""
    seen = f"  published {text}" if (text := outcome.claim.published_text()) else ""
    source = f"  [{text}]" if (text := outcome.claim.source or outcome.source) else ""
    said = f"{outcome.claim.text()}  ->  {' '.join(outcome.verdict.found.split())}"
    return _line(f"{outcome.verdict.state:<8}{outcome.experiment:<{width}}  {said}{seen}{source}")


def _line(text: str) -> str:
    """On one line: a name must not look like a verdict on another item."""
    return printable(text).replace("\n", "\\n")


def _summary(marks: Sequence[Mark], by: str | None = None) -> list[str]:
    """A line for each item, below those of the claims, and for each group; then how many there are of each kind."""
    counts = Counter(outcome.verdict.state for mark in marks for outcome in mark.outcomes)
    unjudged = sum(len(mark.claims) for mark in marks if not mark.outcomes)
    counts |= Counter({"not judged": unjudged})
    total = _counted(counts, [state for state in (*STATES, "error", "not judged") if state in STATES or counts[state]])
    if not any(mark.outcomes for mark in marks):
        total = "none was judged"
    if len(marks) == 1 and marks[0].outcomes:
        return [total + _points(marks)]
    lines = [""] if any(mark.outcomes for mark in marks) else []
    widest = max(len(mark.item) for mark in marks)
    verdicts = [_said(mark) for mark in marks]
    wide = max(13, *map(len, verdicts))
    for mark, verdict in zip(marks, verdicts, strict=True):
        lines.append(_line(f"{mark.item:<{widest}}  {verdict:<{wide}}  {_short(mark)}".rstrip()))
    lines += _sums(marks, by) if by else []
    states = Counter(mark.state for mark in marks)
    items = _counted(states, [state for state in (*STATES, "error") if states[state]])
    return [*lines, f"items: {items}", f"claims: {total}{_points(marks)}"]


def _sums(marks: Sequence[Mark], by: str) -> list[str]:
    """How many claims each group of items has passed."""
    from stackfit.results.grouping import parts_of

    groups: dict[str, list[Mark]] = {}
    for mark, name in zip(marks, parts_of([mark.item for mark in marks], by), strict=True):
        groups.setdefault(name, []).append(mark)
    widest = max(map(len, groups))
    return ["", *(_line(f"{name:<{widest}}  {_passed(own)}") for name, own in groups.items()), ""]


def _passed(marks: Sequence[Mark]) -> str:
    errors = sum(mark.state == "error" and not mark.outcomes for mark in marks)
    text = f"passed {sum(mark.passed for mark in marks)} of {sum(len(mark.claims) for mark in marks)}"
    text += _points(marks)
    return f"{text}, {_counted(Counter({'error': errors}), ['error'])}" if errors else text


def _points(marks: Sequence[Mark]) -> str:
    """`, 3 of 5 points`, where a claim is worth something else than 1."""
    if all(claim.points == 1 for mark in marks for claim in mark.claims):
        return ""
    return f", {sum(mark.points for mark in marks):g} of {sum(mark.most_points for mark in marks):g} points"


def _counted(counts: Counter[str], states: Sequence[str]) -> str:
    words = [f"{counts[state]} {state}" for state in states]
    return ", ".join(f"{text}s" if text.endswith("error") and text != "1 error" else text for text in words)


def _said(mark: Mark) -> str:
    if mark.state == "error" and not mark.outcomes:
        return "error"
    return "skipped" if mark.state == "skipped" else _passed([mark])


def _short(mark: Mark) -> str:
    """The first sentence of the reason; stderr has the whole of a problem, and the files."""
    if not mark.problem:
        return mark.reason
    error = mark.problem.errors[0] if isinstance(mark.problem, ConfigErrors) else mark.problem
    sentence = re.split(r"(?<=[.?]) (?=[A-Z])", " ".join(getattr(error, "message", str(error)).split()))[0]
    return "  ".join(filter(None, [getattr(error, "where", None), sentence]))
