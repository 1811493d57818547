"""The summary of a search as lines of text: a word for what a line is about, then what there is to say."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackfit.errors import counted
from stackfit.keys import label_of, short_names
from stackfit.results.layout import lay_out
from stackfit.results.numbers import measured
from stackfit.results.search_chance import KEPT
from stackfit.results.search_summary import BETTER, FIRST_BATCH, NO_BETTER

ROOM = 9  # characters before the text
MOST_ON_FRONT = 10


def search_lines(found: Mapping[str, Any], width: int = 80) -> Iterator[str]:
    """The lines of what `summarize_search` gives."""
    best, front = found["best"], found["front"]
    numbers = _numbers(found)
    if best:
        of_seeds = f", the mean of {found['seeds']} seeds" if found["seeds"] > 1 else ""
        value = f"{found['metrics'][0]} {numbers[best['value']]}"
        yield from fact("best", f"{label_of(best['axes'])}: {value}{of_seeds} (trial {best['trial']})", width)
    elif not front:
        yield from fact("best", "no trial has finished", width)
    yield from fact("search", _spent(found), width)
    for word, baseline in zip(("chance", ""), found["chance"], strict=False):
        yield from fact(word, _baseline(baseline, numbers), width)
    if front:
        yield from _front(found, width)
    yield from fact("matters", _importance(found), width)
    if found["command"]:
        yield from _command("again", found["command"], width)
        yield from _command("file", f"stackfit new NAME --from-best {shlex.quote(found['folder'])}", width)


def fact(word: str, text: str, width: int) -> Iterator[str]:
    """A word in its own column, and the text next to it."""
    yield from textwrap.wrap(
        text,
        max(width, 2 * ROOM),
        initial_indent=f"{word:<{ROOM}}",
        subsequent_indent=" " * ROOM,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _spent(found: Mapping[str, Any]) -> str:
    counts = found["trials"]
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    trials = sum(counts.values())
    share = f", {found['epochs'] / found['full_epochs']:.0%} of training all to the end" if found["full_epochs"] else ""
    so_far = "" if found["settled"] else " so far"
    return f"{counted(trials, 'trial')}{so_far}: {states}; {counted(found['epochs'], 'epoch')}{share.replace('%', ' %')}"


def _numbers(found: Mapping[str, Any]) -> dict[float, str]:
    """The values of the metric as texts, all with the same decimals."""
    ends = [baseline[end] for baseline in found["chance"] for end in ("low", "high") if baseline[end] is not None]
    values = [*ends, *([found["best"]["value"]] if found["best"] else [])]
    return dict(zip(values, measured(values), strict=True))


def _baseline(baseline: Mapping[str, Any], numbers: Mapping[float, str]) -> str:
    """What chance would have found, and the only thing that this allows to say."""
    count, epochs = baseline["settings"], baseline["epochs"]
    if baseline["name"] == "random search":
        if not count:
            return "random search: the same epochs do not last for one training to its end"
        what = f"random search, {count} {_some(baseline)} to the end in {epochs:,} epochs"
    else:
        if not count:
            return "one epoch of all: not known"
        what = f"one epoch of {count} {_some(baseline)}, the best {min(KEPT, count)} to the end in {epochs:,} epochs"
    said = {BETTER: "the search did better", NO_BETTER: "the search did no better"}.get(
        baseline["search"], "whether the search did better is not known"
    )
    return f"{what}: {_interval(baseline, numbers)} expected; {said}"


def _some(baseline: Mapping[str, Any]) -> str:
    of = " of the first batch" if baseline["of"] == FIRST_BATCH else ""
    return f"setting{'s' * (baseline['settings'] != 1)}{of}"


def _interval(baseline: Mapping[str, Any], numbers: Mapping[float, str]) -> str:
    low, high = baseline["low"], baseline["high"]
    if baseline["exact"]:
        return numbers[low]
    if low is None or high is None:
        return f"{numbers[high]} or less" if low is None else f"{numbers[low]} or more"
    return f"{numbers[low]} to {numbers[high]}"


def _importance(found: Mapping[str, Any]) -> str:
    names = short_names(found["importance"])
    chance = found["importance_by_chance"]
    shares = [f"{names[axis]} {share:.2f}{' (or chance)' * (axis in chance)}" for axis, share in found["importance"].items()]
    return f"{', '.join(shares)}; {found['importance_of']}" if shares else found["importance_of"]


def _front(found: Mapping[str, Any], width: int) -> Iterator[str]:
    front = found["front"]
    more = f"; the first {MOST_ON_FRONT}" if len(front) > MOST_ON_FRONT else ""
    how = " and ".join(f"{metric} ({direction})" for metric, direction in zip(found["metrics"], found["directions"], strict=True))
    yield from fact("front", f"{len(front)} settings that no other one beats in {how}{more}:", width)
    shown = front[:MOST_ON_FRONT]
    columns = [measured(_whole([trial["values"][at] for trial in shown])) for at in range(len(found["metrics"]))]
    rows = [["trial", *found["metrics"], "setting"]]
    for number, trial in enumerate(shown):
        setting = textwrap.shorten(label_of(trial["axes"]), max(20, width - 50), placeholder=" …")
        rows.append([str(trial["trial"]), *(column[number] for column in columns), setting])
    for line in lay_out(rows, "r" * (1 + len(columns)) + "l"):
        yield f"{'':<{ROOM}}{line}"


def _whole(values: Sequence[float]) -> Sequence[float]:
    """Counts, such as of parameters, without decimals."""
    return [int(value) for value in values] if all(value.is_integer() for value in values) else values


def _command(word: str, text: str, width: int) -> Iterator[str]:
    """A command that can be pasted: it goes on after a backslash."""
    lines = [f"{word:<{ROOM}}"]
    for number, piece in enumerate(shlex.split(text)):
        quoted = shlex.quote(piece)
        if number and len(lines[-1]) + 1 + len(quoted) + 2 > width:
            lines[-1] += " \\"
            lines.append(" " * (ROOM + 2) + quoted)
        else:
            lines[-1] += quoted if not number else f" {quoted}"
    yield from lines


def render_search(found: Mapping[str, Any] | None, format: str, width: int) -> str:
    """The lines below a table or a comparison; nothing of a sweep that is not a search."""
    if found is None:
        return ""
    lines: Sequence[str] = [*search_lines(found, width)]
    if format == "md":
        lines = ["```text", *lines, "```"]
    return "\n" + "\n".join(lines) + "\n"
