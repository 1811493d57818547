"""Mean and standard deviation of each feature, in one pass and with little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

CHUNK = 4096
"""Examples a step: 26 MB of float64 for Fashion-MNIST, where all 60,000 would take 376 MB."""


def chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Consecutive parts of `x` along its first axis, at most CHUNK examples each."""
    return (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))


def mean_and_deviation(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Float32 mean and population standard deviation over the first axis, each of shape `input_shape`.

    Batches are merged by Chan, Golub and LeVeque's update (1979) in float64, which loses no digits where
    mean ≫ deviation. A deviation of 0 becomes 1, as in scikit-learn's StandardScaler: a constant feature is
    centred and left alone.
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for batch in batches:
        values = batch.astype(np.float64)
        own_mean = values.mean(axis=0)
        total, shift = count + len(values), own_mean - mean
        mean = mean + shift * (len(values) / total)
        squares = squares + np.square(values - own_mean).sum(axis=0)
        squares = squares + np.square(shift) * (count * len(values) / total)
        count = total
    deviation = np.sqrt(squares / count)
    return mean.astype(np.float32), np.where(deviation == 0, 1.0, deviation).astype(np.float32)
