"""A folder of pictures with one subfolder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.labels import check_two_classes
from stackfit.errors import DataError, did_you_mean

SUFFIXES = (".png", ".jpg", ".jpeg")
COLOUR_MODES = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
"""Pillow's modes that become three channels; the others become one."""


def list_pictures(folder: Path, class_names: Sequence[str], key: str) -> dict[str, list[Path]]:
    """Class name → its files, sorted; classes in the declared order, else sorted.

    Raises:
        DataError: fewer than two subfolders, one without pictures, or subfolders that are not the declared
            classes.
    """
    shown = places.shown(folder)
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise DataError(
            f"{shown} has no subfolders. Expected one subfolder a class, with PNG or JPEG pictures in each. "
            f"Sort the pictures into subfolders, or set {key} to another folder.",
            key=key,
        )
    names = [str(name) for name in class_names] or found
    for name in sorted(set(found) ^ set(names)):
        near = did_you_mean(name, names if name in found else found)
        what = "but not in data.class_names" if name in found else "as data.class_names says"
        raise DataError(
            f"{shown} has {'a' if name in found else 'no'} subfolder {name!r}, {what}.{near} Expected the "
            "same names in both. Correct the one that is wrong.",
            key="data.class_names",
        )
    files = {
        name: sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES)
        for name in names
    }
    for name in names:
        if not files[name]:
            raise DataError(
                f"{shown}/{name} has no pictures. Expected files that end in {', '.join(SUFFIXES)}. "
                "Add pictures, or remove the subfolder.",
                key=key,
            )
    check_two_classes(np.array(names), shown, key)
    return files


def picture_shape(path: Path) -> list[int]:
    """`[height, width, channels]` of a picture file: one channel for grey, three for colour."""
    with _opened(path) as image:
        return [image.height, image.width, 3 if image.mode in COLOUR_MODES else 1]


def read_pictures(files: Sequence[Path], channels: int) -> np.ndarray:
    """All pictures as uint8 `(files, height, width, channels)`; grey ones fill three channels if asked.

    Raises:
        DataError: a file that is no picture, of another size than the first, or in colour where grey is
            expected.
    """
    height, width, _ = picture_shape(files[0])
    pictures = np.empty((len(files), height, width, channels), np.uint8)
    for row, path in zip(pictures, files, strict=True):
        with _opened(path) as image:
            if image.size != (width, height):
                raise DataError(
                    f"{places.shown(path)} has {image.height} x {image.width} pixels, "
                    f"{places.shown(files[0])} has {height} x {width}. Expected pictures of one size. Resize "
                    "or remove the one that is wrong.",
                    key="data.path",
                )
            if channels == 1 and image.mode in COLOUR_MODES:
                raise DataError(
                    f"{places.shown(path)} is in colour, the first picture or data.input_shape is grey. "
                    f"Expected the same of all. Set input_shape: [{height}, {width}, 3], or convert the "
                    "picture.",
                    key="data.input_shape",
                )
            try:
                row[:] = np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(row.shape)
            except (OSError, ValueError, SyntaxError) as error:
                raise _unreadable(path, error) from None
    return pictures


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{places.shown(path)} cannot be read as a picture ({error}). Expected a whole PNG or JPEG file. "
        "Replace or remove it.",
        key="data.path",
    )
