"""A user's table: a CSV file with a header; every column but the label is a feature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.dataset import Progress
from stackfit.data.own import Pair, own_kind
from stackfit.data.settings import wrong
from stackfit.errors import DataError, did_you_mean
from stackfit.files import reading, shown

if TYPE_CHECKING:
    import pandas as pd


def read(path: Path, settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
    """Features `(rows, columns)`; row numbers in messages are those of the file, header included."""
    label, of_test, key = settings.label, key == "test_path", f"data.{key}"
    table = read_table(path, key)
    columns = list(table.columns)
    if label not in columns:
        found = f"{shown(path)} has no column {label!r}.{did_you_mean(str(label), columns)}"
        found = found if label else "data.label is not set."
        raise wrong("label", found, f"one of {', '.join(columns)}", "Type data.label=COLUMN")
    if not len(table) or len(columns) < 2:
        found = f"{shown(path)} has {len(table)} rows and {len(columns) - 1} columns besides the label."
        raise DataError(f"{found} Expected at least one of each. Add them to the file.", key=key)
    features = [column for column in columns if column != label]
    if of_test:  # the model knows columns by their place, a file by their names
        features = _columns(Path(str(settings.path)).expanduser(), settings)
    x = numbers(table, features, shown(path), key)
    if table[label].isna().any():
        row = table.index[table[label].isna()][0]
        found = f"Column {label!r} of {shown(path)} is empty in row {row + 2}."
        raise DataError(f"{found} Expected a label. Correct the cell, or remove the row or the column.", key=key)
    words = table[label].dtype.kind not in "biuf"
    return {"all": (x, table[label].to_numpy(np.str_ if words else None))}


def read_table(path: Path, key: str | None = None, rows: int | None = None) -> pd.DataFrame:
    """A table whose separator is a comma, a semicolon or a tab; the index counts the lines after the header, from 0.

    Args:
        key: the config key that named the file, for errors.
        rows: how many to read; all if it is None.
    """
    expected = "a header line and rows of numbers with commas between"
    with reading(path, expected, "Correct the file.", DataError, key=key):
        import pandas as pd

        with open(path, encoding="utf-8", errors="replace") as file:
            separator = max(",;\t", key=file.readline().count)
        # Blank lines are read and dropped afterwards, so that the index still counts the lines of the file.
        table = pd.read_csv(path, sep=separator, skip_blank_lines=False, low_memory=False, nrows=rows)
        return table.set_axis([str(column) for column in table.columns], axis=1).dropna(how="all")


def numbers(
    table: pd.DataFrame, columns: Sequence[str], name: str, key: str | None = None, first_row: int = 2
) -> np.ndarray:
    """Columns of a table as float32 `(rows, columns)`, in this order.

    Args:
        name: what the table is called in errors.
        first_row: its first row's number: 2 in a file with a header.

    Raises:
        DataError: a column is missing or stands there twice, or a cell is not a number.
    """
    import pandas as pd

    names = list(table.columns)
    if missing := [column for column in columns if names.count(column) != 1]:
        near = did_you_mean(missing[0], names) if len(missing) == 1 else ""
        twice = missing[0] in names
        found = f"{name} has the column {missing[0]!r} twice." if twice else f"{name} has no {', '.join(missing)}.{near}"
        raise DataError(
            f"{found} Expected the columns {', '.join(columns)}, in any order. Correct its columns.", key=key
        )
    features = table[list(columns)].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    bad = ~np.isfinite(features)
    for column in bad.columns[bad.any()]:
        at = int(bad[column].to_numpy().argmax())
        cell, row = table[column].iloc[at], table.index[at]
        cell = "empty" if pd.isna(cell) else repr(str(cell))
        place = f"row {row + first_row}" if isinstance(row, (int, np.integer)) else f"row {row!r}"
        raise DataError(
            f"Column {column!r} of {name} is {cell} in {place}. Expected a number. Correct the cell, or remove the row or "
            "the column.",
            key=key,
        )
    return features.to_numpy(np.float32)


def _columns(path: Path, settings: Data) -> list[str]:
    return [column for column in read_table(path, "data.path", rows=0).columns if column != settings.label]


KIND = own_kind("a CSV file", read, columns=_columns)
