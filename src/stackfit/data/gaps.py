"""What a part of the data lacks: a warning each, for training goes on and its metrics say less than they seem to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.kinds import kind_of
from stackfit.data.labels import HIGHEST, different
from stackfit.errors import DataError, counted

if TYPE_CHECKING:
    from stackfit.data.dataset import Split

SMALLEST = float(np.finfo(np.float32).tiny)


def find_gaps(parts: dict[str, Split | None], settings: Data, names: Sequence[str], own: bool) -> Iterator[DataError]:
    """Classes that a part lacks, values of the validation part outside of the training part's, empty pictures, no
    test part.

    Args:
        parts: `train`, `validation` and `test`, None where there is none.
        names: of the classes; empty for numbers.
        own: whether the data are a user's own, of which a test part is expected.
    """
    labels = {part: split.y for part, split in parts.items() if split is not None and len(split)}
    if settings.num_classes == 0 or labels["train"].dtype.kind == "f":
        yield from _values(labels, settings)
    else:
        yield from _classes(labels, names, settings)
    if own and settings.scale == "unit" and (train := parts["train"]) is not None:
        yield from _pixels(train.x)
    yield from _sizes({part: len(y) for part, y in labels.items()}, settings)
    if own and (part := parts["train"]) is not None and part.x.dtype == np.uint8 and part.x.ndim == 4:
        yield from _pictures(part.x)
    if own and settings.test_path and settings.path and Path(settings.path).resolve() == Path(settings.test_path).resolve():
        yield DataError(
            f"data.test_path is the training data, {settings.test_path}: test metrics say what the model remembers, not what it has "
            "understood. Expected other examples. Leave data.test_path out to hold out a part",
            key="data.test_path",
            kind="no_test_part",
        )
    if own and "test" not in labels and settings.test_split:
        reason = f"data.test_split={settings.test_split:g} leaves none of so few examples of each class"
        if settings.kind == "npz":
            reason += ", or the file has a training part only"
        yield DataError(
            f"There is no test part, so there will be no test metrics: {reason}. Expected examples that are not trained on. "
            "Type data.test_split=0.5, or data.test_path=PATH; data.test_split=0 if it is meant",
            key="data.test_split",
            kind="no_test_part",
        )


def _pixels(x: np.ndarray) -> Iterator[DataError]:
    """Divided by 255 are bytes; other numbers may have been scaled before, or have 16 bits."""
    if x.dtype == np.uint8:
        return
    low, high = x.min(), x.max()
    if not (low >= 0 and 128 <= high <= 255):
        yield DataError(
            f"data.scale=unit divides by 255, but the values go from {low:g} to {high:g}. Expected pixels from 0 to 255. Type "
            "data.scale=none for values that are scaled already, or data.scale=standardize",
            key="data.scale",
            kind="value_range",
        )


def _classes(labels: dict[str, np.ndarray], names: Sequence[str], settings: Data) -> Iterator[DataError]:
    seen = {part: set(different(y).tolist()) for part, y in labels.items()}
    known: set[int] = seen["train"]
    for part in [part for part in seen if part != "train"]:
        found = []
        if unseen := seen[part] - known:
            found.append(f"{_listed(unseen, names)} {_be(unseen)} in the {part} part only: the model never sees {_them(unseen)}.")
            known = known | unseen
        if absent := seen["train"] - seen[part]:
            found.append(f"{_listed(absent, names)} {_be(absent)} not in the {part} part: its metrics leave {_them(absent)} out.")
        if found:
            yield _warning(" ".join(found), part, settings)


def _values(labels: dict[str, np.ndarray], settings: Data) -> Iterator[DataError]:
    low, high = labels["train"].min(), labels["train"].max()
    spread, largest = float(labels["train"].astype(np.float64).std()), max(abs(float(low)), abs(float(high)))
    if not spread and len(labels["train"]) > 1:
        found = f"Every value to predict of the training part is {low:g}: there is nothing to learn. Expected different values"
        yield DataError(f"{found}. Set another data.label", key="data.label", kind="value_range")
    elif spread and not (spread**2 > SMALLEST and largest**2 < HIGHEST):
        yield DataError(
            f"The values to predict go from {low:g} to {high:g}: float32 does not hold their squares, of which losses are made. Expected "
            "values nearer to 1. Divide them in the file",
            key="data.label",
            kind="value_range",
        )
    if "validation" in labels and (labels["validation"].min() > high or labels["validation"].max() < low):
        found = f"Every value of the validation part lies outside of the training part's, {low:g} to {high:g}."
        yield _warning(found, "validation", settings)


def _sizes(sizes: dict[str, int], settings: Data) -> Iterator[DataError]:
    """Groups and equal values of an order stay together: a part may be far from the share that was asked for."""
    key = (settings.group and "group") or (settings.split_by and "split_by")
    drawn = sum(sizes.values()) - (sizes.get("test", 0) if settings.test_path else 0)
    asked = {"test": 0 if settings.test_path else settings.test_split * drawn}
    asked["validation"] = settings.validation_split * (sizes["train"] + sizes.get("validation", 0))
    for part, wanted in asked.items():
        if key and wanted and not wanted / 2 <= sizes.get(part, 0) <= max(2 * wanted, wanted + 1):
            yield DataError(
                f"The {part} part has {counted(sizes.get(part, 0), 'example')}, but data.{part}_split asks for about {wanted:.0f}: rows with "
                f"the same {getattr(settings, key)!r} stay together. Expected a column with more values. Type data.{key}=COLUMN "
                f"with another, or another data.{part}_split",
                key=f"data.{part}_split",
                kind="part_sizes",
            )


def _pictures(x: np.ndarray) -> Iterator[DataError]:
    flat = x.reshape(len(x), -1)
    plain = int((flat.min(axis=1) == flat.max(axis=1)).sum())
    if 2 * plain > len(x):
        yield DataError(
            f"Training pictures of one colour: {plain:,} of {len(x):,}, such as {flat[0, 0]} of 255: there is nothing to learn "
            "from them. Expected drawings that differ from their ground. If they are transparent, type data.background=black, or "
            "white for dark ones",
            key="data.path",
            kind="one_colour",
        )


def _warning(found: str, part: str, settings: Data) -> DataError:
    if settings.group and (part == "validation" or not settings.test_path):
        cure = "a group is in one part only. Type another data.split_seed, or a data.group with more values"
        key = "data.group"
    elif settings.split_by and (part == "validation" or not settings.test_path):
        cure = "the last rows make this part. Type another share for it, or leave data.split_by out"
        key = "data.split_by"
    elif part == "validation" and not settings.stratify:
        cure = "the validation part is the end of the training part. Type data.stratify=true, or shuffle the file"
        key = "data.validation_split"
    elif part == "validation" or not (settings.test_path or kind_of(settings.kind).divided(settings)):
        cure, key = "a class has too few examples. Add some, or leave it out", "data.path"
    else:
        cure, key = "the parts are divided so in the data. Divide them again, or add examples", "data.path"
    return DataError(f"{found} Expected every kind of example in each part; {cure}", key=key, kind="class_gaps")


def _listed(classes: set[int], names: Sequence[str]) -> str:
    words = [names[number] if number < len(names) else str(number) for number in sorted(classes)]
    if len(words) > 6:
        return f"The classes {', '.join(words[:5])} and {counted(len(words) - 5, 'other')}"
    return f"The class{'es' * (len(words) > 1)} {', '.join(words)}"


def _be(classes: set[int]) -> str:
    return "are" if len(classes) > 1 else "is"


def _them(classes: set[int]) -> str:
    return "them" if len(classes) > 1 else "it"
