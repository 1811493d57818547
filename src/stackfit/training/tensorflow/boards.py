"""TensorBoard's table of hyper-parameters: what a cell of a sweep was trained with, next to its curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf


def write_settings(callback: keras.callbacks.Callback, name: str, settings: Mapping[str, Any]) -> None:
    """Write a cell's settings into the folder of its `keras.callbacks.TensorBoard`; of another callback nothing.

    Args:
        name: of the cell.
        settings: those that the sweep varies: numbers, flags, or anything as text.
    """
    if not isinstance(callback, keras.callbacks.TensorBoard):
        return
    from tensorboard.plugins.hparams import api

    plain = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in settings.items()}
    with tf.summary.create_file_writer(str(callback.log_dir)).as_default():
        api.hparams(plain, trial_id=name)
