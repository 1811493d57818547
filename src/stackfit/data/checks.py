"""Are the data what the config declares?  Each check raises DataError or returns None."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackfit.data.labels import check_two_classes
from stackfit.data.settings import Loaded, declared
from stackfit.errors import DataError, did_you_mean
from stackfit.schema import Data

OWN = ("csv", "npz", "images")
CHOICES = {
    "kind": ("fashion_mnist", "tfds", "digits", "xor", *OWN),
    "scale": ("unit", "standardize", "none"),
    "order": ("tfds", "keras"),
}


def check_settings(settings: Data) -> None:
    """Values that are wrong whatever the data are."""
    for key, choices in CHOICES.items():
        if (value := getattr(settings, key)) not in choices:
            raise DataError(
                f"data.{key} is {value!r}.{did_you_mean(str(value), choices)} Expected one of "
                f"{', '.join(choices)}. Set data.{key} to one of them.",
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


def check_size(settings: Data, name: str, size: int) -> None:
    """Data that cannot be streamed must fit what the config allows; `size` in bytes."""
    if size > settings.max_memory_bytes:
        raise DataError(
            f"{name!r} takes {size} bytes in memory, but data.max_memory_bytes is "
            f"{settings.max_memory_bytes}. Only data sets of tensorflow-datasets are streamed. Set "
            f"data.max_memory_bytes to at least {size} if the machine has that much.",
            key="data.max_memory_bytes",
        )


def check_declarations(settings: Data, loaded: Loaded) -> None:
    """`examples`, `input_shape`, `num_classes` and `class_names` against the arrays."""
    labels = {name[:-2]: array for name, array in loaded.arrays.items() if name.endswith("_y")}
    check_examples(settings, loaded.name, {split: len(y) for split, y in labels.items()})
    check_shape(settings, loaded.name, loaded.arrays["train_x"].shape[1:])
    for name, array in loaded.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            first = np.argwhere(~np.isfinite(array))[0]
            raise DataError(
                f"{name} of {loaded.name!r} holds {array[tuple(first)]} in example {first[0]} (from 0). "
                "Expected numbers only. Fill or remove such examples in the file.",
                key="data.path",
            )
    if declared(settings, "num_classes"):
        _check_labels(settings, loaded.name, labels)
    check_class_names(settings, loaded.name, ())


def check_examples(settings: Data, name: str, sizes: dict[str, int]) -> None:
    """The declared number of examples of each split."""
    for split, expected in settings.examples.items():
        found = sizes.get(split, 0)
        if expected is not None and found != expected:
            raise DataError(
                f"data.examples.{split} is {expected}, but {name!r} has {found} examples there. The two must "
                f"agree. Set data.examples.{split}={found}, or null.",
                key=f"data.examples.{split}",
            )


def check_shape(settings: Data, name: str, shape: tuple[int, ...]) -> None:
    """The declared shape of one example."""
    expected = declared(settings, "input_shape")
    if expected is not None and tuple(expected) != tuple(shape):
        raise DataError(
            f"data.input_shape is {list(expected)}, but an example of {name!r} has shape {list(shape)}. The "
            f"model is built for the declared shape. Set input_shape: {list(shape)}.",
            key="data.input_shape",
        )


def check_class_names(settings: Data, name: str, known: Sequence[str]) -> None:
    """As many declared names as declared classes, and as many classes as the data set lists, if it does."""
    num_classes, names = declared(settings, "num_classes"), settings.class_names
    if names and num_classes is not None and len(names) != num_classes:
        raise DataError(
            f"data.class_names has {len(names)} names, but data.num_classes is {num_classes}. Expected one "
            "name a class, in the order of the class numbers. Correct the one that is wrong.",
            key="data.class_names",
        )
    if known and num_classes is not None and len(known) != num_classes:
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has {len(known)} classes. The two must agree. "
            f"Set num_classes: {len(known)}.",
            key="data.num_classes",
        )


def _check_labels(settings: Data, name: str, labels: dict[str, np.ndarray]) -> None:
    """Class numbers in the declared range, and at least two of them.

    In a user's own data the highest must occur: a model with outputs that nothing ever asks for is a mistake
    there. Of a catalogued set a user may take a slice in which a class is missing.
    """
    num_classes = settings.num_classes
    lowest = min(int(y.min()) for y in labels.values())
    highest = max(int(y.max()) for y in labels.values())
    unused = settings.kind in OWN and not settings.class_names and highest < num_classes - 1
    if lowest < 0 or highest >= num_classes or unused:
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has labels {lowest} to {highest}. Expected 0 "
            f"to {num_classes - 1}. "
            + ("Number the classes from 0." if lowest < 0 else f"Set num_classes: {highest + 1}."),
            key="data.num_classes",
        )
    check_two_classes(labels["train"], name, "data.path" if settings.kind == "images" else "data.label")
