"""A table in memory: named columns, each of numbers or of text, with the row numbers of its file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.tables.header import check_widths, read_names
from stackfit.data.tables.numbers import parse_numbers
from stackfit.data.tables.source import Source, not_utf8, open_source
from stackfit.errors import DataError
from stackfit.files import reading, shown


@dataclass
class Table:
    """Columns by name, in the file's order: float64 with NaN for missing cells, or objects: text as written, or None."""

    name: str  # of the file, as a user types it
    key: str  # the setting that names it: path or test_path; empty for new rows of a trained model
    columns: dict[str, np.ndarray]  # each `(rows,)`
    rows: np.ndarray  # `(rows,)` int64: the row of the file, its header included
    left_out: list[int] = field(default_factory=list)  # rows that hold nothing but separators
    forced: frozenset[str] = frozenset()  # columns that are text on request, whatever they hold
    texts: Callable[[str], np.ndarray] = lambda name: np.empty(0, object)  # reads a column of numbers as text again

    def __len__(self) -> int:
        return len(self.rows)

    def is_text(self, name: str) -> bool:
        """Whether the column's cells are text."""
        return self.columns[name].dtype == object


def read_table(path: Path, settings: Data, key: str, as_text: Collection[str] = ()) -> Table:
    """Read a user's table, whole.

    Args:
        as_text: the names of columns that stay text even if all their cells are numbers; others, if a cell is not one.

    Raises:
        DataError: the file is no table, with the line at which that shows.
    """
    expected = "a header line and rows of numbers with commas between"
    with reading(path, expected, "Correct the file.", DataError, key=f"data.{key}" if key else None):
        source = open_source(path, settings, key)
        names = read_names(source, settings, key)
        reader = _Reader(source, names, settings)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # mixed types in parts of a column: it is read as text then
                columns = reader.read(as_text)
        except UnicodeDecodeError:
            if settings.encoding:
                raise
            raise not_utf8(path, key) from None
        except Exception:
            check_widths(source, settings, key)  # the likely cause, in our words
            raise
    first = 1 if settings.header is False else 2
    table = Table(shown(path), key, columns, np.arange(len(columns[names[0]])) + first + source.blank)
    table.forced = frozenset(as_text) & columns.keys()
    table.texts = lambda name: reader.read([name], [name])[name][table.rows - first - source.blank]
    if missing(columns[names[-1]]).any():
        check_widths(source, settings, key)  # pandas fills a short line up
        empty = np.logical_and.reduce([missing(column) for column in columns.values()])
        if empty.any():
            _leave_out(table, empty, source)
    return table


def missing(column: np.ndarray) -> np.ndarray:
    """`(rows,)`, true where a cell is missing."""
    import pandas as pd

    return np.asarray(pd.isna(column))


def _leave_out(table: Table, empty: np.ndarray, source: Source) -> None:
    """Take out blank lines, and lines that hold nothing but separators: those are kept in `left_out`."""
    numbers = dict(zip(table.rows[empty].tolist(), np.flatnonzero(empty).tolist(), strict=True))
    kept = ~empty
    for number, record in enumerate(source.records(), 1):
        if number in numbers:
            if any(cell.strip() for cell in record):  # words for missing values
                kept[numbers[number]] = True
            elif record:
                table.left_out.append(number)
    table.rows = table.rows[kept]
    table.columns = {name: column[kept] for name, column in table.columns.items()}


@dataclass(frozen=True)
class _Reader:
    """pandas, with what is said about the file."""

    source: Source
    names: list[str]
    settings: Data

    def read(self, as_text: Iterable[str], only: list[str] | None = None) -> dict[str, np.ndarray]:
        as_text, grouped = set(as_text) & set(self.names), bool(self.settings.thousands)
        frame = self._parse(str if grouped else dict.fromkeys(as_text, str), only)
        columns: dict[str, np.ndarray] = {}
        words = [name for name in frame.columns if frame[name].dtype.kind not in "biuf" and name not in as_text]
        again = self._parse(str, words) if words and not grouped else None
        for name in list(frame.columns):
            column = frame.pop(name)
            if again is not None and name in words:
                column = again.pop(name)
            columns[name] = column.to_numpy(np.float64) if column.dtype.kind in "biuf" else _texts(column)
            if columns[name].dtype == object and name not in as_text:  # pandas takes no 30 digits, and no digits of other scripts
                numbers = parse_numbers(columns[name], self.settings)
                columns[name] = columns[name] if (np.isnan(numbers) & ~missing(columns[name])).any() else numbers
        return columns

    def _parse(self, dtype: Any, only: list[str] | None) -> Any:
        import pandas as pd

        settings = self.settings
        with self.source.open() as file:
            return pd.read_csv(
                file,
                sep=self.source.separator,
                encoding=self.source.encoding,
                names=self.names,
                header=None if settings.header is False else 0,
                skiprows=self.source.blank,
                index_col=False,
                usecols=only,
                dtype=dtype,
                decimal=settings.decimal or ".",
                keep_default_na=False,
                na_values=list({*settings.missing, ""}),
                skip_blank_lines=False,
            )


def _texts(column: Any) -> np.ndarray:
    cells = column.to_numpy(object)
    cells[column.isna().to_numpy()] = None
    return cells  # type: ignore[no-any-return]
