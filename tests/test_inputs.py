"""`inputs`: pictures, rows and arrays become what a trained model takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stackfit.data.inputs import read_picture
from stackfit.errors import DataError

SHAPE = (8, 8, 1)


def picture(path: Path, size=(8, 8), mode="L", colour: int | tuple[int, ...] = 0) -> Path:
    Image.new(mode, size, colour).save(path)
    return path


# ---- pictures


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 500), (640, 480)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_of_any_size_becomes_that_of_the_data(lab, size, suffix):
    array = read_picture(picture(lab / f"a.{suffix}", size, colour=200), SHAPE)
    assert (array.shape, array.dtype) == (SHAPE, np.uint8)
    assert abs(int(array.mean()) - 200) <= 1


@pytest.mark.parametrize(
    "mode, colour, grey",
    [("RGB", (255, 255, 255), 255), ("RGBA", (0, 0, 0, 255), 0), ("P", 0, 0), ("1", 1, 255), ("I;16", 65535, 255),
     ("LA", (255, 255), 255), ("RGBA", (255, 255, 255, 0), 255)],
)  # fmt: skip
def test_every_kind_of_picture_becomes_grey(lab, mode, colour, grey):
    array = read_picture(picture(lab / "a.png", mode=mode, colour=colour), SHAPE)
    assert array.min() == array.max() == grey


def test_a_grey_picture_becomes_rgb_where_the_data_are(lab):
    array = read_picture(picture(lab / "a.png", colour=7), (4, 6, 3))
    assert array.shape == (4, 6, 3) and (array == 7).all()


def test_invert_turns_dark_on_white_into_bright_on_black(lab):
    assert (read_picture(picture(lab / "a.png", colour=255), SHAPE, invert=True) == 0).all()


def test_a_turned_photograph_is_set_upright(lab):
    photograph = Image.new("L", (8, 8), 0)
    photograph.paste(255, (0, 0, 8, 4))  # bright above
    turned = photograph.getexif()
    turned[0x0112] = 3  # upside down
    photograph.save(lab / "a.png", exif=turned)
    array = read_picture(lab / "a.png", SHAPE)
    assert array[0].max() == 0 and array[-1].min() == 255


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_file_that_is_not_a_picture_is_named(lab, content):
    (lab / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a.png cannot be read: .* Expected a picture: a PNG or JPEG. Convert it."):
        read_picture(lab / "a.png", SHAPE)


def test_a_truncated_picture_is_named(lab):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(lab / "a.png")
    (lab / "a.png").write_bytes((lab / "a.png").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"a.png cannot be read"):
        read_picture(lab / "a.png", SHAPE)


def test_a_missing_file_or_a_folder_is_named(lab):
    with pytest.raises(DataError, match=r"There is no file none.png. Expected a PNG or JPEG. Correct the path."):
        read_picture(Path("none.png"), SHAPE)
    with pytest.raises(DataError, match=r"cannot be read: .*Expected a picture: a PNG or JPEG"):
        read_picture(lab, SHAPE)


def test_a_picture_that_claims_to_be_enormous_is_refused(lab):
    whole = bytearray(picture(lab / "a.png").read_bytes())
    whole[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    import zlib

    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    (lab / "a.png").write_bytes(whole)
    with pytest.raises(DataError, match=r"cannot be read"):
        read_picture(lab / "a.png", SHAPE)


@pytest.mark.parametrize("shape", [(2,), (8, 8), (8, 8, 2), ()])
def test_data_that_are_not_pictures_say_so(lab, shape):
    with pytest.raises(
        DataError, match=r"Expected \(height, width, 1 or 3\) to predict a picture. Leave out the files"
    ):
        read_picture(picture(lab / "a.png"), shape)
