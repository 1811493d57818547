"""The lines of a live screen: a row for each cell that trains, each told apart from the others at any width."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackfit.errors import counted, printable

if TYPE_CHECKING:
    from stackfit.results.underway import SweepView

BAR = 16  # columns
SHORTEST = 12  # of a label; before it gets shorter, the bar goes


@dataclass(frozen=True)
class Row:
    """One cell; `share` of its epochs are complete."""

    label: str
    share: float
    state: str
    value: str = ""


def row_lines(rows: Sequence[Row], width: int) -> list[str]:
    """A line for each row. Where they do not fit, labels lose what they have in common, then the bars go, then the values."""
    states = max((len(row.state) for row in rows), default=0)
    values = max((len(row.value) for row in rows), default=0)
    longest = max((len(row.label) for row in rows), default=0)
    bar = BAR
    room = width - states - 2 - (values + 2 if values else 0)
    if room - bar - 2 < min(longest, SHORTEST):
        bar = 0
    if room < min(longest, SHORTEST):
        values, room = 0, width - states - 2
    size = max(1, min(longest, room - (bar + 2 if bar else 0)))
    lines = []
    for row, label in zip(rows, told_apart([printable(row.label) for row in rows], size), strict=True):
        parts = [label.ljust(size), _bar(row.share, bar) if bar else "", row.state.ljust(states), row.value if values else ""]
        lines.append("  ".join(part for part in parts if part).rstrip()[:width])
    return lines


def told_apart(labels: Sequence[str], size: int) -> list[str]:
    """Labels of at most `size` characters that differ where the whole ones do."""
    short = list(labels)
    if max(map(len, short), default=0) > size:
        common = os.path.commonprefix(short) if len(set(short)) > 1 else ""  # noqa: RUF071 (characters are meant)
        start = max(common.rfind(sign) for sign in " ,[./=") + 1  # not in the middle of a word
        short = [f"…{label[start:]}" if start > 1 else label for label in short]
    for head in range(size - 1, -1, -1):
        cut = [_cut(label, size, head) for label in short]
        if len(set(cut)) == len(set(labels)):
            return cut
    places = {label: f"#{number + 1} " for number, label in enumerate(dict.fromkeys(labels))}
    return [(places[label] + text)[:size] for label, text in zip(labels, short, strict=True)]


def _cut(label: str, size: int, head: int) -> str:
    """The first `head` characters and the last ones."""
    if len(label) <= size:
        return label
    return f"{label[:head]}…{label[len(label) - (size - head - 1) :]}"


def _bar(share: float, width: int) -> str:
    full = round(max(0.0, min(1.0, share)) * width)
    return "━" * full + "─" * (width - full)


def sweep_lines(
    view: SweepView, width: int, height: int, within: Mapping[str, float] | None = None, busy: Sequence[str] = ()
) -> list[str]:
    """The screen of a sweep: who trains, who leads, how many there are, and about how long it will take.

    Args:
        height: the most lines.
        within: by label the share of its epoch that a cell has been through, where somebody knows.
        busy: what else is going on.
    """
    running = [cell for cell in view.cells if cell.state == "running"]
    rows = []
    for cell in running:
        epochs = cell.epochs or 0
        at = min(cell.epoch + 1, epochs)
        part = (within or {}).get(cell.label, 0.0) if cell.epoch < epochs else 0.0
        value = _value(view.metric, cell.values)
        state = f"epoch {at}/{epochs}" if epochs else f"epoch {cell.epoch + 1}"
        rows.append(Row(cell.label, (cell.epoch + part) / epochs if epochs else 0.0, state, f"{value}  {cell.owner}".strip()))
    below = [*_best(view, width), *joined([*_counts(view), *time_left(view.left), *busy], width)]
    most = max(1, height - len(below) - 2)
    more = [f"and {len(rows) - most} more"] if len(rows) > most else []
    return [*row_lines(rows, width)[:most], *more, *below]


def _best(view: SweepView, width: int) -> list[str]:
    if view.leader is None:
        return []
    value = _value(view.metric, view.leader.values)
    when = [] if view.leader.state == "finished" else [f"after epoch {view.leader.epoch}"]
    (label,) = told_apart([printable(view.leader.label)], max(1, width - len("best so far: ,")))
    return joined([f"best so far: {label}", value, *when], width)


def _value(metric: str | None, values: Mapping[str, float]) -> str:
    value = values.get(metric or "")
    return "" if value is None else f"{metric} {value:.4f}"


def _counts(view: SweepView) -> list[str]:
    counts, (done, every) = view.counts, view.epochs
    others = [f"{counts[state]} {state}" for state in ("failed", "pruned", "interrupted", "paused", "running") if counts[state]]
    epochs = [f"{done:,} of {every:,} epochs"] if every else []
    epochs = [counted(done, "epoch")] if view.is_search else epochs
    return [f"{counts['finished']} of {len(view.cells)} cells finished", *others, *epochs]


def joined(parts: Sequence[str], width: int) -> list[str]:
    """The parts with commas, on as many lines as they need."""
    lines = [""] if parts else []
    for number, part in enumerate(parts):
        text = part + "," * (number + 1 < len(parts))
        if lines[-1] and len(lines[-1]) + len(text) + 1 > width:
            lines.append("")
        lines[-1] += f" {text}" if lines[-1] else text
    return lines


def time_left(seconds: float | None) -> list[str]:
    """`about 3:20 left`, where it is known."""
    return [] if seconds is None else [f"about {_clock(seconds)} left"]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
