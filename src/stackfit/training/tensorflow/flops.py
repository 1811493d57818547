"""Floating-point operations of one forward pass, counted in a layer's own graph.

A multiplication and an addition are one each, so a multiply-add is two; a copy, a gather, a cast, a comparison or work on
whole numbers is none. Where TensorFlow has registered how many an operation takes (the formulas of its profiler: MatMul,
convolutions, pooling, Softmax at 5 an element, means, …) that count is taken. The profiler itself silently leaves out
what has none, such as most activations and Einsum, and counts a loop once; so the rest is counted here, or not known.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from stackfit.training.tensorflow.program import owning_gradients

# One an element of the result, whatever the processor makes of it.
ELEMENTWISE = re.compile(
    "Abs|Ceil|Cos|Elu|Erfc?|Exp|Expm1|Floor|FloorMod|LeakyRelu|Log1p|LogSoftmax|Relu6?|Round|Selu|Sigmoid|Sign|Sin|"
    "Softplus|Softsign|Sqrt|Tanh"
)
FREE = re.compile(
    "BatchToSpaceND|BroadcastTo|Cast|ConcatV2|Const|EnsureShape|ExpandDims|Fill|GatherNd|GatherV2|IdentityN?|MirrorPad|"
    "OneHot|OnesLike|Pack|Pad|PadV2|Placeholder|ReadVariableOp|Reshape|ResizeNearestNeighbor|ResourceGather|ReverseV2|"
    "Roll|Select|SelectV2|Slice|SpaceToBatchND|Split|SplitV|Squeeze|StopGradient|StridedSlice|Tile|Transpose|Unpack|"
    "ZerosLike"
)


def count_flops(layer: keras.layers.Layer) -> int | None:
    """What a layer that was called once takes for one example, as in prediction; None if a part of it is not known.

    A recurrent layer is its cell times the time steps, `TimeDistributed` its layer times the time steps.
    """
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype) for tensor in inputs]
    try:
        return _of_layer(layer, specs if isinstance(layer.input, list) else specs[0])
    except Exception:  # whatever a layer raises that cannot be traced for one example, or without a static shape
        return None


def _of_layer(layer: Any, specs: Any) -> int | None:
    if isinstance(layer, keras.layers.InputLayer):
        return 0
    if isinstance(layer, keras.layers.Bidirectional):
        both = [_of_layer(half, specs) for half in (layer.forward_layer, layer.backward_layer)]
        return None if None in both else sum(both)  # type: ignore[arg-type]
    if isinstance(layer, (keras.layers.TimeDistributed, keras.layers.RNN)):
        _, steps, *shape = specs.shape
        one_step = tf.TensorSpec((1, *shape), specs.dtype)
        if isinstance(layer, keras.layers.RNN):
            states = tf.nest.map_structure(tf.TensorSpec.from_tensor, layer.get_initial_state(1))
            each = _of_call(lambda x, state: layer.cell(x, state, training=False), one_step, states)
        else:
            each = _of_layer(layer.layer, one_step)
        return None if each is None or steps is None else each * steps
    predicts = {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
    return _of_call(lambda x: layer(x, **predicts), specs)


def _of_call(call: Callable[..., Any], *specs: Any) -> int | None:
    """Of the operations that a call adds to a graph of its own; a `tf.function` takes twice as long."""
    graph = FuncGraph("flops")
    with graph.as_default(), owning_gradients():
        call(*tf.nest.map_structure(lambda spec: tf.compat.v1.placeholder(spec.dtype, spec.shape), specs))
    return _of_graph(graph)


def _of_graph(graph: Any) -> int | None:
    counts = [_of_operation(graph, operation) for operation in graph.get_operations()]
    return None if None in counts else sum(counts)  # type: ignore[arg-type]


def _of_operation(graph: Any, operation: tf.Operation) -> int | None:
    """None for what is neither registered nor known here, loops among them."""
    kind, shapes = operation.type, [tensor.shape for tensor in operation.inputs]
    if FREE.fullmatch(kind) or not any(result.dtype.is_floating for result in operation.outputs):
        return 0
    size = math.prod(operation.outputs[0].shape) if kind not in ("PartitionedCall", "StatefulPartitionedCall") else 0
    if ELEMENTWISE.fullmatch(kind):
        return size
    if kind in ("Max", "Min", "Prod"):
        return math.prod(shapes[0])
    if kind in ("MaxPool3D", "AvgPool3D"):
        return size * math.prod(operation.get_attr("ksize"))
    if kind in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):  # a transpose: TensorFlow's own count is rough
        return 2 * math.prod(shapes[2]) * math.prod(shapes[1][:-1])
    if kind == "Einsum":
        return _of_einsum(operation)
    if kind in ("PartitionedCall", "StatefulPartitionedCall"):
        return _of_graph(graph._get_function(operation.get_attr("f").name).graph)
    known = ops.get_stats_for_node_def(graph, operation.node_def, "flops").value
    return None if known is None else int(known)


def _of_einsum(operation: tf.Operation) -> int:
    """Twice the elements of the result, times the lengths that are summed over."""
    read, written = operation.get_attr("equation").decode().split("->")
    summed: dict[str, int] = {}
    for labels, operand in zip(read.split(","), operation.inputs, strict=True):
        before, _, after = labels.partition("...")
        lengths = [*zip(before, operand.shape, strict=False), *zip(after[::-1], operand.shape[::-1], strict=False)]
        summed |= {label: length for label, length in lengths if label not in written}
    return 2 * math.prod(operation.outputs[0].shape) * math.prod(summed.values())
