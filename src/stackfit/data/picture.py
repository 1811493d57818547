"""One example, to look at: in the terminal or as a PNG file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.dataset import Dataset
from stackfit.data.load import load_with_progress
from stackfit.data.moments import chunks
from stackfit.data.progress import SILENT, Progress
from stackfit.errors import DataError

SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class Item:
    """One example of a data set.

    `x`: as stored, of shape `input_shape`. `label`: class number or value. `class_name`: None for values.
    `stored_range`, `scaled_range`: lowest and highest value of its whole split (of a stream: of the example).
    `picture`: uint8 `(height, width, 1 or 3)`, white being the split's highest value; None if `x` is no
    picture.
    """

    x: np.ndarray
    label: int | float
    class_name: str | None
    stored_range: tuple[float, float]
    scaled_range: tuple[float, float]
    picture: np.ndarray | None


def show_item(
    data: Mapping[str, Any], index: int = 0, split: str = "train", progress: Progress = SILENT
) -> Item:
    """Load the data and pick one example of `train`, `validation` or `test`.

    Raises:
        DataError: the data cannot be loaded, or there is no such split or index.
    """
    dataset = load_with_progress(data, progress)
    whole = getattr(dataset, split, None) if isinstance(dataset, Dataset) else None
    size = dataset.sizes.get(split, 0) if not isinstance(dataset, Dataset) else len(whole or ())
    if not 0 <= index < size:
        has = f"0 to {size - 1}" if size else "no such split"
        raise DataError(
            f"{dataset.name!r} has no example {index} in {split!r}. Expected {has}. Type another number or "
            "split."
        )
    if whole is not None:
        values, x, y = whole.x, whole.x[index], whole.y[index]
    else:
        batch = next(dataset.batches(split, 1, None, 0).skip(index).as_numpy_iterator())  # type: ignore[union-attr]
        values, x, y = batch[0], batch[0][0], batch[1][0]
    named = y.dtype.kind == "i" and y < len(dataset.class_names)
    stored = _range(values)
    return Item(
        x=x,
        label=y.item(),
        class_name=dataset.class_names[y] if named else None,
        stored_range=stored,
        scaled_range=_range(*(dataset.scaling.apply(chunk) for chunk in chunks(values))),
        picture=_picture(x, *stored),
    )


def _range(*arrays: np.ndarray) -> tuple[float, float]:
    return min(float(array.min()) for array in arrays), max(float(array.max()) for array in arrays)


def _picture(x: np.ndarray, lowest: float, highest: float) -> np.ndarray | None:
    if x.ndim != 3 or x.shape[-1] not in (1, 3):
        return None
    black = min(lowest, 0.0)
    return np.round((x.astype(np.float64) - black) * (255 / ((highest - black) or 1))).astype(np.uint8)


def render_picture(picture: np.ndarray, colour: bool = True, max_columns: int = 80) -> str:
    """A picture as lines of text, without a newline at the end.

    Args:
        picture: uint8 `(height, width, 1 or 3)`.
        colour: two rows of pixels a line, as half blocks in 24-bit colour; else a row a line and two shade
            characters a pixel, which keeps pixels about square in a terminal.
        max_columns: wider pictures are thinned out.
    """
    step = -(-picture.shape[1] * (1 if colour else 2) // max_columns)
    thinned = picture[::step, ::step]
    if not colour:
        shades = thinned.astype(np.float64).mean(axis=2) * (len(SHADES) - 1) / 255
        return "\n".join("".join(SHADES[round(value)] * 2 for value in row).rstrip() for row in shades)
    if len(thinned) % 2:
        thinned = np.concatenate([thinned, np.zeros_like(thinned[:1])])
    rows = np.broadcast_to(thinned, (*thinned.shape[:2], 3))
    half_block = (
        "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀"  # foreground: the upper pixel, background: the lower
    )
    return "\n".join(
        "".join(half_block.format(*top, *bottom) for top, bottom in zip(upper, lower, strict=True))
        + "\x1b[0m"
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )


def write_png(picture: np.ndarray, path: Path | str) -> None:
    """Write a uint8 `(height, width, 1 or 3)` picture as PNG.

    Raises:
        DataError: the file cannot be written.
    """
    from PIL import Image

    try:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(path, format="PNG")
    except OSError as error:
        raise DataError(
            f"{places.shown(path)} cannot be written: {error.strerror or error}. Expected a file in a folder "
            "that exists. Type another path."
        ) from None
