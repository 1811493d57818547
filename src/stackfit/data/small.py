"""Data that are part of a package or of nothing at all: scikit-learn's digits, and XOR."""

from __future__ import annotations

import numpy as np

from stackfit.data.arrays import fingerprint
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded
from stackfit.schema import Data

DIGITS_TEST = 360
"""The last 360 of 1,797 examples are the test set."""


def read_digits(settings: Data, progress: Progress) -> Loaded:
    """8 x 8 handwritten digits as uint8 `(examples, 8, 8, 1)` with values 0 to 16, and int64 labels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = bunch.images.astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int64)
    train, test = slice(None, -DIGITS_TEST), slice(-DIGITS_TEST, None)
    arrays = {"train_x": x[train], "train_y": y[train], "test_x": x[test], "test_y": y[test]}
    return Loaded("digits", arrays, fingerprint(arrays.values()), white=16.0)


def read_xor(settings: Data, progress: Progress) -> Loaded:
    """The corners of the unit square, 1 where exactly one coordinate is; train and test are the same."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.int64)
    arrays: dict[str, np.ndarray] = {"train_x": x, "train_y": y, "test_x": x, "test_y": y}
    return Loaded("xor", arrays, fingerprint(arrays.values()))
