"""`inputs`: pictures, rows and arrays become what a trained model takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stackfit.data import Scaling, declare, load_dataset
from stackfit.data.inputs import Inputs
from stackfit.errors import DataError, RunFolderError

SHAPE = (8, 8, 1)


def picture(path: Path, size=(8, 8), mode="L", colour: int | tuple[int, ...] = 0) -> Path:
    Image.new(mode, size, colour).save(path)
    return path


def read_picture(file: Path, shape: tuple[int, ...], invert: bool = False) -> np.ndarray:
    return Inputs(shape, Scaling()).picture(file, invert)


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
    with pytest.raises(DataError, match=r"a.png cannot be read: .* Expected a picture: a whole PNG or JPEG file"):
        read_picture(lab / "a.png", SHAPE)


def test_a_truncated_picture_is_named(lab):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(lab / "a.png")
    (lab / "a.png").write_bytes((lab / "a.png").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"a.png cannot be read"):
        read_picture(lab / "a.png", SHAPE)


def test_a_missing_file_or_a_folder_is_named(lab):
    with pytest.raises(DataError, match=r"There is no file none.png. Expected a picture. Correct the path."):
        read_picture(Path("none.png"), SHAPE)
    with pytest.raises(DataError, match=r"cannot be read: .*Expected a picture: a whole PNG or JPEG"):
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
        DataError, match=r"Expected \(height, width, 1 or 3\) to predict a picture. Give an NPZ file with such"
    ):
        read_picture(picture(lab / "a.png"), shape)


# ---- scaling.json


ROWS = "petal,width,species\n" + "".join(f"{row / 7},{row * 2.1},{'rose' if row % 3 else 'lily'}\n" for row in range(30))


def flowers(**changes):
    """The data section of a table in the current folder, and its data set."""
    Path("flowers.csv").write_text(ROWS)
    data = {"kind": "csv", "path": "flowers.csv", "label": "species", "scale": "standardize", **changes}
    return data | declare(data), load_dataset(data | declare(data))


def read_again(inputs: Inputs, data) -> Inputs:
    return Inputs.read(json.loads(json.dumps(inputs.record())), data, "scaling.json", RunFolderError)


@pytest.mark.parametrize("scale", ["standardize", "none"])
def test_rows_read_by_name_are_scaled_bit_for_bit_as_in_training(lab, scale):
    data, dataset = flowers(scale=scale)
    inputs = read_again(Inputs.of(dataset, data), data)
    table = pd.read_csv("flowers.csv")[["species", "width", "petal"]]  # another order
    order = np.random.default_rng(0).permutation(30)  # split_seed
    held_out = np.array([(dataset.test.x == row).all(1).any() for row in table[["petal", "width"]].to_numpy(np.float32)[order]])
    rows = inputs.frame(table.iloc[order[~held_out]], "the table", print)
    np.testing.assert_array_equal(rows, dataset.scaling.apply(dataset.train.x))
    assert rows.dtype == np.float32


def test_the_record_names_columns_and_says_what_is_subtracted_and_divided(lab):
    data, dataset = flowers()
    record = Inputs.of(dataset, data).record()
    x = dataset.train.x.astype(np.float64)
    assert [column["name"] for column in record["columns"]] == ["petal", "width"] and record["white"] is None
    np.testing.assert_allclose(record["subtract"], x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(record["divide"], x.std(0), rtol=1e-6)


def test_the_scaling_of_pictures_is_read_back_to_the_bit():
    mean = np.random.default_rng(0).random((2, 2, 1)).astype(np.float32)
    inputs = Inputs((2, 2, 1), Scaling(mean, mean / 3), white=16.0)
    again = read_again(inputs, {"input_shape": [2, 2, 1]})
    x = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    np.testing.assert_array_equal(again.arrays(x), inputs.scaling.apply(x))
    assert again.white == 16 and read_again(Inputs((2,), Scaling()), {"input_shape": [2]}).scaling == Scaling()


@pytest.mark.parametrize(
    "change, said",
    [
        ({"format": 2}, "its format is 2; this stackfit reads 1"),
        ({"subtract": [1, 2, 3]}, r"its 'subtract' has the shape \(3,\) for inputs of shape \(2,\)"),
        ({"divide": [float("nan"), 1]}, "its 'divide'"),
        ({"columns": []}, r"its columns make 0 features for inputs of shape \(2,\)"),
        ({"white": "x"}, "could not convert"),
        ({"pictures": {"lowest": 1}}, "'highest'"),
        ({"pictures": {"lowest": 1, "highest": 2, "mean": [1], "edge": [1, 2]}}, "its 'pictures' are"),
        ({"subtract": "x"}, "could not convert"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(lab, change, said):
    data, dataset = flowers()
    with pytest.raises(RunFolderError, match=rf"scaling.json cannot be read: {said}.*Expected the scaling"):
        Inputs.read(Inputs.of(dataset, data).record() | change, data, "scaling.json", RunFolderError)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda table: table.drop(columns="width"), "the table has no width. Expected the columns petal, width, in any order."),
        (lambda table: table[["species"]], "the table has no petal, width. Expected the columns petal, width, in any"),
        (lambda table: table.assign(petal=["?"] * 30), "Column 'petal' of the table is '?' in row 0, and 29 more cells are like this. Expected a number."),
        (lambda table: table.assign(petal=np.nan), "Column 'petal' of the table is empty in all 30 rows. Expected a value. Correct the cells, or"),
        (lambda table: table.assign(petal=np.inf).set_index("species"), "Column 'petal' of the table is 'inf' in row 'lily', and 29 more cells are like this."),
        (lambda table: pd.concat([table, table[["petal"]]], axis=1), "the table has the column 'petal' twice."),
        (lambda table: table.head(0), "the table has no rows. Expected at least one."),
    ],
)
def test_rows_that_do_not_fit_are_refused(lab, change, said):
    data, dataset = flowers()
    with pytest.raises(DataError) as error:
        Inputs.of(dataset, data).frame(change(pd.read_csv("flowers.csv")), "the table", print)
    assert said in str(error.value)


def test_other_columns_are_not_used_which_is_said_and_the_label_is_none_of_them(lab):
    data, dataset = flowers()
    said: list[str] = []
    table = pd.read_csv("flowers.csv").assign(id=1, name="x")
    Inputs.of(dataset, data).frame(table, "the table", said.append)
    assert said == ["Not used of the table: id, name."]


@pytest.mark.parametrize("x", [np.zeros((3, 3)), np.zeros(2), np.zeros((0, 2)), [["a", "b"]], [[1, 2], [1]], [[1, None]]])
def test_arrays_of_another_shape_or_kind_are_refused(lab, x):
    data, dataset = flowers()
    with pytest.raises(DataError, match=r"Expected numbers of shape \(examples, 2\): petal, width"):
        Inputs.of(dataset, data).arrays(x)


def test_arrays_with_gaps_are_refused_with_the_place(lab):
    with pytest.raises(DataError, match=r"The examples hold nan at \(1, 0\)"):
        Inputs((2,), Scaling()).arrays([[1, 2], [np.nan, 3]])


def test_a_frame_for_a_model_of_pictures_is_refused():
    with pytest.raises(DataError, match=r"not the columns of a table. Expected arrays of shape \(examples, 8, 8, 1\)"):
        Inputs(SHAPE, Scaling()).frame(pd.DataFrame({"a": [1]}), "the table", print)


@pytest.mark.parametrize(
    "settings, pixels, white",
    [
        ({"kind": "digits", "scale": "none"}, None, 16),
        ({"kind": "digits", "scale": "unit"}, None, 16),
        ({"kind": "npz", "scale": "unit"}, 200, 255),
        ({"kind": "npz", "scale": "none"}, 200, 255),
        ({"kind": "images", "scale": "none"}, 200, 255),  # a dark photograph is no reason to darken a new one
    ],
)
def test_what_a_white_pixel_was_in_training(lab, settings, pixels, white):
    if settings["kind"] == "npz":
        x = np.full((10, 2, 2, 1), pixels, np.uint8)
        np.savez("mine.npz", x=x, y=np.arange(10) % 2)
        settings |= {"path": "mine.npz"}
    elif settings["kind"] == "images":
        for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
            (lab / name).parent.mkdir(exist_ok=True)
            picture(lab / name, colour=pixels)
        settings |= {"path": "."}
    assert load_dataset(settings).white == white


def test_pictures_that_are_scaled_already_or_hidden_are_said(lab):
    """Divided by 255 again, every picture was black."""
    rng = np.random.default_rng(0)
    np.savez("n.npz", x=rng.integers(0, 256, (40, 4, 4), np.uint8), y=np.arange(40) % 2)
    data = {"kind": "npz", "path": "n.npz", "scale": "unit", "input_shape": [4, 4, 1], "num_classes": 2}
    inputs, told = Inputs.of(load_dataset(data), data), []
    inputs.arrays(rng.random((2, 4, 4, 1)), told.append)
    assert len(told) == 1 and "those of the training pictures at 255. Expected unscaled values, as in the training data." in told[0]
    grey = rng.integers(1, 256, (2, 4, 4), np.uint8)
    assert inputs.arrays(grey, told.append).shape == (2, 4, 4, 1) and len(told) == 1
    with pytest.raises(DataError, match="hold nan at"):
        inputs.arrays(np.ma.masked_equal(grey, grey[0, 0, 0]))
