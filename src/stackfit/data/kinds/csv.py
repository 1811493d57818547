"""A user's table: a CSV file with a header; every column but the label is a feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.dataset import Progress
from stackfit.data.own import Pair, own_kind
from stackfit.data.settings import wrong
from stackfit.errors import DataError, did_you_mean
from stackfit.files import reading, shown


def read(path: Path, settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
    """Features `(rows, columns)`; row numbers in messages are those of the file, header included."""
    label = settings.label
    expected = "a header line and rows of numbers with commas between"
    with reading(path, expected, "Correct the file.", DataError, key=f"data.{key}"):
        import pandas as pd

        with open(path, encoding="utf-8", errors="replace") as file:
            separator = max(",;\t", key=file.readline().count)
        # Blank lines are read and dropped afterwards, so that the index still counts the lines of the file.
        table = pd.read_csv(path, sep=separator, skip_blank_lines=False, low_memory=False).dropna(how="all")
    columns = [str(column) for column in table.columns]
    if label not in columns:
        found = f"{shown(path)} has no column {label!r}.{did_you_mean(str(label), columns)}"
        found = found if label else "data.label is not set."
        raise wrong("label", found, f"one of {', '.join(columns)}", "Type data.label=COLUMN")
    if not len(table) or len(columns) < 2:
        found = f"{shown(path)} has {len(table)} rows and {len(columns) - 1} columns besides the label."
        raise wrong(key, found, "at least one of each", "Add them to the file")
    features = table.drop(columns=label).apply(pd.to_numeric, errors="coerce").astype(np.float64)
    bad = ~np.isfinite(features)
    bad[label] = table[label].isna()
    for column in bad.columns[bad.any()]:
        row, what = bad[column].idxmax(), "a label" if column == label else "a number"
        cell = "empty" if pd.isna(table.at[row, column]) else repr(str(table.at[row, column]))
        found = f"Column {column!r} of {shown(path)} is {cell} in row {row + 2}."
        raise wrong(key, found, what, "Correct the cell, or remove the row or the column")
    words = table[label].dtype.kind not in "biuf"
    return {"all": (features.to_numpy(np.float32), table[label].to_numpy(np.str_ if words else None))}


KIND = own_kind("a CSV file", read)
