"""A user's arrays: an NPZ file with `x` and `y`, or already divided into a training and a test part."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.dataset import Progress
from stackfit.data.own import Pair, own_kind
from stackfit.data.rounding import rounded
from stackfit.data.settings import wrong
from stackfit.errors import DataError, did_you_mean
from stackfit.files import reading, shown

CHANNELS = (1, 3, 4)
PARTS = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path, settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
    """`all`, or `train` and maybe `test` when the file is divided; `label` is another array than `y`."""
    label = settings.label
    cure = "Write one with numpy.savez(path, x=x, y=y)."
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            raise wrong(key, f"{shown(path)} cannot be read: it is a single array.", "an NPZ file of plain arrays", cure.rstrip("."))
    with reading(path, "an NPZ file of plain arrays", cure, DataError, key=f"data.{key}"):  # noqa: SIM117
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {array: archive[array] for array in archive.files}  # never objects, which run code
    names = {"all": ("x", label or "y")}
    if _is_divided(arrays):
        if key == "test_path":
            cure = "Save its test part alone as x and y"
            raise wrong(key, f"{shown(path)} is divided itself.", "the test part only, as x and y", cure)
        names = {part: (f"x_{part}", f"y_{part}") for part in ("train", "test") if f"x_{part}" in arrays}
    parts = {}
    for part, pair in names.items():
        for array in pair:
            if array not in arrays:
                near, expected = did_you_mean(array, arrays), "x and y, or x_train, y_train, x_test and y_test"
                found = f"{shown(path)} has no array {array!r}.{near} It holds {', '.join(arrays)}."
                cure = "Save it so" + ", or type data.label=NAME" * (array == pair[1])
                raise wrong("label" if array == label else key, found, expected, cure)
        x, y = (arrays[array] for array in pair)
        if x.dtype.kind not in "biuf" or x.ndim < 2 or not x.size or y.shape[:1] != x.shape[:1]:
            found = f"{shown(path)} has {x.dtype} examples {pair[0]} of shape {x.shape} and labels {pair[1]} of shape {y.shape}."
            cure = "For one number per example save x[:, None]" if x.ndim == 1 and x.shape == y.shape and x.dtype.kind in "biuf" else "Save such arrays"
            raise wrong(key, found, "numbers, at least one example, and one label per example", cure)
        given, x = x.shape[1:], shaped(x, settings.input_shape)
        if x.shape[1:] == given and len(given) == 3 and given[0] in CHANNELS and min(given[1:]) > max(CHANNELS):
            progress.say(
                f"warning: the examples in {shown(path)} have the shape {given}: these look like pictures with their channels first. "
                "Expected (height, width, channels). Save numpy.moveaxis(x, 1, -1), unless they are meant so."
            )
        if x.dtype != np.uint8:
            if lost := rounded(x, shown(path), "Subtract an offset before you save them"):
                progress.say(f"warning: {lost}")
            with np.errstate(over="ignore"):  # an infinity is named as such
                x = x.astype(np.float32)
            if not np.isfinite(x).all():
                place = np.argwhere(~np.isfinite(x))[0]
                found = f"{pair[0]} of {shown(path)} holds {x[tuple(place)]} in example {place[0]} (from 0)."
                raise wrong(key, found, "numbers only", "Fill or remove such examples in the file")
        parts[part] = x, y
    if unused := [name for name in arrays if name not in {name for pair in names.values() for name in pair}]:
        progress.say(f"Not used of {shown(path)}: {', '.join(unused)}.")
    return parts


def shaped(x: np.ndarray, declared: list[int] | None) -> np.ndarray:
    """The examples in their declared shape, if it differs in axes of length 1 only; else grey uint8 pictures get a channel."""
    if not declared:
        return x[..., np.newaxis] if x.ndim == 3 and x.dtype == np.uint8 else x
    same = [size for size in x.shape[1:] if size != 1] == [size for size in declared if size != 1]
    return x.reshape(len(x), *declared) if same else x


def divided(settings: Data) -> str:
    """Whether the file of `data.path` is divided already, in words; empty if it is not, or is none."""
    names: set[str] = set()
    with contextlib.suppress(OSError, ValueError, RuntimeError, zipfile.BadZipFile):
        path = Path(settings.path or "").expanduser()
        if path.is_file():  # a device has no end
            with zipfile.ZipFile(path) as archive:
                names = {member.removesuffix(".npy") for member in archive.namelist()}
    return f"{shown(settings.path or '')} is divided already: it has {', '.join(sorted(names & {*PARTS}))}" if _is_divided(names) else ""


def _is_divided(names: Collection[str]) -> bool:
    return "x_train" in names and "x" not in names


KIND = own_kind("an NPZ file", read, reads=("label", "scale_target"), divided=divided)
