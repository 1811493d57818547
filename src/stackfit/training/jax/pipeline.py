"""Batches inside a JAX program: the data stay on the device as they are stored, an epoch is an array of indices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stackfit.data.dataset import Dataset, Split, StreamedDataset
from stackfit.errors import DataError
from stackfit.training.batches import class_weights_of, epoch_order
from stackfit.training.engine import Settings


class Resident(NamedTuple):
    """One split on the device, shared by every member: arguments of a program, so that it may be used for other data.

    As arguments, offset and divisor are divided by as NumPy does it; XLA turns a constant into its reciprocal.
    """

    x: jax.Array  # `(examples, *input_shape)`, unscaled
    y: jax.Array
    offset: jax.Array | None
    divisor: jax.Array | None
    weights: jax.Array | None = None  # `(classes,)`


@dataclass(frozen=True)
class Form:
    """How batches are made of a split, besides its arrays: equal for members that share a program."""

    batch_size: int
    labels: str
    classes: int

    def batch(self, data: Resident, index: jax.Array) -> tuple[jax.Array, ...]:
        """`(x, y)` or `(x, y, sample_weight)` of the examples `index`, x scaled to float32."""
        x = data.x[index].astype(jnp.float32)
        x = x if data.offset is None else x - data.offset
        x = x if data.divisor is None else x / data.divisor
        y = data.y[index]
        target = jax.nn.one_hot(y, self.classes) if self.labels == "one_hot" else y
        return (x, target) if data.weights is None else (x, target, data.weights[y])


class JaxFeed:
    """Batches of one split for one member."""

    def __init__(self, data: Resident, settings: Settings, seed: int | None, fingerprint: str):
        self.data, self.seed, self.stack = data, seed, settings.stack
        self.alike = settings.alike and f"{settings.alike} {fingerprint}"  # a layer adapted to the data holds constants
        self.form = Form(settings.batch_size, settings.labels, settings.classes)
        self.examples = len(data.y)
        self.steps = math.ceil(self.examples / settings.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.examples, self.seed, epoch)


class Feeds:
    """See `stackfit.training.engine.Feeds`."""

    def __init__(self, dataset: Dataset | StreamedDataset):
        if isinstance(dataset, StreamedDataset):
            raise DataError(
                "The data are streamed, which takes TensorFlow; engine is jax. Expected data in memory. Raise "
                "data.max_memory_bytes, or write: engine=tensorflow",
                among=("engine", "data.max_memory_bytes"),
            )
        self.dataset = dataset
        self._resident: dict[str, Resident] = {}

    def has(self, split: str) -> bool:
        return getattr(self.dataset, split) is not None

    def feed(self, split: str, settings: Settings, training: bool = False) -> JaxFeed:
        if split not in self._resident:
            self._resident[split] = self._put(getattr(self.dataset, split))
        data, weights = self._resident[split], class_weights_of(self.dataset, settings) if training else None
        if weights is not None:
            data = data._replace(weights=jnp.asarray(weights))
        return JaxFeed(data, settings, settings.order_seed if training else None, self.dataset.fingerprint)

    def _put(self, split: Split) -> Resident:
        def put(array: Any) -> jax.Array | None:
            return None if array is None else jnp.asarray(array)

        labels = split.y.astype(np.int32) if split.y.dtype.kind in "iu" else split.y
        scaling = self.dataset.scaling
        return Resident(jnp.asarray(split.x), jnp.asarray(labels), put(scaling.offset), put(scaling.divisor))
