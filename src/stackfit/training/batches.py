"""Which examples a batch holds, whatever engine gathers them: the order of an epoch, and the classes' weights.

The order is a pure function of (seed, epoch), never of what ran before in the process: a resumed, a fused and a
single run see the same batches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stackfit.data.dataset import Dataset, StreamedDataset
from stackfit.data.labels import balanced_weights
from stackfit.errors import DataError
from stackfit.training.engine import Settings


def epoch_order(examples: int, seed: int | None, epoch: int) -> np.ndarray:
    """The order of one epoch: a permutation of `0 … examples - 1` as int32, or the stored order without a seed.

    Args:
        seed: the run's seed, or None for the stored order.
        epoch: counted from 0.
    """
    if seed is None:
        return np.arange(examples, dtype=np.int32)
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)


def class_weights_of(dataset: Dataset | StreamedDataset, settings: Settings) -> np.ndarray | None:
    """The weight of each class in training as float32 `(classes,)`; a class that is not named weighs 1, as in Keras.

    Raises:
        DataError: they shall be balanced, and the data are streamed.
    """
    weights: Mapping[int, float] | None
    if settings.class_weight != "balanced":
        weights = settings.class_weight
    elif isinstance(dataset, StreamedDataset):
        raise DataError(
            "task.class_weight is balanced, but the data are streamed: their labels are not known before. Expected "
            "weights, or data that fit in data.max_memory_bytes. Write: 'task.class_weight={0: 2.0}'",
            key="task.class_weight",
        )
    else:
        weights = balanced_weights(dataset.train.y, settings.classes)
    if not weights:
        return None
    found = np.ones(settings.classes, np.float32)
    for number, weight in weights.items():
        found[int(number)] = weight
    return found
