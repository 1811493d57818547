"""Crossentropy from logits where a softmax or a sigmoid made the output, as Keras computes it on TensorFlow.

On JAX Keras takes logarithms of probabilities that it clips at 1e-7 from 0 and 1, and a saturated output has no gradient there: 512
units on pixels up to 255 end with a test loss of 14.5; with logits, and on TensorFlow, with 0.51 (`stackfit check codelab_ex6_raw_512`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

LOSSES = {"softmax": ("categorical_crossentropy", "sparse_categorical_crossentropy"), "sigmoid": ("binary_crossentropy",)}
"""Functions of Keras's backend: what makes probabilities, and what takes them."""


@contextlib.contextmanager
def from_logits() -> Iterator[None]:
    """Inside, steps are traced in which these losses take the logits of the layer before."""
    from keras.src.backend import nn

    own = {name: getattr(nn, name) for pair in LOSSES.items() for name in (pair[0], *pair[1])}
    for activation, losses in LOSSES.items():
        made: dict[int, tuple[Any, Any]] = {}  # the outputs, kept as long as their ids count; and their logits
        setattr(nn, activation, _noting(own[activation], made))
        for loss in losses:
            setattr(nn, loss, _taking(own[loss], made))
    try:
        yield
    finally:
        for name, function in own.items():
            setattr(nn, name, function)


def _noting(activation: Callable[..., Any], made: dict[int, tuple[Any, Any]]) -> Callable[..., Any]:
    def note(x: Any, **axis: int) -> Any:
        output = activation(x, **axis)
        if axis.get("axis", -1) in (-1, x.ndim - 1):
            made[id(output)] = output, x
        return output

    return note


def _taking(loss: Callable[..., Any], made: dict[int, tuple[Any, Any]]) -> Callable[..., Any]:
    def take(target: Any, output: Any, from_logits: bool = False, **axis: int) -> Any:
        if id(output) in made:
            return loss(target, made[id(output)][1], from_logits=True, **axis)
        return loss(target, output, from_logits=from_logits, **axis)

    return take
