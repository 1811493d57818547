"""What the rest of stackfit sees of data: arrays as stored, how they are scaled, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from stackfit.data.tables.encoding import Encoding

CHUNK = 1000  # examples a step where all at once need too much memory: 60,000 pictures as float64 take 376 MB


@dataclass(frozen=True)
class Progress:
    """`say(line)` gets a sentence; `step(what, done, total)` suits a progress bar, total 0 while unknown.

    Without `build` nothing is fetched or written: data that are not on this machine raise AbsentError.
    """

    say: Callable[[str], None] = lambda line: None
    step: Callable[[str, int, int], None] = lambda what, done, total: None
    build: bool = True


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
        """Brings each feature of these batches to mean 0 and deviation 1; a constant one is only centred."""
        from sklearn.preprocessing import StandardScaler

        scaler, shape = StandardScaler(), None
        for batch in batches:
            shape = batch.shape[1:]
            scaler.partial_fit(batch.reshape(len(batch), -1).astype(np.float64))
        return cls(*(values.astype(np.float32).reshape(shape) for values in (scaler.mean_, scaler.scale_)))


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
    encoding: Encoding | None = None  # of a table: how its columns became features
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)  # of a table: the file's rows of `train` and `test`
    input_shape: tuple[int, ...] = field(init=False)
    sizes: dict[str, int] = field(init=False)  # examples of each split, in the order of use; 0 where there is none

    def __post_init__(self) -> None:
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = {name: 0 if split is None else len(split.y) for name, split in splits.items()}
        object.__setattr__(self, "input_shape", self.train.x.shape[1:])
        object.__setattr__(self, "sizes", sizes)



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
