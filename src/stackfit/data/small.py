"""Data that are part of a package or of nothing at all: scikit-learn's digits, and XOR."""

from __future__ import annotations

import numpy as np

DIGITS_TEST = 360
"""The last 360 of 1,797 examples are the test set."""


def load_digits() -> dict[str, np.ndarray]:
    """8 x 8 handwritten digits as uint8 `(examples, 8, 8, 1)` with values 0 to 16, and int64 labels."""
    from sklearn.datasets import load_digits as read

    bunch = read()
    x = bunch.images.astype(np.uint8)[..., np.newaxis]
    y = bunch.target.astype(np.int64)
    return {
        "train_x": x[:-DIGITS_TEST],
        "train_y": y[:-DIGITS_TEST],
        "test_x": x[-DIGITS_TEST:],
        "test_y": y[-DIGITS_TEST:],
    }


def load_xor() -> dict[str, np.ndarray]:
    """The four corners of the unit square, labelled 1 where exactly one coordinate is; the test set is the same."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.int64)
    return {"train_x": x, "train_y": y, "test_x": x, "test_y": y}
