"""What the rest of stackfit sees of data: arrays as stored, how they are scaled, and what they are called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackfit.errors import DataError


@dataclass(frozen=True)
class Split:
    """One split, in stored order.

    `x`: `(examples, *input_shape)`, uint8 for pictures, float32 for tables, unscaled.
    `y`: `(examples,)`, int64 class numbers, or float32 values for regression.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Scaling:
    """`scaled = (float32(x) - offset) / divisor`; each is None where it does nothing.

    `offset` and `divisor` are float32, of shape `()` or `input_shape`.
    """

    offset: np.ndarray | None = None
    divisor: np.ndarray | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The float32 values that the model sees, in NumPy; bit-equal to what the graph computes."""
        scaled = x.astype(np.float32)
        if self.offset is not None:
            scaled = scaled - self.offset
        if self.divisor is not None:
            scaled = scaled / self.divisor
        return scaled


@dataclass(frozen=True)
class Dataset:
    """Data that fit in memory. `validation` is the last part of the training split, or None; `test` may be "
    "None."""

    name: str
    train: Split
    validation: Split | None
    test: Split | None
    class_names: tuple[str, ...]
    scaling: Scaling
    fingerprint: str  # SHA-256 over dtype, shape and bytes of every stored array, in stored order

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.train.x.shape[1:]


@dataclass(frozen=True)
class StreamedDataset:
    """Data above `data.max_memory_bytes`: read from TFDS while training, in a seeded buffer-shuffled order.

    `batches(split, batch_size, seed, epoch)` returns a `tf.data.Dataset` of unscaled `(x, y)` batches of the
    split `train`, `validation` or `test`; with `seed=None` it keeps the stored order.
    """

    name: str
    sizes: dict[str, int]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    fingerprint: str  # over TFDS builder, version, splits and file checksums
    batches: Any


def split_at(examples: int, validation_split: float) -> int:
    """Where Keras's `fit(validation_split=…)` cuts: the position of the first validation example.

    Raises:
        DataError: nothing would be left to train on, or to validate with.
    """
    at = math.floor(examples * (1 - validation_split))
    if validation_split and at in (0, examples):
        raise DataError(
            f"data.validation_split is {validation_split}, which leaves {at} of {examples} examples for "
            f"training and {examples - at} for validation. Expected at least one in each. Set another share, "
            "or 0.",
            key="data.validation_split",
        )
    return at
