"""Learning-rate schedules inside a loop, with the bits that they have in Keras's train function.

Grappler folds a schedule's constants into one another: `x / 90 * pi` becomes `x * (pi / 90)`. In a loop it folds others than
outside of one (measured with 2.21: `CosineDecay` over 60, 90 or 100 steps ends with other weights). A function that is not
inlined is folded by itself, as in Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

LearningRateSchedule = keras.optimizers.schedules.LearningRateSchedule


class _Apart(LearningRateSchedule):
    """A schedule in a function of its own."""

    def __init__(self, schedule: LearningRateSchedule):
        self.schedule = schedule
        self._function = tf.function(schedule, autograph=False, experimental_attributes={"_noinline": True})

    def __call__(self, step: Any) -> tf.Tensor:
        return self._function(tf.convert_to_tensor(step))

    def get_config(self) -> dict[str, Any]:
        return {}


def train_step(model: keras.Model) -> Callable[[Any], Any]:
    """The model's `train_step`, traced with its schedules apart."""
    schedules = [(optimizer, _Apart(rate)) for optimizer, rate in _schedules(model.optimizer)]

    def step(data: Any) -> Any:
        try:
            for optimizer, apart in schedules:
                optimizer._learning_rate = apart
            return model.train_step(data)
        finally:
            for optimizer, apart in schedules:
                optimizer._learning_rate = apart.schedule

    return step if schedules else model.train_step


def _schedules(optimizer: Any) -> Iterator[tuple[Any, LearningRateSchedule]]:
    """The optimizers that have a schedule, with it: this one, or those inside it."""
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, LearningRateSchedule):
        yield optimizer, rate
    inside = [getattr(optimizer, "inner_optimizer", None), *(getattr(optimizer, "optimizers", None) or ())]
    for inner in inside:
        if inner is not None:
            yield from _schedules(inner)
