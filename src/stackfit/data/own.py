"""A user's own data: a CSV or NPZ file, or a folder of pictures, and the part held out for the test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.arrays import fingerprint
from stackfit.data.checks import OWN, check_shape, check_size
from stackfit.data.images import list_pictures, picture_shape, read_pictures
from stackfit.data.labels import infer_classes, number_labels
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded, declared, settings_of
from stackfit.data.tables import read_csv, read_npz
from stackfit.errors import DataError, did_you_mean
from stackfit.schema import Data

Parts = dict[str, tuple[np.ndarray, np.ndarray]]
"""`all`, or `train` and maybe `test`: examples and plain labels."""

WHAT = {"csv": "a CSV file", "npz": "an NPZ file", "images": "a folder with one subfolder a class"}


def declare(data: Mapping[str, Any] | Data) -> dict[str, Any]:
    """What a user's own data declare: those of `input_shape`, `num_classes`, `class_names` that are open.

    Called while a config is composed, so that the resolved config states what the model is built for. Reads
    the file; of pictures only the names and the first one. {} when nothing is open, and for all other kinds
    of data.

    Raises:
        DataError: the data cannot be read.
    """
    settings = settings_of(data)
    wanted = [key for key in ("input_shape", "num_classes") if declared(settings, key) is None]
    if settings.kind not in OWN or not wanted:
        return {}
    if settings.kind == "images":
        files = list_pictures(_path(settings, "path"), settings.class_names, "data.path")
        shape, names, num_classes = picture_shape(next(iter(files.values()))[0]), list(files), len(files)
    else:
        x, labels = next(iter(_read_parts(settings).values()))
        shape, names, num_classes = list(x.shape[1:]), list(settings.class_names), len(settings.class_names)
        if not names:
            num_classes, names = infer_classes(labels, str(settings.path))
    found: dict[str, Any] = {"input_shape": shape, "num_classes": num_classes, "class_names": names}
    return {
        key: found[key] for key in [*wanted, *(["class_names"] if names and not settings.class_names else [])]
    }


def read_own(settings: Data, progress: Progress) -> Loaded:
    """Read, number the labels, and draw the test part.

    Examples are put in an order drawn with `split_seed`, so that the last part, which `validation_split`
    takes, is a fair sample even of a file that is sorted by class. Arrays that a file already divides keep
    their order.

    Raises:
        DataError: the data cannot be read, or are not what is declared.
    """
    name = _path(settings, "path").stem
    parts = _picture_parts(settings) if settings.kind == "images" else _read_parts(settings)
    class_names, num_classes = (
        [str(label) for label in settings.class_names],
        declared(settings, "num_classes"),
    )
    if not class_names and num_classes != 0:
        inferred, names = infer_classes(next(iter(parts.values()))[1], name)
        num_classes = inferred if num_classes is None else num_classes
        class_names = names if inferred == num_classes else []
    arrays: dict[str, np.ndarray] = {}
    for part, (x, labels) in parts.items():
        y = number_labels(
            labels, num_classes if num_classes is not None else len(class_names), class_names, name
        )
        arrays |= {f"{part}_x": x, f"{part}_y": y} if part != "all" else _divide(x, y, settings)
    if "test_x" in arrays and arrays["test_x"].shape[1:] != arrays["train_x"].shape[1:]:
        raise DataError(
            f"A test example of {name!r} has shape {list(arrays['test_x'].shape[1:])}, one for training "
            f"{list(arrays['train_x'].shape[1:])}. Expected the same columns or size. Set data.test_path to "
            "such data.",
            key="data.test_path",
        )
    return Loaded(name, arrays, fingerprint(arrays.values()), tuple(class_names))


def _path(settings: Data, key: str) -> Path:
    """The path in `data.path` or `data.test_path`, if a file or a folder is there as the kind needs."""
    given, expected = declared(settings, key), WHAT[settings.kind]
    found = Path(given or "").expanduser()
    if not given:
        problem = f"data.{key} is not set."
    elif not found.exists():
        beside = os.listdir(found.parent) if found.parent.is_dir() else []
        problem = f"There is no {places.shown(found)}.{did_you_mean(found.name, beside)}"
    elif found.is_dir() != (settings.kind == "images"):
        problem = f"{places.shown(found)} is a {'folder' if found.is_dir() else 'file'}."
    else:
        return found
    raise DataError(
        f"{problem} Expected {expected}. Type data.{key}=PATH with the path of one.", key=f"data.{key}"
    )


def _read_parts(settings: Data) -> Parts:
    """CSV or NPZ; the test file, if there is one, as `test`."""

    def read(key: str) -> Parts:
        path, label = _path(settings, key), declared(settings, "label")
        if settings.kind == "csv":
            return {"all": read_csv(path, label, f"data.{key}")}
        return read_npz(path, label, f"data.{key}")

    parts = read("path")
    if settings.test_path and "test" in parts:
        raise DataError(
            f"data.test_path is set, but {settings.path} has test arrays of its own. Expected one of the "
            "two. Set data.test_path to null.",
            key="data.test_path",
        )
    return {**parts, "test": next(iter(read("test_path").values()))} if settings.test_path else parts


def _picture_parts(settings: Data) -> Parts:
    """Pictures, with their class names as labels."""
    parts: Parts = {}
    names = list(settings.class_names)
    for part, key in {"all": "path", **({"test": "test_path"} if settings.test_path else {})}.items():
        classes = list_pictures(_path(settings, key), names, f"data.{key}")
        names, files = list(classes), [path for paths in classes.values() for path in paths]
        shape = declared(settings, "input_shape") or picture_shape(files[0])
        check_shape(settings, places.shown(files[0]), (*picture_shape(files[0])[:2], shape[-1]))
        check_size(settings, str(settings.path), len(files) * int(np.prod(shape)))
        labels = np.repeat(np.array(names), [len(paths) for paths in classes.values()])
        parts[part] = read_pictures(files, shape[-1]), labels
    return parts


def _divide(x: np.ndarray, y: np.ndarray, settings: Data) -> dict[str, np.ndarray]:
    """Put the examples in a drawn order; hold out `test_split` of them unless there is a `test_path`."""
    order = np.random.default_rng(settings.split_seed).permutation(len(y))
    held_out = _held_out(y[order], 0.0 if settings.test_path else settings.test_split)
    train, test = order[~held_out], order[held_out]
    arrays = {"train_x": x[train], "train_y": y[train]}
    return arrays | ({"test_x": x[test], "test_y": y[test]} if len(test) else {})


def _held_out(y: np.ndarray, share: float) -> np.ndarray:
    """Which of the shuffled examples are for the test: the first `share` of each class, or of all values.

    One example of each class always stays in training.
    """
    held_out = np.zeros(len(y), bool)
    classes = (
        [np.flatnonzero(y == label) for label in np.unique(y)] if y.dtype.kind == "i" else [np.arange(len(y))]
    )
    for members in classes:
        held_out[members[: min(round(len(members) * share), len(members) - 1)]] = True
    return held_out
