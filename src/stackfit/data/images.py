"""A folder of pictures with one subfolder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.errors import DataError, did_you_mean

SUFFIXES = (".png", ".jpg", ".jpeg")
COLOUR_MODES = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
"""Pillow's modes that become three channels; 1, L and LA become one."""


def list_pictures(folder: Path, class_names: Sequence[str], key: str = "data.path") -> tuple[list[str], list[list[Path]]]:
    """The class names (the declared ones, else the subfolders' names, sorted) and the files of each, sorted.

    Raises:
        DataError: no subfolders, a subfolder without pictures, or subfolders that are not the declared classes.
    """
    shown = places.shown(folder)
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise DataError(
            f"{shown} has no subfolders. Expected one subfolder a class, with PNG or JPEG pictures in each. "
            "Sort the pictures into subfolders, or set data.path to another folder.",
            key=key,
        )
    names = [str(name) for name in class_names] or found
    for name in [*(set(found) - set(names)), *(set(names) - set(found))]:
        near = did_you_mean(name, names if name in found else found)
        raise DataError(
            f"{'Subfolder' if name in found else 'Class'} {name!r} is {'in' if name in found else 'not in'} {shown}, but "
            f"data.class_names is {names}.{near} Expected the same names in both. Correct the one that is wrong.",
            key="data.class_names",
        )
    files = [
        sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES) for name in names
    ]
    for name, paths in zip(names, files, strict=True):
        if not paths:
            raise DataError(
                f"{shown}/{name} has no pictures. Expected files that end in {', '.join(SUFFIXES)}. "
                "Add pictures, or remove the subfolder.",
                key=key,
            )
    return names, files


def picture_shape(path: Path) -> list[int]:
    """`[height, width, channels]` of a picture file, with one channel for grey and three for colour."""
    with _opened(path) as image:
        return [image.height, image.width, 3 if image.mode in COLOUR_MODES else 1]


def read_pictures(files: Sequence[Path], shape: Sequence[int]) -> np.ndarray:
    """All pictures as uint8 `(files, height, width, channels)`; grey pictures fill three channels if those are declared.

    Raises:
        DataError: a file that is no picture, of another size than the first, or in colour where grey is declared.
    """
    first_shape = picture_shape(files[0])
    if list(shape[:2]) != first_shape[:2] or len(shape) != 3:
        found = ",".join(map(str, first_shape))
        raise DataError(
            f"data.input_shape is {list(shape)}, but {places.shown(files[0])} is [{found}]. Expected height, width and "
            f"channels of the pictures. Set input_shape: [{found}].",
            key="data.input_shape",
        )
    height, width, channels = shape
    pictures = np.empty((len(files), height, width, channels), np.uint8)
    for row, path in zip(pictures, files, strict=True):
        row[:] = _read(path, channels, first=files[0], size=(width, height))
    return pictures


def _read(path: Path, channels: int, first: Path, size: tuple[int, int]) -> np.ndarray:
    with _opened(path) as image:
        if image.size != size:
            raise DataError(
                f"{places.shown(path)} is {image.height} x {image.width}, but {places.shown(first)} is "
                f"{size[1]} x {size[0]} pixels. Expected pictures of one size. Resize or remove the one that is wrong.",
                key="data.path",
            )
        if channels == 1 and image.mode in COLOUR_MODES:
            raise DataError(
                f"{places.shown(path)} is in colour, but data.input_shape has one channel. Expected grey pictures. "
                f"Set input_shape: [{size[1]},{size[0]},3], or convert the picture.",
                key="data.input_shape",
            )
        try:
            values = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)
        except (OSError, ValueError, SyntaxError) as error:
            raise unreadable(path, error) from None
    return values.reshape(size[1], size[0], channels)


def _opened(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> DataError:
    """The error for a file that Pillow cannot read."""
    reason = "it is empty" if path.is_file() and path.stat().st_size == 0 else str(error)
    return DataError(
        f"{places.shown(path)} cannot be read as a picture: {reason}. Expected a whole PNG or JPEG file. "
        "Replace or remove it.",
        key="data.path",
    )
