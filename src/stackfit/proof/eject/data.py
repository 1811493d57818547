"""The part of an ejected script that reads the data: arrays as stackfit has them, by the libraries' own means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackfit.data import declare
from stackfit.data.fashion_mnist import BYTES, VERSION
from stackfit.errors import DataError
from stackfit.proof.eject.expressions import call, render, statement


@dataclass
class DataCode:
    """Lines that leave `x_train, y_train` (`x_val, y_val`, `x_test, y_test`) as the model takes them, and imports."""

    lines: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)


def data_code(data: Mapping[str, Any], tested: bool) -> DataCode:
    """How a script gets the data of a config's `data` section.

    Args:
        tested: whether there is a test set.

    Raises:
        DataError: the data are streamed, or a file of the user's own cannot be read.
    """
    check_resident(data)
    code = DataCode()
    kind = "keras" if (data["kind"], data["order"]) == ("fashion_mnist", "keras") else data["kind"]
    code.lines = [*WRITERS[kind](data, code.imports, tested), ""]
    _scale(data, tested, code)
    return code


def check_resident(data: Mapping[str, Any]) -> None:
    """Refuse data that are read while training: their order is that of TFDS's buffer, which no short script has."""
    size = BYTES
    if data["kind"] == "tfds":
        numbers = 1
        for length in data["input_shape"]:
            numbers *= length
        size = sum(count or 0 for count in data["examples"].values()) * (numbers + 8)
    if data["kind"] in ("tfds", "fashion_mnist") and size > data["max_memory_bytes"]:
        raise DataError(
            f"These data are streamed: {size:,} bytes are above data.max_memory_bytes, {data['max_memory_bytes']:,}. "
            "Expected data that fit in memory, in an order that a script can draw. "
            f"Run it with data.max_memory_bytes={size}, then eject that run",
            key="data.max_memory_bytes",
        )


def _tfds(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    imports.add("import tensorflow_datasets as tfds")
    name, splits = data["name"], data["splits"] or {"train": "train", "test": "test"}
    if data["kind"] == "fashion_mnist":
        name, splits = VERSION.replace("/", ":"), {"train": "train", "test": "test"}
    parts = [part for part in ("train", "test") if part in splits]
    arguments = {"split": [splits[part] for part in parts], "batch_size": -1, "as_supervised": True}
    return [
        "# batch_size=-1: everything at once, in the order in which TFDS has stored it.",
        statement("data", call("tfds.load", {"name": name, **arguments})),
        f"{', '.join(f'(x_{part}, y_{part})' for part in parts)}{',' if len(parts) == 1 else ''} = tfds.as_numpy(data)",
    ]


def _keras(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    return [
        "# Keras fetches four files once, into ~/.keras/datasets/fashion-mnist. Without a network:",
        "# `stackfit data fetch fashion_mnist` puts them there.",
        "(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()",
        'x_train, y_train = x_train[..., np.newaxis], y_train.astype("int64")',
        'x_test, y_test = x_test[..., np.newaxis], y_test.astype("int64")',
    ]


def _digits(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    imports.add("from sklearn.datasets import load_digits")
    return [
        "digits = load_digits()",
        'x, y = digits.images.astype("uint8")[..., np.newaxis], digits.target.astype("int64")',
        "x_train, y_train = x[:-360], y[:-360]  # the last 360 are the test set",
        "x_test, y_test = x[-360:], y[-360:]",
    ]


def _xor(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    return [
        'x_train = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")',
        'y_train = np.array([0, 1, 1, 0], "int64")  # 1 where exactly one coordinate is',
        "x_test, y_test = x_train, y_train",
    ]


def _csv(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    imports.add("import pandas as pd")
    label = render(data["label"])
    lines = [
        "def read(path):",
        "    with open(path) as file:",
        '        separator = max(",;\\t", key=file.readline().count)',
        '    table = pd.read_csv(path, sep=separator).dropna(how="all")',
        f"    labels = table.pop({label}).to_numpy()",
        '    x = table.astype("float64").to_numpy("float32")',
    ]
    return _reader(data, lines) + _own(data, tested)


def _npz(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    import numpy as np

    lines = [
        "def read(path, x, y):",
        "    arrays = np.load(path)",
        "    x, labels = arrays[x], arrays[y].reshape(-1)",
        "    x = x[..., np.newaxis] if x.ndim == 3 else x  # grey pictures get a channel axis",
        '    x = x if x.dtype == np.uint8 else x.astype("float32")',
    ]
    try:
        with np.load(data["path"], allow_pickle=False) as archive:
            divided = "x_train" in archive.files and "x" not in archive.files
    except (OSError, ValueError) as error:
        raise DataError(
            f"{data['path']} cannot be read ({error}). Expected the run's NPZ file, whose arrays the script must name. "
            "Restore it.",
            key="data.path",
        ) from None
    lines = _reader(data, lines)
    if not divided:
        return [*lines, *_own(data, tested, f', "x", {render(data["label"] or "y")}')]
    parts = {"train": data["path"], **({"test": data["test_path"] or data["path"]} if tested else {})}
    # A file of its own for the test may hold plain x and y.
    names = {part: ("x", "y") if part == "test" and data["test_path"] else (f"x_{part}", f"y_{part}") for part in parts}
    return lines + [
        f"x_{part}, y_{part} = read({render(path)}, {', '.join(map(render, names[part]))})"
        for part, path in parts.items()
    ]


def _images(data: Mapping[str, Any], imports: set[str], tested: bool) -> list[str]:
    imports |= {"from PIL import Image", "from pathlib import Path"}
    shape = ", ".join(map(str, data["input_shape"]))
    lines = [
        "def read(folder):",
        "    pictures, labels = [], []",
        "    for number, name in enumerate(CLASSES):",
        "        for file in sorted(Path(folder, name).iterdir()):",
        '            if file.suffix.lower() in (".png", ".jpg", ".jpeg"):',
        f'                pictures.append(np.asarray(Image.open(file).convert("{"L" if shape.endswith(" 1") else "RGB"}")))',
        "                labels.append(number)",
        f'    return np.array(pictures, "uint8").reshape(-1, {shape}), np.array(labels)',
    ]
    classes = statement("CLASSES", [str(name) for name in data["class_names"]])
    return [*classes.splitlines(), "", "", *lines, "", "", *_own(data, tested)]


def _reader(data: Mapping[str, Any], lines: list[str]) -> list[str]:
    """A function `read` that leaves `x` and `labels`, completed: labels as class numbers, or values."""
    inferred = data["num_classes"] and declare({**data, "num_classes": None, "class_names": []}).get("class_names")
    constant = []
    if not inferred:
        numbers = f'labels.astype("{"int64" if data["num_classes"] else "float32"}")'
    else:
        names = [str(name) for name in data["class_names"]]
        whole = all(name.lstrip("-").isdecimal() for name in names)
        constant = [statement("CLASSES", [int(name) for name in names] if whole else names)]
        numbers = f"np.array([CLASSES.index({'int' if whole else 'str'}(one)) for one in labels])"
    return [*constant, "", "", *lines, f"    return x, {numbers}", "", ""]


def _own(data: Mapping[str, Any], tested: bool, more: str = "") -> list[str]:
    """Read, put into an order drawn once, and hold a share of each class out for the test."""
    lines = [
        f"x, y = read({render(data['path'])}{more})",
        "# An order drawn once, so that the last part, for validation, is a fair sample of a sorted file.",
        f"order = np.random.default_rng({data['split_seed']}).permutation(len(y))",
    ]
    if data["test_path"] or not tested:
        lines += ["x_train, y_train = x[order], y[order]"]
        return [*lines, *([f"x_test, y_test = read({render(data['test_path'])}{more})"] if tested else [])]
    share = render(float(data["test_split"]))
    groups = "np.unique(y)" if data["num_classes"] else "[None]"
    members = "np.flatnonzero(y[order] == label)" if data["num_classes"] else "np.arange(len(y))"
    return [
        *lines,
        "held_out = np.zeros(len(y), bool)  # for the test: the same share of every class",
        f"for label in {groups}:",
        f"    members = {members}",
        f"    held_out[members[: min(round(len(members) * {share}), len(members) - 1)]] = True",
        "x_train, y_train = x[order[~held_out]], y[order[~held_out]]",
        "x_test, y_test = x[order[held_out]], y[order[held_out]]",
    ]


WRITERS = {
    "fashion_mnist": _tfds,
    "tfds": _tfds,
    "keras": _keras,
    "digits": _digits,
    "xor": _xor,
    "csv": _csv,
    "npz": _npz,
    "images": _images,
}


def _scale(data: Mapping[str, Any], tested: bool, code: DataCode) -> None:
    """Split the validation part off and scale every `x_…` to float32 as stackfit does."""
    validated = data["validation_split"] > 0
    parts = ["train", *(["val"] if validated else []), *(["test"] if tested else [])]
    if validated:
        share = render(float(data["validation_split"]))
        code.lines += [
            "# The last part of the training data is for validation, as in fit(validation_split=...).",
            f"cut = math.floor(len(x_train) * (1 - {share}))",
            "x_train, x_val = x_train[:cut], x_train[cut:]",
            "y_train, y_val = y_train[:cut], y_train[cut:]",
        ]
    scaled = {
        "none": 'x.astype("float32")',
        "unit": f'x.astype("float32") / np.float32({16 if data["kind"] == "digits" else 255})',
        "standardize": '(x.astype("float32") - mean) / deviation',
    }[data["scale"]]
    if data["scale"] == "standardize":
        code.imports.add("from sklearn.preprocessing import StandardScaler")
        code.lines += [
            "scaler = StandardScaler()",
            "for start in range(0, len(x_train), 1000):  # in parts, for memory's sake",
            "    part = x_train[start : start + 1000]",
            '    scaler.partial_fit(part.reshape(len(part), -1).astype("float64"))',
            'mean = scaler.mean_.astype("float32").reshape(x_train.shape[1:])',
            'deviation = scaler.scale_.astype("float32").reshape(x_train.shape[1:])',
        ]
    code.lines += [f"x_{part} = {scaled.replace('x.', f'x_{part}.', 1)}" for part in parts]
