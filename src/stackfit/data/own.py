"""A user's own data: a CSV or NPZ file, or a folder of pictures, and the part of it that is held out for the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.data.arrays import fingerprint
from stackfit.data.checks import OWN, too_big
from stackfit.data.images import list_pictures, picture_shape, read_pictures
from stackfit.data.labels import infer_classes, number_labels
from stackfit.data.settings import Loaded, declared, settings_of
from stackfit.data.tables import existing, read_csv, read_npz
from stackfit.errors import DataError
from stackfit.schema import Data

Parts = dict[str, tuple[np.ndarray, np.ndarray]]
"""`all`, or `train` and maybe `test`: examples and plain labels."""

WHAT = {
    "csv": "a CSV file",
    "npz": "an NPZ file",
    "images": "a folder with one subfolder a class",
}


def declare(data: Mapping[str, Any] | Data) -> dict[str, Any]:
    """What a user's own data would declare: those of `input_shape`, `num_classes`, `class_names` that are open.

    Called while a config is composed, so that the resolved config states what the model is built for. Reads the file;
    of pictures only the names and the first one. Returns {} when nothing is open, and for all other kinds of data.

    Raises:
        DataError: the data cannot be read.
    """
    settings = settings_of(data)
    open_keys = [key for key in ("input_shape", "num_classes") if declared(settings, key) is None]
    if settings.kind not in OWN or not open_keys:
        return {}
    if settings.kind == "images":
        names, files = list_pictures(_path(settings), settings.class_names)
        found = {"input_shape": picture_shape(files[0][0]), "num_classes": len(names), "class_names": names}
    else:
        x, labels = next(iter(_read_parts(settings).values()))
        if settings.class_names:
            num_classes, names = len(settings.class_names), list(settings.class_names)
        else:
            num_classes, names = infer_classes(labels, _path(settings).name)
        found = {"input_shape": list(x.shape[1:]), "num_classes": num_classes, "class_names": names}
    wanted = [*open_keys, *(["class_names"] if found["class_names"] and not settings.class_names else [])]
    return {key: found[key] for key in wanted}


def load_own(settings: Data) -> Loaded:
    """Read, number the labels, and draw the test part.

    Examples are put in an order drawn with `split_seed`, so that the last part, which `validation_split` takes, is a
    fair sample even of a file that is sorted by class. Only arrays that a file already divides keep their order.

    Raises:
        DataError: the data cannot be read, or are not what is declared.
    """
    name = _path(settings).stem
    if settings.kind == "images":
        parts, class_names, num_classes = _picture_parts(settings)
    else:
        parts = _read_parts(settings)
        class_names = [str(label) for label in settings.class_names]
        num_classes = declared(settings, "num_classes")
        if num_classes is None or not (num_classes == 0 or class_names):
            inferred, names = infer_classes(next(iter(parts.values()))[1], name)
            num_classes = inferred if num_classes is None else num_classes
            class_names = class_names or (names if inferred == num_classes else [])
    arrays = {}
    for part, (x, labels) in parts.items():
        y = number_labels(labels, num_classes, class_names, name)
        if part == "all":
            arrays |= _divide(x, y, settings, num_classes)
        else:
            arrays |= {f"{part}_x": x, f"{part}_y": y}
    if "test_x" in arrays and arrays["test_x"].shape[1:] != arrays["train_x"].shape[1:]:
        raise DataError(
            f"The test examples of {name!r} have shape {arrays['test_x'].shape[1:]}, those for training "
            f"{arrays['train_x'].shape[1:]}. Expected the same columns or size. Set data.test_path to such data.",
            key="data.test_path",
        )
    return Loaded(name, arrays, fingerprint(arrays.values()), tuple(class_names))


def _path(settings: Data, key: str = "path") -> Path:
    path = existing(getattr(settings, key), WHAT[settings.kind], f"data.{key}")
    if path.is_dir() != (settings.kind == "images"):
        raise DataError(
            f"{path} is a {'folder' if path.is_dir() else 'file'}. Expected {WHAT[settings.kind]}. "
            f"Type data.{key}=PATH with the path of one, or choose another data= ({', '.join(OWN)}).",
            key=f"data.{key}",
        )
    return path


def _read_parts(settings: Data) -> Parts:
    """CSV or NPZ; the test file, if there is one, as `test`."""
    parts = _read_file(settings, "path")
    if settings.test_path:
        if "test" in parts:
            raise DataError(
                f"data.test_path is set, but {settings.path} has test arrays of its own. Expected one of the two. "
                "Set data.test_path to null.",
                key="data.test_path",
            )
        parts["test"] = next(iter(_read_file(settings, "test_path").values()))
    return parts


def _read_file(settings: Data, key: str) -> Parts:
    path = _path(settings, key)
    if settings.kind == "csv":
        return {"all": read_csv(path, settings.label, f"data.{key}")}
    return read_npz(path, settings.label, f"data.{key}")


def _picture_parts(settings: Data) -> tuple[Parts, list[str], int]:
    """Pictures with their class names as labels."""
    parts: Parts = {}
    names = list(settings.class_names)
    for part, key in (("all", "path"), ("test", "test_path")):
        if key == "test_path" and not settings.test_path:
            continue
        names, files = list_pictures(_path(settings, key), names, f"data.{key}")
        flat = [path for paths in files for path in paths]
        shape = declared(settings, "input_shape") or picture_shape(flat[0])
        size = len(flat) * int(np.prod(shape))
        if size > settings.max_memory_bytes:
            raise too_big(settings, str(settings.path), size)
        labels = np.repeat(np.array(names), [len(paths) for paths in files])
        parts[part] = read_pictures(flat, shape), labels
    return parts, names, declared(settings, "num_classes") or len(names)


def _divide(x: np.ndarray, y: np.ndarray, settings: Data, num_classes: int) -> dict[str, np.ndarray]:
    """Put the examples in a drawn order; hold out `test_split` of them unless there is a `test_path`."""
    order = np.random.default_rng(settings.split_seed).permutation(len(y))
    share = 0.0 if settings.test_path else settings.test_split
    held_out = _held_out(y[order], share, stratify=num_classes > 0)
    train, test = order[~held_out], order[held_out]
    if not len(train):
        raise DataError(
            f"data.test_split is {share}, which leaves no example of {len(y)} for training. Expected at least one. "
            "Set a smaller share.",
            key="data.test_split",
        )
    arrays = {"train_x": x[train], "train_y": y[train]}
    return arrays | ({"test_x": x[test], "test_y": y[test]} if len(test) else {})


def _held_out(y: np.ndarray, share: float, stratify: bool) -> np.ndarray:
    """Which of the (already shuffled) examples are for the test: the first `share` of each class, or of all.

    A class of one example stays in training.
    """
    held_out = np.zeros(len(y), bool)
    groups = [np.flatnonzero(y == label) for label in np.unique(y)] if stratify else [np.arange(len(y))]
    for group in groups:
        count = min(round(len(group) * share), len(group) - 1)
        held_out[group[:count]] = True
    return held_out
