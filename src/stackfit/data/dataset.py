"""What the rest of stackfit sees of data: arrays as stored, how they are scaled, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from stackfit.data import pictures
from stackfit.errors import DataError

CHUNK = 1000  # examples a step where all at once need too much memory: 60,000 pictures as float64 take 376 MB


@dataclass(frozen=True)
class Progress:
    """`say(line)` gets a sentence; `step(what, done, total)` suits a progress bar, total 0 while unknown.

    Without `build` nothing is fetched or written: data that are not on this machine raise AbsentError. `encoding`, of a run, is
    the `tables.encoding.Encoding` by which a table's columns become features; None: it is fitted.
    """

    say: Callable[[str], None] = lambda line: None
    step: Callable[[str, int, int], None] = lambda what, done, total: None
    build: bool = True
    encoding: Any = None


SILENT = Progress()


@dataclass(frozen=True)
class Split:
    """One split, in stored order."""

    x: np.ndarray  # `(examples, *input_shape)`, uint8 for pictures, float32 for tables, unscaled
    y: np.ndarray  # `(examples,)`, int64 class numbers, or float32 values for regression

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Scaling:
    """`scaled = (float32(x) - offset) / divisor`: float32 of shape `()` or `input_shape`, None for nothing."""

    offset: np.ndarray | None = None
    divisor: np.ndarray | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The float32 values that the model sees, in NumPy; bit-equal to what the graph computes."""
        scaled = x.astype(np.float32)
        if self.offset is not None:
            scaled = scaled - self.offset
        return scaled if self.divisor is None else scaled / self.divisor

    @classmethod
    def standardizing(cls, batches: Iterable[np.ndarray]) -> Scaling:
        """Brings each feature of these batches to mean 0 and deviation 1; a constant one is only centred.

        Bit for bit scikit-learn's `StandardScaler.partial_fit`, whose checks take longer than its sums (Chan, Golub and
        LeVeque 1983, updated batch by batch; float64).
        """
        seen, mean, variance, shape = 0.0, np.zeros(1), np.zeros(1), None
        for batch in batches:
            shape = batch.shape[1:]
            values = batch.reshape(len(batch), -1).astype(np.float64)
            new, total = float(len(values)), values.sum(axis=0)
            values -= total / new
            correction = values.sum(axis=0)
            values **= 2
            spread = values.sum(axis=0) - correction**2 / new
            if seen:
                ratio = seen / new
                spread = variance * seen + spread + ratio / (seen + new) * (mean * seen / ratio - total) ** 2
            mean, variance = (mean * seen + total) / (seen + new), spread / (seen + new)
            seen += new
        epsilon = np.finfo(np.float64).eps
        constant = variance <= seen * epsilon * variance + (seen * mean * epsilon) ** 2
        scale = np.where(constant, 1.0, np.sqrt(variance))
        return cls(*(part.astype(np.float32).reshape(shape) for part in (mean, scale)))


@dataclass(frozen=True)
class Dataset:
    """Data that fit in memory. `validation` is the last part of the training split, if there is one."""

    name: str
    train: Split
    validation: Split | None
    test: Split | None
    class_names: tuple[str, ...]
    scaling: Scaling
    fingerprint: str  # SHA-256 over dtype, shape and bytes of every stored array, in stored order
    white: float = 255.0  # the value of a white pixel
    warnings: tuple[DataError, ...] = ()  # what is unusual about them; `kind` is the name that silences it
    encoding: Any = None  # of a table: the `tables.encoding.Encoding` by which its columns became features
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)  # of a table: the file's rows of `train` and `test`
    input_shape: tuple[int, ...] = field(init=False)
    sizes: dict[str, int] = field(init=False)  # examples of each split, in the order of use; 0 where there is none

    def __post_init__(self) -> None:
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = {name: 0 if split is None else len(split.y) for name, split in splits.items()}
        object.__setattr__(self, "input_shape", self.train.x.shape[1:])
        object.__setattr__(self, "sizes", sizes)

    @cached_property
    def brightness(self) -> dict[str, Any] | None:
        """`pictures.describe` of the training pictures; None where examples are not pictures."""
        if len(self.input_shape) != 3 or self.input_shape[2] not in (1, 3):
            return None
        return pictures.describe(self.train.x, self.white)

    @cached_property
    def scaled_values(self) -> dict[str, tuple[float, float, float | None]]:
        """By part, what the model sees: the lowest and the highest value, and one that is not whole, or None."""
        found = {}
        for part in (part for part, size in self.sizes.items() if size):
            x = getattr(self, part).x
            ends, fraction = [], None
            for start in range(0, len(x), CHUNK):
                values = self.scaling.apply(x[start : start + CHUNK])
                ends += [float(values.min()), float(values.max())]
                odd = values[values % 1 != 0]
                fraction = float(odd[0]) if fraction is None and len(odd) else fraction
            found[part] = (min(ends), max(ends), fraction)
        return found

@dataclass(frozen=True)
class StreamedDataset:
    """Data above `data.max_memory_bytes`: read from TFDS while training, in a seeded buffer-shuffled order.

    `batches(split, batch_size, seed, epoch)` returns a `tf.data.Dataset` of unscaled `(x, y)` batches of a split of
    `sizes`, in TFDS's types, in stored order if the seed is None.
    """

    name: str
    sizes: dict[str, int]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    fingerprint: str  # over TFDS builder, version, splits and file checksums
    batches: Any
    encoding: None = None  # not a table
    white: float = 255.0
    brightness: None = None  # not known without reading them all
    warnings: tuple[DataError, ...] = ()
