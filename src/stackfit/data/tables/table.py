"""A table in memory: named columns, each of numbers or of text, with the row numbers of its file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.tables.header import check_widths, read_names
from stackfit.data.tables.numbers import check_signs
from stackfit.data.tables.parsing import Reader
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
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)  # of columns of numbers, where they are known; NaN with a gap
    sound: dict[str, tuple[float, float]] = field(default_factory=dict)  # those of columns that were checked
    texts: Callable[[str], np.ndarray] = lambda name: np.empty(0, object)  # reads a column of numbers as text again
    _words: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def is_text(self, name: str) -> bool:
        """Whether the column's cells are text."""
        return self.columns[name].dtype == object

    def words(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A column of text as `(rows,)` positions in its words, -1 for missing cells; and these words, each once."""
        if name not in self._words:
            import pandas as pd

            self._words[name] = pd.factorize(self.columns[name])
        return self._words[name]


def read_table(path: Path, settings: Data, key: str, as_text: Collection[str] = ()) -> Table:
    """Read a user's table, whole.

    Args:
        as_text: the names of columns that stay text even if all their cells are numbers; others, if a cell is not one.

    Raises:
        DataError: the file is no table, with the line at which that shows.
    """
    expected = "a header line and rows of numbers with commas between"
    with reading(path, expected, "Correct the file.", DataError, key=f"data.{key}" if key else None):
        check_signs(settings)
        source = open_source(path, settings, key)
        names = read_names(source, settings, key)
        reader = Reader(source, names, settings)
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
    table.ends = reader.ends
    table.texts = lambda name: reader.read_text([name])[name][table.rows - first - source.blank]
    if _has_gaps(table, names[-1]):
        check_widths(source, settings, key)  # pandas fills a short line up
        empty = np.logical_and.reduce([missing(column) for column in columns.values()])
        if empty.any():
            _leave_out(table, empty, source)
    return table


def missing(column: np.ndarray) -> np.ndarray:
    """`(rows,)`, true where a cell is missing."""
    import pandas as pd

    return np.asarray(pd.isna(column))


def _has_gaps(table: Table, name: str) -> bool:
    """Whether a cell of the column is missing, by what is known of it or will be needed."""
    if name in table.ends:
        return bool(np.isnan(table.ends[name][0]))
    return bool((table.words(name)[0] < 0 if name in table.forced else missing(table.columns[name])).any())


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
    table.ends, table._words = {}, {}
