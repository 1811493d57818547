"""A user's own arrays and pictures: their path, class numbers for their labels, the part held out for the test."""

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
from stackfit.data.division import Division, divide, target_scale
from stackfit.data.kinds import Kind, Warn
from stackfit.data.labels import Place, find_classes, number_labels, plain_labels
from stackfit.data.settings import check_declared, check_size, split_at, wrong
from stackfit.errors import did_you_mean
from stackfit.files import shown

Pair = tuple[np.ndarray, np.ndarray]
OWN = ("path", "test_path", "test_split", "split_seed")
"""The keys of `data` that mean something to all of a user's own data."""


def own_kind(
    what: str,
    read: Callable[[Path, Data, str, Progress], dict[str, Pair]],
    declare: Callable[[Path, Data], dict[str, Any]] | None = None,
    folder: bool = False,
    reads: tuple[str, ...] = (),
    divided: Callable[[Data], str] = lambda settings: "",
) -> Kind:
    """The record of a kind that a user brings in `data.path`, and maybe in `data.test_path`.

    Args:
        what: what the path is to be, in words.
        read: gets the path, the settings, the path's key and whom to tell; returns `all`, or `train` and maybe `test`: examples as
            uint8 pictures or float32, labels as the file has them.
        declare: finds `input_shape`, `num_classes` and `class_names` without reading everything.
        folder: whether the path is a folder, not a file.
        reads: as in `Kind`, besides those of all own data.
        divided: as in `Kind`.
    """

    def read_one(settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
        path = path_of(settings, key, what, folder)
        if not folder:
            check_size(settings, str(path), _unpacked_size(path))
        return read(path, settings, key, progress)

    def read_parts(settings: Data, progress: Progress = SILENT) -> dict[str, Pair]:
        parts = read_one(settings, "path", progress)
        if settings.test_path:
            if "test" in parts:
                cure = "Leave data.test_path out, or save the training part alone"
                raise wrong("test_path", f"{shown(settings.path or '')} has a test part itself.", "one test part", cure)
            parts["test"] = next(iter(read_one(settings, "test_path", progress).values()))
        return {part: (x, plain_labels(labels, str(settings.path))) for part, (x, labels) in parts.items()}

    def declare_all(settings: Data, form: str | None, warn: Warn) -> dict[str, Any]:
        if declare:
            return declare(path_of(settings, "path", what, folder), settings)
        part, (x, labels) = next(iter(read_parts(settings).items()))
        num_classes, names = find_classes(settings, labels, form)
        found = {"input_shape": list(x.shape[1:]), "num_classes": num_classes, "class_names": names}
        if settings.scale_target and num_classes == 0:
            whole = Division(np.arange(len(labels)), labels[:0], split_at(len(labels), settings.validation_split))
            found["target"] = target_scale(labels, divide(labels, settings) if part == "all" else whole)
        return found

    return Kind(
        read=lambda settings, progress: _store(settings, read_parts(settings, progress)),
        declare=declare_all,
        files=lambda settings: [Path(settings.path)] if settings.path else [],
        reads=(*OWN, *reads),
        divided=divided,
    )


def _store(settings: Data, parts: dict[str, Pair]) -> Stored:
    """Number the labels, and draw the test part. Arrays that a file already divides keep their order."""
    known = next(iter(parts.values()))[1]
    num_classes, class_names = find_classes(settings, known)
    arrays: dict[str, np.ndarray] = {}
    for part, (x, labels) in parts.items():
        name = settings.test_path if part == "test" and settings.test_path else settings.path
        key = "test_path" if settings.test_path else "path"
        of_training = () if labels is known else (known, key)
        y = number_labels(labels, num_classes, class_names, _place(part, str(name)), *of_training)
        if part != "all":
            arrays |= {f"{part}_x": x, f"{part}_y": y}
            continue
        division = divide(y, settings)
        arrays |= {"train_x": x[division.train], "train_y": y[division.train]}
        if len(division.test):
            arrays |= {"test_x": x[division.test], "test_y": y[division.test]}
    if "test_x" in arrays:
        trained = replace(settings, input_shape=list(arrays["train_x"].shape[1:]))
        check_declared(trained, "the test part", input_shape=list(arrays["test_x"].shape[1:]))
    return Stored(arrays, {"class_names": class_names})


def _place(part: str, name: str) -> Place:
    return lambda at: (repr(name), f"example {at}{f' of {part}' * (part != 'all')} (from 0)")


def _unpacked_size(path: Path) -> int:
    """How many bytes a file, or what is packed in it, says that it has."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return path.stat().st_size


def path_of(settings: Data, key: str, what: str, folder: bool) -> Path:
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
