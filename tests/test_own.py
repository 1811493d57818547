"""A user's own data: CSV, NPZ, folders of pictures; what they declare and how they fail."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stackfit.data import declare, load_dataset
from stackfit.errors import DataError

FLOWERS = "petal,width,species\n" + "".join(
    f"{row},{row * 2},{'rose' if row % 3 else 'lily'}\n" for row in range(1, 31)
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def csv(text=FLOWERS, name="flowers.csv", **changes):
    """Write a table and return a section that reads it."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    return {"kind": "csv", "path": name, "label": "species", "scale": "none", **changes}


def npz(**arrays):
    np.savez("mine.npz", **arrays)
    return {"kind": "npz", "path": "mine.npz", "scale": "none"}


def pictures(folder="photos", size=(6, 4), mode="L", count=5, suffix="png"):
    """Two classes of `count` pictures; size is width, height."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for index in range(count):
            path = f"{folder}/{name}/{index}.{suffix}"
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
            Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(path)
    return {"kind": "images", "path": folder}


def refused(data, key, *parts):
    """Loading fails with a text that holds all parts, about this key."""
    with pytest.raises(DataError) as caught:
        load_dataset(data)
    assert caught.value.key == f"data.{key}"
    assert [part for part in parts if part not in caught.value.message] == [], caught.value.message


# Tables


def test_words_are_sorted_and_numbered_and_the_classes_are_declared_from_the_file():
    data = csv()
    assert declare(data) == {"input_shape": [2], "num_classes": 2, "class_names": ["lily", "rose"]}
    flowers = load_dataset({**data, **declare(data)})
    assert flowers.class_names == ("lily", "rose") and flowers.name == "flowers"
    assert flowers.train.x.dtype == np.float32 and flowers.train.y.dtype == np.int64
    for split in (flowers.train, flowers.test):
        assert (split.y == (split.x[:, 0] % 3 != 0)).all() and (split.x[:, 1] == 2 * split.x[:, 0]).all()


def test_declared_class_names_decide_the_numbers():
    flowers = load_dataset(csv(class_names=["rose", "lily"], num_classes=2))
    assert (flowers.train.y == (flowers.train.x[:, 0] % 3 == 0)).all()


def test_the_test_part_is_a_fifth_of_each_class_drawn_with_split_seed():
    first, again, other = (load_dataset(csv(split_seed=seed)) for seed in (0, 0, 1))
    assert np.bincount(first.test.y).tolist() == [2, 4]  # a fifth of 10 lilies and of 20 roses
    assert sorted([*first.train.x[:, 0], *first.test.x[:, 0]]) == list(range(1, 31))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_validation_part_of_a_file_sorted_by_class_has_every_class():
    text = "a,species\n" + "".join(f"{row},{row // 50}\n" for row in range(150))
    flowers = load_dataset(csv(text, validation_split=0.2))
    assert set(flowers.validation.y) == {0, 1, 2}


def test_a_test_file_is_the_test_part_and_nothing_is_held_out():
    csv("petal,width,species\n1,2,rose\n", "test.csv")
    flowers = load_dataset(csv(test_path="test.csv"))
    assert (len(flowers.train), len(flowers.test), flowers.test.y.tolist()) == (30, 1, [1])


def test_whole_numbers_are_class_numbers_and_numbers_that_do_not_start_at_0_get_names():
    assert declare(csv("a,species\n5,0\n6,2\n7,1\n")) == {"input_shape": [1], "num_classes": 3}
    data = csv("a,species\n" + "5,1\n6,2\n" * 5)
    assert declare(data)["class_names"] == ["1", "2"]
    assert set(load_dataset({**data, **declare(data)}).train.y) == {0, 1}


def test_fractions_are_values_to_predict():
    data = csv("a,species\n1,0.5\n2,1.5\n3,2.5\n")
    assert declare(data) == {"input_shape": [1], "num_classes": 0}
    values = load_dataset({**data, **declare(data), "test_split": 0.34})
    assert values.train.y.dtype == np.float32 and len(values.test) == 1


def test_a_semicolon_table_reads_like_a_comma_table():
    assert load_dataset(csv(FLOWERS.replace(",", ";"))).fingerprint == load_dataset(csv()).fingerprint


def test_blank_lines_are_not_rows_and_do_not_shift_row_numbers():
    lines = FLOWERS.splitlines()
    assert (
        load_dataset(csv("\n".join([*lines[:3], "", *lines[3:], "", ""]))).fingerprint
        == load_dataset(csv()).fingerprint
    )
    refused(
        csv("\n".join([*lines[:3], "", "x,1,rose", *lines[3:]])), "path", "Column 'petal'", "'x' in row 5"
    )


def test_a_missing_table_is_named_with_its_nearest_neighbour():
    csv()
    refused({**csv(), "path": "flower.csv"}, "path", "no flower.csv", "'flowers.csv'?", "Type data.path=PATH")
    refused({**csv(), "path": "???"}, "path", "not set", "Expected a CSV file", "Type data.path=PATH")
    refused({**csv(), "path": "."}, "path", "is a folder", "Expected a CSV file", "Type data.path=PATH")


def test_a_missing_label_column_lists_the_columns():
    refused(
        csv(label="specie"),
        "label",
        "'specie'",
        "mean 'species'?",
        "petal, width, species",
        "data.label=COLUMN",
    )
    refused(csv(label=None), "label", "not set", "Expected one of petal, width, species", "data.label=COLUMN")


@pytest.mark.parametrize(
    ("cell", "found"), [("tall", "'tall'"), ("", "empty"), ("inf", "'inf'"), ("nan", "'nan'")]
)
def test_a_cell_that_is_not_a_number_is_found_by_column_and_row(cell, found):
    text = FLOWERS.replace("\n17,", f"\n{cell},")
    refused(
        csv(text),
        "path",
        "Column 'petal' of flowers.csv",
        f"is {found} in row 18",
        "a number",
        "Correct the cell",
    )


def test_an_empty_label_is_found_by_row():
    refused(
        csv(FLOWERS.replace("\n2,4,rose", "\n2,4,")), "path", "Column 'species'", "empty in row 3", "a label"
    )


@pytest.mark.parametrize("text", ["", "petal,species\n", "species\nrose\nlily\n"])
def test_a_table_without_rows_or_features_is_refused(text):
    refused(csv(text), "path", "flowers.csv", "Expected", "file")


def test_a_broken_table_is_refused():
    refused(
        csv('a,species\n1,"x\n'), "path", "cannot be read", "Expected a header", "Correct the file"
    )
    refused(csv("a,species\n1,2\n1,2,3,4\n"), "path", "Line 3", "has 4 values, the header has 2", "Correct the line")


def test_labels_that_the_declaration_does_not_cover_are_refused():
    numbers = csv("a,species\n" + "1,0\n2,1\n3,2\n" * 4)
    refused({**numbers, "num_classes": 2}, "num_classes", "is 2", "labels 0 to 2", "Set num_classes: 3")
    refused({**numbers, "num_classes": 5}, "num_classes", "is 5", "labels 0 to 2", "Set num_classes: 3")
    refused(csv(class_names=["rose", "lilly"]), "class_names", "label 'lily'", "'lilly'?", "data.class_names")
    refused(
        csv(num_classes=0), "num_classes", "labels such as", "Expected numbers", "leave it out for words"
    )
    refused(csv("a,species\n1,0.5\n2,1.5\n", num_classes=2), "num_classes", "such as", "task=regression")
    refused(
        csv("a,species\n1,-1\n2,1\n3,0\n", num_classes=2, test_split=0), "num_classes", "-1 to 1", "from 0"
    )
    refused(
        csv("a,species\n1,rose\n2,rose\n"), "label", "is 'rose'", "at least two classes", "Set data.label"
    )


def test_whole_numbers_that_look_like_measurements_need_a_declaration():
    prices = csv("a,species\n" + "".join(f"{row},{row * 7}\n" for row in range(100)))
    refused(prices, "num_classes", "100 different whole numbers", "data.num_classes=0 task=regression")
    assert declare({**prices, "num_classes": 0}) == {"input_shape": [1]}
    assert load_dataset({**prices, "num_classes": 0}).train.y.dtype == np.float32
    assert load_dataset({**prices, "num_classes": 99 * 7 + 1}).train.y.dtype == np.int64


def test_a_test_file_with_other_columns_is_refused():
    csv("petal,species\n1,rose\n", "test.csv")
    refused(csv(test_path="test.csv"), "test_path", "test.csv lacks 'width'", "with flowers.csv", "petal, width, species")


def test_a_test_file_has_its_columns_by_their_names():
    """The model knows them by their place: another order, read as it stands, gave wrong numbers silently."""
    csv("species,width,petal\nrose,2,1\n", "test.csv")
    assert load_dataset(csv(test_path="test.csv")).test.x.tolist() == [[1, 2]]


# Arrays


def test_uint8_pictures_stay_uint8_and_get_a_channel_axis():
    x = np.random.default_rng(0).integers(0, 256, (40, 5, 4), np.uint8)
    data = npz(x=x, y=np.arange(40) % 4)
    assert declare(data) == {"input_shape": [5, 4, 1], "num_classes": 4}
    mine = load_dataset({**data, **declare(data), "scale": "unit"})
    assert (
        mine.train.x.dtype == np.uint8
        and mine.scaling.divisor == 255
        and (len(mine.train), len(mine.test)) == (32, 8)
    )


def test_arrays_that_are_already_divided_keep_their_order():
    x, y = np.arange(12.0).reshape(6, 2), np.array(list("abbaab"))
    mine = load_dataset(npz(x_train=x, y_train=y, x_test=x[:2], y_test=y[:2]))
    assert (
        np.array_equal(mine.train.x, x)
        and mine.train.y.tolist() == [0, 1, 1, 0, 0, 1]
        and len(mine.test) == 2
    )
    assert mine.class_names == ("a", "b")


def test_pickled_arrays_are_refused_unread():
    refused(
        npz(x=np.array([{}, []], object), y=np.arange(2)),
        "path",
        "Object arrays",
        "plain arrays",
        "numpy.savez",
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"no zip at all"])
def test_a_file_that_is_not_an_npz_file_is_refused(content):
    with open("mine.npz", "wb") as file:
        file.write(content)
    refused(
        {"kind": "npz", "path": "mine.npz"},
        "path",
        "mine.npz cannot be read",
        "Expected an NPZ file",
        "numpy.savez",
    )


def test_a_single_npy_and_a_damaged_npz_are_refused():
    np.save("one.npy", np.arange(3))
    refused({"kind": "npz", "path": "one.npy"}, "path", "cannot be read", "Expected an NPZ file", "numpy.savez")
    data = npz(x=np.ones((50, 50)), y=np.arange(50) % 2)
    whole = Path("mine.npz").read_bytes()
    with open("mine.npz", "wb") as file:
        file.write(whole[:5000] + b"?" * 100 + whole[5100:])
    refused(data, "path", "cannot be read", "Expected an NPZ file", "numpy.savez")


def test_missing_empty_and_unequal_arrays_are_refused():
    refused(
        npz(X=np.ones((4, 2)), y=np.arange(4)), "path", "no array 'x'", "mean 'X'?", "holds X, y", "Save it"
    )
    refused(npz(x=np.ones((4, 2)), y=np.arange(3)), "path", "(4, 2)", "(3,)", "one label per example")
    refused(npz(x=np.ones((0, 2)), y=np.ones(0)), "path", "(0, 2)", "at least one")
    refused(npz(x=np.ones((4, 2)), y=np.eye(4)), "label", "(4, 4)", "argmax(axis=1)")
    refused(
        {**npz(x=np.ones((4, 2)), y=np.arange(4)), "label": "z"}, "label", "no array 'z'", "data.label=NAME"
    )


def test_a_nan_is_refused_with_its_place_and_pictures_that_are_scaled_already_are_not_scaled_again():
    x = np.random.default_rng(0).random((20, 3, 3))
    refused(
        {**npz(x=x, y=np.arange(20) % 2), "scale": "unit"}, "scale", "end at", "up to 255", "data.scale=none"
    )
    x[7] = np.nan
    refused(
        npz(
            x=x,
            y=np.arange(20) % 2,
        ),
        "path",
        "holds nan in example",
        "numbers only",
        "Fill or remove",
    )


# Pictures


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_folder_of_pictures_is_read_with_one_class_a_subfolder(mode, channels, suffix):
    data = pictures(mode=mode, suffix=suffix)
    assert declare(data) == {"input_shape": [4, 6, channels], "num_classes": 2, "class_names": ["cat", "dog"]}
    photos = load_dataset({**data, **declare(data)})
    assert photos.train.x.dtype == np.uint8 and photos.train.x.shape == (8, 4, 6, channels)
    assert np.bincount(photos.test.y).tolist() == [1, 1] and photos.class_names == ("cat", "dog")


def test_the_pixels_are_those_of_the_file():
    data = pictures(count=1)
    photos = load_dataset({**data, "test_split": 0})
    assert photos.test is None
    with Image.open("photos/dog/0.png") as image:
        assert np.array_equal(photos.train.x[photos.train.y == 1][0, ..., 0], np.asarray(image))


def test_pictures_of_different_sizes_are_refused_with_file_and_sizes():
    data = pictures()
    Image.new("L", (7, 4)).save("photos/dog/big.png")
    refused(data, "input_shape", "is [4, 6, 1]", "'photos/dog/big.png' has [4, 7, 1]", "the same in both")


def test_a_picture_that_cannot_be_read_is_named():
    data = pictures()
    whole = Path("photos/cat/1.png").read_bytes()
    for content in (b"", b"not a picture", whole[: len(whole) // 2]):
        with open("photos/cat/1.png", "wb") as file:
            file.write(content)
        refused(data, "path", "photos/cat/1.png cannot be read", "a picture: a whole PNG or JPEG", "replace or remove")


def test_colour_among_grey_pictures_is_refused_and_grey_among_colour_is_not():
    data = pictures()
    Image.new("RGB", (6, 4)).save("photos/dog/red.png")
    refused(data, "input_shape", "'photos/dog/red.png' has [4, 6, 3]", "Expected", "Set input_shape: [4, 6, 3]")
    assert load_dataset({**data, "input_shape": [4, 6, 3]}).input_shape == (4, 6, 3)


def test_a_declared_size_that_the_pictures_do_not_have_is_refused():
    refused(
        {**pictures(), "input_shape": [28, 28, 1]},
        "input_shape",
        "[28, 28, 1]",
        "[4, 6, 1]",
        "Set input_shape",
    )


def test_folders_without_classes_or_without_pictures_are_refused(tmp_path):
    data = {"kind": "images", "path": "photos"}
    refused(data, "path", "There is no photos", "one subfolder per class", "Type data.path=PATH")
    (tmp_path / "photos").mkdir()
    refused(data, "path", "no subfolders", "Expected one subfolder per class", "Sort the pictures")
    (tmp_path / "photos" / "cat").mkdir()
    refused(data, "path", "has 1 subfolder.", "at least two", "Sort the pictures")
    (tmp_path / "photos" / "dog").mkdir()
    refused(data, "path", "photos/cat has no pictures", ".png, .jpg, .jpeg", "Add pictures")


def test_subfolders_that_are_not_the_declared_classes_are_refused():
    data = {**pictures(), "class_names": ["cat", "dgo"]}
    refused(data, "class_names", "'dgo'", "'photos' has ['cat', 'dog']", "the same in both", "Set class_names")


def test_pictures_above_the_memory_limit_are_refused_before_they_are_decoded():
    refused({**pictures(), "max_memory_bytes": 100}, "max_memory_bytes", "240 bytes", "100", "at least 240")


# What a part lacks


def gaps(data):
    return [warning.message for warning in load_dataset(data).warnings]


def test_a_declared_shape_decides_whatever_the_type():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    data = npz(x=rng.integers(0, 256, (300, 10, 3), np.uint8), y=y)
    assert load_dataset({**data, "input_shape": [10, 3]}).train.x.shape == (240, 10, 3)
    assert load_dataset({**data, "input_shape": [10, 3, 1]}).train.x.shape == (240, 10, 3, 1)
    data = npz(x=rng.random((300, 10, 3)), y=y)
    assert load_dataset({**data, "input_shape": [10, 3, 1]}).train.x.shape == (240, 10, 3, 1)
    data = npz(x_train=rng.random((9, 4, 4, 1)), y_train=y[:9], x_test=rng.random((9, 4, 4)), y_test=y[:9])
    whole = load_dataset({**data, "input_shape": [4, 4]})
    assert whole.train.x.shape == whole.test.x.shape == (9, 4, 4)
    channels_first = npz(x=rng.random((300, 3, 4, 5)), y=y)
    refused({**channels_first, "input_shape": [4, 5, 3]}, "input_shape", "[4, 5, 3]", "[3, 4, 5]")


def test_classes_that_only_one_part_has_are_a_warning():
    y = np.repeat(np.arange(10), 20)
    data = {**npz(x_train=np.random.default_rng(0).random((200, 3)), y_train=y, x_test=np.ones((7, 3)), y_test=y[:7])}
    assert gaps({**data, "validation_split": 0.2}) == [
        "The classes 8, 9 are in the validation part only: the model never sees them. The classes 0, 1, 2, 3, 4 and 3 others "
        "are not in the validation part: its metrics leave them out. Expected every kind of example in each part; the "
        "validation part is the end of the training part. Type data.stratify=true, or shuffle the file",
        "The classes 1, 2, 3, 4, 5 and 2 others are not in the test part: its metrics leave them out. Expected every kind of "
        "example in each part; the parts are divided so in the data. Divide them again, or add examples",
    ]
    assert gaps(npz(x=np.random.default_rng(0).random((400, 3)), y=np.repeat(y, 2)) | {"validation_split": 0.2}) == []


def test_values_that_are_sorted_leave_a_validation_part_of_others():
    x, y = np.ones((40, 2)), np.linspace(0, 1, 40)
    data = npz(x_train=x, y_train=y, x_test=x, y_test=y)
    (line,) = gaps({**data, "num_classes": 0, "validation_split": 0.25})
    assert line.startswith("Every value of the validation part lies outside of the training part's, 0 to 0.74")


def test_a_run_without_a_test_part_says_so():
    (line,) = gaps(npz(x=np.ones((4, 2)), y=np.array([0, 0, 1, 1])))
    assert line.startswith("There is no test part, so there will be no test metrics: data.test_split=0.2 leaves none")
    assert gaps({**npz(x=np.ones((4, 2)), y=np.array([0, 0, 1, 1])), "test_split": 0}) == []
    (line,) = gaps(npz(x_train=np.ones((4, 2)), y_train=np.array([0, 1, 1, 0])))
    assert "or the file has a training part only" in line


def test_no_shipped_data_lack_anything():
    for kind, extra in (("digits", {"validation_split": 0.2}), ("xor", {"scale": "none"})):
        assert load_dataset({"kind": kind, **extra}).warnings == ()


# Numbers that int64 and float32 do not hold


def test_large_numbers_stay_what_they_are():
    x = np.random.default_rng(0).random((40, 2))
    values = load_dataset({**npz(x=x, y=np.linspace(1, 6, 40) * 1e22), "num_classes": 0, "test_split": 0})
    assert values.train.y.dtype == np.float32 and 0.9e22 < values.train.y.min() < values.train.y.max() < 6.1e22
    values = load_dataset({**npz(x=x, y=np.full(40, 6e22)), "num_classes": 0, "test_split": 0})
    assert (values.train.y == np.float32(6e22)).all()
    names = load_dataset(npz(x=x, y=np.where(np.arange(40) % 2, 2**64 - 1, 3).astype(np.uint64)))
    assert names.class_names == ("3", "18446744073709551615") and set(names.train.y) == {0, 1}
    data = npz(x=x, y=np.where(np.arange(40) % 2, 1e19, 0))
    refused({**data, "num_classes": 2}, "num_classes", "the label 1e+19 in example 1 (from 0), which is beyond 64 bits", "Number the classes from 0")
    assert load_dataset(npz(x=x, y=np.where(np.arange(40) % 2, 2**62, 0))).class_names == ("0", str(2**62))


def test_features_that_float32_makes_equal_are_a_warning():
    seconds = 1_700_000_000 + np.arange(60)
    data = {**npz(x=np.stack([seconds, np.arange(60)], 1).astype(float), y=np.arange(60) // 30), "scale": "standardize"}
    said = []
    load_dataset(data, said.append)
    assert said == [
        "warning: float32 loses the differences of 1 of 2 features in mine.npz, such as number 0 (from 0), 1700000000 to "
        "1700000059. Expected numbers whose first 7 digits tell them apart. Subtract an offset before you save them."
    ]
    said.clear()
    keys = 33_554_432 + np.arange(60) // 2 * 10**6 + np.arange(60) % 2  # far apart, but two of them are one
    load_dataset({**npz(x=np.stack([np.arange(60), keys], 1), y=np.arange(60) // 30), "scale": "none"}, said.append)
    assert "1 of 2 features" in said[0] and "number 1 (from 0), 33554432 to 62554433" in said[0]
    refused(npz(x=np.full((40, 2), 1e39), y=np.arange(40) // 20), "path", "holds inf in example")
    said.clear()
    load_dataset({**npz(x=np.stack([seconds - seconds[0], np.arange(60)], 1), y=np.arange(60) // 30), "scale": "none"}, said.append)
    assert said == []


# As beginners bring them


@pytest.mark.parametrize(
    ("arrays", "key", "parts"),
    [
        ({"y": np.eye(2)[[0, 1] * 10]}, "label", ["argmax(axis=1)"]),
        ({"y": np.random.default_rng(0).normal(size=(20, 2))}, "label", ["labels[:, 0]"]),
        ({"y": np.where(np.arange(20) == 9, np.nan, np.arange(20) % 2)}, "label", ["hold nan in example 9 (from 0)"]),
        ({"x": np.where(np.arange(40).reshape(20, 2) == 5, np.inf, 0)}, "path", ["x of mine.npz holds inf in example 2 (from 0)"]),  # not of a part
        ({"x": np.arange(20.0)}, "path", ["examples x of shape (20,)", "x[:, None]"]),
        ({"x_train": np.eye(20), "y_train": np.arange(20) % 2, "x_test": np.empty((0, 20)), "y_test": np.empty(0)}, "path", ["examples x_test of shape (0, 20)"]),
    ],
)
def test_arrays_that_are_not_examples_and_labels_say_which_and_what_to_save(arrays, key, parts):
    given = {"x": np.arange(40.0).reshape(20, 2), "y": np.arange(20) % 2} if "x_train" not in arrays else {}
    refused(npz(**(given | arrays)), key, *parts)


def test_a_word_of_its_own_for_each_example_is_no_class():
    words = {"y": np.array([f"name {number}" for number in range(40)])}
    refused(npz(x=np.arange(80.0).reshape(40, 2), **words), "num_classes", "40 different words as 40 labels", "data.num_classes=40 if each word is a class")
    data = npz(x=np.arange(80.0).reshape(40, 2), **words)
    assert declare({**data, "num_classes": 40})["class_names"][:2] == ["name 0", "name 1"]


def test_values_that_are_all_the_same_are_a_warning():
    data = {**npz(x=np.arange(80.0).reshape(40, 2), y=np.full(40, 0.5)), "num_classes": 0}
    assert load_dataset(data).warnings[0].message.startswith("Every value to predict of the training part is 0.5: there is nothing")


def test_bytes_are_words():
    names = load_dataset(npz(x=np.arange(40.0).reshape(20, 2), y=np.array(["rosé".encode(), b"lily"] * 10))).class_names
    assert names == ("lily", "rosé")


def test_arrays_that_are_not_used_are_named():
    said = []
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    load_dataset(npz(x_train=x, y_train=y, x_val=x, y_val=y, x_test=x, y_test=y), said.append)
    assert said == ["Not used of mine.npz: x_val, y_val."]


def test_a_file_that_is_divided_is_no_test_part_and_has_its_own():
    """Its training part was taken for the test."""
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    data = npz(x_train=x, y_train=y, x_test=x, y_test=y)
    np.savez("plain.npz", x=x, y=y)
    refused({**data, "test_path": "plain.npz"}, "test_path", "mine.npz has a test part itself")
    refused({**data, "path": "plain.npz", "test_path": "mine.npz"}, "test_path", "mine.npz is divided itself")


def test_channels_that_come_first_are_said_unless_the_shape_is_declared():
    said = []
    data = {**npz(x=np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), np.uint8), y=np.arange(20) % 2), "scale": "unit"}
    load_dataset(data, said.append)
    assert "the shape (3, 8, 8): these look like pictures with their channels first" in said[0] and "numpy.moveaxis(x, 1, -1)" in said[0]
    said.clear()
    load_dataset({**npz(x=np.zeros((20, 1, 8, 8)) + np.arange(20)[:, None, None, None], y=np.arange(20) % 2), "input_shape": [8, 8, 1]}, said.append)
    load_dataset({**npz(x=np.ones((20, 3, 4, 2)), y=np.arange(20) % 2)}, said.append)  # a table of sequences, maybe
    assert said == []


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (lambda rng: rng.normal(size=(20, 4, 4, 1)), True),  # scaled already
        (lambda rng: rng.integers(0, 65536, (20, 4, 4, 1)).astype(np.uint16), True),
        (lambda rng: rng.random((20, 4, 4, 1)) * 254 + 1, False),
        (lambda rng: rng.integers(0, 256, (20, 4, 4, 1)).astype(np.int64), False),
        (lambda rng: rng.integers(0, 95, (20, 4, 4, 1), np.uint8), False),
    ],
)
def test_numbers_that_are_no_bytes_are_not_divided_by_255_silently(values, warned):
    data = {**npz(x=values(np.random.default_rng(0)), y=np.arange(20) % 2), "scale": "unit"}
    assert [each.kind for each in load_dataset(data).warnings] == ["value_range"] * warned


def test_what_is_no_table_is_called_what_it_is():
    for start, what in ((b"\x89PNG\r\n", "a picture"), (b"SQLite format 3\0", "a database"), (b'[{"a": 1}]', "a JSON file"), (b"ARROW1\0\0", "a Feather file")):
        Path("t.csv").write_bytes(start + b" " * 50)
        refused({"kind": "csv", "path": "t.csv", "label": "y"}, "path", f"t.csv is {what}. Expected a CSV file.")
