"""Callbacks of our own that Keras does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


class StopAt(keras.callbacks.Callback):
    """Stop after the epoch in which a metric crosses a value.

    Args:
        monitor: a metric's name as in the history, such as `accuracy` or `val_loss`.
        value: the threshold.
        mode: `max` stops above the value, `min` below it.
    """

    def __init__(self, monitor: str = "accuracy", value: float = 0.95, mode: str = "max"):
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f"mode is {mode!r}. Expected 'max' or 'min'.")
        self.monitor, self.value, self.mode = monitor, value, mode

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the epoch's metrics.

        Raises:
            KeyError: the metric is not among them.
        """
        logs = logs or {}
        if self.monitor not in logs:
            raise KeyError(f"No metric {self.monitor!r}. Expected one of: {', '.join(logs)}.")
        reached = logs[self.monitor] > self.value if self.mode == "max" else logs[self.monitor] < self.value
        if reached:
            print(f"{self.monitor} {logs[self.monitor]:.4f} has passed {self.value}: stopping after epoch {epoch + 1}.")
            self.model.stop_training = True


class EpochSchedule(keras.callbacks.Callback):
    """Set the learning rate by epoch.

    Args:
        learning_rates: epoch (counted from 1) to the learning rate from then on.
    """

    def __init__(self, learning_rates: Mapping[int | str, float]):
        super().__init__()
        self.learning_rates = {int(epoch): float(rate) for epoch, rate in learning_rates.items()}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Apply the entry of the latest epoch that has been reached."""
        reached = [start for start in self.learning_rates if start <= epoch + 1]
        if reached:
            self.model.optimizer.learning_rate = self.learning_rates[max(reached)]


class MLflow(keras.callbacks.Callback):
    """Log the run to MLflow: settings, metrics by epoch, then the final metrics and files; a sweep's cells below one run.

    Where to is said by MLFLOW_TRACKING_URI. stackfit sets `log` when the run folder is made; without it nothing is logged.
    """

    log: Any = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin the run there, or go on with it."""
        if self.log is not None:
            self.log.begin()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch's metrics."""
        if self.log is not None:
            self.log.epoch(epoch + 1, dict(logs or {}))
