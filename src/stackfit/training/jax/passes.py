"""Steps over a part's batches: all in one call, or one a call where XLA is slow inside of loops.

Which of them, the model and the device decide and nothing else: the last bits differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from stackfit.training.jax.pipeline import Form, Resident

State = tuple[list[jax.Array], ...]  # trainable, other, optimizer's and metrics' variables
Step = Callable[[State, Any], State]
CONVOLUTION = "conv_general_dilated"


class Pass:
    """Steps `start` to `stop - 1` of an epoch; in a stack, rows that are not `active` stay as they are."""

    def __init__(self, step: Step, form: Form, size: int):
        self._step, self._form = step, form
        self._loop = _compiled(self._run, size, (0, 0, None, None, None))
        self._whole = _compiled(self._one_whole, size, (0, 0, None, None))
        self._rest = _compiled(self._one_rest, size, (0, 0, None))
        self._is_slow: bool | None = None

    def __call__(
        self, state: State, order: jax.Array, data: Resident, start: np.int32, stop: np.int32, *active: np.ndarray
    ) -> State:
        if self._is_slow is None:
            self._is_slow = is_slow(self._loop.trace(state, order, data, start, stop, *active))
        if not self._is_slow:
            return self._loop(state, order, data, start, stop, *active)  # type: ignore[no-any-return]
        whole = order.shape[-1] // self._form.batch_size
        for number in range(start, stop):
            if number < whole:
                state = self._whole(state, order, data, np.int32(number), *active)
            else:
                state = self._rest(state, order, data, *active)
        return state

    def _run(self, state: State, order: jax.Array, data: Resident, start: jax.Array, stop: jax.Array) -> State:
        whole, rest = divmod(order.shape[0], self._form.batch_size)
        if whole:

            def body(number: jax.Array, state: State) -> State:
                return self._one_whole(state, order, data, number)

            state = lax.fori_loop(start, jnp.minimum(stop, whole), body, state)
        if rest:
            last = (start <= whole) & (stop > whole)
            state = lax.cond(last, lambda state: self._one_rest(state, order, data), lambda state: state, state)
        return state

    def _one_whole(self, state: State, order: jax.Array, data: Resident, number: jax.Array) -> State:
        size = self._form.batch_size
        return self._one(state, data, lax.dynamic_slice(order, (number * size,), (size,)))

    def _one_rest(self, state: State, order: jax.Array, data: Resident) -> State:
        size = self._form.batch_size
        return self._one(state, data, order[order.shape[0] // size * size :])

    def _one(self, state: State, data: Resident, index: jax.Array) -> State:
        return as_before(self._step(state, self._form.batch(data, index)), state)


class Evaluation:
    """The state after a pass in stored order, with the model's outputs `(examples, *output_shape)`; in a stack, of each row."""

    def __init__(self, step: Step, outputs: Callable[[State, Any], jax.Array], form: Form, size: int):
        self._step, self._outputs, self._form, self._axis = step, outputs, form, int(size > 1)
        self._loop = jax.jit(self._all if size == 1 else jax.vmap(self._all, in_axes=(0, None)))
        self._single = jax.jit(self._one if size == 1 else jax.vmap(self._one, in_axes=(0, None, None)))
        self._is_slow: bool | None = None

    def __call__(self, state: State, data: Resident) -> tuple[State, jax.Array]:
        if self._is_slow is None:
            self._is_slow = is_slow(self._loop.trace(state, data))
        if not self._is_slow:
            return self._loop(state, data)  # type: ignore[no-any-return]
        size, examples, parts = self._form.batch_size, len(data.y), []
        for start in range(0, examples, size):
            state, outputs = self._single(state, data, np.arange(start, min(start + size, examples)))
            parts.append(outputs)
        return state, jnp.concatenate(parts, self._axis)

    def _all(self, state: State, data: Resident) -> tuple[State, jax.Array]:
        size, examples = self._form.batch_size, data.y.shape[0]
        whole, rest = divmod(examples, size)
        parts = []
        if whole:
            indices = jnp.arange(whole * size).reshape(whole, size)
            state, outputs = lax.scan(lambda state, index: self._one(state, data, index), state, indices)
            parts.append(outputs.reshape(whole * size, *outputs.shape[2:]))
        if rest:
            state, outputs = self._one(state, data, jnp.arange(whole * size, examples))
            parts.append(outputs)
        return state, jnp.concatenate(parts)

    def _one(self, state: State, data: Resident, index: jax.Array) -> tuple[State, jax.Array]:
        batch = self._form.batch(data, index)
        return as_before(self._step(state, batch), state), self._outputs(state, batch)


def as_before(state: State, old: State) -> State:
    """The state with the types of the old one: a loop's must not change."""
    return jax.tree.map(lambda new, old: new.astype(old.dtype), state, old)  # type: ignore[no-any-return]


def is_slow(traced: Any) -> bool:
    """Whether a program's loops hold a convolution on a CPU: a step of `zalando_cnn_113k` takes eight times as long there as alone."""
    return jax.devices()[0].platform == "cpu" and CONVOLUTION in _primitives(traced.jaxpr.jaxpr)


def _primitives(program: Any) -> set[str]:
    return {name for equation in program.eqns for name in (equation.primitive.name, *_inside(equation.params.values()))}


def _inside(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _inside(value)
        elif hasattr(program := getattr(value, "jaxpr", value), "eqns"):
            yield from _primitives(program)


def _compiled(steps: Callable[..., State], size: int, axes: tuple[int | None, ...]) -> Any:
    """With the rows of a stack mapped over, of which the last argument says who is active."""
    if size == 1:
        return jax.jit(steps)
    stacked = jax.vmap(steps, in_axes=axes)

    def run_active(state: State, *rest: Any) -> State:
        *arguments, active = rest

        def kept(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(active.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        return jax.tree.map(kept, stacked(state, *arguments), state)  # type: ignore[no-any-return]

    return jax.jit(run_active)
