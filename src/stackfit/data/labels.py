"""Labels of a user's own data: words or numbers in a file, class numbers from 0 in the arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackfit.errors import DataError, did_you_mean

MEASURED = 0.5
"""A share of distinct whole numbers per example above which they look like measurements, not classes."""


def plain_labels(values: np.ndarray, name: str) -> np.ndarray:
    """`(examples,)` labels: int64 where all are whole numbers, float64 where not, or strings.

    Raises:
        DataError: not one label an example, or neither numbers nor words.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biufSU":
        raise DataError(
            f"The labels of {name!r} have type {values.dtype} and shape {values.shape}. Expected one number "
            "or word an example, shape (examples,). For one-hot rows save labels.argmax(axis=1).",
            key="data.label",
        )
    if values.dtype.kind in "SU":
        return values.astype(np.str_)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        return values.astype(np.float64)
    return values.astype(np.int64)


def check_two_classes(labels: np.ndarray, name: str, key: str = "data.label") -> None:
    """Refuse labels that are all the same."""
    if (labels == labels[0]).all():
        raise DataError(
            f"Every label of {name!r} is {str(labels[0])!r}. Expected at least two classes, or there is "
            f"nothing to tell apart. Set {key} to another, or add examples of a second class.",
            key=key,
        )


def infer_classes(labels: np.ndarray, name: str) -> tuple[int, list[str]]:
    """The number of classes (0 for values) and their names ([] for class numbers that count from 0).

    Words are sorted and numbered; so are whole numbers that do not run from 0, such as 1, 2, 3.

    Raises:
        DataError: one class only, or whole numbers of which most are different: classes, or measurements?
    """
    if labels.dtype.kind == "f":
        return 0, []
    check_two_classes(labels, name)
    found = np.unique(labels)
    if labels.dtype.kind == "i" and len(found) > max(20, MEASURED * len(labels)):
        raise DataError(
            f"The labels of {name!r} are {len(found)} different whole numbers in {len(labels)} examples. "
            "Expected classes, or values to predict. Type data.num_classes=0 task=regression for values, or "
            f"data.num_classes={found[-1] + 1} for classes.",
            key="data.num_classes",
        )
    if labels.dtype.kind == "i" and found[0] == 0 and found[-1] == len(found) - 1:
        return len(found), []
    return len(found), [str(value) for value in found]


def number_labels(labels: np.ndarray, num_classes: int, class_names: Sequence[str], name: str) -> np.ndarray:
    """Int64 class numbers, or float32 values when `num_classes` is 0.

    A label that is one of the class names has that name's position; whole numbers are class numbers
    otherwise.

    Raises:
        DataError: words where values are expected, fractions where classes are, or a word that is no class
            name.
    """
    if num_classes == 0 and labels.dtype.kind == "U":
        raise DataError(
            f"data.num_classes is 0 (values to predict), but {name!r} has labels such as {str(labels[0])!r}. "
            "Expected numbers. Leave data.num_classes out to tell classes apart, or set data.label to "
            "numbers.",
            key="data.num_classes",
        )
    if num_classes == 0:
        return labels.astype(np.float32)
    if labels.dtype.kind == "f":
        raise DataError(
            f"data.num_classes is {num_classes}, but {name!r} has labels such as "
            f"{labels[labels % 1 != 0][0]:g}. Expected class numbers or words. Type data.num_classes=0 "
            "task=regression to predict values.",
            key="data.num_classes",
        )
    positions = {str(value): position for position, value in enumerate(class_names)}
    found = np.unique(labels)
    unknown = [str(value) for value in found if str(value) not in positions]
    if unknown and labels.dtype.kind == "i":
        return labels
    if unknown:
        raise DataError(
            f"{name!r} has the label {unknown[0]!r}.{did_you_mean(unknown[0], positions)} Expected one of "
            f"{', '.join(positions)}. Correct the file, or set data.class_names to all labels.",
            key="data.class_names",
        )
    numbers = np.array([positions[str(value)] for value in found], np.int64)
    return numbers[np.searchsorted(found, labels)]
