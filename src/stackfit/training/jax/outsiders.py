"""Variables that a step uses although they are no part of what it is given: JAX takes their values for constants.

Keras's steps for JAX give back a model's state that is not trained, its metrics' and its optimizer's. What else a layer, a loss
or a metric sets would be lost silently; TensorFlow keeps it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from stackfit.errors import ConfigError, TrainingError
from stackfit.training.jax.stacks import variables_of


class Outsiders:
    """Those of one model, whose loss and metrics are built."""

    def __init__(self, model: keras.Model):
        parts = variables_of(model)
        self._optimizer, self._trained = parts[2], {id(variable) for variable in parts[0]}
        self._state = {id(variable) for part in parts for variable in part}
        self._read: dict[int, tuple[Any, Any]] = {}  # others, with the values that the program has of them

    @contextlib.contextmanager
    def refused(self) -> Iterator[None]:
        """Inside, a step is traced.

        Raises:
            ConfigError: it sets or reads a variable of which the program would have an old value.
        """
        scope, others = keras.StatelessScope, self._read
        read, update = scope.get_current_value, scope.add_update
        faults: list[ConfigError] = []  # Keras would wrap what is raised inside of a layer's call

        def get_current_value(given: Any, variable: Any) -> Any:
            value = read(given, variable)
            if value is None and id(variable) in self._state:
                faults.append(_fault(variable, "reads"))
            elif value is None:
                others.setdefault(id(variable), (variable, variable._value))
            return value

        def add_update(given: Any, pair: Any) -> None:
            trains = any(read(given, variable) is not None for variable in self._optimizer)
            if read(given, pair[0]) is None or (id(pair[0]) in self._trained and not trains):
                faults.append(_fault(pair[0], "sets"))
            update(given, pair)

        scope.get_current_value, scope.add_update = get_current_value, add_update
        try:
            yield
        finally:
            scope.get_current_value, scope.add_update = read, update
        if faults:
            raise faults[0]

    def check(self) -> None:
        """Whether the program's values of other variables are theirs.

        Raises:
            TrainingError: one has been set since the step was traced.
        """
        for variable, value in self._read.values():
            if variable._value is not value:
                raise TrainingError(
                    f"The variable {variable.path!r} was set after the step had been compiled, which took its value for a constant: "
                    "it belongs to no layer, metric or optimizer. Expected one that does, as add_weight makes it. "
                    "Write: engine=tensorflow"
                )


def _fault(variable: Any, does: str) -> ConfigError:
    return ConfigError(
        f"The training step {does} the variable {variable.path!r}, whose first value would be a constant on JAX: Keras keeps there "
        "what a layer sets of its own weights that are not trained, and a metric of its own. Expected no other. "
        "Write: engine=tensorflow",
        among=("engine", "model", "task"),
    )
