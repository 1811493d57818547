"""Layer targets of our own: several Keras layers in a row under one key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def dense_stack(units: int | Sequence[int], name: str = "dense", **arguments: Any) -> list[keras.layers.Layer]:
    """Dense layers in a row, one for each width.

    Args:
        units: widths from bottom to top; an int is one layer, an empty list none.
        name: the only layer's name; with several widths `name_1`, `name_2`, ….
        arguments: passed to every `keras.layers.Dense`.

    Raises:
        ValueError: Keras refuses a width or an argument.
    """
    widths = [units] if isinstance(units, int) else list(units)
    names = [name] if len(widths) == 1 else [f"{name}_{number}" for number in range(1, len(widths) + 1)]
    return [keras.layers.Dense(width, name=label, **arguments) for width, label in zip(widths, names, strict=True)]
