"""A user's own data: their path, class numbers for their labels, the part held out for the test."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.arrays import Stored
from stackfit.data.dataset import SILENT, Progress
from stackfit.data.kinds import Kind
from stackfit.data.settings import check_declared, check_size, check_two_classes, wrong
from stackfit.errors import did_you_mean
from stackfit.files import shown

LARGEST = 2**63 - 1  # of int64
Pair = tuple[np.ndarray, np.ndarray]


def own_kind(
    what: str,
    read: Callable[[Path, Data, str, Progress], dict[str, Pair]],
    declare: Callable[[Path, Data], dict[str, Any]] | None = None,
    folder: bool = False,
    columns: Callable[[Path, Data], list[str]] | None = None,
) -> Kind:
    """The record of a kind that a user brings in `data.path`, and maybe in `data.test_path`.

    Args:
        what: what the path is to be, in words.
        read: gets the path, the settings, the path's key and whom to tell; returns `all`, or `train` and maybe `test`: examples as
            uint8 pictures or float32, labels as the file has them.
        declare: finds `input_shape`, `num_classes` and `class_names` without reading everything.
        folder: whether the path is a folder, not a file.
        columns: reads the names of a table's features.
    """

    def read_one(settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
        path = _path(settings, key, what, folder)
        if not folder:
            check_size(settings, str(path), _unpacked_size(path))
        return read(path, settings, key, progress)

    def read_parts(settings: Data, progress: Progress = SILENT) -> dict[str, Pair]:
        parts = read_one(settings, "path", progress)
        if settings.test_path:
            parts["test"] = next(iter(read_one(settings, "test_path", progress).values()))
        return {part: (x, _plain(labels, str(settings.path))) for part, (x, labels) in parts.items()}

    def declare_all(settings: Data) -> dict[str, Any]:
        if declare:
            return declare(_path(settings, "path", what, folder), settings)
        x, labels = next(iter(read_parts(settings).values()))
        num_classes, names = _classes(settings, labels)
        return {"input_shape": list(x.shape[1:]), "num_classes": num_classes, "class_names": names}

    return Kind(
        read=lambda settings, progress: _store(settings, read_parts(settings, progress)),
        declare=declare_all,
        files=lambda settings: [Path(settings.path)] if settings.path else [],
        columns=lambda settings: columns(_path(settings, "path", what, folder), settings) if columns else [],
    )


def _store(settings: Data, parts: dict[str, Pair]) -> Stored:
    """Number the labels, and draw the test part.

    Examples are put in an order drawn with `split_seed`, so that the last part, which `validation_split` takes, is
    a fair sample even of a file that is sorted by class. Arrays that a file already divides keep their order.
    """
    num_classes, class_names = _classes(settings, next(iter(parts.values()))[1])
    arrays: dict[str, np.ndarray] = {}
    for part, (x, labels) in parts.items():
        y = _numbered(labels, num_classes, class_names, str(settings.path))
        arrays |= {f"{part}_x": x, f"{part}_y": y} if part != "all" else _divide(x, y, settings)
    if "test_x" in arrays:
        trained = replace(settings, input_shape=list(arrays["train_x"].shape[1:]))
        check_declared(trained, "the test part", input_shape=list(arrays["test_x"].shape[1:]))
    return Stored(arrays, {"class_names": class_names})


def _unpacked_size(path: Path) -> int:
    """How many bytes a file, or what is packed in it, says that it has."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return path.stat().st_size


def _path(settings: Data, key: str, what: str, folder: bool) -> Path:
    """The path in `data.path` or `data.test_path`, if a file or a folder is there as the kind needs."""
    given = getattr(settings, key)
    path = Path(given or "")
    try:
        path = path.expanduser()
        kind = "file" if path.is_file() else "device or a pipe"
        kind = "folder" if path.is_dir() else kind
        found = f"{shown(path)} is a {kind}."
        if not given:
            found = f"data.{key} is not set."
        elif not path.exists():
            near = did_you_mean(path.name, os.listdir(path.parent)) if path.parent.is_dir() else ""
            found = f"There is no {shown(path)}.{near}"
        elif kind == ("folder" if folder else "file"):
            return path
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, ~nobody
        found = f"{str(path)[:80]!r} is not a path ({getattr(error, 'strerror', None) or error})."
    raise wrong(key, found, what, f"Type data.{key}=PATH with the path of one")


def _plain(labels: np.ndarray, name: str) -> np.ndarray:
    """`(examples,)` labels: int64 where all are whole numbers of 64 bits, float64 or uint64 where not, or strings."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biufSU":
        found = f"The labels of {name!r} have type {labels.dtype} and shape {labels.shape}."
        raise wrong("label", found, "one number or word per example", "For one-hot rows save labels.argmax(axis=1)")
    if labels.dtype.kind in "SU":
        return labels.astype(np.str_)
    if labels.dtype.kind == "u" and labels.max(initial=0) > LARGEST:
        return labels
    whole = np.isfinite(labels).all() and (labels % 1 == 0).all() and (np.abs(labels.astype(np.float64)) < LARGEST).all()
    return labels.astype(np.int64 if whole else np.float64)


def _classes(settings: Data, labels: np.ndarray) -> tuple[int, list[str]]:
    """The number of classes (0 for values) and their names ([] for class numbers), as declared or inferred.

    Words are sorted and numbered; so are whole numbers that do not run from 0, such as 1, 2, 3.
    """
    declared, names = settings.num_classes, [str(label) for label in settings.class_names]
    if names or declared == 0:
        return len(names) if declared is None else declared, names
    if labels.dtype.kind == "f":
        return declared or 0, []
    check_two_classes(labels, str(settings.path))
    kinds, whole = np.unique(labels), labels.dtype.kind == "i"
    if whole and declared is None and len(kinds) > max(20, len(labels) // 2):
        found = f"{settings.path!r} has {len(kinds)} different whole numbers as {len(labels)} labels."
        cure = f"Type data.num_classes=0 task=regression, or data.num_classes={kinds[-1] + 1}"
        raise wrong("num_classes", found, "to be told whether these are values or classes", cure)
    numbers = whole and (declared not in (None, len(kinds)) or np.array_equal(kinds, range(len(kinds))))
    return declared or len(kinds), [] if numbers else [str(value) for value in kinds]


def _numbered(labels: np.ndarray, num_classes: int, class_names: list[str], name: str) -> np.ndarray:
    """Int64 positions of labels in the class names, or class numbers as they are; float32 for values (0 classes)."""
    if labels.dtype.kind == ("f" if num_classes else "U"):
        odd = labels[0]
        if num_classes:
            beyond = (labels % 1 == 0).all()
            odd = labels[np.abs(labels) >= LARGEST][0] if beyond else labels[labels % 1 != 0][0]
            if beyond:
                found = f"{name!r} has labels such as {odd:g}, which is beyond 64 bits."
                raise wrong("num_classes", found, "class numbers, or words", "Number the classes from 0, or save words")
        found = f"data.num_classes is {num_classes}, but {name!r} has labels such as {str(odd)!r}."
        cure = "Type data.num_classes=0 task=regression for values, or leave it out for words and class numbers"
        raise wrong("num_classes", found, "class numbers or words" if num_classes else "numbers", cure)
    if num_classes == 0:
        return labels.astype(np.float32)
    kinds, inverse = np.unique(labels, return_inverse=True)
    unknown = [str(value) for value in kinds if str(value) not in class_names]
    if unknown and labels.dtype.kind == "i":
        return labels
    if unknown:
        found = f"{name!r} has the label {unknown[0]!r}.{did_you_mean(unknown[0], class_names)}"
        raise wrong("class_names", found, f"one of {', '.join(class_names)}", "Correct it, or data.class_names")
    return np.array([class_names.index(str(value)) for value in kinds], np.int64)[inverse]


def _divide(x: np.ndarray, y: np.ndarray, settings: Data) -> dict[str, np.ndarray]:
    """Put the examples in a drawn order; hold out `test_split` of them unless there is a `test_path`.

    Held out are the first of each class, or of all values; one example of each class stays in training.
    """
    order = np.random.default_rng(settings.split_seed).permutation(len(y))
    kinds = y[order] if y.dtype.kind == "i" else np.zeros(len(y))
    share = 0 if settings.test_path else settings.test_split
    held_out = np.zeros(len(y), bool)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        held_out[members[: min(round(len(members) * share), len(members) - 1)]] = True
    train, test = order[~held_out], order[held_out]
    arrays = {"train_x": x[train], "train_y": y[train]}
    return arrays | ({"test_x": x[test], "test_y": y[test]} if len(test) else {})
