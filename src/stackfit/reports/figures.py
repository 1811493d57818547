"""What a page is made of: sections, figures with their rows, small tables; and the columns that figures share."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Columns = Mapping[str, Sequence[Any]]
DIGITS = 6  # of a value in a picture; the table has all


@dataclass(frozen=True)
class Figure:
    """A chart and what it shows.

    Args:
        title: what it shows, in a few words.
        alt: what a reader who does not see it must know, in a sentence.
        chart: by Altair; its rows come by the names of `rows`.
        rows: by the name under which the chart asks for them: columns of equal length.
        note: how to read it.
        wide: needs the whole width of the page.
        kind: what `stackfit plot` calls it, and `by` the settings or the metric that it is about.
    """

    title: str
    alt: str
    chart: Any
    rows: Mapping[str, Columns]
    note: str = ""
    wide: bool = False
    kind: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A small table, with a heading for its first column's cells; it stands beside figures unless it is `wide`."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str
    numbers: frozenset[int] = frozenset()  # the columns that are set to the right
    wide: bool = True
    states: frozenset[int] = frozenset()  # the columns whose cells begin with a verdict

    def without_blanks(self) -> Grid:
        """The same without the columns in which no row has anything."""
        kept = [number for number in range(len(self.head)) if any(row[number] for row in self.rows)]
        numbers, states = (frozenset(map(kept.index, {*kept} & marked)) for marked in (self.numbers, self.states))
        rows = [[row[number] for number in kept] for row in self.rows]
        return replace(self, head=[self.head[number] for number in kept], rows=rows, numbers=numbers, states=states)


@dataclass(frozen=True)
class Picture:
    """A test item as it looks, as a `data:` address, with what was said of it."""

    source: str
    alt: str
    lines: Sequence[str]


@dataclass
class Section:
    """A part of the page under a heading."""

    name: str  # of the link to it
    title: str
    said: list[str] = field(default_factory=list)  # sentences above the figures
    figures: list[Figure] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)  # what it is for, and what to type
    has_runs: bool = False  # the table of runs stands here

    @property
    def is_empty(self) -> bool:
        return not (self.said or self.figures or self.grids or self.pictures or self.commands or self.has_runs)


class Pool:
    """Columns, each of them once, whoever shows it."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self.columns: list[Any] = []

    def add(self, columns: Columns) -> dict[str, int]:
        """The places of these columns."""
        return {name: self._place([plain(value) for value in values]) for name, values in columns.items()}

    def _place(self, values: list[Any]) -> int:
        text = _dumped(values)
        if text not in self.texts:
            coded = self._coded(values, len(text))
            self.texts[text] = len(self.columns)
            self.columns.append(coded)
        return self.texts[text]

    def _coded(self, values: list[Any], size: int) -> Any:
        """The column as it is, or the shorter of two codes.

        `{"of": place, "at": [number, …]}`: values of another column; `{"front": [n, rest, …]}`: texts, each with the first n
        characters of the one before it.
        """
        distinct = {_dumped(value): value for value in values}
        if 0 < 3 * len(distinct) <= len(values):
            at = {text: number for number, text in enumerate(distinct)}
            return {"of": self._place([*distinct.values()]), "at": [at[_dumped(value)] for value in values]}
        if values and all(isinstance(value, str) for value in values):
            front: list[Any] = []
            for before, value in zip(["", *values], values, strict=False):
                shared = len(os.path.commonprefix([before, value]))  # noqa: RUF071 - characters are meant
                front += [shared, value[shared:]]
            if len(_dumped(front)) < size:
                return {"front": front}
        return values


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def named(name: str) -> Any:
    """The rows of a chart that come later, by this name."""
    import altair as alt

    return alt.NamedData(name)


def plain(value: Any) -> Any:
    """A value as JSON has it; what is missing or not finite is None."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if str(value) in ("<NA>", "NaT") else str(value)  # pandas' blanks


def rounded(value: Any) -> Any:
    """A measurement as exact as a picture can show it."""
    if value is None or not isinstance(value, float) or not math.isfinite(value):
        return plain(value)
    return float(f"{value:.{DIGITS}g}")
