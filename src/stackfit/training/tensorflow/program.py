"""A cohort's program: one graph that trains every member, each by Keras's own `train_step`.

Inside the graph every member has a loop of its own: members share no variable, so TensorFlow runs the loops side by
side without a barrier between their steps, and a member that has stopped costs nothing (its loop is empty). Weights and
metrics are bit for bit those of a plain `model.fit` over the same batches.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from stackfit.errors import TrainingError
from stackfit.training.engine import Logs, Member
from stackfit.training.logs import metrics_of
from stackfit.training.tensorflow.pipeline import GraphFeed


class GraphProgram:
    """See `stackfit.training.engine.Program`, whose methods these are."""

    def __init__(self, members: Sequence[Member]):
        self.models = [member.model for member in members]
        self.train_feeds: list[Any] = [member.train for member in members]
        self.validation_feeds: list[Any] = [member.validation or member.train for member in members]
        jit_compile = any(member.jit_compile for member in members)
        self._train = build_loops([model.train_step for model in self.models], self.train_feeds, jit_compile)
        self._test = build_loops([model.test_step for model in self.models], self.validation_feeds, jit_compile)
        self._inputs: dict[int, Any] = {}
        self._begun: dict[int, int] = {}  # the epoch of each member's input
        self._test_inputs: dict[int, Any] = {}

    def trace(self) -> None:
        nothing = [0] * len(self.models)
        self.begin(nothing)
        with owning_gradients():
            self._train([*self._inputs.values()], tf.constant(nothing), tf.constant(nothing))

    def begin(self, epochs: Sequence[int]) -> None:
        for number, (feed, epoch) in enumerate(zip(self.train_feeds, epochs, strict=True)):
            if self._begun.get(number) != epoch:  # a member that waits or has ended is not in a new one
                self._inputs[number], self._begun[number] = feed.begin(epoch), epoch

    def run(self, starts: Sequence[int], stops: Sequence[int]) -> None:
        call(self._train, [*self._inputs.values()], tf.constant(starts), tf.constant(stops))

    def logs(self, number: int) -> Logs:
        return metrics_of(self.models[number])

    def validate(self, numbers: Sequence[int], start: int = 0, stop: int | None = None) -> dict[int, Logs]:
        feeds = self.validation_feeds
        if start == 0:
            for number, feed in enumerate(feeds):
                if number in numbers or number not in self._test_inputs:
                    self._test_inputs[number] = feed.begin(0)
            for number in numbers:
                self.models[number].reset_metrics()
        stops = [(stop or feed.steps) if number in numbers else 0 for number, feed in enumerate(feeds)]
        call(self._test, [*self._test_inputs.values()], tf.fill([len(feeds)], start), tf.constant(stops))
        return {number: metrics_of(self.models[number]) for number in numbers}

    def sync(self, number: int) -> None:
        """Nothing: the graph writes into the model's own variables."""


def evaluate(models: Sequence[keras.Model], feeds: Sequence[GraphFeed]) -> list[tuple[Logs, np.ndarray]]:
    """Loss, metrics and outputs of several models, in one graph; see `stackfit.training.engine.Engine`."""

    def loop(model: keras.Model, feed: GraphFeed, epoch_input: Any) -> tf.Tensor:
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
        return [loop(*each) for each in zip(models, feeds, inputs, strict=True)]

    for model in models:
        model.reset_metrics()
    scores = call(program, [feed.begin(0) for feed in feeds])
    return [(metrics_of(model), values.numpy()) for model, values in zip(models, scores, strict=True)]


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
    """Release earlier cohorts' graphs, and the data in them; what a notebook's own models registered stays.

    TensorFlow keeps every graph with a custom gradient for good, and Keras's optimizers make one (measured: 45 MB for
    eight members, besides the data).
    """
    registry = getattr(ops.gradient_registry, "_registry", {})
    for name in _custom_gradients:
        registry.pop(name, None)
    if _custom_gradients:
        _custom_gradients.clear()
        gc.collect()
