"""Reading the `data` section: built-in data, splits, scaling, and declarations that do not hold."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

from stackfit.cli.pictures import render_picture, write_png
from stackfit.config import project
from stackfit.data import Scaling, declare, list_data, load_dataset, show_item
from stackfit.data.arrays import fingerprint
from stackfit.data.kinds import kind_of
from stackfit.errors import DataError

CONF = Path(__file__).parents[1] / "conf" / "data"


def section(name, **changes):
    """A shipped data file as a plain mapping, with some keys changed."""
    return {**yaml.safe_load((CONF / f"{name}.yaml").read_text()), **changes}


def refusal(data):
    """The error that loading raises."""
    with pytest.raises(DataError) as caught:
        load_dataset(data)
    return caught.value


def test_loading_digits_xor_and_importing_data_leave_tensorflow_alone():
    code = (
        "import sys, yaml\n"
        "from stackfit.data import load_dataset, list_data\n"
        "list_data()\n"
        f"[load_dataset(yaml.safe_load(open(r'{CONF}/' + n))) for n in ('xor.yaml', 'digits.yaml')]\n"
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_data_loads_neither_pandas_nor_scikit_learn_nor_pillow():
    code = "import sys, stackfit.data; sys.exit(repr({'pandas', 'sklearn', 'PIL'} & set(sys.modules)) * 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_xor_is_one_where_exactly_one_coordinate_is_and_its_test_set_is_its_training_set():
    xor = load_dataset(section("xor"))
    assert xor.train.x.dtype == np.float32 and xor.train.y.dtype == np.int64
    assert [int(a) ^ int(b) for a, b in xor.train.x] == xor.train.y.tolist()
    assert np.array_equal(xor.train.x, xor.test.x) and xor.validation is None and xor.input_shape == (2,)


def test_digits_keep_scikit_learns_order_and_its_last_360_are_the_test_set():
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), load_dataset(section("digits"))
    assert ours.train.x.dtype == np.uint8 and ours.input_shape == (8, 8, 1) and len(ours.test) == 360
    assert np.array_equal(np.concatenate([ours.train.x, ours.test.x])[..., 0], theirs.images)
    assert np.array_equal(np.concatenate([ours.train.y, ours.test.y]), theirs.target)


def test_a_dictconfig_loads_like_a_plain_mapping():
    assert (
        load_dataset(OmegaConf.create(section("xor"))).fingerprint == load_dataset(section("xor")).fingerprint
    )


def test_the_fingerprint_belongs_to_the_data_and_not_to_how_they_are_split_or_scaled():
    plain = load_dataset(section("digits"))
    changed = load_dataset(section("digits", validation_split=0.3, scale="standardize"))
    stored = (plain.train.x, plain.train.y, plain.test.x, plain.test.y)
    assert plain.fingerprint == changed.fingerprint == fingerprint(stored)


@pytest.mark.parametrize(
    "other", [np.array([1, 2], np.int32), np.array([[1], [2]]), np.array([2, 1]), np.array([1, 2, 3])]
)
def test_the_fingerprint_sees_type_shape_order_and_length(other):
    assert fingerprint([np.array([1, 2])]) != fingerprint([other])


def test_the_fingerprint_of_a_view_is_that_of_its_values():
    x = np.arange(12).reshape(3, 4)
    assert fingerprint([x[:, ::2]]) == fingerprint([x[:, ::2].copy()]) and fingerprint([x[:0]])


@pytest.mark.parametrize("share", [0.1, 0.2, 1 / 3])
def test_validation_split_cuts_where_keras_cuts(share):
    whole = load_dataset(section("digits")).train
    cut = load_dataset(section("digits", validation_split=share))
    at = int(np.floor(len(whole) * (1 - share)))
    assert (len(cut.train), len(cut.validation)) == (at, len(whole) - at)
    assert np.array_equal(cut.validation.x, whole.x[at:]) and np.array_equal(cut.validation.y, whole.y[at:])


def test_standardize_is_scikit_learns_standard_scaler_fitted_on_the_training_part_only():
    from sklearn.preprocessing import StandardScaler

    digits = load_dataset(section("digits", validation_split=0.25, scale="standardize"))
    scaler = StandardScaler().fit(digits.train.x.reshape(len(digits.train), -1))
    for split in (digits.train, digits.validation, digits.test):
        theirs = scaler.transform(split.x.reshape(len(split), -1)).reshape(split.x.shape)
        assert np.allclose(digits.scaling.apply(split.x), theirs, atol=1e-5)
    constant = digits.train.x.std(axis=0) == 0
    assert constant.any() and (digits.scaling.divisor[constant] == 1).all()


def test_statistics_do_not_depend_on_how_the_examples_are_cut_into_batches():
    x = np.random.default_rng(0).normal(1e6, 1.0, (1000, 3))
    scaling = Scaling.standardizing(np.array_split(x, 7))
    assert np.allclose(scaling.offset, x.mean(axis=0), rtol=1e-7)
    assert np.allclose(scaling.divisor, x.std(axis=0), rtol=1e-5)


def test_unit_maps_the_highest_possible_value_to_one_and_none_changes_nothing():
    unit, none = (load_dataset(section("digits", scale=scale)) for scale in ("unit", "none"))
    assert unit.scaling.divisor == 16 and unit.scaling.apply(unit.train.x).max() == 1
    assert none.scaling == Scaling() and np.array_equal(none.scaling.apply(none.train.x), none.train.x)


@pytest.mark.parametrize(
    ("data", "key", "parts"),
    [
        (
            section("xor", kind="fasion_mnist"),
            "kind",
            ["'fasion_mnist'", "mean 'fashion_mnist'?", "Set data.kind"],
        ),
        (
            section("xor", scale="unti"),
            "scale",
            ["'unti'", "Did you mean 'unit'?", "unit, standardize, none"],
        ),
        (section("xor", scale="unit"), "scale", ["shape [2]", "Expected pictures", "data.scale=standardize"]),
        (section("fashion_mnist", order="kears"), "order", ["'kears'", "'keras'?", "tfds, keras"]),
        (section("xor", num_classes=1), "num_classes", ["is 1", "has 2", "Set num_classes: 2"]),
        (section("xor", validation_split=1.0), "validation_split", ["is 1.0", "leaves 0 of 4", "Set another share"]),
        (section("xor", validation_split=0.9), "validation_split", ["leaves 0 of 4", "on each side", "or 0"]),
        (
            section("digits", input_shape=[64]),
            "input_shape",
            ["[64]", "[8, 8, 1]", "Set input_shape: [8, 8, 1]"],
        ),
        (section("digits", num_classes=9), "num_classes", ["is 9", "has 10", "Set num_classes: 10"]),
        (
            section("digits", class_names=["a", "b"]),
            "num_classes",
            ["num_classes is 10", "data.class_names' has 2", "the same in both"],
        ),
        (
            section("digits", examples={"train": 1797, "test": None}),
            "examples",
            ["is {'train': 1797}", "has {'train': 1437}", "Set examples: {'train': 1437}"],
        ),
        (
            section("digits", max_memory_bytes=1000),
            "max_memory_bytes",
            ["129384 bytes", "1000", "Set it to at least 129384"],
        ),
        (section("tfds"), "name", ["not set", "Expected one of", "Type data.name=kmnist"]),
        (
            section("mnist", splits={"val": "test"}),
            "splits",
            ["has val", "Expected train", "Type for example"],
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_expected_and_what_to_type(data, key, parts):
    error = refusal(data)
    assert error.key == f"data.{key}" and error.exit_code == 2
    assert [part for part in parts if part not in error.message] == []


def test_every_module_of_kinds_is_one_and_every_shipped_data_file_names_one():
    kinds = project.data_kinds()
    assert {"csv", "digits", "fashion_mnist", "images", "npz", "tfds", "xor"} <= set(kinds) and "__init__" not in kinds
    assert {yaml.safe_load(path.read_text())["kind"] for path in CONF.glob("*.yaml")} <= set(kinds)
    assert {name for name in kinds if kind_of(name).own} == {"csv", "npz", "images"}


def test_a_module_and_a_data_file_are_all_that_a_new_kind_needs(tmp_path):
    """In a copy of the package: it is composed, listed, loaded, refused when misspelt, and in the editor's schema."""
    package = shutil.copytree(project.PACKAGE, tmp_path / "stackfit", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("conf", "experiments"):
        shutil.copytree(project.shipped(folder), package / folder)
    code = (package / "data/kinds/xor.py").read_text().replace("[0, 1, 1, 0], np.int64", "[0, 0, 0, 1], np.int64")
    (package / "data/kinds/both.py").write_text(code)
    (package / "conf/data/both.yaml").write_text((CONF / "xor.yaml").read_text().replace("kind: xor", "kind: both"))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from stackfit.config.checks import CHOICES\n"
            "from stackfit.config.hydra.composition import Composer\n"
            "from stackfit.data import list_data, load_dataset\n"
            "from stackfit.execution.cells import compose_cell\n"
            "from stackfit.errors import raising\n"
            "def cell(*overrides):\n"
            "    with raising() as problems:\n"
            "        return compose_cell(Composer('xor_needs_a_hidden_layer'), overrides, (), problems)\n"
            "print(load_dataset(cell('data=both').config['data']).train.y.tolist(), 'both' in CHOICES['data.kind'])\n"
            "print([row.state for row in list_data() if row.name == 'both'])\n"
            "cell('data.kind=bothh')\n",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parent}"},
    )
    assert done.stdout == "[0, 0, 0, 1] True\n['part of a package']\n", done.stderr
    assert "data.kind is 'bothh'. Did you mean 'both'? Expected one of: both, csv, digits" in done.stderr


def test_nothing_needs_to_be_declared_for_built_in_data():
    assert declare(section("digits")) == {}


def test_data_list_has_a_row_for_every_shipped_data_file_and_says_what_is_part_of_a_package():
    rows = {row.name: row for row in list_data()}
    assert set(rows) >= {path.stem for path in CONF.glob("*.yaml")}
    assert rows["digits"].state == "part of a package" and rows["digits"].examples == {
        "train": 1437,
        "test": 360,
    }
    assert rows["fashion_mnist"].state in ("ready", "can be fetched") and rows["csv"].state == "your own"


def test_an_item_has_its_label_its_name_and_the_ranges_before_and_after_scaling():
    item = show_item(section("digits", scale="unit"), 0)
    assert (item.label, item.class_name) == (0, "0")  # the first digit of scikit-learn's set is a zero
    assert (item.stored_range, item.scaled_range) == ((0, 16), (0, 1))
    assert item.picture.shape == (8, 8, 1) and item.picture.max() == 239  # its brightest pixel is 15 of 16


def test_an_index_outside_the_split_is_refused_with_the_last_one():
    with pytest.raises(DataError, match=r"no example 360 in 'test'. Expected 0 to 359."):
        show_item(section("digits"), 360, "test")
    with pytest.raises(DataError, match="Expected another split"):
        show_item(section("digits"), 0, "validation")


def test_a_table_has_no_picture():
    assert show_item(section("xor"), 3).picture is None


def test_a_picture_is_rendered_with_half_blocks_or_with_shades():
    picture = np.array([[[0], [255]], [[255], [0]], [[128], [128]]], np.uint8)
    lines = render_picture(picture).split("\n")
    assert len(lines) == 2 and lines[0].count("▀") == 2 and lines[0].endswith("\x1b[0m")
    assert lines[0].startswith("\x1b[38;2;0;0;0m\x1b[48;2;255;255;255m▀")
    assert render_picture(picture, colour=False).split("\n") == ["  @@", "@@", "++++"]
    assert (
        len(render_picture(np.zeros((300, 300, 3), np.uint8), max_columns=80).split("\n")[0].split("▀")) <= 81
    )


def test_a_png_holds_the_picture_that_was_shown(tmp_path):
    from PIL import Image

    item = show_item(section("digits"), 5)
    write_png(item.picture, tmp_path / "five.png")
    with Image.open(tmp_path / "five.png") as image:
        assert np.array_equal(np.asarray(image), item.picture[..., 0])
    with pytest.raises(DataError, match=r"cannot be written.*folder that exists.*Type another path"):
        write_png(item.picture, tmp_path / "missing" / "five.png")


@pytest.mark.parametrize("shape", [(2500, 30), (1001, 1), (40, 3), (3000, 4, 4, 1)])
def test_standardizing_is_scikit_learns_partial_fit_to_the_bit(shape):
    from sklearn.preprocessing import StandardScaler

    x = (100 * np.random.default_rng(0).standard_normal(shape) + 7).astype(np.float32)
    x[:, 0] = 5  # constant
    parts, scaler = [x[at : at + 1000] for at in range(0, len(x), 1000)], StandardScaler()
    for part in parts:
        scaler.partial_fit(part.reshape(len(part), -1).astype(np.float64))
    scaling = Scaling.standardizing(parts)
    assert np.array_equal(scaling.offset, scaler.mean_.astype(np.float32).reshape(shape[1:]))
    assert np.array_equal(scaling.divisor, scaler.scale_.astype(np.float32).reshape(shape[1:]))


def test_a_machine_without_tensorflow_datasets_is_told_where_the_arrays_come_from(monkeypatch):
    from stackfit.data.dataset import SILENT
    from stackfit.data.kinds import tfds

    find_spec = tfds.importlib.util.find_spec
    monkeypatch.setattr(tfds.importlib.util, "find_spec", lambda name: None if name == "tensorflow_datasets" else find_spec(name))
    with pytest.raises(DataError, match=r"kmnist has not been prepared .* Expected its arrays in .*arrays\. Type `stackfit data fetch`"):
        tfds.run_tfds({"name": "kmnist"}, SILENT)
