"""A user's own numbers: CSV and NPZ files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.labels import plain_labels
from stackfit.errors import DataError, did_you_mean

PAIRS = (("x", "y"), ("x_train", "y_train"), ("x_test", "y_test"))


def existing(path: str | None, what: str, key: str = "data.path") -> Path:
    """The path as given, if it is there.

    Raises:
        DataError: no path was given, or nothing is there; names the nearest name in that folder.
    """
    if not path or path == "???":
        raise DataError(f"{key} is not set. Expected {what}. Type {key}=PATH.", key=key)
    found = Path(path).expanduser()
    if not found.exists():
        beside = os.listdir(found.parent) if found.parent.is_dir() else []
        raise DataError(
            f"There is no {places.shown(found)}.{did_you_mean(found.name, beside)} Expected {what}. "
            f"Type {key}=PATH with the path of one.",
            key=key,
        )
    return found


def read_csv(path: Path, label: str | None, key: str = "data.path") -> tuple[np.ndarray, np.ndarray]:
    """Features as float32 `(rows, columns)` and labels `(rows,)` as `plain_labels` returns them.

    Row numbers in messages are those of the file: the header is row 1.

    Raises:
        DataError: not a table, no rows, no such label column, or a cell that is empty or not a number.
    """
    import pandas as pd

    name = places.shown(path)
    try:
        # Blank lines are read and dropped afterwards, so that the index still counts the lines of the file.
        table = pd.read_csv(path, sep=_separator(path), skip_blank_lines=False, low_memory=False).dropna(how="all")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        raise DataError(
            f"{name} cannot be read as a table: {error}. Expected a header line and rows of numbers, comma-separated. "
            "Correct the file.",
            key=key,
        ) from None
    columns = [str(column) for column in table.columns]
    if label not in table.columns:
        if label in (None, "???"):
            found = "data.label is not set."
        else:
            found = f"{name} has no column {label!r}.{did_you_mean(str(label), columns)}"
        raise DataError(f"{found} Its columns are {', '.join(columns)}. Type data.label=COLUMN.", key="data.label")
    if not len(table) or len(columns) < 2:
        raise DataError(
            f"{name} has {len(table)} rows and {len(columns) - 1} columns beside the label. Expected at least one of "
            "each. Add them to the file, or set data.path to another.",
            key=key,
        )
    features = table.drop(columns=label)
    for column in features.columns:
        features[column] = _numbers(features[column], name, key)
    labels = table[label]
    if labels.isna().any():
        raise _bad_cell(name, label, labels.index[labels.isna()][0], "empty", "a label in every row", key)
    values = labels.to_numpy(np.str_) if labels.dtype.kind not in "biuf" else labels.to_numpy()
    return features.to_numpy(np.float32), plain_labels(values, name)


def _separator(path: Path) -> str:
    """Comma, semicolon or tab: whichever the header line has most of."""
    with open(path, encoding="utf-8", errors="replace") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _numbers(column: Any, name: str, key: str) -> Any:
    """A pandas column as finite numbers."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    bad = ~np.isfinite(numbers.to_numpy())
    if bad.any():
        row = column.index[bad][0]
        cell = column[row]
        found = "empty" if pd.isna(cell) else repr(cell)
        raise _bad_cell(name, str(column.name), row, found, "a number in every cell", key)
    return numbers


def _bad_cell(name: str, column: str, row: int, found: str, expected: str, key: str) -> DataError:
    return DataError(
        f"Column {column!r} of {name} is {found} in row {row + 2}. Expected {expected}. "
        "Correct the cell, or remove the row or the column.",
        key=key,
    )


def open_npz(path: Path, key: str = "data.path") -> dict[str, np.ndarray]:
    """The arrays of an NPZ file; pickled objects are refused, for they run code.

    Raises:
        DataError: not an NPZ file, damaged, or with an array of Python objects.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, not several by name")
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, AttributeError) as error:
        reason = "an array of Python objects" if "allow_pickle" in str(error) else str(error)
        raise DataError(
            f"{places.shown(path)} cannot be read: {reason}. Expected an NPZ file of plain arrays of numbers. "
            "Write one with numpy.savez(path, x=x, y=y).",
            key=key,
        ) from None


def read_npz(path: Path, label: str | None, key: str = "data.path") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`{"all": (x, y)}`, or `{"train": (x, y), "test": (x, y)}` when the file is already divided.

    `x` is uint8 `(examples, height, width, channels)` for uint8 pictures, where a missing channel axis is added, else
    float32 `(examples, …)`. `label` names another array than `y`.

    Raises:
        DataError: as `open_npz`; or arrays are missing, empty, of different lengths, or not numbers.
    """
    arrays, name = open_npz(path, key), places.shown(path)
    label = None if label == "???" else label
    pairs = {"all": ("x", label or "y"), "train": PAIRS[1], "test": PAIRS[2]}
    parts = {}
    for part, (x_name, y_name) in pairs.items():
        if part != "all" and x_name not in arrays and y_name not in arrays:
            continue
        if part == "all" and x_name not in arrays and "x_train" in arrays:
            continue
        for wanted in (x_name, y_name):
            if wanted not in arrays:
                raise DataError(
                    f"{name} has no array {wanted!r}.{did_you_mean(wanted, arrays)} It holds {', '.join(arrays)}. "
                    "Expected x and y, or x_train, y_train, x_test and y_test. Save it with these names"
                    + (", or type data.label=NAME." if wanted == y_name else "."),
                    key="data.label" if wanted == label else key,
                )
        parts[part] = _pair(arrays[x_name], arrays[y_name], name, key)
    return parts


def _pair(x: np.ndarray, y: np.ndarray, name: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x) or len(x) != len(y):
        raise DataError(
            f"{name} has x of type {x.dtype} and shape {x.shape}, and {len(y) if y.ndim else 0} labels. Expected "
            "numbers of shape (examples, ...), at least one, and one label an example. Save such arrays.",
            key=key,
        )
    if x.dtype == np.uint8:
        return (x[..., np.newaxis] if x.ndim == 3 else x), plain_labels(y, name)
    return x.astype(np.float32), plain_labels(y, name)
