"""A table's features as float32: fitted on the training part once, then the same for every other row.

An `Encoding` is plain data, so that a run folder can hold it and new rows are encoded as the training rows were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.tables.columns import TRUE, Faults, check_gaps, check_numbers, words_in
from stackfit.data.tables.dates import FORMS, PARTS, date_forms, date_parts, have_offsets
from stackfit.data.tables.placing import place_rows
from stackfit.data.tables.table import Table, missing
from stackfit.errors import counted, did_you_mean

EPSILON = float(np.finfo(np.float32).eps)
RESOLUTION = 1e-3  # of a column's deviation: the coarsest rounding of float32 that leaves its statistics as they are
NARROW = 100 * (EPSILON / RESOLUTION) ** 2  # a variance, of values up to 1
SOME = 1 << 14  # rows


@dataclass(frozen=True)
class Column:
    """How one column becomes features.

    Args:
        words: of a category, one feature each; of a flag, the word for 0 and the word for 1.
        other: of a category: one more feature for all other words.
        form: in which dates are written; `base` is subtracted from their seconds.
        offset: whether dates have an offset from UTC; None if some have, or it is not known.
        fill: what missing cells get: a number, a word, or four numbers for a date; None: they are refused.
        base: subtracted in float64, before float32 rounds; 0 for most columns.
    """

    name: str
    kind: str
    words: tuple[str, ...] = ()
    other: bool = False
    form: str | None = None
    fill: Any = None
    base: float = 0.0
    offset: bool | None = None

    @property
    def features(self) -> list[str]:
        """Their names."""
        if self.kind == "category":
            return [f"{self.name}={word}" for word in (*self.words, *(["(other)"] if self.other else []))]
        if self.kind == "date":
            return [f"{self.name}.{part}" for part in PARTS]
        return [self.name]


@dataclass(frozen=True)
class Encoding:
    """All columns that are features, in the table's order."""

    columns: tuple[Column, ...]

    @property
    def features(self) -> list[str]:
        """The names of the features, in order."""
        return [feature for column in self.columns for feature in column.features]

    @property
    def bases(self) -> np.ndarray:
        """`(features,)` float64: what was subtracted before float32 rounded."""
        bases = [
            [0, 0, 0, column.base] if column.kind == "date" else [column.base] * len(column.features)
            for column in self.columns
        ]
        return np.array([base for of_column in bases for base in of_column], np.float64)

    def as_json(self) -> list[dict[str, Any]]:
        """Plain containers; `from_json` is its inverse."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, stored: Sequence[Mapping[str, Any]]) -> Encoding:
        """The encoding that a run wrote.

        Raises:
            ValueError, TypeError, KeyError: it is not such a record.
        """
        encoding = cls(tuple(Column(**{**column, "words": tuple(column["words"])}) for column in stored))
        for column in encoding.columns:
            check_column(column)
        return encoding

    def encode(self, table: Table, settings: Data) -> np.ndarray:
        """Features `(rows, features)` as float32, of every row; see `encode_parts`."""
        return self.encode_parts(table, settings, [np.arange(len(table))])[0]

    def encode_parts(
        self, table: Table, settings: Data, parts: Sequence[np.ndarray], checked: bool = False
    ) -> list[np.ndarray]:
        """Features `(rows, features)` as float32, for each part.

        Args:
            parts: the positions of their rows, in order; together each row once.
            checked: the numbers have been checked, by `decide_columns`.

        Raises:
            DataError: every cell that the encoding does not know: gaps that nothing fills, words, values out of range.
        """
        faults = Faults(table, settings)
        columns = []
        for column in self.columns:
            values = _encode(column, table, settings, faults, checked)
            columns += [values] if values.ndim == 1 else [*values.T]
        faults.raise_all()
        return place_rows(columns, parts)


def check_column(column: Column) -> None:
    """Refuse what `fit_words` and `fit_numbers` cannot have made.

    Raises:
        ValueError, TypeError: it is not how a column is encoded.
    """
    kind, fill = column.kind, column.fill
    words = all(isinstance(word, str) for word in (column.name, *column.words))
    counts = {"number": (0, 0), "date": (0, 0), "flag": (1, 2), "category": (0, 10**9)}
    few, most = counts.get(kind, (1, 0))
    numbers = [column.base] if fill is None or kind in ("flag", "category") else [column.base, *np.atleast_1d(fill)]
    whole = kind not in ("flag", "category") or fill is None or fill in column.words
    dated = kind != "date" or (column.form in FORMS and (fill is None or len(fill) == len(PARTS)))
    if not (words and few <= len(column.words) <= most and np.isfinite(numbers).all() and whole and dated):
        raise ValueError(f"its column {column.name!r} is {asdict(column)}")


def fit_words(table: Table, kinds: Mapping[str, str], settings: Data, faults: Faults) -> Encoding:
    """The columns' words and forms, of the whole table; what is fitted on its training part comes with `fit_numbers`."""
    return Encoding(tuple(_fit_words(table, name, kind, settings, faults) for name, kind in kinds.items()))


def fit_numbers(encoding: Encoding, table: Table, training: np.ndarray, settings: Data) -> tuple[Encoding, list[str]]:
    """Fill values and bases, fitted on the rows `training`.

    Returns:
        The encoding, and the names of the columns whose differences float32 does not hold.
    """
    columns, coarse = [], []
    some, training = training[:SOME], np.sort(training)
    for column in encoding.columns:
        given: dict[str, Any] = vars(column)
        if not settings.impute and _is_wide(column.name, table, some, len(training)):
            columns.append(column)
            continue
        values = _numbers(column, table)
        values = values[training]
        if settings.impute:
            given = given | {"fill": _fill(column, table, values, settings.impute)}
        if column.kind == "date":
            given = given | {"base": float(np.nanmin(values[:, 3]))}
        if column.kind == "number":
            seen = values if given["fill"] is None else np.where(np.isnan(values), given["fill"], values)
            narrow = _is_narrow(seen) and seen.min() < seen.max()
            if narrow and np.abs(seen - seen.astype(np.float32)).max() > RESOLUTION * seen.std():
                if settings.scale == "standardize":
                    given = given | {"base": float(seen.mean())}
                else:
                    coarse.append(column.name)
        columns.append(Column(**given))
    return Encoding(tuple(columns)), coarse


def _is_wide(name: str, table: Table, some: np.ndarray, count: int) -> bool:
    """Whether a few of `count` values of a column of numbers vary enough for `_is_narrow` to be false of them all; never wrongly true."""
    if name not in table.sound:
        return False
    (low, high), values = table.sound[name], table.columns[name][some]
    least = ((values - values.mean()) ** 2).sum() / count  # of the variance of all
    return bool(least > 2 * NARROW * max(-low, high) ** 2)


def _is_narrow(values: np.ndarray) -> bool:
    """Whether values lie so close together that float32 may not tell them apart well; fast, and never wrongly false."""
    largest = max(-values.min(), values.max())
    spread = np.einsum("i,i->", values, values) / len(values) - values.mean() ** 2  # inexact where it is small; no BLAS threads
    return bool(spread < NARROW * largest**2)


def _fit_words(table: Table, name: str, kind: str, settings: Data, faults: Faults) -> Column:
    if kind == "number":
        return Column(name, "number")
    cells = table.columns[name]
    gaps = table.words(name)[0] < 0
    check_gaps(table, name, gaps, settings, faults)
    words = sorted({word.strip() for word in table.words(name)[1]})
    if kind == "date":
        forms = date_forms(words)
        if len(forms) > 1:
            found = f"Column {name!r} of {table.name} is {cells[~gaps][0]!r} in row {table.rows[~gaps][0]}: day or month first?"
            faults.add(found, "dates that can be read in one way", "Write them as YYYY-MM-DD")
        elif not forms and words:
            bad = np.isnan(date_parts(cells, _likely_form(words))[:, 0]) & ~gaps
            bad = bad if bad.any() else ~gaps  # 1900 is a number
            faults.add_cell(name, int(bad.argmax()), "a date such as 2024-01-31", int(bad.sum()) - 1)
        return Column(name, "date", form=forms[0] if forms else "ISO8601", offset=have_offsets(words))
    if kind == "flag":
        if len(words) > 2:
            found = f"Column {name!r} of {table.name} holds {counted(len(words), 'word')}: {words_in(words)}."
            faults.add(found, "two for a flag", "Correct them, or declare it as a category")
        by_lower = {word.lower(): word for word in words}
        yes = next((word for lower, word in by_lower.items() if TRUE.get(lower) in by_lower or len(words) == 1), None)
        if yes is not None and len(words) == 2:
            words = [next(word for word in words if word != yes), yes]
        return Column(name, "flag", words=tuple(words))
    return Column(name, "category", words=tuple(words), other=kind == "category_or_other")


def _likely_form(words: list[str]) -> str:
    """The form in which the first word that is a date is written."""
    return next((forms[0] for word in words[:1000] if (forms := date_forms([word]))), "ISO8601")


def _numbers(column: Column, table: Table) -> np.ndarray:
    """A column of numbers or dates as float64, a word as its position; NaN where a cell is missing."""
    cells = table.columns[column.name]
    if column.kind == "number":
        return cells
    if column.kind == "date":
        return date_parts(cells, column.form or "")
    numbers = {word: float(number) for number, word in enumerate(column.words)}
    codes, words = table.words(column.name)
    return np.array([*(numbers.get(word.strip(), -1.0) for word in words), np.nan])[codes]


def _fill(column: Column, table: Table, values: np.ndarray, strategy: str) -> Any:
    """What missing cells get, by scikit-learn; words and flags get the most frequent one."""
    from sklearn.impute import SimpleImputer

    if column.kind in ("category", "flag"):
        strategy = "most_frequent"
    known = values.reshape(len(values), -1)
    if np.isnan(known).all(axis=0).any():
        faults = Faults(table, Data())
        found = f"Column {column.name!r} of {table.name} is empty in every row of the training part."
        faults.add(found, "a value to impute from", "Declare it as drop in data.columns")
        faults.raise_all()
    fill = SimpleImputer(strategy=strategy).fit(known).statistics_.tolist()
    if column.kind in ("category", "flag"):
        return column.words[int(fill[0])]
    return fill if column.kind == "date" else fill[0]


def _encode(column: Column, table: Table, settings: Data, faults: Faults, checked: bool) -> np.ndarray:
    """`(rows, features)` of one column, or `(rows,)`."""
    name = column.name
    if column.kind == "number" and not checked:
        check_numbers(table, name, settings, faults, filled=column.fill is not None)
        if table.is_text(name):
            return np.zeros(len(table))
    values = _numbers(column, table)
    gaps = np.isnan(values if values.ndim == 1 else values[:, 0])
    if column.kind == "date":
        unread = gaps & ~missing(table.columns[name])
        gaps &= ~unread
        if unread.any():
            faults.add_cell(name, int(unread.argmax()), "a date written as in the training part", int(unread.sum()) - 1)
        elif not checked and column.offset is not None:
            codes, words = table.words(name)
            odd = np.array([*(have_offsets([word.strip()]) is (not column.offset) for word in words), False], bool)[codes]
            if odd.any():
                expected = "an offset from UTC, as in the training part" if column.offset else "no offset from UTC, as in the training part"
                faults.add_cell(name, int(odd.argmax()), expected, int(odd.sum()) - 1)
    if gaps.any() and column.fill is not None:
        fill = column.words.index(column.fill) if isinstance(column.fill, str) else column.fill
        values = np.where(gaps if values.ndim == 1 else gaps[:, None], fill, values)
    elif gaps.any() and column.kind != "number":
        check_gaps(table, name, gaps, settings, faults)
    if column.kind == "number":
        return values - column.base if column.base else values
    if column.kind == "date":
        return values - np.array([0, 0, 0, column.base])
    unknown = values < 0
    if unknown.any() and not column.other:
        first = int(unknown.argmax())
        near = did_you_mean(table.columns[name][first].strip(), column.words)
        cure = (
            f"Correct the cell{near and f' ({near.strip()})'}, or declare {name!r} as category_or_other in data.columns"
        )
        faults.add_cell(name, first, f"one of {words_in(column.words)}", int(unknown.sum()) - 1, cure)
    if column.kind == "flag":
        return values
    positions = np.where(unknown, len(column.words), np.nan_to_num(values))
    return positions[:, None] == np.arange(len(column.features))
