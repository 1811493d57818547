"""A user's own numbers: CSV and NPZ files."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.labels import plain_labels
from stackfit.errors import DataError, did_you_mean


def read_csv(path: Path, label: str | None, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Features as float32 `(rows, columns)` and labels `(rows,)` as `plain_labels` returns them.

    Row numbers in messages are those of the file: the header is row 1.

    Raises:
        DataError: not a table, no rows, no such label column, or a cell that is empty or not a number.
    """
    import pandas as pd

    name = places.shown(path)
    try:
        # Blank lines are read and dropped afterwards, so that the index still counts the lines of the file.
        table = pd.read_csv(path, sep=_separator(path), skip_blank_lines=False, low_memory=False)
        table = table.dropna(how="all")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        raise DataError(
            f"{name} cannot be read as a table: {error}. Expected a header line and rows of numbers with "
            "commas between them. Correct the file.",
            key=key,
        ) from None
    columns = [str(column) for column in table.columns]
    if label not in columns:
        found = (
            f"{name} has no column {label!r}.{did_you_mean(label, columns)}"
            if label
            else "data.label is not set."
        )
        raise DataError(
            f"{found} Expected one of {', '.join(columns)}. Type data.label=COLUMN.", key="data.label"
        )
    if not len(table) or len(columns) < 2:
        raise DataError(
            f"{name} has {len(table)} rows and {len(columns) - 1} columns beside the label. Expected at "
            f"least one of each. Add them to the file, or set {key} to another.",
            key=key,
        )
    features = [_numbers(table[column], name, key) for column in table.columns if column != label]
    labels = table[label]
    if labels.isna().any():
        raise _bad_cell(labels, labels.isna().to_numpy(), name, "a label in every row", key)
    words = labels.dtype.kind not in "biuf"
    return np.stack(features, axis=1), plain_labels(labels.to_numpy(np.str_ if words else None), name)


def _separator(path: Path) -> str:
    """Comma, semicolon or tab: whichever the header line has most of."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return max(",;\t", key=file.readline().count)


def _numbers(column: Any, name: str, key: str) -> np.ndarray:
    """A pandas column as finite float32 numbers."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(numbers).all():
        raise _bad_cell(column, ~np.isfinite(numbers), name, "a number in every cell", key)
    return numbers.astype(np.float32)


def _bad_cell(column: Any, bad: np.ndarray, name: str, expected: str, key: str) -> DataError:
    """The error for the first bad cell; a column's index counts from the line below the header."""
    cell, line = column[bad].iloc[0], column.index[bad][0] + 2
    found = "empty" if cell != cell else repr(cell) if isinstance(cell, str) else str(cell)
    return DataError(
        f"Column {str(column.name)!r} of {name} is {found} in row {line}. Expected {expected}. "
        "Correct the cell, or remove the row or the column.",
        key=key,
    )


def read_npz(path: Path, label: str | None, key: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`{"all": (x, y)}`, or `{"train": (x, y), "test": (x, y)}` when the file is already divided.

    `x` is uint8 `(examples, height, width, channels)` for uint8 pictures, where a missing channel axis is
    added, else float32 `(examples, …)`. `label` names another array than `y`.

    Raises:
        DataError: not an NPZ file, damaged, or its arrays are missing, empty, of different lengths, or
            objects.
    """
    arrays, name = _open_npz(path, key), places.shown(path)
    wanted = {"all": ("x", label or "y")}
    if "x_train" in arrays and "x" not in arrays:
        wanted = {"train": ("x_train", "y_train")}
        wanted |= {"test": ("x_test", "y_test")} if "x_test" in arrays else {}
    for array_name in (array_name for pair in wanted.values() for array_name in pair):
        if array_name not in arrays:
            raise DataError(
                f"{name} has no array {array_name!r}.{did_you_mean(array_name, arrays)} It holds "
                f"{', '.join(arrays)}. Expected x and y, or x_train, y_train, x_test and y_test. Save it "
                "with these names, or type data.label=NAME for another than y.",
                key="data.label" if array_name == label else key,
            )
    return {
        part: _pair(arrays[x_name], arrays[y_name], name, key) for part, (x_name, y_name) in wanted.items()
    }


def _open_npz(path: Path, key: str) -> dict[str, np.ndarray]:
    """All arrays of an NPZ file; pickled objects are refused, for they run code."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, TypeError) as error:
        reason = (
            "it holds Python objects"
            if "allow_pickle" in str(error)
            else f"it is damaged or no NPZ ({error})"
        )
        raise DataError(
            f"{places.shown(path)} cannot be read: {reason}. Expected an NPZ file of plain arrays of "
            "numbers. Write one with numpy.savez(path, x=x, y=y).",
            key=key,
        ) from None


def _pair(x: np.ndarray, y: np.ndarray, name: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x) or y.shape[:1] != x.shape[:1]:
        raise DataError(
            f"{name} has examples of type {x.dtype} and shape {x.shape}, and labels of shape {y.shape}. "
            "Expected numbers of shape (examples, ...), at least one, and one label an example. Save such "
            "arrays.",
            key=key,
        )
    if x.dtype == np.uint8:
        return (x[..., np.newaxis] if x.ndim == 3 else x), plain_labels(y, name)
    return x.astype(np.float32), plain_labels(y, name)
