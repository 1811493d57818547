"""New rows for a trained model, from a CSV file or a DataFrame: its columns by name, encoded as the training rows were."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.tables.columns import declared_columns
from stackfit.data.tables.encoding import Column, Encoding
from stackfit.data.tables.header import plain
from stackfit.data.tables.numbers import parse_numbers
from stackfit.data.tables.precision import find_lost
from stackfit.data.tables.table import Table, missing, read_table
from stackfit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

_PADDED = re.compile(r"\s*[+-]?0\d")  # pandas reads 007 as 7


def read_rows(path: Path, encoding: Encoding, settings: Data) -> Table:
    """A CSV file, written as the training table was.

    Raises:
        DataError: the file is no table.
    """
    return read_table(path, settings, "", [column.name for column in encoding.columns if column.kind != "number"])


def rows_of(frame: pd.DataFrame, encoding: Encoding, settings: Data, name: str) -> Table:
    """The rows of a DataFrame; each is called by its index.

    Args:
        name: what the frame is called in errors.

    Raises:
        DataError: a column stands there twice, or holds numbers in place of words such as `007`.
    """
    names = [plain(str(column)) for column in frame.columns]
    if twice := [column.name for column in encoding.columns if names.count(column.name) > 1]:
        raise DataError(f"{name} has the column {twice[0]!r} twice. Expected each name once. Remove one of them.")
    kinds = {column.name: column for column in encoding.columns}
    columns = {
        column: _cells(frame.iloc[:, number], kinds[column], settings, name) if column in kinds else np.empty(0)
        for number, column in enumerate(names)
    }
    labels = [label if isinstance(label, (int, np.integer)) else repr(label) for label in frame.index]
    return Table(name, "", columns, np.array(labels, object), texts=lambda column: columns[column].astype(str))


def encode_rows(table: Table, encoding: Encoding, settings: Data, say: Callable[[str], None]) -> np.ndarray:
    """Features `(rows, features)` as float32, unscaled; `say` is told which columns are not used, and what float32 does not hold.

    Raises:
        DataError: there are no rows, a column is missing, or every cell that the encoding does not know.
    """
    match_columns(table, encoding, settings, say)
    features = encoding.encode(table, replace(settings, decimal=settings.decimal or "."))  # training settled what a dot is
    for lost in find_lost(table, None, encoding):
        say(f"{lost.message}.")
    return features


def match_columns(table: Table, encoding: Encoding, settings: Data, say: Callable[[str], None]) -> None:
    """Refuse a table without rows, or without a column of the encoding; `say` is told which columns are not used.

    Raises:
        DataError: see above.
    """
    if not len(table):
        raise DataError(f"{table.name} has no rows. Expected at least one. Add it.")
    names = [column.name for column in encoding.columns]
    if lacking := [name for name in names if name not in table.columns]:
        near = did_you_mean(lacking[0], table.columns)
        raise DataError(
            f"{table.name} has no {', '.join(lacking)}.{near} Expected the columns {', '.join(names)}, in any order. Correct "
            "its columns."
        )
    apart = [plain(name) for name in (settings.label, settings.group, settings.split_by) if name]
    known = {*names, *declared_columns(settings), *apart}
    if unused := [name for name in table.columns if name not in known]:
        say(f"Not used of {table.name}: {', '.join(unused)}.")


def _cells(values: pd.Series, column: Column, settings: Data, name: str) -> np.ndarray:
    """A DataFrame's column as `read_table` gives a file's: float64, or text and None."""
    import pandas as pd

    values = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    values = values.infer_objects()
    is_number = pd.api.types.is_numeric_dtype(values.dtype)  # of True and False, too
    if column.kind == "number" and is_number:
        return without_missing(values.to_numpy(np.float64, na_value=np.nan), settings)
    if padded := next((word for word in column.words if _PADDED.match(word)), None):
        found = next((value for value in values if isinstance(value, Real) and value == value), None)
        if found is not None:
            raise DataError(
                f"Column {column.name!r} of {name} holds numbers such as {found}, but the training data have words such as "
                f"{padded!r}. Expected text. Read it with pandas.read_csv(path, dtype={{{column.name!r}: str}})."
            )
    cells = np.empty(len(values), object)
    cells[:] = [None if gap else _text(value, column) for value, gap in zip(values, missing(values), strict=True)]
    for number, cell in enumerate(cells):
        if cell is not None and cell.strip() in settings.missing:
            cells[number] = None
    if column.kind == "number":
        numbers = parse_numbers(cells, settings)
        return cells if (np.isnan(numbers) & ~missing(cells)).any() else numbers
    return cells


def without_missing(values: np.ndarray, settings: Data) -> np.ndarray:
    """Numbers with NaN for those that a table writes as missing, such as -999; as pandas reads them."""
    words = parse_numbers(np.array(settings.missing, object), settings)
    return np.where(np.isin(values, words[~np.isnan(words)]), np.nan, values)


def _text(value: Any, column: Column) -> str:
    """A cell as the training table writes it."""
    import pandas as pd

    if column.kind == "date" and hasattr(value, "isoformat"):
        time = pd.Timestamp(value)
        if column.offset is False and time.utcoffset():
            return time.isoformat()  # named as such
        time = time if time.tz is None else time.tz_convert("UTC")
        return time.isoformat() if column.form in (None, "ISO8601") else time.strftime(column.form)
    text = str(value)
    if isinstance(value, (bool, np.bool_)):
        return next((word for word in column.words if word.lower() == text.lower()), text)
    if isinstance(value, (float, np.floating)) and text not in column.words and float(value).is_integer():
        return str(int(value))  # pandas makes floats of whole numbers where a cell is missing
    return text
