"""Picture files as pixels, by one reader: training, `predict`, `data show` and `eject` see the same values.

A picture is set upright by its EXIF orientation, 16 bits become 8 by the high byte, what is transparent lies on a
background, and of several frames the first one counts.
"""

from __future__ import annotations

import contextlib
import functools
import struct
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.errors import DataError
from stackfit.files import reading, shown

if TYPE_CHECKING:
    from PIL import Image

COLOUR_MODES = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes that become three channels; the others become one."""
REFUSED = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")
"""Pillow's forms that are no pixels: it runs Ghostscript for the first, and has no decoder for the others."""
LITTER = ("__macosx", "thumbs.db", "desktop.ini", "@eadir")
ORIENTATION = 0x0112  # the EXIF tag


def is_litter(name: str) -> bool:
    """Whether a file or folder is the file manager's: hidden, or what macOS and Windows leave in a ZIP."""
    return name.startswith(".") or name.lower() in LITTER


@functools.cache
def formats() -> tuple[str, ...]:
    """The names of the forms that are read, the common ones first."""
    from PIL import Image

    Image.init()
    return ("PNG", "JPEG", *sorted({*Image.OPEN} - {"PNG", "JPEG", *REFUSED}))


@functools.cache
def suffixes() -> frozenset[str]:
    """The ends of names of picture files, such as `.png`; in small letters."""
    from PIL import Image

    known = formats()
    return frozenset(suffix for suffix, form in Image.registered_extensions().items() if form in known)


def same_name(name: str) -> str:
    """A name's composed form: macOS writes `ä` as two characters, a keyboard one."""
    return unicodedata.normalize("NFC", name)


@contextlib.contextmanager
def opened(path: Path | str, key: str | None = None) -> Iterator[Image.Image]:
    """An upright picture of 8 bits a channel.

    Args:
        key: the config key that an error names.

    Raises:
        DataError: the file is not a picture, is damaged, or has more than 16 bits; in the block, too, for Pillow decodes late.
    """
    from PIL import Image, ImageOps

    expected = "a picture: a whole PNG or JPEG file, or another form that Pillow reads"
    with reading(path, expected, "Convert, replace or remove it.", DataError, key=key):  # noqa: SIM117
        with Image.open(path, formats=formats()) as image:
            turned = image.getexif().get(ORIENTATION, 1) != 1
            upright = ImageOps.exif_transpose(image) if turned else image
            yield _eight_bits(upright, path, key)


def _eight_bits(image: Image.Image, path: Path | str, key: str | None) -> Image.Image:
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    found, cure = f"{shown(path)} has 32 bits a pixel.", "Save it with 8 or 16 bits, white being the highest value."
    if image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I"):
        values = np.asarray(image).astype(np.uint16)
        if not 0 < values.max() < 256:
            grey = Image.fromarray((values >> 8).astype(np.uint8))
            if isinstance(clear := image.info.get("transparency"), int):
                grey = Image.merge("LA", (grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))))
            return grey
        found = f"{shown(path)} has 16 bits a pixel, but no value above {values.max()}: 8 of them are empty."
    raise DataError(f"{found} Expected 8 bits, or 16 of which the high ones are used. {cure}", key=key)


def shape_of(image: Image.Image, grey: int = 1) -> list[int]:
    """`[height, width, channels]` of a picture: three channels for colour, else `grey`."""
    return [image.height, image.width, 3 if image.mode in COLOUR_MODES else grey]


def pixels_of(image: Image.Image, channels: int, background: str = "white", size: tuple[int, ...] | None = None) -> np.ndarray:
    """The pixels as uint8 `(height, width, channels)`.

    Args:
        channels: 1 for grey, 3 for colour.
        background: what shines through where the picture is transparent.
        size: height and width to which the whole picture is stretched; None for its own.
    """
    from PIL import Image

    if image.has_transparency_data:
        clear = image.convert("RGBA")
        if np.asarray(clear)[..., 3].min() < 255:
            image = Image.alpha_composite(Image.new("RGBA", image.size, colour_of(background)), clear)
    if image.mode != (mode := "L" if channels == 1 else "RGB"):
        image = image.convert(mode)
    if size and size != (image.height, image.width):
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)


def colour_of(background: str) -> tuple[int, ...]:
    """Red, green and blue of a colour's name or `#rrggbb`.

    Raises:
        DataError: there is no such colour.
    """
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(background)[:3]
    except ValueError:
        found = f"data.background is {background!r}. Expected a colour's name or #rrggbb."
        raise DataError(f"{found} Type data.background=white", key="data.background") from None


def read_picture(path: Path, shape: tuple[int, ...], background: str = "white", key: str | None = None) -> np.ndarray:
    """A picture file as uint8 of `shape` `(height, width, 1 or 3)`, whatever its size.

    Raises:
        DataError: see `opened`.
    """
    with opened(path, key) as image:
        return pixels_of(image, shape[2], background, shape[:2])


class Misfit(DataError):
    """A picture of another shape than the others; `found` is its own."""

    def __init__(self, found: list[int]):
        super().__init__(f"has the shape {found}")
        self.found = found


def read_fitting(path: Path | str, shape: list[int], background: str, resize: bool, key: str) -> np.ndarray:
    """A picture among others as uint8 of `shape` `[height, width, 1 or 3]`.

    Args:
        resize: whether another height and width is brought to that of the shape.
        key: the config key that an error names.

    Raises:
        DataError: see `opened`.
        Misfit: its shape is another, or it has colours among grey ones.
    """
    if (pixels := _plain_jpeg(path, shape)) is not None:
        return pixels
    with opened(path, key) as image:
        found = shape_of(image, shape[2])
        if found != shape and (found[2] != shape[2] or not resize):
            raise Misfit(found)
        return pixels_of(image, shape[2], background, tuple(shape[:2]))


_FRAMES, _TABLES, _SCAN = (0xFFC0, 0xFFC2), (0xFFDB, 0xFFC4, 0xFFDD), 0xFFDA  # markers of JPEG


def _plain_jpeg(path: Path | str, shape: list[int]) -> np.ndarray | None:
    """The pixels of a JPEG file of this shape that has nothing but JFIF's header and tables; None for any other file.

    By the decoder that Pillow has, with the arguments that it gives. Of small files, its reading of the header in Python
    takes a quarter of the time.
    """
    from PIL import Image

    if not str(path).lower().endswith((".jpg", ".jpeg")):
        return None
    with contextlib.suppress(OSError, ValueError, struct.error), open(path, "rb", 0) as file:
        data, at, found = file.read(20), 20, []
        if not data.startswith(b"\xff\xd8\xff\xe0\0\x10JFIF\0"):
            return None
        data += file.read()
        while (marker := struct.unpack_from(">H", data, at)[0]) != _SCAN:
            if marker in _FRAMES:
                found.append(struct.unpack_from(">BHHB", data, at + 4))
            elif marker not in _TABLES:  # it may say how to turn the picture, or what its colours mean
                return None
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        if found == [(8, *shape)]:
            mode = "L" if shape[2] == 1 else "RGB"
            return np.asarray(Image.frombytes(mode, (shape[1], shape[0]), data, "jpeg", mode, "")).reshape(shape)
    return None


def describe(pictures: np.ndarray, white: float = 255) -> dict[str, Any]:
    """How bright pictures `(examples, height, width, channels)` are, of 255: their `lowest`, `highest` and `mean` value, and
    of all and of those at the edge (`edge`) the mean and the deviation from picture to picture."""
    scale = 255 / white
    means = pictures.mean(axis=(1, 2, 3), dtype=np.float64) * scale
    edges = _edge(pictures) * scale
    return {
        "lowest": float(pictures.min()) * scale,
        "highest": float(pictures.max()) * scale,
        "mean": [float(means.mean()), float(means.std())],
        "edge": [float(edges.mean()), float(edges.std())],
    }


def check_description(record: Any) -> dict[str, Any] | None:
    """What `describe` found, as it was written to a file; None where examples are not pictures.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not such a record.
    """
    if record is None:
        return None
    ends = {name: float(record[name]) for name in ("lowest", "highest")}
    pairs = {name: [float(value) for value in record[name]] for name in ("mean", "edge")}
    if not np.isfinite([*ends.values(), *pairs["mean"], *pairs["edge"]]).all() or {*map(len, pairs.values())} != {2}:
        raise ValueError(f"its 'pictures' are {record}")
    return {**ends, **pairs}


def _edge(pictures: np.ndarray) -> np.ndarray:
    """The mean of the outermost pixels of each picture."""
    sides = (pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1])
    return np.mean([side.mean(axis=(1, 2), dtype=np.float64) for side in sides], axis=0)


CLOSE = 12.0  # brightness, of 255: pictures that are all alike differ by less
FAR = 3.0  # deviations


def unlike(picture: np.ndarray, known: dict[str, Any]) -> str:
    """Why a picture `(height, width, channels)`, of 255, is unlike those that `describe` saw; empty if it is like them."""
    if picture.min() == picture.max() and known["lowest"] < known["highest"]:
        return f"one colour only ({picture.max()} of 255): there is nothing to recognize"
    here = describe(picture[np.newaxis])
    for part, where in (("edge", " at the edges"), ("mean", "")):
        (value, _), (mean, deviation) = here[part], known[part]
        inverted = abs(255 - value - mean) < abs(value - mean) / 2
        if abs(value - mean) > FAR * max(deviation, CLOSE) and (inverted or part == "mean"):  # edges alone may be of any value
            how = "brighter" if value > mean else "darker"
            cure = ". Try --invert" if inverted else ""
            return f"much {how}{where} than the training pictures ({value:.0f}, theirs {mean:.0f} of 255){cure}"
    if here["highest"] - known["highest"] > FAR * CLOSE:
        return f"up to {here['highest']:.0f} of 255, but the training pictures end at {known['highest']:.0f}"
    return ""
