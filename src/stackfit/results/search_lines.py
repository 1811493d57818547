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
    for word, text in search_facts(found):
        yield from _front(text, found["front"], found["metrics"], width) if word == "front" else fact(word, text, width)
    if found["command"]:
        yield from _command("again", found["command"], width)
        yield from _command("file", f"stackfit new NAME --from-best {shlex.quote((found['confirmed'] or found)['folder'])}", width)


def search_facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What there is to say of a search, and a word for what each is about; the word of the second baseline is empty."""
    best, numbers = found["best"], numbers_of(found)
    if best:
        of_seeds = f", the mean of {found['seeds']} seeds" if found["seeds"] > 1 else ""
        value = f"{found['metrics'][0]} {numbers[best['value']]}"
        yield "best", f"{label_of(best['axes'])}: {value}{of_seeds} (trial {best['trial']})"
    elif not found["front"]:
        yield "best", "no trial has finished"
    if again := found["confirmed"]:
        of = f", the best of {again['settings']} settings trained again" if again["settings"] > 1 else ""
        yield "confirm", f"{label_of(again['axes'])}: {found['metrics'][0]} {numbers[again['value']]}, the mean of {counted(again['seeds'], 'new seed')}{of}"
    yield "search", _spent(found)
    for word, baseline in zip(("chance", ""), found["chance"], strict=False):
        yield word, _baseline(baseline, numbers)
    if found["front"]:
        how = " and ".join(f"{metric} ({direction})" for metric, direction in zip(found["metrics"], found["directions"], strict=True))
        yield "front", f"{len(found['front'])} settings that no other one beats in {how}"
    yield "matters", _importance(found)


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


def numbers_of(found: Mapping[str, Any]) -> dict[float, str]:
    """The values of the metric as texts, all with the same decimals."""
    ends = [baseline[end] for baseline in found["chance"] for end in ("low", "high") if baseline[end] is not None]
    values = [*ends, *(found[name]["value"] for name in ("best", "confirmed") if found[name])]
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
    return f"{what}: {interval(baseline, numbers)} expected; {said}"


def _some(baseline: Mapping[str, Any]) -> str:
    of = " of the first batch" if baseline["of"] == FIRST_BATCH else ""
    if baseline["settings"] > baseline["known"]:
        of = f", judged by {baseline['known']}{of},"
    return f"setting{'s' * (baseline['settings'] != 1)}{of}"


def interval(baseline: Mapping[str, Any], numbers: Mapping[float, str]) -> str:
    """What is expected by chance: a number, or the interval in which it is, which may be open at one end."""
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


def _front(text: str, front: Sequence[Mapping[str, Any]], metrics: Sequence[str], width: int) -> Iterator[str]:
    more = f"; the first {MOST_ON_FRONT}" if len(front) > MOST_ON_FRONT else ""
    yield from fact("front", f"{text}{more}:", width)
    rows = [["trial", *metrics, "setting"]]
    for *numbers, setting in front_rows(front[:MOST_ON_FRONT]):
        rows.append([*numbers, textwrap.shorten(setting, max(20, width - 50), placeholder=" …")])
    for line in lay_out(rows, "r" * (1 + len(metrics)) + "l"):
        yield f"{'':<{ROOM}}{line}"


def front_rows(front: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row a trial: its number, its metrics, its setting."""
    columns = [measured(_whole(values)) for values in zip(*(trial["values"] for trial in front), strict=True)]
    return [[str(trial["trial"]), *numbers, label_of(trial["axes"])] for trial, *numbers in zip(front, *columns, strict=True)]


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


def decisive_of(found: Mapping[str, Any] | None, short: Mapping[str, str]) -> list[str]:
    """The columns of a search's table that stay where there is little room: its metrics and its axes."""
    return [*found["metrics"], *(short.get(axis, axis) for axis in found["axes"])] if found else []


def render_search(found: Mapping[str, Any] | None, format: str, width: int) -> str:
    """The lines below a table or a comparison; nothing of a sweep that is not a search."""
    if found is None:
        return ""
    lines: Sequence[str] = [*search_lines(found, width)]
    if format == "md":
        lines = ["```text", *lines, "```"]
    return "\n" + "\n".join(lines) + "\n"
