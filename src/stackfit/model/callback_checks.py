"""Whether each callback can do what it is asked: its arguments, the metric that it watches, the learning rate it sets."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from stackfit.callbacks import EpochSchedule
from stackfit.config.given import described
from stackfit.errors import ConfigError, did_you_mean

SETTERS = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler, EpochSchedule)


def find_idle(name: str, target: type, config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """What keeps the callback from working in this run: a metric that it will not have, a schedule, a missing extra."""
    node, key = described(config["callbacks"][name]), f"callbacks.{name}"
    metrics = ["loss", *(name for name, node in (config["task"]["metrics"] or {}).items() if node is not None)]
    validated = (config["data"]["validation_split"] or 0) > 0
    known = [*metrics, *(f"val_{metric}" for metric in metrics if validated)]
    parameter = inspect.signature(target).parameters.get("monitor")
    monitor = node.get("monitor", parameter.default if parameter else None)
    if isinstance(monitor, str) and monitor not in known and _watches(target, node):
        lacking = monitor.removeprefix("val_") in metrics
        yield ConfigError(
            f"{target.__name__} watches {monitor!r}, which this run will not have"
            f"{': there are no validation data.' if lacking else f'.{did_you_mean(monitor, known)}'} "
            f"Expected one of: {', '.join(known)}. "
            + ("Write: data.validation_split=0.1" if lacking else f"Write: {key}.monitor={known[-1]}"),
            among=(
                f"{key}.monitor",
                f"{key}._target_",
                "data.validation_split" if lacking else f"task.metrics.{monitor.removeprefix('val_')}",
            ),
        )
    schedule = isinstance(config["optimizer"].get("learning_rate"), Mapping)
    if schedule and issubclass(target, SETTERS):
        yield ConfigError(
            f"{target.__name__} sets the learning rate, but the optimizer has a schedule, which allows no other. "
            "Expected one of the two. Write: optimizer.learning_rate=0.001, or set this callback to null",
            among=(f"{key}._target_", "optimizer.learning_rate"),
        )
    if target is keras.callbacks.TensorBoard and importlib.util.find_spec("tensorboard") is None:
        yield ConfigError(
            "TensorBoard is not installed. Expected the extra that this callback needs. "
            "Type: pip install 'stackfit[tensorboard]'",
            key=key,
        )


def _watches(target: type, node: Mapping[str, Any]) -> bool:
    """ModelCheckpoint looks at its metric only to keep the best."""
    return target is not keras.callbacks.ModelCheckpoint or bool(node.get("save_best_only"))
