"""TensorFlow graphs of our own: a loop for each member, run with its errors in a sentence, and let go afterwards."""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

from stackfit.errors import TrainingError
from stackfit.training.tensorflow.pipeline import GraphFeed


def build_loops(
    step_functions: Sequence[Callable[[Any], Any]], feeds: Sequence[GraphFeed], jit_compile: bool
) -> Callable[..., None]:
    """One graph with one loop for each member; a call runs steps `starts[i]` to `stops[i] - 1` of member i."""

    def loop(function: Callable[[Any], Any], feed: GraphFeed, epoch_input: Any, start: tf.Tensor, stop: tf.Tensor) -> None:
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
        with owning_gradients():
            return program(*arguments)
    except tf.errors.OpError as error:
        # The message is a headline, a traceback of the tracing, what was wrong, and names of nodes.
        lines = [line for line in (error.message or "").splitlines() if line and not line.startswith((" ", "\t"))]
        raise TrainingError(f"TensorFlow stopped: {lines[-1] if lines else type(error).__name__}.") from error


_custom_gradients: set[str] = set()  # names that our own graphs registered


@contextlib.contextmanager
def owning_gradients() -> Iterator[None]:
    """The custom gradients that are registered inside are ours: `free` lets go of them."""
    registry = getattr(ops.gradient_registry, "_registry", {})
    before = len(registry)
    try:
        yield
    finally:
        new = itertools.islice(registry, before, None)  # a dict keeps the order in which names came
        _custom_gradients.update(name for name in new if name.startswith("CustomGradient-"))


def free() -> None:
    """Let go of earlier cohorts' graphs, and of the data in them; what a notebook's own models registered stays.

    TensorFlow keeps every graph with a custom gradient for good, and Keras's optimizers make one (measured: 45 MB for
    eight members, besides the data).
    """
    registry = getattr(ops.gradient_registry, "_registry", {})
    for name in _custom_gradients:
        registry.pop(name, None)
    if _custom_gradients:
        _custom_gradients.clear()
        gc.collect()
