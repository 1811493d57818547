"""Which epoch the final weights are of: their digest is compared with those of the weights at each epoch's end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import keras

from stackfit.callbacks import EpochSchedule, MLflow, StopAt

# Callbacks that never set a weight; a class derived from one of them may.
HARMLESS = (
    *(keras.callbacks.History, keras.callbacks.CSVLogger, keras.callbacks.ModelCheckpoint, keras.callbacks.TensorBoard),
    *(keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler, keras.callbacks.TerminateOnNaN),
    *(StopAt, EpochSchedule, MLflow),
)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 over dtype, shape and bytes of `get_weights()`, in order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()


def may_change(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Whether something besides the training steps may set the weights: a callback, or averages at the end of training.

    Only then are digests taken: of 4 million weights one takes 30 ms, a sixth of what their checkpoint takes.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    finalize = type(optimizer).finalize_variable_values
    averages = optimizer.use_ema or finalize is not keras.optimizers.Optimizer.finalize_variable_values
    return bool(averages) or not all(map(_is_harmless, callbacks))


def _is_harmless(callback: keras.callbacks.Callback) -> bool:
    if type(callback) is keras.callbacks.EarlyStopping:
        return not callback.restore_best_weights
    return type(callback) in HARMLESS


def find_epoch(digest: str, digests: Sequence[str]) -> int | None:
    """The last epoch (from 1) that ended with these weights, or None; `digests`: one an epoch, empty if not known."""
    epochs = [epoch for epoch, known in enumerate(digests, 1) if known == digest]
    return max(epochs, default=None)


class Noted(list[keras.callbacks.Callback]):
    """A member's callbacks, in the place of a CallbackList's own list: `stopper` is the one that stopped the training.

    Keras sets `model.stop_training` and does not say who did; it calls callbacks by iterating over this list.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], model: Any):
        super().__init__(callbacks)
        self.model = model
        self.stopper: int | None = None

    def __iter__(self) -> Any:
        for number, callback in enumerate(super().__iter__()):
            yield callback
            if not self.model.stop_training:
                self.stopper = None
            elif self.stopper is None:
                self.stopper = number
