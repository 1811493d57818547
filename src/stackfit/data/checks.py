"""Does the config mean anything, and are the data what it declares?  Every check raises DataError or returns None."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackfit.data.settings import Loaded, declared
from stackfit.errors import DataError, did_you_mean
from stackfit.schema import Data

KINDS = ("fashion_mnist", "tfds", "digits", "xor", "csv", "npz", "images")
OWN = ("csv", "npz", "images")
CHOICES = {"kind": KINDS, "scale": ("unit", "standardize", "none"), "order": ("tfds", "keras")}


def check_settings(settings: Data) -> None:
    """Values that are wrong whatever the data are."""
    for key, choices in CHOICES.items():
        if (value := getattr(settings, key)) not in choices:
            raise DataError(
                f"data.{key} is {value!r}.{did_you_mean(str(value), choices)} Expected one of {', '.join(choices)}. "
                f"Set data.{key} to one of them.",
                key=f"data.{key}",
            )
    for key in ("validation_split", "test_split"):
        if not 0 <= (share := getattr(settings, key)) < 1:
            raise DataError(
                f"data.{key} is {share}. Expected a share of the examples, from 0 up to but not including 1. "
                f"Type for example data.{key}=0.2.",
                key=f"data.{key}",
            )
    num_classes = declared(settings, "num_classes")
    if num_classes is not None and (num_classes < 0 or num_classes == 1):
        raise DataError(
            f"data.num_classes is {num_classes}. Expected at least 2 classes, or 0 for values (regression). "
            "Set it to the number of kinds that the labels have.",
            key="data.num_classes",
        )


def check_size(settings: Data, loaded: Loaded) -> None:
    """Only TFDS data can be streamed; anything else must fit what the config allows."""
    size = sum(array.nbytes for array in loaded.arrays.values())
    if size > settings.max_memory_bytes:
        raise too_big(settings, loaded.name, size)


def too_big(settings: Data, name: str, size: int) -> DataError:
    """The error for data that exceed `max_memory_bytes` and cannot be streamed."""
    return DataError(
        f"{name!r} takes {size} bytes in memory, but data.max_memory_bytes is {settings.max_memory_bytes}. Only data "
        f"sets of tensorflow-datasets are streamed. Set data.max_memory_bytes={size} if the machine has that much.",
        key="data.max_memory_bytes",
    )


def check_declarations(settings: Data, loaded: Loaded) -> None:
    """`examples`, `input_shape`, `num_classes` and `class_names` against the arrays."""
    sizes = {split: len(loaded.arrays[f"{split}_y"]) for split in ("train", "test") if f"{split}_y" in loaded.arrays}
    shape = loaded.arrays["train_x"].shape[1:]
    check_examples(settings, loaded.name, sizes)
    check_shape(settings, loaded.name, shape)
    _check_numbers(loaded)
    check_labels(settings, loaded.name, {split: loaded.arrays[f"{split}_y"] for split in sizes})


def check_examples(settings: Data, name: str, sizes: dict[str, int]) -> None:
    """The declared number of examples of each split."""
    for split, expected in settings.examples.items():
        if expected is not None and sizes.get(split, 0) != expected:
            raise DataError(
                f"data.examples.{split} is {expected}, but {name!r} has {sizes.get(split, 0)} examples there. The two "
                f"must agree. Set data.examples.{split}={sizes.get(split, 0)}, or leave it out.",
                key=f"data.examples.{split}",
            )


def check_shape(settings: Data, name: str, shape: tuple[int, ...]) -> None:
    """The declared shape of one example."""
    expected = declared(settings, "input_shape")
    if expected is not None and tuple(expected) != tuple(shape):
        found = ",".join(map(str, shape))
        raise DataError(
            f"data.input_shape is {list(expected)}, but an example of {name!r} has shape [{found}]. The model is built "
            f"for the declared shape. Set input_shape: [{found}], or on the command line 'data.input_shape=[{found}]'.",
            key="data.input_shape",
        )


def _check_numbers(loaded: Loaded) -> None:
    for array_name, array in loaded.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            where = np.argwhere(~np.isfinite(array))[0]
            raise DataError(
                f"{array_name} of {loaded.name!r} holds {array[tuple(where)]} in example {where[0]} (from 0). Expected "
                "numbers only. Fill or remove such examples in the file.",
                key="data.path",
            )


def check_labels(settings: Data, name: str, labels: dict[str, np.ndarray]) -> None:
    """Class numbers within the declared range, class names as many as classes, at least two classes to tell apart."""
    num_classes = declared(settings, "num_classes")
    if not num_classes:  # values, or nothing declared
        return
    lowest = min(int(y.min()) for y in labels.values())
    highest = max(int(y.max()) for y in labels.values())
    too_many = settings.kind in OWN and highest < num_classes - 1 and not settings.class_names
    if lowest < 0 or highest >= num_classes or too_many:
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has labels {lowest} to {highest}. Expected labels 0 to "
            f"{num_classes - 1}. "
            + (f"Set num_classes: {highest + 1}." if lowest >= 0 else "Number the classes from 0."),
            key="data.num_classes",
        )
    check_class_names(settings, name, ())
    if lowest == highest or len(np.unique(labels["train"])) < 2:
        raise DataError(
            f"Every training label of {name!r} is {int(labels['train'][0])}. Expected at least two classes, or there is "
            "nothing to tell apart. Check data.label and data.path.",
            key="data.label" if settings.kind in ("csv", "npz") else "data.path",
        )


def check_class_names(settings: Data, name: str, known: Sequence[str]) -> None:
    """As many declared names as declared classes, and as many classes as the data set itself lists, if it does."""
    num_classes, names = declared(settings, "num_classes"), settings.class_names
    if names and num_classes is not None and len(names) != num_classes:
        raise DataError(
            f"data.class_names has {len(names)} names, but data.num_classes is {num_classes}. Expected one name a class, "
            "in the order of the class numbers. Correct the one that is wrong.",
            key="data.class_names",
        )
    if known and num_classes is not None and len(known) != num_classes:
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has {len(known)} classes. The two must agree. "
            f"Set num_classes: {len(known)}.",
            key="data.num_classes",
        )
