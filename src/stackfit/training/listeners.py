"""Which callbacks must be called at every step: they keep Python in the loop, so their cell shares no graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

# Keras's own that look at every batch only where this setting says so.
FREQUENCIES = {keras.callbacks.ModelCheckpoint: "save_freq", keras.callbacks.TensorBoard: "update_freq"}
HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def listens_to_batches(kind: type, setting: Callable[[str, Any], Any]) -> bool:
    """Whether callbacks of this class do something at a batch's begin or end.

    Args:
        setting: `setting(name, default)` looks up an argument of the callback.
    """
    for base, name in FREQUENCIES.items():
        if issubclass(kind, base):
            return setting(name, "epoch") != "epoch"
    return _overrides(kind, HOOKS)


def listens_to_tests(kind: type) -> bool:
    """Whether callbacks of this class do something at the begin or end of a batch of the validation data."""
    return _overrides(kind, TEST_HOOKS)


def _overrides(kind: type, hooks: tuple[str, ...]) -> bool:
    return any(getattr(kind, hook) is not getattr(keras.callbacks.Callback, hook) for hook in hooks)
