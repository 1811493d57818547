"""Variables that start with the same constant share its array, which is made once."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import jax
import keras

CONSTANTS = (keras.initializers.Zeros, keras.initializers.Ones, keras.initializers.Constant)

_made: weakref.WeakValueDictionary[Any, jax.Array] = weakref.WeakValueDictionary()  # kept as long as a variable has it


@contextlib.contextmanager
def sharing_constants() -> Iterator[None]:
    """Inside, a new variable takes the array that another one got from an equal initializer."""
    own = keras.Variable._initialize_with_initializer

    def initialize(variable: Any, initializer: Any) -> None:
        key = _key(variable, initializer)
        array = None if key is None else _made.get(key)
        if array is not None:
            variable._initialize(array)
            return
        own(variable, initializer)
        array = variable._value  # `value` may be a copy in another precision
        if key is not None and not isinstance(array, jax.core.Tracer):
            _made[key] = array

    keras.Variable._initialize_with_initializer = initialize
    try:
        yield
    finally:
        keras.Variable._initialize_with_initializer = own


def _key(variable: Any, initializer: Any) -> Any:
    """Equal for variables that start with the same array, to the bit; None if that is not known."""
    values = [*vars(initializer).values()] if type(initializer) in CONSTANTS else [None]
    if not all(type(value) in (bool, int, float) for value in values):
        return None
    return type(initializer), repr(values), tuple(variable.shape), variable.dtype
