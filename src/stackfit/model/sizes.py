"""What a model is made of and what it takes: layers, shapes, parameters, operations, bytes. Reads a model, trains none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackfit.errors import Problems


@dataclass(frozen=True)
class LayerSize:
    """One layer, for one example. `flops` of a forward pass, as the engine counts them; None where it cannot."""

    name: str
    type: str
    output_shape: list[int | None]
    parameters: int
    trainable: int
    flops: int | None
    activation_bytes: int


@dataclass(frozen=True)
class ModelSize:
    """A model and its optimizer; `activation_bytes` are those of one example's outputs, which the backward pass needs."""

    layers: list[LayerSize]
    parameters: int
    trainable: int
    flops: int  # the sum of what is known: a lower bound unless `flops_complete`
    flops_complete: bool
    activation_bytes: int
    weights_bytes: int
    gradients_bytes: int
    optimizer: str
    optimizer_bytes: int  # of its real variables

    def member_bytes(self, batch_size: int) -> int:
        """About what one model in training takes; of a batch's activations also their gradients."""
        return self.weights_bytes + self.gradients_bytes + self.optimizer_bytes + 2 * batch_size * self.activation_bytes


def count_parameters(layers: Mapping[str, Any], input_shape: tuple[int, ...]) -> int:
    """How many parameters a config's layers have, as far as they fit; no memory is taken for them.

    Args:
        input_shape: of one example, without the batch axis.
    """
    import keras
    from keras.src.backend.common import global_state

    from stackfit.model.stack import Stack

    stack = Stack(layers, Problems())
    with keras.StatelessScope(initialize_variables=False):  # there a variable has a shape, but no value
        stack.build(input_shape)
    global_state.set_global_attribute("uninitialized_variables", [])  # else the next such scope would give them values
    return sum(layer.count_params() for layer in stack.called if layer.built)


def size_layers(layers: Sequence[Any], count_flops: Callable[[Any], int | None]) -> list[LayerSize]:
    """The sizes of Keras layers that were each called once, in order."""
    return [
        LayerSize(
            name=layer.name,
            type=type(layer).__name__,
            output_shape=list(layer.output.shape[1:]),
            parameters=layer.count_params(),
            trainable=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            flops=count_flops(layer),
            activation_bytes=math.prod(n or 1 for n in layer.output.shape[1:]) * _item_bytes(layer.output.dtype),
        )
        for layer in layers
    ]


def describe_layers(model: Any) -> list[dict[str, Any]]:
    """The layers for `layers.json`, from the input to the output; shapes are those of one example."""
    return [
        {"name": layer.name, "class": layer.type, "output_shape": layer.output_shape, "parameters": layer.parameters}
        for layer in size_layers(model.layers, lambda layer: None)
    ]


def size_model(model: Any, count_flops: Callable[[Any], int | None] = lambda layer: None) -> ModelSize:
    """The sizes of a compiled model whose optimizer is built; `flops` only as far as `count_flops` tells."""
    layers = size_layers(model.layers, count_flops)
    known = [layer.flops for layer in layers if layer.flops is not None]
    return ModelSize(
        layers=layers,
        parameters=model.count_params(),
        trainable=sum(layer.trainable for layer in layers),
        flops=sum(known),
        flops_complete=len(known) == len(layers),
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        weights_bytes=_bytes(model.weights),
        gradients_bytes=_bytes(model.trainable_weights),
        optimizer=type(model.optimizer).__name__,
        optimizer_bytes=_bytes(model.optimizer.variables),
    )


def _bytes(variables: Sequence[Any]) -> int:
    return sum(math.prod(variable.shape) * _item_bytes(variable.dtype) for variable in variables)


def _item_bytes(dtype: str) -> int:
    """Of a Keras dtype, whose name says its bits: `float32`, `bfloat16`; `bool` takes a byte, a string a pointer."""
    if bits := re.search(r"\d+", dtype):
        return int(bits.group()) // 8
    return 1 if dtype == "bool" else 8
