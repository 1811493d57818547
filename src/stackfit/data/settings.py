"""The `data` section as an object, and whether data are what it declares; if not, DataError."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stackfit.config.checks import CHOICES
from stackfit.config.schema import MISSING, Data
from stackfit.data.dataset import Scaling
from stackfit.errors import DataError, did_you_mean


def wrong(key: str, found: str, expected: str, cure: str) -> DataError:
    """An error about `data.KEY` in three parts: what was found, what was expected, what to do. A file that no setting
    names, such as new rows for a trained model, has an empty key."""
    return DataError(f"{found} Expected {expected}. {cure}.", key=f"data.{key}" if key else None)


def settings_of(data: Mapping[str, Any]) -> Data:
    """The section as `schema.Data`, with None where the config leaves a value open."""
    if not isinstance(data, dict):
        from omegaconf import OmegaConf

        data = OmegaConf.to_container(data, resolve=True)  # type: ignore[assignment]
    stated: dict[str, Any] = vars(Data()) | dict(data)
    return Data(**{key: None if value == MISSING else value for key, value in stated.items()})  # type: ignore[arg-type]


def check_settings(settings: Data) -> None:
    """Refuse settings that no data could satisfy."""
    for key in ("kind", "scale", "order", "impute"):
        choices = CHOICES[f"data.{key}"]
        if (value := getattr(settings, key)) not in choices and not (key == "impute" and value is None):
            found = f"data.{key} is {value!r}.{did_you_mean(str(value), choices)}"
            raise wrong(key, found, f"one of {', '.join(choices)}", f"Set data.{key} to one of them")
    check_declared(settings, "data.class_names", num_classes=len(settings.class_names))


def check_size(settings: Data, name: str, size: int) -> None:
    """Data that cannot be streamed must fit what the config allows; `size` in bytes."""
    if size > (limit := settings.max_memory_bytes):
        found = f"{name!r} takes {size} bytes, but data.max_memory_bytes is {limit}."
        expected = "enough: only sets of tensorflow-datasets, in its order, are streamed"
        raise wrong("max_memory_bytes", found, expected, f"Set it to at least {size}")


def check_declared(settings: Data, name: str, **found: Any) -> None:
    """Compare what was found, by its config key, with what is declared; an empty value is not known."""
    for key, value in found.items():
        declared = getattr(settings, key)
        if key == "examples":
            declared = {split: size for split, size in declared.items() if size is not None}
            value = {split: value.get(split, 0) for split in declared}
        if value and declared not in (None, [], value):
            fact = f"data.{key} is {declared}, but {name!r} has {value}."
            raise wrong(key, fact, "the same in both", f"Set {key}: {value}, or correct the other")


def check_values(settings: Data, name: str, arrays: Mapping[str, np.ndarray], own: bool) -> None:
    """Numbers only, and labels that are class numbers in the declared range, at least two of them.

    In a user's `own` data the highest class must occur, or an output of the model would never be used.
    """
    for part, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0]
            found = f"{part} of {name!r} holds {array[tuple(place)]} in example {place[0]} (from 0)."
            raise wrong("path", found, "numbers only", "Fill or remove such examples in the file")
    if not (classes := settings.num_classes):
        return
    labels = np.concatenate([array for part, array in arrays.items() if part.endswith("_y")])
    lowest, highest = labels.min(), labels.max()
    unused = own and not settings.class_names and highest < classes - 1
    if lowest < 0 or highest >= classes or unused:
        found = f"data.num_classes is {classes}, but {name!r} has labels {lowest} to {highest}."
        cure = "Number the classes from 0" if lowest < 0 else f"Set num_classes: {highest + 1}"
        raise wrong("num_classes", found, f"0 to {classes - 1}", cure)
    check_two_classes(arrays["train_y"], name)


def check_two_classes(labels: np.ndarray, name: str) -> None:
    """Refuse labels that are all the same."""
    if (labels == labels[0]).all():
        found = f"Every label of {name!r} is {str(labels[0])!r}."
        raise wrong("label", found, "at least two classes", "Set data.label to another, or add examples")


def split_at(examples: int, validation_split: float) -> int:
    """Where Keras's `fit(validation_split=…)` cuts: the position of the first validation example."""
    at = math.floor(examples * (1 - validation_split))
    if validation_split and not 0 < at < examples:
        found = f"data.validation_split is {validation_split}, which leaves {at} of {examples} for training."
        raise wrong("validation_split", found, "at least one on each side", "Set another share, or 0")
    return at


def unit_scaling(name: str, shape: Sequence[int], highest: float, white: float = 255.0) -> Scaling:
    """Divide pictures by `white`; `highest` is their highest possible value, NaN if that is not known."""
    if len(shape) > 1 and highest > 1:
        return Scaling(divisor=np.array(white, np.float32))
    found = f"data.scale is unit, but {name!r} has shape {list(shape)} and values that end at {highest:g}."
    raise wrong("scale", found, f"pictures up to {white:g}", "Type data.scale=standardize or data.scale=none, which is for indices, too")
