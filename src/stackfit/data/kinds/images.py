"""A user's pictures: a folder with one subfolder per class, PNG or JPEG files of one size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.own import Pair, own_kind
from stackfit.data.settings import check_declared, check_size, wrong
from stackfit.errors import DataError
from stackfit.files import reading, shown

SUFFIXES = (".png", ".jpg", ".jpeg")
COLOUR_MODES = ("RGB", "RGBA", "P", "CMYK", "YCbCr")
"""Pillow's modes that become three channels; the others become one."""


def read(folder: Path, settings: Data, key: str) -> dict[str, Pair]:
    """Pictures as uint8 `(files, *input_shape)`; grey ones fill three channels if asked."""
    classes = _list_pictures(folder, settings, key)
    files = [file for members in classes.values() for file in members]
    shape = settings.input_shape or _picture_shape(files[0])
    settings = replace(settings, input_shape=shape)
    check_size(settings, str(settings.path), len(files) * math.prod(shape))
    pictures = np.empty((len(files), *shape), np.uint8)
    for row, path in zip(pictures, files, strict=True):
        check_declared(settings, shown(path), input_shape=_picture_shape(path, shape[-1]))
        with _opened(path) as image:
            row[:] = np.asarray(image.convert("L" if shape[-1] == 1 else "RGB")).reshape(shape)
    return {"all": (pictures, np.repeat(list(classes), [len(members) for members in classes.values()]))}


def declare(folder: Path, settings: Data) -> dict[str, Any]:
    """From the subfolders' names and the first picture."""
    files = _list_pictures(folder, settings, "path")
    shape = _picture_shape(next(iter(files.values()))[0])
    return {"input_shape": shape, "num_classes": len(files), "class_names": list(files)}


def _list_pictures(folder: Path, settings: Data, key: str) -> dict[str, list[Path]]:
    """Class name → its files, sorted; classes in the declared order, else sorted."""
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(found) < 2:
        fact = f"{shown(folder)} has {len(found) or 'no'} subfolders."
        raise wrong(key, fact, "one subfolder per class, at least two", "Sort the pictures into subfolders")
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


def _picture_shape(path: Path, grey: int = 1) -> list[int]:
    """`[height, width, channels]` of a picture file: three channels for colour, else `grey`."""
    with _opened(path) as image:
        return [image.height, image.width, 3 if image.mode in COLOUR_MODES else grey]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with reading(path, "a picture: a whole PNG or JPEG file", "Replace or remove it.", DataError, key="data.path"):
        from PIL import Image

        with Image.open(path) as image:
            yield image


KIND = own_kind("a folder with one subfolder per class", read, declare, folder=True)
