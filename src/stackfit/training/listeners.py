"""Which callbacks must be called at every step: they keep Python in the loop, so their cell shares no graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

# Keras's own that look at every batch only where this setting says so.
FREQUENCIES = {keras.callbacks.ModelCheckpoint: "save_freq", keras.callbacks.TensorBoard: "update_freq"}
Setting = Callable[[str, Any], Any]
HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def listens_to_batches(kind: type, setting: Setting) -> bool:
    """Whether callbacks of this class do something at a batch's begin or end in training.

    Args:
        setting: `setting(name, default)` looks up an argument of the callback.
    """
    return _listens(kind, setting, HOOKS)


def listens_to_tests(kind: type, setting: Setting) -> bool:
    """As `listens_to_batches`, of the validation data."""
    return _listens(kind, setting, TEST_HOOKS)


def _listens(kind: type, setting: Setting, hooks: tuple[str, ...]) -> bool:
    for base, name in FREQUENCIES.items():
        if issubclass(kind, base) and setting(name, "epoch") == "epoch":
            return False
    return any(getattr(kind, hook) is not getattr(keras.callbacks.Callback, hook) for hook in hooks)
