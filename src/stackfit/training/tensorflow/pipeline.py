"""Batches inside the graph: data as one resident constant, an epoch as a permutation of indices."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset
from stackfit.training.batches import class_weights_of, epoch_order
from stackfit.training.engine import Settings


class GraphFeed(Protocol):
    """Where a member's batches come from: `begin` once an epoch, `batch` inside the graph."""

    steps: int
    remainder: int  # examples in the last, smaller batch of an epoch; 0 if there is none

    def begin(self, epoch: int) -> Any:
        """What the graph needs for this epoch: a tensor of indices, or an iterator."""

    def batch(self, epoch_input: Any, step: tf.Tensor, size: int | None = None) -> tuple[tf.Tensor, ...]:
        """`(x, y)` or `(x, y, sample_weight)` of one step, x scaled to float32; `size` if it must be static."""


class Targets:
    """Turns stored labels into what the loss takes, and class weights into sample weights.

    Args:
        labels: `class`, `one_hot` or `value`.
        classes: number of classes, for `one_hot` and class weights.
        weights: of each class, or None.
    """

    def __init__(self, labels: str, classes: int, weights: np.ndarray | None):
        self.labels, self.classes = labels, classes
        self.weights = None if weights is None else tf.Variable(weights, trainable=False)

    def __call__(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, ...]:
        target = tf.one_hot(y, self.classes) if self.labels == "one_hot" else y
        if self.weights is not None:
            return x, target, tf.gather(self.weights, y)
        return x, target


class Scaler:
    """`Scaling` inside the graph, bit-equal to its NumPy form.

    Offset and divisor are variables: a division by a constant would be rewritten into a multiplication by its
    reciprocal (Grappler's constant folding), which gives other bits than the lab's `/ 255.0`.
    """

    def __init__(self, scaling: Scaling):
        self.offset = None if scaling.offset is None else tf.Variable(scaling.offset, trainable=False)
        self.divisor = None if scaling.divisor is None else tf.Variable(scaling.divisor, trainable=False)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.cast(x, tf.float32)
        if self.offset is not None:
            x = x - self.offset
        return x if self.divisor is None else x / self.divisor


class Resident:
    """The arrays of one split as constants, shared by every member that trains on them."""

    def __init__(self, split: Split, scaler: Scaler):
        self.x, self.y, self.scaler = tf.constant(split.x), tf.constant(split.y), scaler
        self.examples = len(split.y)


class ResidentFeed:
    """Batches gathered by index from resident arrays."""

    def __init__(self, data: Resident, batch_size: int, seed: int | None, targets: Targets):
        self.data, self.batch_size, self.seed, self.targets = data, batch_size, seed, targets
        self.steps = math.ceil(data.examples / batch_size)
        self.remainder = data.examples % batch_size

    def begin(self, epoch: int) -> tf.Tensor:
        return tf.constant(epoch_order(self.data.examples, self.seed, epoch))

    def batch(self, epoch_input: tf.Tensor, step: tf.Tensor, size: int | None = None) -> tuple[tf.Tensor, ...]:
        start = step * self.batch_size
        if size is None:
            index = epoch_input[start : start + self.batch_size]
        else:
            index = tf.slice(epoch_input, [start], [size])
        x = self.data.scaler(tf.gather(self.data.x, index))
        return self.targets(x, tf.gather(self.data.y, index))


class StreamedFeed:
    """Batches read from TFDS while training; the order is that of a seeded buffer, another one than when resident."""

    def __init__(self, data: StreamedDataset, split: str, batch_size: int, seed: int | None, targets: Targets):
        self.data, self.split, self.batch_size, self.seed = data, split, batch_size, seed
        self.targets, self.scaler = targets, Scaler(data.scaling)
        self.steps = math.ceil(data.sizes[split] / batch_size)
        self.remainder = data.sizes[split] % batch_size

    def begin(self, epoch: int) -> Any:
        batches = self.data.batches(self.split, self.batch_size, self.seed, epoch)
        return iter(batches.map(lambda x, y: (x, _as_label(y))).prefetch(2))

    def batch(self, epoch_input: Any, step: tf.Tensor, size: int | None = None) -> tuple[tf.Tensor, ...]:
        x, y = epoch_input.get_next()
        if size is not None:
            x, y = tf.ensure_shape(x, [size, *x.shape[1:]]), tf.ensure_shape(y, [size])
        return self.targets(self.scaler(x), y)


def _as_label(y: tf.Tensor) -> tf.Tensor:
    """Class numbers as int64 and values as float32, as arrays hold them."""
    return tf.cast(y, tf.int64 if y.dtype.is_integer else tf.float32)


class Feeds:
    """See `stackfit.training.engine.Feeds`."""

    def __init__(self, dataset: Dataset | StreamedDataset):
        self.dataset = dataset
        self._resident: dict[str, Resident] = {}
        self._scaler = Scaler(dataset.scaling)

    def has(self, split: str) -> bool:
        if isinstance(self.dataset, StreamedDataset):
            return bool(self.dataset.sizes.get(split))
        return getattr(self.dataset, split) is not None

    def feed(self, split: str, settings: Settings, training: bool = False) -> GraphFeed:
        size, seed = settings.batch_size, settings.order_seed if training else None
        targets = Targets(settings.labels, settings.classes, class_weights_of(self.dataset, settings) if training else None)
        if isinstance(self.dataset, StreamedDataset):
            return StreamedFeed(self.dataset, split, size, seed, targets)
        if split not in self._resident:
            self._resident[split] = Resident(getattr(self.dataset, split), self._scaler)
        return ResidentFeed(self._resident[split], size, seed, targets)
