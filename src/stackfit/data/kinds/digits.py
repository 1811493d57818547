"""scikit-learn's 1,797 handwritten digits; the last 360 are the test set."""

from __future__ import annotations

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.arrays import Stored
from stackfit.data.dataset import Progress
from stackfit.data.kinds import Kind

SCRIPT = """\
from sklearn.datasets import load_digits
digits = load_digits()
x, y = digits.images.astype("uint8")[..., np.newaxis], digits.target.astype("int64")
x_train, y_train = x[:-360], y[:-360]  # the last 360 are the test set
x_test, y_test = x[-360:], y[-360:]"""


def read(settings: Data, progress: Progress) -> Stored:
    """Pictures from 0 to 16 as uint8 `(examples, 8, 8, 1)`."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = bunch.images.astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int64)
    return Stored({"train_x": x[:-360], "train_y": y[:-360], "test_x": x[-360:], "test_y": y[-360:]}, {})


KIND = Kind(read, lambda settings: SCRIPT, white=16.0)
