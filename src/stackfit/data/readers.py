"""What a user's own data can be: a CSV file, an NPZ file, or a folder of pictures; if it is not, DataError.

Examples come as uint8 pictures or float32, labels as the file has them. `key` is `path` or `test_path`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.settings import check_declared, wrong
from stackfit.errors import DataError, did_you_mean
from stackfit.files import reading, shown

Pair = tuple[np.ndarray, np.ndarray]
SUFFIXES = (".png", ".jpg", ".jpeg")
COLOUR_MODES = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
"""Pillow's modes that become three channels; the others become one."""


def unpacked_size(path: Path) -> int:
    """How many bytes a file, or what is packed in it, says that it has."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return path.stat().st_size


def read_csv(path: Path, label: str | None, key: str) -> Pair:
    """Features `(rows, columns)`; row numbers in messages are those of the file, header included."""
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
        found = f"{shown(path)} has {len(table)} rows and {len(columns) - 1} columns beside the label."
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
    return features.to_numpy(np.float32), table[label].to_numpy(np.str_ if words else None)


def read_npz(path: Path, label: str | None, key: str) -> dict[str, Pair]:
    """`all`, or `train` and maybe `test` when the file is divided; `label` is another array than `y`."""
    cure = "Write one with numpy.savez(path, x=x, y=y)."
    with reading(path, "an NPZ file of plain arrays", cure, DataError, key=f"data.{key}"):  # noqa: SIM117
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {array: archive[array] for array in archive.files}  # never objects, which run code
    names = {"all": ("x", label or "y")}
    if "x_train" in arrays and "x" not in arrays:
        names = {part: (f"x_{part}", f"y_{part}") for part in ("train", "test") if f"x_{part}" in arrays}
    parts = {}
    for part, pair in names.items():
        for array in pair:
            if array not in arrays:
                near, expected = did_you_mean(array, arrays), "x and y, or x_train, y_train, x_test and y_test"
                found = f"{shown(path)} has no array {array!r}.{near} It holds {', '.join(arrays)}."
                raise wrong("label" if array == label else key, found, expected, "Save it so, or type data.label=NAME")
        x, y = (arrays[array] for array in pair)
        if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x) or y.shape[:1] != x.shape[:1]:
            found = f"{shown(path)} has {x.dtype} examples of shape {x.shape} and labels of shape {y.shape}."
            raise wrong(key, found, "numbers, at least one example, and one label an example", "Save such arrays")
        pictures = x[..., np.newaxis] if x.ndim == 3 else x  # grey ones get a channel axis
        parts[part] = pictures if x.dtype == np.uint8 else x.astype(np.float32), y
    return parts


def list_pictures(folder: Path, settings: Data, key: str) -> dict[str, list[Path]]:
    """Class name → its files, sorted; classes in the declared order, else sorted."""
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(found) < 2:
        fact = f"{shown(folder)} has {len(found) or 'no'} subfolders."
        raise wrong(key, fact, "one subfolder a class, at least two", "Sort the pictures into subfolders")
    names = [str(name) for name in settings.class_names] or found
    check_declared(replace(settings, class_names=sorted(names)), shown(folder), class_names=found)
    classes = {}
    for name in names:
        files = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        if not files:
            fact = f"{shown(folder / name)} has no pictures."
            raise wrong(key, fact, f"files that end in {', '.join(SUFFIXES)}", "Add pictures, or remove it")
        classes[name] = files
    return classes


def picture_shape(path: Path, grey: int = 1) -> list[int]:
    """`[height, width, channels]` of a picture file: three channels for colour, else `grey`."""
    with _opened(path) as image:
        return [image.height, image.width, 3 if image.mode in COLOUR_MODES else grey]


def read_pictures(files: Sequence[Path], settings: Data) -> np.ndarray:
    """Pictures as uint8 `(files, *input_shape)`; grey ones fill three channels if asked."""
    shape = settings.input_shape
    pictures = np.empty((len(files), *shape), np.uint8)
    for row, path in zip(pictures, files, strict=True):
        check_declared(settings, shown(path), input_shape=picture_shape(path, shape[-1]))
        with _opened(path) as image:
            row[:] = np.asarray(image.convert("L" if shape[-1] == 1 else "RGB")).reshape(shape)
    return pictures


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with reading(path, "a picture: a whole PNG or JPEG file", "Replace or remove it.", DataError, key="data.path"):
        from PIL import Image

        with Image.open(path) as image:
            yield image
