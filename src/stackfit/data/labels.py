"""A user's labels: class numbers for words, numbers for values. What a label is, the task says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.settings import check_two_classes, wrong
from stackfit.errors import counted, did_you_mean

LARGEST = 2**63 - 1  # of int64
HIGHEST = float(np.finfo(np.float32).max)  # and what features may be
Place = Callable[[int], tuple[str, str]]  # of a label by its position: `("flowers.csv", "row 12")`


def different(labels: np.ndarray) -> np.ndarray:
    """Each label once, sorted; class numbers are counted, in a tenth of the time of sorting them."""
    if labels.dtype.kind == "i" and len(labels):
        lowest = int(labels.min())
        if int(labels.max()) - lowest < len(labels):
            return (np.flatnonzero(np.bincount(labels.astype(np.int64, copy=False) - lowest)) + lowest).astype(labels.dtype)
    return np.unique(labels)


def plain_labels(labels: np.ndarray, name: str) -> np.ndarray:
    """`(examples,)` labels: int64 where all are whole numbers of 64 bits, float64 or uint64 where not, or strings."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biufSU":
        found = f"The labels of {name!r} have type {labels.dtype} and shape {labels.shape}."
        is_one_hot = labels.ndim == 2 and labels.dtype.kind in "biuf" and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        cure = "For one-hot rows save labels.argmax(axis=1)" if is_one_hot else "Save one column of them, labels[:, 0]"
        raise wrong("label", found, "one number or word per example", cure)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        at = int(np.argmin(np.isfinite(labels)))
        raise wrong("label", f"The labels of {name!r} hold {labels[at]} in example {at} (from 0).", "a label each", "Fill or remove such examples")
    if labels.dtype.kind in "SU":
        words = np.char.decode(labels, "utf-8", "backslashreplace") if labels.dtype.kind == "S" else labels  # of HDF5, bytes
        bare = np.char.strip(words)
        return bare if len(np.unique(bare)) < len(np.unique(words)) else words  # blanks alone make no class
    if labels.dtype.kind == "u" and labels.max(initial=0) > LARGEST:
        return labels
    whole = np.isfinite(labels).all() and (labels % 1 == 0).all() and (np.abs(labels.astype(np.float64)) < LARGEST).all()
    return labels.astype(np.int64 if whole else np.float64)


def find_classes(settings: Data, labels: np.ndarray, form: str | None = None) -> tuple[int, list[str]]:
    """The number of classes (0 for values) and their names ([] for class numbers), as declared or inferred.

    Words are sorted and numbered; so are whole numbers that do not run from 0, such as 1, 2, 3.

    Args:
        form: the task's `labels`; None where no task is known: then decimals are values.
    """
    declared, names = settings.num_classes, [str(label) for label in settings.class_names]
    where = f"column {settings.label!r} of {settings.path!r}" if settings.label else repr(settings.path)
    if form == "value":
        if labels.dtype.kind == "U":
            found = f"The labels in {where} are words, such as {str(labels[0])!r}, but the task predicts values."
            raise wrong("label", found, "numbers", "Type task=classification, or another data.label")
        if declared and not np.array_equal(different(labels), range(declared)):
            found = f"data.num_classes is {declared}, but the task predicts values, and the labels in {where} are not 0 to {declared - 1}."
            raise wrong("num_classes", found, "no classes", "Type data.num_classes=0")
        return (declared, names) if declared else (0, [])
    if names or declared == 0:
        return len(names) if declared is None else declared, names
    if labels.dtype.kind == "f":
        if form and not declared and (labels % 1 != 0).any():
            odd = labels[labels % 1 != 0][0]
            found = f"The labels in {where} have decimals, such as {odd:g}, but the task tells classes apart."
            raise wrong("label", found, "class numbers or words", "Type task=regression model=regressor")
        return declared or 0, []
    check_two_classes(labels, str(settings.path))
    kinds, whole = different(labels), labels.dtype.kind == "i"
    if declared is None and len(kinds) > max(20, len(labels) // 2):
        what, expected = "words", "a few classes with several examples each"
        cure = f"Type another data.label, or data.num_classes={len(kinds)} if each word is a class"
        if whole:
            what, expected = "whole numbers", "to be told whether these are values or classes"
            cure = f"Type data.num_classes=0 task=regression, or data.num_classes={kinds[-1] + 1}"
        raise wrong("num_classes", f"{settings.path!r} has {len(kinds):,} different {what} as {counted(len(labels), 'label')}.", expected, cure)
    numbers = whole and (declared not in (None, len(kinds)) or np.array_equal(kinds, range(len(kinds))))
    return declared or len(kinds), [] if numbers else [str(value) for value in kinds]


def number_labels(
    labels: np.ndarray,
    num_classes: int,
    class_names: Sequence[str],
    place: Place,
    known: np.ndarray | None = None,
    key: str = "class_names",
) -> np.ndarray:
    """Int64 positions of labels in the class names, or class numbers as they are; float32 for values (0 classes).

    Args:
        known: the labels of the training part, for those of a test part: they decide whether whole numbers are names or
            positions, and bound them.
        key: the setting that an unknown label is an error of.

    Raises:
        DataError: a label is none of these, with its place.
    """
    if labels.dtype.kind == ("f" if num_classes else "U"):
        whole = bool(num_classes) and not (labels % 1 != 0).any()
        at = int(np.argmax(np.abs(labels) >= LARGEST if whole else labels % 1 != 0)) if num_classes else 0
        name, where = place(at)
        if whole:
            found = f"{name} has the label {labels[at]:g} in {where}, which is beyond 64 bits."
            raise wrong("num_classes", found, "class numbers, or words", "Number the classes from 0, or save words")
        found = f"data.num_classes is {num_classes}, but {name} has labels such as {str(labels[at])!r} in {where}."
        cure = "Type data.num_classes=0 task=regression model=regressor for values, or leave it out for words and class numbers"
        raise wrong("num_classes", found, "class numbers or words" if num_classes else "numbers", cure)
    if num_classes == 0:
        large = np.abs(labels) > HIGHEST
        if large.any():
            name, where = place(at := int(large.argmax()))
            found = f"{name} has the label {labels[at]:g} in {where}."
            raise wrong("label", found, f"a number up to {HIGHEST:.3g}, as float32 holds", "Divide the labels")
        return labels.astype(np.float32)
    numbers = {name.strip(): number for number, name in enumerate(class_names)}  # a blank more or less is the same word
    numbers |= {name: number for number, name in enumerate(class_names)}
    if (
        labels.dtype.kind == "i"
        and not {str(value) for value in different(labels if known is None else known)} <= numbers.keys()
    ):
        bad = (labels < 0) | (labels >= num_classes)
        if known is not None and bad.any():  # those of the training part are checked with the data
            at = int(bad.argmax())
            name, where = place(at)
            found = f"{name} has the label {labels[at]} in {where}."
            raise wrong(key, found, f"a class number from 0 to {num_classes - 1}, as in the training part", "Correct it")
        return labels
    kinds, inverse = np.unique(labels, return_inverse=True)
    words = [str(value) if str(value) in numbers else str(value).strip() for value in kinds]
    for position, value in enumerate(words):
        if value not in numbers:
            at = int(np.argmax(inverse == position))
            name, where = place(at)
            found = f"{name} has the label {value!r} in {where}.{did_you_mean(value, class_names)}"
            raise wrong(key, found, f"one of {', '.join(class_names)}", "Correct it, or data.class_names")
    return np.array([numbers[word] for word in words], np.int64)[inverse]


def balanced_weights(labels: np.ndarray, classes: int) -> dict[int, float]:
    """A weight for each class, so that each counts the same in all: `examples / (classes · count)`, as scikit-learn's `balanced`.

    Args:
        labels: `(examples,)` class numbers of the training part. A class without examples weighs 1.
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return {number: float(len(labels) / (present * count)) if count else 1.0 for number, count in enumerate(counts)}
