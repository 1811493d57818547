"""What each column of a table is: as declared in `data.columns`, or all that has to be declared, in one message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from stackfit.config.checks import COLUMN_KINDS
from stackfit.config.override_text import override_text
from stackfit.config.schema import Data
from stackfit.data.labels import HIGHEST
from stackfit.data.settings import wrong
from stackfit.data.tables.dates import date_forms
from stackfit.data.tables.header import plain
from stackfit.data.tables.numbers import has_sign, parse_numbers
from stackfit.data.tables.table import Table, missing
from stackfit.errors import DataError, counted, did_you_mean, nearest

TRUE = {"true": "false", "yes": "no", "y": "n", "t": "f", "on": "off", "1": "0", "1.0": "0.0", "ja": "nein", "oui": "non", "si": "no"}
"""Words that mean 1, each with the one that means 0."""
GAP_WORDS = {"na", "n/a", "nan", "null", "none", "nil", "-", "--", "?", ".", "missing", "unknown", "#n/a"}
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_SIGNED = re.compile(r"[^\w.,+-]*[+-]?\d[\d.,]*[^\w.,+-]*")  # $5 and 12 %, too
_ENGLISH = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}(?:([ '\u2019\xa0\u202f])\d{3})(?:\1\d{3})*([.,]\d+)?")  # as in French and in Switzerland
_SHORT_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2}")
_SMALL = re.compile(r"[+-]?\d{1,3}")


def declared_columns(settings: Data) -> dict[str, str]:
    """`data.columns` as a mapping: {} for `auto` and null.

    Raises:
        DataError: it is neither a mapping nor `auto`, or a kind does not exist.
    """
    given: Any = settings.columns
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = yaml.load(given, yaml.BaseLoader)
        except yaml.YAMLError:
            raise wrong(
                "columns", f"data.columns is {given!r}.", "COLUMN: KIND pairs in the braces", "Correct it"
            ) from None
    if given in (None, "auto"):
        return {}
    if not isinstance(given, Mapping):
        raise wrong("columns", f"data.columns is {given!r}.", "COLUMN: KIND pairs, or auto", "Type data.columns=auto")
    kinds = {plain(str(name)): str(kind) for name, kind in given.items()}
    for name, kind in kinds.items():
        if kind not in COLUMN_KINDS:
            near = nearest(kind, COLUMN_KINDS) or "drop"
            found = f"data.columns says {kind!r} of {name!r}.{did_you_mean(kind, COLUMN_KINDS)}"
            raise wrong(
                "columns",
                found,
                f"one of {', '.join(COLUMN_KINDS)}",
                f"Type {override_text('data.columns', {name: near})}",
            )
    return kinds


@dataclass
class Faults:
    """All that is wrong with one file's cells, to be said at once."""

    table: Table
    settings: Data
    found: list[str] = field(default_factory=list)
    expected: dict[str, None] = field(default_factory=dict)  # an ordered set
    cures: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)  # words that look like missing cells
    proposed: dict[str, str] = field(default_factory=dict)

    def add(self, found: str, expected: str, cure: str | None = None) -> None:
        """One sentence each: what was found, what was expected, what to do."""
        self.found.append(found)
        self.expected[expected] = None
        if cure:
            self.cures[cure] = None

    def add_cell(self, name: str, number: int, expected: str, more: int = 0, cure: str | None = None) -> None:
        """A cell by its position in the table, and how many more of its column are like it."""
        cell = self.table.columns[name][number]
        if isinstance(cell, float) and not np.isnan(cell):
            cell = self.table.texts(name)[number]
        text = "empty" if cell is None or cell != cell else repr(str(cell))
        others = f", and {more:,} more cell{'s are' if more > 1 else ' is'} like this" if more else ""
        found = f"Column {name!r} of {self.table.name} is {text} in row {self.table.rows[number]}{others}."
        self.add(found, expected, cure or "Correct the cell, or remove the row or the column")

    def error(self) -> DataError | None:
        """All of it; None if there is nothing."""
        if not self.found:
            return None
        key = f"data.{self.table.key}" if self.table.key else None
        cures = [*self.cures] if self.table.key else ["Correct the cells, or remove the rows"]
        if self.table.key and self.missing:
            words = [*self.settings.missing, *self.missing]
            cures.append(f"If that means a missing cell: {override_text('data.missing', words)}")
        if self.table.key and self.proposed:
            declared = declared_columns(self.settings).items()
            kinds = {name: kind for name, kind in declared if name in self.table.columns} | self.proposed
            cures.append(f"Type {override_text('data.columns', kinds)}, or data.columns=auto")
        if len(self.found) == 1:
            message = f"{self.found[0]} Expected {', and '.join(self.expected)}. {'. '.join(cures)}."
            return DataError(message, key=key)
        lines = [
            f"{self.table.name} has {counted(len(self.found), 'fault')}.",
            *self.found,
            f"Expected {', and '.join(self.expected)}.",
        ]
        return DataError("\n  ".join([*lines, *(f"{cure}." for cure in cures)]), key=key)

    def raise_all(self) -> None:
        """Raise the error, if there is one."""
        if error := self.error():
            raise error


def decide_columns(table: Table, settings: Data, apart: Iterable[str], faults: Faults) -> dict[str, str]:
    """The kind of each feature, in the file's order: as declared, a number, or with `auto` what is proposed.

    Args:
        apart: columns that are no features unless they are declared: label, group, order.
        faults: takes every column that is none of these, and every bad cell of numbers.
    """
    declared, automatic = declared_columns(settings), settings.columns == "auto"
    for name in declared:
        if name not in table.columns and declared[name] != "drop":
            near = did_you_mean(name, table.columns)
            faults.add(
                f"data.columns names {name!r}, which is not a column of {table.name}.{near}",
                "a column's name",
                "Correct it",
            )
    kinds = {}
    for name in table.columns:
        kind = declared.get(name)
        if kind is None and name in apart:
            continue
        if kind is None and (not table.is_text(name) or is_spoilt(table.columns[name], settings)):
            kind = "number"
        if kind is None:
            kind, why = propose(table, name)
            if not automatic:
                faults.proposed[name] = kind
                faults.add(why, "a kind for each column of words")
        elif kind == "number":
            check_numbers(table, name, settings, faults)
        kinds[name] = kind
    return {name: kind for name, kind in kinds.items() if kind != "drop"}


def propose(table: Table, name: str) -> tuple[str, str]:
    """A kind for a column of words, and a sentence that says what the column holds."""
    cells = table.columns[name]
    words = Counter(cell.strip() for cell in cells if cell is not None)
    count, total = sum(words.values()), len(cells)
    if not words:
        return "drop", f"Column {name!r} of {table.name} is empty in {_all(total)}."
    first = next(number for number, cell in enumerate(cells) if cell is not None)
    many = f"{len(words):,} different" if len(words) > 1 else "all the same"
    example = f"such as {cells[first].strip()[:40]!r} in row {table.rows[first]}"
    gaps = f", {total - count:,} are empty" if count < total else ""
    why = f"Column {name!r} of {table.name} holds words in {count:,} of {counted(total, 'row')}, {many}, {example}{gaps}"
    lower = {word.lower() for word in words}
    if date_forms(list(words)):
        kind = "date"
    elif any(lower == {yes, no} for yes, no in TRUE.items()):
        kind = "flag"
    elif 1 < len(words) <= max(20, count // 20):
        kind = "category"
    else:
        kind = "drop"
    return kind, f"{why}: {kind}."


def is_spoilt(cells: np.ndarray, settings: Data) -> bool:
    """Whether a column of text is one of numbers with some bad cells, or with another decimal sign."""
    known = [cell for cell in cells if cell is not None and cell.strip().lower() not in GAP_WORDS]
    numbers = np.isfinite(parse_numbers(np.array(known, object), settings)).sum()
    signed = sum(bool(_SIGNED.fullmatch(cell.strip()) or _SPACED.fullmatch(cell.strip())) for cell in known[:1000])
    is_signed = bool(signed) and signed * 2 >= min(len(known), 1000) and not date_forms(known[:100])
    return bool(known) and (numbers * 2 >= len(known) or is_signed)


def check_numbers(table: Table, name: str, settings: Data, faults: Faults, filled: bool = False) -> None:
    """Every cell that float32 cannot hold, or that is not a number; gaps, unless they are imputed, or `filled` anyway."""
    column = table.columns[name]
    if table.is_text(name):
        _check_words(table, name, settings, faults, filled)
        return
    if name in table.sound:
        return
    known, (low, high) = len(faults.found), table.ends.get(name) or (column.min(), column.max())
    if not (sound := bool(low >= -HIGHEST and high <= HIGHEST)):  # with a gap both are NaN
        high = np.isfinite(column) & (np.abs(column) > HIGHEST)
        for bad, expected in (
            (np.isinf(column), "a number"),
            (high, f"a number up to {HIGHEST:.3g}, as float32 holds"),
        ):
            if bad.any():
                faults.add_cell(name, int(bad.argmax()), expected, int(bad.sum()) - 1)
        if not filled:
            check_gaps(table, name, np.isnan(column), settings, faults)
    if settings.decimal is None and settings.thousands is None:
        _check_grouping(table, name, faults)
    if sound and len(faults.found) == known:
        table.sound[name] = (low, high)


def check_gaps(table: Table, name: str, gaps: np.ndarray, settings: Data, faults: Faults) -> None:
    """Missing cells, `(rows,)` true where there is one: refused without `data.impute`."""
    if gaps.all() and len(gaps):
        faults.add(f"Column {name!r} of {table.name} is empty in {_all(len(gaps))}.", "a value")
        faults.proposed[name] = "drop"
    elif gaps.any() and not settings.impute:
        cure = "Correct the cell, or remove the row or the column; or fill gaps with data.impute=median (mean, most_frequent)"
        expected = "a value" if table.is_text(name) else "a number"
        faults.add_cell(name, int(gaps.argmax()), expected, int(gaps.sum()) - 1, cure)


def _check_words(table: Table, name: str, settings: Data, faults: Faults, filled: bool) -> None:
    cells = table.columns[name]
    gaps = missing(cells)
    bad = np.isnan(parse_numbers(cells, settings)) & ~gaps
    if not filled:
        check_gaps(table, name, gaps, settings, faults)
    words = [cell.strip() for cell in cells[bad]]
    cure = None
    if {word.lower() for word in words} <= GAP_WORDS:
        faults.missing |= dict.fromkeys(words)
        cure = "Correct the cells, or remove the rows or the column"
    elif all(map(_SHORT_DATE.fullmatch, words)):
        cure = "If these are dates, write years with four digits: of which century they are is not known"
    elif settings.thousands is None and all(spaced := [*map(_SPACED.fullmatch, words)]):
        cure = f"If that sign groups thousands: {override_text('data.thousands', spaced[0][1])}"  # type: ignore[index]
        if any((each[2] or "").startswith(",") for each in spaced if each):
            cure += f" {override_text('data.decimal', ',')}"
    elif settings.thousands is None and all(map(_ENGLISH.fullmatch, words)):
        cure = f"If the comma groups thousands: {override_text('data.thousands', ',')}"
        if settings.decimal is None and not any("." in word for word in words):
            cure += f"; if it is the decimal sign: {override_text('data.decimal', ',')}"
    elif settings.decimal in (None, ".") and any(map(_COMMA.fullmatch, words)):
        cure = f"If the comma is the decimal sign: {override_text('data.decimal', ',')}"
        if any("." in word for word in words):
            cure += f" {override_text('data.thousands', '.')}"
    elif settings.decimal == "," and all(map(_GROUPED.fullmatch, words)):
        cure = f"If the dots group thousands: {override_text('data.thousands', '.')}"
    commas, dots = ([column for column in table.columns if has_sign(table.texts(column), sign)] for sign in ",.")
    if commas and dots and name in (*commas, *dots):
        cure = f"The decimal sign is a comma in {words_in(commas)} and a dot in {words_in(dots)}: write it alike in all columns"
    faults.add_cell(name, int(bad.argmax()), "a number", int(bad.sum()) - 1, cure)


def _check_grouping(table: Table, name: str, faults: Faults) -> None:
    """Refuse a column in which `1.036` stands with `999`: three digits after every dot, and no fraction below it."""
    values = table.columns[name]
    values = values if np.isfinite([values.min(initial=0), values.max(initial=0)]).all() else values[np.isfinite(values)]
    for part in (values[:1000], values):  # most columns are known after a few
        fractions = part[part % 1 != 0]
        scaled = np.abs(fractions * 1000)
        if len(fractions) == len(part) or (np.abs(scaled - scaled.round()) > 1e-6).any() or (scaled < 1000).any():
            return
    if not len(fractions):
        return
    cells = [cell.strip() for cell in table.texts(name) if cell is not None]
    dotted = [cell for cell in cells if "." in cell]
    others = [cell for cell in cells if "." not in cell]
    if dotted and others and all(map(_GROUPED.fullmatch, dotted)) and all(map(_SMALL.fullmatch, others)):
        found = f"Column {name!r} of {table.name} holds {dotted[0]} and {others[0]}: the dot may group thousands."
        cure = f"Type {override_text('data.thousands', '.')} if it does, or {override_text('data.decimal', '.')} if not"
        faults.add(found, "one decimal sign, named by you", cure)


def _all(rows: int) -> str:
    return f"all {counted(rows, 'row')}" if rows > 1 else "the only row"


def words_in(values: Sequence[str], most: int = 5) -> str:
    """The first words of a list, and how many more there are."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(repr(value) for value in values[:most]) + more
