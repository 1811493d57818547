"""Labels of a user's own data: words or numbers in a file, class numbers from 0 in the arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackfit.errors import DataError, did_you_mean

TOO_MANY = 0.5
"""A share of distinct values per example above which whole numbers look like measurements, not classes."""


def infer_classes(labels: np.ndarray, name: str) -> tuple[int, list[str]]:
    """The number of classes (0 for values) and their names ([] for class numbers that count from 0).

    Words are sorted and numbered; so are whole numbers that do not run from 0, such as 1, 2, 3.

    Args:
        labels: `(examples,)` words, whole numbers or fractions, as `read_labels` returns them.
        name: what to call the data in a message.

    Raises:
        DataError: whole numbers of which nearly every one is different: only the user knows what they mean.
    """
    if labels.dtype.kind == "f":
        return 0, []
    found = np.unique(labels)
    if labels.dtype.kind == "i":
        if len(found) > 20 and len(found) > TOO_MANY * len(labels):
            raise DataError(
                f"The labels of {name!r} are {len(found)} different whole numbers in {len(labels)} examples. Expected "
                "classes, or values to predict. Type data.num_classes=0 task=regression for values, or "
                f"data.num_classes={found[-1] + 1} for classes.",
                key="data.num_classes",
            )
        if found[0] == 0 and found[-1] == len(found) - 1:
            return len(found), []
    return len(found), [str(value) for value in found]


def number_labels(labels: np.ndarray, num_classes: int, class_names: Sequence[str], name: str) -> np.ndarray:
    """Int64 class numbers, or float32 values when `num_classes` is 0.

    A label that is one of the class names has that name's position; whole numbers are class numbers otherwise.

    Raises:
        DataError: words where values are expected, fractions where classes are, or a word that is no class name.
    """
    if num_classes == 0:
        if labels.dtype.kind == "U":
            raise DataError(
                f"data.num_classes is 0 (values to predict), but {name!r} has labels such as {str(labels[0])!r}. Expected "
                "numbers. Leave data.num_classes out to tell classes apart, or set data.label to a column of numbers.",
                key="data.num_classes",
            )
        return labels.astype(np.float32)
    if labels.dtype.kind == "f":
        fraction = labels[labels % 1 != 0][0]
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has labels such as {fraction:g}. Expected class numbers or "
            "words. Type data.num_classes=0 task=regression to predict values.",
            key="data.num_classes",
        )
    positions = {str(value): position for position, value in enumerate(class_names)}
    found = np.unique(labels)
    unknown = [str(value) for value in found if str(value) not in positions]
    if unknown and labels.dtype.kind == "i":
        return labels.astype(np.int64)
    if unknown:
        raise DataError(
            f"{name!r} has the label {unknown[0]!r}.{did_you_mean(unknown[0], positions)} Expected one of "
            f"{', '.join(positions)}. Correct the file, or set data.class_names to all labels.",
            key="data.class_names",
        )
    numbers = np.array([positions[str(value)] for value in found], np.int64)
    return numbers[np.searchsorted(found, labels)]


def plain_labels(values: np.ndarray, name: str, key: str = "data.label") -> np.ndarray:
    """`(examples,)` labels as int64 where all are whole numbers, float64 where not, or strings.

    Raises:
        DataError: not one label an example, or of a type that is neither numbers nor words.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(
            f"The labels of {name!r} have shape {values.shape}. Expected one label an example, shape (examples,). For "
            "one-hot rows save labels.argmax(axis=1).",
            key=key,
        )
    if values.dtype.kind in "biu":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        whole = len(values) and np.isfinite(values).all() and (values % 1 == 0).all()
        return values.astype(np.int64) if whole else values.astype(np.float64)
    if values.dtype.kind in "SU":
        return values.astype(np.str_)
    raise DataError(
        f"The labels of {name!r} have type {values.dtype}. Expected whole numbers, numbers or words. Save them as such.",
        key=key,
    )
