"""A model's loss and metrics, as numbers by name."""

from __future__ import annotations

import keras
import numpy as np

from stackfit.keys import value_names
from stackfit.training.engine import Logs


def metrics_of(model: keras.Model) -> Logs:
    """The model's loss and metrics so far in this epoch; of a metric with several values each by its number."""
    found: Logs = {}
    for name, value in model.get_metrics_result().items():
        values = [float(each) for part in keras.tree.flatten(value) for each in np.ravel(part)]
        found |= zip(value_names(name, value), values, strict=True)
    return found
