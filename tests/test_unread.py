"""`unread`: whatever is set, it changes the data or is said; of every kind, divided in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stackfit.config.schema import Data, keys_of
from stackfit.data import declare, load_dataset, target_scale_of
from stackfit.data.kinds import tfds
from stackfit.errors import DataError

ROWS = 40
KINDS = np.arange(ROWS) * 7 % 10 // 6 * (np.arange(ROWS) < 30)  # the last ones are alike
OTHER: dict[str, Any] = {
    "kind": "xor", "name": "mnist", "order": "keras", "path": "other", "test_path": "other", "test_split": 0.5, "split_seed": 1,
    "label": "z", "resize": [2, 2], "background": "black", "splits": {"train": "train[:50%]"}, "examples": {"train": 1},
    "input_shape": [9], "num_classes": 7, "class_names": ["B", "A"], "scale": "standardize", "validation_split": 0.3,
    "max_memory_bytes": 1, "columns": {"g": "category"}, "impute": "mean", "missing": ["?"], "decimal": ",", "thousands": ".",
    "header": False, "separator": ";", "encoding": "utf-16", "stratify": True, "group": "g", "split_by": "t", "scale_target": True,
}  # fmt: skip
"""Of each key a value that is no default, and that the files below do not suggest by themselves."""

WAYS: dict[str, dict[str, Any]] = {
    "digits": {"kind": "digits", "scale": "none"},
    "digits, validated": {"kind": "digits", "scale": "none", "validation_split": 0.2},
    "xor": {"kind": "xor", "scale": "none"},
    "tfds": {"kind": "tfds", "name": "tiny"},
    "a stream": {"kind": "tfds", "name": "tiny", "max_memory_bytes": 2},
    "a stream, validated": {"kind": "tfds", "name": "tiny", "max_memory_bytes": 2, "validation_split": 0.2},
    "csv": {},
    "csv, not divided": {"test_split": 0.0},
    "csv, validated": {"validation_split": 0.2},
    "csv, two files": {"test_path": "test.csv"},
    "csv, two files, validated": {"test_path": "test.csv", "validation_split": 0.25},
    "csv, by group": {"group": "g"},
    "csv, by order": {"split_by": "t"},
    "csv, by order, validated": {"split_by": "t", "validation_split": 0.2},
    "csv, values": {"label": "a"},
    "npz": {"kind": "npz", "path": "t.npz"},
    "npz, validated": {"kind": "npz", "path": "t.npz", "validation_split": 0.2},
    "npz, two files": {"kind": "npz", "path": "t.npz", "test_path": "test.npz"},
    "npz, divided": {"kind": "npz", "path": "divided.npz"},
    "npz, divided, validated": {"kind": "npz", "path": "divided.npz", "validation_split": 0.2},
    "npz, one part": {"kind": "npz", "path": "train.npz"},
    "npz, values": {"kind": "npz", "path": "t.npz", "label": "values"},
    "images": {"kind": "images", "path": "photos", "scale": "unit"},
    "images, validated": {"kind": "images", "path": "photos", "scale": "unit", "validation_split": 0.2},
    "images, two folders": {"kind": "images", "path": "photos", "test_path": "more", "scale": "unit"},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory):
    """A table, arrays and pictures in which every setting could change something."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("STACKFIT_CACHE", str(folder / "cache"))
        patch.setattr(tfds, "run_tfds", prepared)
        noise = np.random.default_rng(0)
        for name in ("t", "test"):
            lines = [f"{noise.normal():.2f},{'x?z'[n % 3]},{n // 10 + ROWS * (name == 'test')},{n + ROWS * (name == 'test')}.5,{'AB'[KINDS[n]]}" for n in range(ROWS)]
            Path(f"{name}.csv").write_text("a,w,g,t,y\n" + "\n".join(lines) + "\n")
            x, y = noise.normal(size=(ROWS, 3)).astype(np.float32), KINDS
            np.savez(f"{name}.npz", x=x, y=y, z=1 - y, values=x[:, 0])
        np.savez("divided.npz", x_train=x, y_train=y, x_test=x + 1, y_test=y)
        np.savez("train.npz", x_train=x, y_train=y)
        for place in ("photos", "more"):
            for n in range(ROWS // 2):
                path = Path(place, "AB"[n % 3 // 2], f"{n}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise.integers(0, 256, (3, 3, 4), np.uint8)).save(path)
        yield


def prepared(request, progress):
    """What tensorflow-datasets would say of a data set, and write."""
    folder, x = Path(request["folder"]), np.arange(ROWS * 4, dtype=np.uint8).reshape(ROWS, 2, 2, 1)
    sizes = {split: ROWS // (2 if "%" in rows else 1) for split, rows in request["splits"].items()}
    facts = {"bytes": 1000, "arrays": [], "sizes": sizes, "input_shape": [2, 2, 1], "dtype": "uint8", "class_names": ["A", "B"],
             "version": "1", "files": {}, "folder": str(folder)}  # fmt: skip
    if request.get("max_bytes", 0) >= 1000:
        for split, size in sizes.items():
            np.save(folder / f"{split}_x.npy", x[:size])
            np.save(folder / f"{split}_y.npy", KINDS[:size])
            facts["arrays"] += [f"{split}_x", f"{split}_y"]
    elif request.get("stream") is not None:
        np.save(folder / "mean.npy", np.float32(1 - request["stream"]))
        np.save(folder / "deviation.npy", np.float32(2))
        facts["arrays"] = ["mean", "deviation"]
    return facts


def outcome(data: dict[str, Any], form: str) -> list[str]:
    """All that can be seen of it: what is said, or else the arrays, how they are scaled, and what they are called."""
    said: list[str] = []
    try:
        declared = declare(data, form, lambda warning: said.append(str(warning)))
        data = data | declared
        dataset = load_dataset(data, said.append)
        said += [str(warning) for warning in dataset.warnings]
        parts = [getattr(dataset, part, None) for part in ("train", "validation", "test")]
        arrays = [array.tobytes() for part in parts if part is not None for array in (part.x, part.y)]
        scale = [None if array is None else array.tolist() for array in vars(dataset.scaling).values()]
        seen = (declared, data.get("num_classes"), arrays, dataset.sizes, scale, dataset.class_names, dataset.encoding, dataset.fingerprint, target_scale_of(data, form))
        return [*said, *map(repr, seen)]
    except DataError as error:
        return [*said, str(error)]


@pytest.mark.parametrize("way", WAYS)
def test_a_setting_changes_the_data_or_is_said(way):
    """`kind` was refused in one load, `group` was ignored in the next."""
    data = {"kind": "csv", "path": "t.csv", "scale": "none"} | WAYS[way]
    if data["kind"] == "csv":
        data = {"label": "y", "columns": {"w": "category"}} | data
        if data["label"] == "a":
            data["columns"] = {"w": "category", "y": "category"}
    form = "value" if data.get("label") in ("a", "values") else "class"
    before, silent = outcome(data, form), []
    for key in keys_of(Data):
        value = "digits" if (key, way) == ("kind", "xor") else OTHER[key]
        value = "standardize" if key == "scale" and data["scale"] != "standardize" else value
        if key == "columns" and "columns" in data:
            value = data["columns"] | value
        if key == "max_memory_bytes" and key in data:
            value = 10**9
        if data.get(key) != value and outcome(data | {key: value}, form) == before:
            silent.append(key)
    assert silent == []
