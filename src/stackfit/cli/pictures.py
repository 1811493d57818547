"""Pictures in the terminal, or in a PNG file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from stackfit.cli.text import draw
from stackfit.errors import ConfigError, DataError
from stackfit.execution.progress import takes_colour
from stackfit.files import shown, writing

SHADES = " .:-=+*#%@"


def check_png(png: Path | None, is_picture: bool) -> None:
    """Raise a ConfigError if there is no picture for a PNG file."""
    if png is not None and not is_picture:
        raise ConfigError("This example is not a picture. Expected one for --png. Leave out --png.")


def show_picture(picture: np.ndarray | None, png: Path | None) -> None:
    """A picture in the terminal, or in a PNG file; nothing where there is none."""
    if picture is None:
        return
    if png is not None:
        write_png(picture, png)
        sys.stdout.write(f"{shown(png)}\n")
    else:
        draw(render_picture(picture, colour=takes_colour(sys.stdout)) + "\n")


def render_picture(picture: np.ndarray, colour: bool = True, max_columns: int = 80) -> str:
    """A picture as lines of text, without a newline at the end; wider ones than `max_columns` are thinned out.

    A line shows two rows of pixels as half blocks in 24-bit colour, or one row with two shade characters a pixel.
    """
    step = -(-picture.shape[1] * (1 if colour else 2) // max_columns)
    thinned = picture[::step, ::step]
    if not colour:
        shades = thinned.astype(np.float64).mean(axis=2) * (len(SHADES) - 1) / 255
        return "\n".join("".join(SHADES[round(value)] * 2 for value in row).rstrip() for row in shades)
    if len(thinned) % 2:
        thinned = np.concatenate([thinned, np.zeros_like(thinned[:1])])
    rows = np.broadcast_to(thinned, (*thinned.shape[:2], 3))
    half_block = "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀"  # foreground: the upper pixel, background: the lower
    lines = [
        "".join(half_block.format(*top, *bottom) for top, bottom in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
    return "\n".join(f"{line}\x1b[0m" for line in lines)


def write_png(picture: np.ndarray, path: Path | str) -> None:
    """Write a picture as PNG; DataError if the file cannot be written."""
    from PIL import Image

    with writing(path, "a file in a folder that exists", "Type another path.", DataError):
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(path, format="PNG")
