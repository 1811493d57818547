"""Floating-point operations of one forward pass, counted in a layer's own JAX program.

By the rules of the TensorFlow engine: a multiplication and an addition are one each, so a multiply-add is two; a copy, a
gather, a cast, a comparison or work on whole numbers is none.
"""

from __future__ import annotations

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import keras

FREE = re.compile(
    "broadcast_in_dim|concatenate|convert_element_type|copy|dynamic_slice|dynamic_update_slice|gather|iota|pad|reshape|rev|"
    "select_n|slice|split|squeeze|stop_gradient|transpose"
)


def count_flops(layer: keras.layers.Layer) -> int | None:
    """What a layer that was called once takes for one example, as in prediction; None if a part of it is not known."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    if isinstance(layer, keras.layers.InputLayer):
        return 0
    try:
        specs = [jax.ShapeDtypeStruct((1, *each.shape[1:]), keras.backend.standardize_dtype(each.dtype)) for each in inputs]
        predicts = {"training": False} if layer._call_has_training_arg else {}
        program = jax.make_jaxpr(lambda each: layer(each, **predicts))(specs if isinstance(layer.input, list) else specs[0])
    except Exception:  # whatever a layer raises that cannot be traced for one example, or without a static shape
        return None
    return _of_program(program.jaxpr)


def _of_program(program: Any) -> int | None:
    counts = [_of_equation(equation) for equation in program.eqns]
    return None if None in counts else sum(counts)  # type: ignore[arg-type]


def _of_equation(equation: Any) -> int | None:
    kind, result = equation.primitive.name, equation.outvars[0].aval
    inside = [value for value in equation.params.values() if hasattr(value, "eqns") or hasattr(value, "jaxpr")]
    if inside:
        each = _of_program(getattr(inside[0], "jaxpr", inside[0]))
        if kind in ("while", "cond"):  # how often, or which, is not known
            return None
        return None if each is None else each * int(equation.params.get("length", 1))
    if FREE.fullmatch(kind) or not any(jnp.issubdtype(each.aval.dtype, jnp.inexact) for each in equation.outvars):
        return 0
    size, shapes = math.prod(result.shape), [each.aval.shape for each in equation.invars]
    if kind == "dot_general":
        (summed, _), _ = equation.params["dimension_numbers"]
        return 2 * size * math.prod(shapes[0][axis] for axis in summed)
    if kind == "conv_general_dilated":
        numbers, kernel = equation.params["dimension_numbers"], math.prod(shapes[1])
        if any(step > 1 for step in equation.params["lhs_dilation"]):  # a transposed one: each input times the kernel
            return 2 * math.prod(shapes[0]) * kernel // shapes[1][numbers.rhs_spec[1]]
        return 2 * size * kernel // shapes[1][numbers.rhs_spec[0]]
    if kind.startswith("reduce_window"):
        return size * math.prod(equation.params["window_dimensions"])
    if kind.startswith(("reduce_", "cum")):
        return math.prod(shapes[0])
    return size if result.shape in shapes else None
