"""Training and evaluation as TensorFlow graphs: one loop for each model, several models in one graph."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from stackfit.errors import TrainingError
from stackfit.training.tensorflow.pipeline import Feed


def build_loops(
    step_functions: Sequence[Callable[[Any], Any]], feeds: Sequence[Feed], jit_compile: bool
) -> Callable[..., None]:
    """One graph with one loop for each member; a call runs steps `starts[i]` to `stops[i] - 1` of member i."""

    def loop(function: Callable[[Any], Any], feed: Feed, epoch_input: Any, start: tf.Tensor, stop: tf.Tensor) -> None:
        # XLA needs static shapes: there the last, smaller batch is traced on its own.
        static = feed.remainder if jit_compile else 0
        whole = feed.steps - 1 if static else feed.steps
        size = getattr(feed, "batch_size", None) if jit_compile else None

        def body(step: tf.Tensor) -> tuple[tf.Tensor]:
            function(feed.batch(epoch_input, step, size))
            return (step + 1,)

        tf.while_loop(lambda step: step < tf.minimum(stop, whole), body, (start,), parallel_iterations=1)
        if static:
            last = tf.logical_and(start <= whole, stop > whole)
            tf.cond(last, lambda: _nothing(function(feed.batch(epoch_input, tf.constant(whole), static))), lambda: 0)

    @tf.function(autograph=False, jit_compile=jit_compile, reduce_retracing=True)
    def program(inputs: list[Any], starts: tf.Tensor, stops: tf.Tensor) -> None:
        for number, (function, feed) in enumerate(zip(step_functions, feeds, strict=True)):
            loop(function, feed, inputs[number], starts[number], stops[number])

    return program


def _nothing(_: Any) -> int:
    return 0


def call(program: Callable[..., Any], *arguments: Any) -> Any:
    """Run a graph.

    Raises:
        TrainingError: an operation in it raised.
    """
    try:
        return program(*arguments)
    except tf.errors.OpError as error:
        # The message is a headline, a traceback of the tracing, what was wrong, and names of nodes.
        lines = [line for line in (error.message or "").splitlines() if line and not line.startswith((" ", "\t"))]
        raise TrainingError(f"TensorFlow stopped: {lines[-1] if lines else type(error).__name__}.") from error


def metrics_of(model: keras.Model) -> dict[str, float]:
    """The model's loss and metrics so far in this epoch, as Python floats of float32 precision."""
    return {name: float(np.asarray(value)) for name, value in model.get_metrics_result().items()}


def evaluate_all(models: Sequence[keras.Model], feeds: Sequence[Feed]) -> list[tuple[dict[str, float], np.ndarray]]:
    """Loss, metrics and outputs of several models, each over one pass of its feed, in one graph.

    Returns:
        For each model what `model.evaluate` gives, and its outputs as float32 `(examples, *output_shape)` in stored
        order.

    Raises:
        TrainingError: an operation in the graph raised.
    """

    def loop(model: keras.Model, feed: Feed, epoch_input: Any) -> tf.Tensor:
        shape = [None, *model.output_shape[1:]]
        outputs = tf.TensorArray(tf.float32, size=feed.steps, infer_shape=False, element_shape=shape)

        def body(step: tf.Tensor, outputs: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            batch = feed.batch(epoch_input, step)
            model.test_step(batch)
            return step + 1, outputs.write(step, tf.cast(model(batch[0], training=False), tf.float32))

        start = (tf.constant(0), outputs)
        return tf.while_loop(lambda step, _: step < feed.steps, body, start, parallel_iterations=1)[1].concat()

    @tf.function(autograph=False, reduce_retracing=True)
    def program(inputs: list[Any]) -> list[tf.Tensor]:
        return [loop(*one) for one in zip(models, feeds, inputs, strict=True)]

    for model in models:
        model.reset_metrics()
    scores = call(program, [feed.begin(0) for feed in feeds])
    return [(metrics_of(model), values.numpy()) for model, values in zip(models, scores, strict=True)]


def free() -> None:
    """Let go of earlier cohorts' graphs, and of the data in them.

    TensorFlow keeps every graph with a custom gradient for good, and Keras's optimizers make one (measured: 45 MB for
    eight members, besides the data).
    """
    registry = getattr(ops.gradient_registry, "_registry", {})
    custom = [name for name in registry if name.startswith("CustomGradient-")]
    for name in custom:
        del registry[name]
    if custom:
        gc.collect()
