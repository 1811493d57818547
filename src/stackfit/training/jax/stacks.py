"""The variables of several models as arrays with one row a member, and the way between them and the Keras models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

PARTS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def variables_of(model: keras.Model) -> list[list[Any]]:
    """A compiled model's variables, in the parts that Keras's JAX steps take."""
    return [model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables]


class Rows:
    """The variables of up to `size` models of one shape; a row that has no model repeats the first.

    With `size` 1 there is no axis for the members. A model's variables are behind the arrays after a step, until `pull`.
    What is assigned to a variable meanwhile (a callback's weights, a checkpoint) counts: `push` finds it by its value object.
    """

    def __init__(self, models: Sequence[keras.Model], size: int):
        self.size = size
        parts = [variables_of(model) for model in models]
        self.lengths = [len(part) for part in parts[0]]
        self.variables = [[variable for part in each for variable in part] for each in parts]
        self.arrays: list[jax.Array] = []
        self._marks: list[list[Any]] = [[None] * len(each) for each in self.variables]
        self._host: dict[int, tuple[jax.Array, np.ndarray]] = {}  # by column: copies of arrays that are rows for several

    def push(self) -> None:
        """Bring into the arrays what was assigned to the models' variables since they were last equal."""
        arrays: list[Any] = self.arrays or [None] * len(self.variables[0])
        for column, array in enumerate(arrays):
            values = {number: each[column].value for number, each in enumerate(self.variables)}
            new = {number: value for number, value in values.items() if value is not self._marks[number][column]}
            if new:
                arrays[column] = self._put(array, new)
                for number, value in new.items():
                    self._marks[number][column] = value
        self.arrays = arrays

    def _put(self, array: Any, new: dict[int, Any]) -> jax.Array:
        if self.size == 1:
            return jnp.asarray(new[0])
        rows = np.stack([np.asarray(new[0])] * self.size) if array is None else np.array(array)
        for number, value in new.items():
            rows[number] = np.asarray(value)
        return jnp.asarray(rows)

    def pull(self, number: int, metrics_only: bool = False) -> None:
        """Bring a member's row into its model, besides what was assigned there since they were last equal."""
        variables, marks = self.variables[number], self._marks[number]
        first = len(variables) - self.lengths[-1] if metrics_only else 0
        for column in range(first, len(variables)):
            if variables[column].value is marks[column]:
                variables[column].assign(self._row(column, number))
                marks[column] = variables[column].value

    def _row(self, column: int, number: int) -> Any:
        array = self.arrays[column]
        if self.size == 1:
            return array
        kept = self._host.get(column)
        if kept is None or kept[0] is not array:
            kept = self._host[column] = (array, np.asarray(array))
        return kept[1][number]

    def state(self) -> tuple[list[jax.Array], ...]:
        """The arrays in their parts."""
        ends = np.cumsum(self.lengths)
        return tuple(self.arrays[end - length : end] for end, length in zip(ends, self.lengths, strict=True))

    def take(self, state: Sequence[Sequence[jax.Array]]) -> None:
        """The arrays after steps."""
        self.arrays = [array for part in state for array in part]
