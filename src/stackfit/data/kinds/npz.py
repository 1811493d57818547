"""A user's arrays: an NPZ file with `x` and `y`, or already divided into a training and a test part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.dataset import Progress
from stackfit.data.own import Pair, own_kind
from stackfit.data.settings import wrong
from stackfit.errors import DataError, counted, did_you_mean
from stackfit.files import reading, shown

EXACT = 2**24  # up to here, float32 holds every whole number
FEW = 100  # steps of float32 between the lowest and the highest value of a feature: fewer are rounded away


def read(path: Path, settings: Data, key: str, progress: Progress) -> dict[str, Pair]:
    """`all`, or `train` and maybe `test` when the file is divided; `label` is another array than `y`."""
    label = settings.label
    cure = "Write one with numpy.savez(path, x=x, y=y)."
    with reading(path, "an NPZ file of plain arrays", cure, DataError, key=f"data.{key}"):  # noqa: SIM117
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {array: archive[array] for array in archive.files}  # never objects, which run code
    names = {"all": ("x", label or "y")}
    if "x_train" in arrays and "x" not in arrays:
        names = {part: (f"x_{part}", f"y_{part}") for part in ("train", "test") if f"x_{part}" in arrays}
    parts = {}
    for part, pair in names.items():
        for array in pair:
            if array not in arrays:
                near, expected = did_you_mean(array, arrays), "x and y, or x_train, y_train, x_test and y_test"
                found = f"{shown(path)} has no array {array!r}.{near} It holds {', '.join(arrays)}."
                raise wrong("label" if array == label else key, found, expected, "Save it so, or type data.label=NAME")
        x, y = (arrays[array] for array in pair)
        if x.dtype.kind not in "biuf" or x.ndim < 2 or not len(x) or y.shape[:1] != x.shape[:1]:
            found = f"{shown(path)} has {x.dtype} examples of shape {x.shape} and labels of shape {y.shape}."
            raise wrong(key, found, "numbers, at least one example, and one label per example", "Save such arrays")
        x = shaped(x, settings.input_shape)
        if x.dtype != np.uint8:
            with np.errstate(over="ignore"):  # an infinity is named as such
                _warn_of_rounding(x, path, progress)
                x = x.astype(np.float32)
        parts[part] = x, y
    return parts


def shaped(x: np.ndarray, declared: list[int] | None) -> np.ndarray:
    """The examples in their declared shape, if it differs in axes of length 1 only; else grey uint8 pictures get a channel."""
    if not declared:
        return x[..., np.newaxis] if x.ndim == 3 and x.dtype == np.uint8 else x
    same = [size for size in x.shape[1:] if size != 1] == [size for size in declared if size != 1]
    return x.reshape(len(x), *declared) if same else x


def _warn_of_rounding(exact: np.ndarray, path: Path, progress: Progress) -> None:
    """Seconds since 1970 and the like differ in their last digits only, which float32 does not keep."""
    low, high = exact.min(axis=0).astype(np.float64).ravel(), exact.max(axis=0).astype(np.float64).ravel()
    step = np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
    lost = np.flatnonzero((high > low) & (high - low < FEW * step))
    if exact.dtype.kind in "iu":  # and keys, of which different ones become one
        flat = exact.reshape(len(exact), -1)
        large = np.flatnonzero(np.maximum(-low, high) > EXACT)
        merged = [at for at in large if len(np.unique(flat[:, at])) > len(np.unique(flat[:, at].astype(np.float32)))]
        lost = np.union1d(lost, np.array(merged, int))
    if len(lost):
        first = lost[0]
        progress.say(
            f"warning: float32 loses the differences of {len(lost):,} of {counted(len(low), 'feature')} in {shown(path)}, such as number "
            f"{first} (from 0), {low[first]:.10g} to {high[first]:.10g}. Expected numbers whose first 7 digits tell them apart. "
            "Subtract an offset before you save them."
        )


KIND = own_kind("an NPZ file", read, reads=("label", "scale_target"))
