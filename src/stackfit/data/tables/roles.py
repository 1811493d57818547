"""Columns that are no features: the label, a group, an order; and columns that should not be features."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stackfit.config.override_text import override_text
from stackfit.config.schema import Data
from stackfit.data.settings import wrong
from stackfit.data.tables.columns import Faults, check_numbers, declared_columns, is_spoilt, words_in
from stackfit.data.tables.dates import date_forms, date_parts
from stackfit.data.tables.header import plain
from stackfit.data.tables.numbers import parse_numbers
from stackfit.data.tables.table import Table, missing
from stackfit.errors import did_you_mean

LARGEST_WHOLE = 2**53  # above it, float64 does not hold every whole number
TRUTH = {"True": 1, "TRUE": 1, "true": 1, "False": 0, "FALSE": 0, "false": 0}
COUNTED = 20  # rows from which numbers 0, 1, 2, … are hardly a feature
_NAMED = re.compile(r"^Unnamed: [\d.]+$|[a-z]I[Dd]$|(^|[\W_])(?i:id|idx|index|key)$")  # as pandas and databases call such columns


def find_column(table: Table, settings: Data, key: str) -> str:
    """The name of the column that `data.KEY` names.

    Raises:
        DataError: there is no such column.
    """
    given = getattr(settings, key)
    name = plain(str(given or ""))
    if name in table.columns:
        return name
    found = (
        f"{table.name} has no column {given!r}.{did_you_mean(name, table.columns)}"
        if given
        else f"data.{key} is not set."
    )
    if len(table.columns) == 1:
        cure = "Type data.separator with the character between them, such as 'data.separator=\" \"', and see that there is one at a time"
        raise wrong(key, f"{found} No comma, semicolon, tab or | divides its first line.", "several columns", cure)
    raise wrong(key, found, f"one of {', '.join(table.columns)}", f"Type data.{key}=COLUMN")


def label_cells(
    table: Table, label: str, settings: Data, faults: Faults, like: np.ndarray | None = None, as_value: bool = False
) -> np.ndarray:
    """`(rows,)` labels: int64 for whole numbers, float64 for others, else the words as they are written.

    Args:
        faults: takes missing labels, and of values that are numbers but for some cells these.
        like: the training part's labels: these become numbers if those are.
    """
    if label not in table.columns:
        find_column(table, settings, "label")
    cells = table.columns[label]
    codes, words = table.words(label) if table.is_text(label) else (cells, cells)
    bad = codes < 0 if cells.dtype == object else ~np.isfinite(cells)
    if bad.any():
        faults.add_cell(label, int(bad.argmax()), "a label", int(bad.sum()) - 1)
        return np.zeros(len(cells))
    if cells.dtype != object:
        return cells
    numbers = None if like is not None and like.dtype.kind == "U" else _numbers(words)
    if numbers is None and as_value and is_spoilt(cells, settings):
        check_numbers(table, label, settings, faults)
        return np.zeros(len(cells))
    if numbers is not None:
        return numbers[codes]  # type: ignore[no-any-return]
    if like is not None and like.dtype.kind in "if":
        bad_word = next(number for number, word in enumerate(words) if _numbers(np.array([word], object)) is None)
        faults.add_cell(label, int((codes == bad_word).argmax()), "a number, as in the training file")
        return np.zeros(len(cells))
    return _texts(words, settings, like)[codes]  # type: ignore[no-any-return]


def _texts(words: np.ndarray, settings: Data, like: np.ndarray | None) -> np.ndarray:
    """Words as they are written; without the blanks around them where these alone make two of one, or are not declared."""
    known = set(map(str, settings.class_names)) or (set() if like is None else {*like.tolist()})
    bare = [word.strip() for word in words]
    if known:
        return np.array(
            [word if word in known or word.strip() not in known else word.strip() for word in words], np.str_
        )
    return np.array(bare if len({*bare}) < len(words) else words, np.str_)


def _numbers(words: np.ndarray) -> np.ndarray | None:
    """Words as int64 or float64; None if one is not a number, or would not be written so: a label is what is written."""
    if all(word in TRUTH for word in words):
        return np.array([TRUTH[word] for word in words], np.int64)
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        return None
    padded = any(word.strip().lstrip("+-")[:1] == "0" and word.strip().lstrip("+-")[1:2].isdigit() for word in words)
    if padded or not np.isfinite(values).all() or "_" in "".join(words):
        return None
    if (values % 1 != 0).any():
        return values
    return values.astype(np.int64) if np.abs(values).max() <= LARGEST_WHOLE else None


def group_names(table: Table, settings: Data) -> np.ndarray | None:
    """`(rows,)` words of `data.group`; None if it is not set, or not in a test file."""
    if not settings.group or (table.key == "test_path" and plain(settings.group) not in table.columns):
        return None
    name = find_column(table, settings, "group")
    faults, cells = Faults(table, settings), _as_text(table, name)
    if (gaps := missing(cells)).any():
        faults.add_cell(name, int(gaps.argmax()), "a group for each row", int(gaps.sum()) - 1)
    faults.raise_all()
    return np.array([cell.strip() for cell in cells], np.str_)


def _as_text(table: Table, name: str) -> np.ndarray:
    """A column's cells as they are written, though it may be a feature of numbers as well."""
    return table.columns[name] if table.is_text(name) else table.texts(name)


def order_numbers(table: Table, settings: Data) -> np.ndarray | None:
    """`(rows,)` float64 of `data.split_by`, from numbers or dates; None if it is not set, or not in a test file."""
    if not settings.split_by or (table.key == "test_path" and plain(settings.split_by) not in table.columns):
        return None
    name = find_column(table, settings, "split_by")
    cells = _as_text(table, name)
    gaps = missing(cells)
    values = np.full(len(cells), np.nan)
    forms = date_forms(sorted({cell.strip() for cell in cells[~gaps]}))
    if len(forms) == 1:
        values = date_parts(cells, forms[0])[:, 3]
    elif not forms:
        values = parse_numbers(cells, settings)
    faults = Faults(table, settings)
    if (bad := ~np.isfinite(values)).any():
        expected = (
            "dates that can be read in one way: YYYY-MM-DD"
            if len(forms) > 1
            else "a number or a date such as 2024-01-31"
        )
        faults.add_cell(name, int(bad.argmax()), expected, int(bad.sum()) - 1)
    faults.raise_all()
    return values


def check_test_columns(table: Table, test: Table, settings: Data, label: str, kinds: Mapping[str, str]) -> None:
    """The test file has every feature and the label, and no column that the training file does not have.

    Raises:
        DataError: names both files.
    """
    needed = [*kinds, label]
    lacking = [name for name in needed if name not in test.columns]
    dropped = {name for name, kind in declared_columns(settings).items() if kind == "drop"}
    more = [name for name in test.columns if name not in table.columns and name not in dropped]
    if lacking or more:
        parts = [f"lacks {words_in(lacking)}"] if lacking else []
        parts += [f"has {words_in(more)} besides"] if more else []
        near = "".join(did_you_mean(name, more) for name in lacking[:1])
        found = f"{test.name} {' and '.join(parts)}, compared with {table.name}.{near}"
        cure = "Rename or add them"
        if more and not lacking:
            cure = f"Remove them from the file, or type {override_text('data.columns', declared_columns(settings) | dict.fromkeys(more, 'drop'))}"
        raise wrong("test_path", found, f"the same columns in both, in any order: {', '.join(needed)}", cure)


def find_counting(table: Table, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The columns of numbers that stand for the row they are in, each with how: they count the rows, maybe with gaps where
    rows were taken out; or are called so, and have another whole number in each row."""
    for name in names if len(table) >= COUNTED else ():
        column = table.columns[name]
        if table.is_text(name) or (column[:COUNTED] % 1 != 0).any():
            continue
        steps = np.diff(column)
        if 2 * (steps == 1).sum() > len(steps) and (steps >= 1).all() and not (steps % 1).any():
            yield name, "counts the rows"
        elif _NAMED.search(name) and not (column % 1).any() and len(np.unique(column)) == len(column):
            yield name, "has another whole number in each row"


def look_alikes(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of class names that differ only in case."""
    if len(names) <= 100 and not all(len(name) == 1 for name in names):  # letters are classes of their own
        for first, second in itertools.combinations(names, 2):
            if first.casefold() == second.casefold():
                yield first, second
