"""Models trained on JAX, by Keras's own `train_step`: one compiled program for members that differ only in arrays.

Members of one shape are stacked to a fixed size and mapped over. A member's bits depend on that size and on nothing
else: not on who shares the stack, nor on how many of its rows are idle. So a stack that is not full is padded, and a member
that has ended keeps its row as it was. With size 1 there is no stack, and the members run one after the other.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from stackfit.errors import ConfigError, StackfitError, TrainingError
from stackfit.training.engine import Logs, Member
from stackfit.training.jax.logits import from_logits
from stackfit.training.jax.outsiders import Outsiders
from stackfit.training.jax.passes import Evaluation, Pass, State
from stackfit.training.jax.pipeline import JaxFeed, Resident
from stackfit.training.jax.room import check_room
from stackfit.training.jax.stacks import Rows
from stackfit.training.logs import metrics_of

MAX_COMPILED = 16  # shapes whose programs are kept for the next cohort


class Compiled:
    """The programs for all members of one shape: compiled for the first that needs one."""

    def __init__(self, model: keras.Model, feed: JaxFeed, size: int):
        self.model, self.form, self.size, self.outsiders = model, feed.form, size, Outsiders(model)
        self.train = Pass(self._train_step, self.form, size)
        self.test = Pass(self._test_step, self.form, size)
        self.outputs = Evaluation(self._test_step, self._outputs, self.form, size)

    def _train_step(self, state: State, batch: Any) -> State:
        with self.outsiders.refused(), from_logits():
            return self.model.train_step(state, batch)[1]

    def _test_step(self, state: State, batch: Any) -> State:
        trainable, other, optimizer, metrics = state
        with self.outsiders.refused(), from_logits():
            trainable, other, metrics = self.model.test_step((trainable, other, metrics), batch)[1]
        return trainable, other, optimizer, metrics

    def _outputs(self, state: State, batch: Any) -> jax.Array:
        return self.model.stateless_call(state[0], state[1], batch[0], training=False)[0].astype(jnp.float32)  # type: ignore[no-any-return]


_compiled: OrderedDict[Hashable, Compiled] = OrderedDict()
_metrics: dict[Hashable, tuple[Any, Any, int]] = {}  # of models that are alike: target, output, and how many variables


def compiled_for(model: keras.Model, feed: JaxFeed) -> Compiled:
    """The programs of the model's shape; models of a cell that names the user's code share none."""
    if not feed.alike:
        return Compiled(model, feed, feed.stack)
    key = (feed.alike, feed.form, feed.stack)
    if key not in _compiled:
        _compiled[key] = Compiled(model, feed, feed.stack)
        if len(_compiled) > MAX_COMPILED:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key]


def stacks_of(feeds: Sequence[JaxFeed]) -> Iterator[list[int]]:
    """The numbers of the feeds whose models share a stack."""
    shapes: dict[Hashable, list[int]] = {}
    for number, feed in enumerate(feeds):
        shapes.setdefault((feed.alike or number, feed.form, feed.examples), []).append(number)
    for numbers in shapes.values():
        size = feeds[numbers[0]].stack
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))


class Stack:
    """Members that run in one call."""

    def __init__(self, numbers: Sequence[int], models: Sequence[keras.Model], feeds: Sequence[JaxFeed]):
        self.numbers, self.models, self.feeds = numbers, models, feeds
        self.size = feeds[0].stack
        for model, feed in zip(models, feeds, strict=True):
            build_metrics(model, feed)
        check_room(models[0], self.size)
        self.compiled = compiled_for(models[0], feeds[0])
        self.rows = Rows(models, self.size)

    def order(self, feeds: Sequence[JaxFeed], epochs: Sequence[int]) -> jax.Array:
        orders = [feed.order(epoch) for feed, epoch in zip(feeds, epochs, strict=True)]
        if self.size == 1:
            return jnp.asarray(orders[0])
        return jnp.asarray(np.stack(orders + orders[:1] * (self.size - len(orders))))

    def run(self, program: Any, order: jax.Array, data: Resident, spans: dict[int, tuple[int, int]]) -> None:
        """Run steps; `spans`: from which step to which, by the member's place in the stack."""
        self.rows.push()
        self.compiled.outsiders.check()
        for span in dict.fromkeys(spans.values()):
            active = [place for place, own in spans.items() if own == span]
            mask = () if self.size == 1 else (np.isin(np.arange(self.size), active),)
            self.rows.take(program(self.rows.state(), order, data, *map(np.int32, span), *mask))


class JaxProgram:
    """See `stackfit.training.engine.Program`, whose methods these are."""

    def __init__(self, members: Sequence[Member]):
        feeds: list[Any] = [member.train for member in members]
        self.size = feeds[0].stack
        self.validation: list[Any] = [member.validation for member in members]
        with stopping(self.size, ConfigError):
            self.stacks = [
                Stack(numbers, [members[number].model for number in numbers], [feeds[number] for number in numbers])
                for numbers in stacks_of(feeds)
            ]
        self.place = {number: (stack, place) for stack in self.stacks for place, number in enumerate(stack.numbers)}
        self._orders: list[jax.Array] = []

    def trace(self) -> None:
        with stopping(self.size, ConfigError):
            self.begin([0] * len(self.place))
            for stack, order in zip(self.stacks, self._orders, strict=True):
                stack.run(stack.compiled.train, order, stack.feeds[0].data, {0: (0, 0)})
                break_off(stack)

    def begin(self, epochs: Sequence[int]) -> None:
        with stopping(self.size):
            self._orders = [stack.order(stack.feeds, [epochs[number] for number in stack.numbers]) for stack in self.stacks]

    def run(self, starts: Sequence[int], stops: Sequence[int]) -> None:
        with stopping(self.size):
            for stack, order in zip(self.stacks, self._orders, strict=True):
                spans = {place: (starts[number], stops[number]) for place, number in enumerate(stack.numbers)}
                spans = {place: span for place, span in spans.items() if span[1] > span[0]}
                stack.run(stack.compiled.train, order, stack.feeds[0].data, spans)
            for stack in self.stacks:
                break_off(stack)

    def logs(self, number: int) -> Logs:
        stack, place = self.place[number]
        stack.rows.pull(place, metrics_only=True)
        return metrics_of(stack.models[place])

    def validate(self, numbers: Sequence[int], start: int = 0, stop: int | None = None) -> dict[int, Logs]:
        with stopping(self.size):
            for stack in self.stacks:
                places = [place for place, number in enumerate(stack.numbers) if number in numbers]
                if not places:
                    continue
                feeds = [self.validation[number] for number in stack.numbers]
                if start == 0:
                    for place in places:
                        stack.models[place].reset_metrics()
                order = stack.order(feeds, [0] * len(feeds))
                span = (start, feeds[0].steps if stop is None else stop)
                stack.run(stack.compiled.test, order, feeds[0].data, dict.fromkeys(places, span))
        return {number: self.logs(number) for number in numbers}

    def sync(self, number: int) -> None:
        stack, place = self.place[number]
        stack.rows.pull(place)


def evaluate(models: Sequence[keras.Model], feeds: Sequence[JaxFeed]) -> list[tuple[Logs, np.ndarray]]:
    """Loss, metrics and outputs of several models; see `stackfit.training.engine.Engine`."""
    found: dict[int, tuple[Logs, np.ndarray]] = {}
    with stopping(feeds[0].stack):
        for numbers in stacks_of(feeds):
            stack = Stack(numbers, [models[number] for number in numbers], [feeds[number] for number in numbers])
            for model in stack.models:
                model.reset_metrics()
            stack.rows.push()
            state, outputs = stack.compiled.outputs(stack.rows.state(), stack.feeds[0].data)
            stack.rows.take(state)
            scores = np.asarray(outputs)
            for place, number in enumerate(numbers):
                stack.rows.pull(place)
                found[number] = metrics_of(stack.models[place]), scores if stack.size == 1 else scores[place]
    return [found[number] for number in range(len(models))]


def build_metrics(model: keras.Model, feed: JaxFeed) -> None:
    """Make the variables of loss and metrics, as the first call of Keras's `fit` does.

    Keras computes the model and its metrics without values for that. Of models that are alike only the first one needs it.
    """
    parts = [part for part in (model._compile_metrics, model._compile_loss) if part is not None and not part.built]
    if not parts:
        return
    examples = min(feed.form.batch_size, feed.examples)
    key = (feed.alike, feed.form, examples)
    if key in _metrics:
        target, output, count = _metrics[key]
        for part in parts:
            part.build(target, output)
        if len(model.metrics_variables) == count:
            return
        for part in parts:  # a metric makes variables when it is first called
            part.built = False
    batch = jax.eval_shape(feed.form.batch, feed.data, jax.ShapeDtypeStruct((examples,), jnp.int32))
    model._symbolic_build(data_batch=batch)
    if feed.alike:
        target = keras.KerasTensor(batch[1].shape, keras.backend.standardize_dtype(batch[1].dtype))
        output = keras.KerasTensor((examples, *model.output.shape[1:]), model.output.dtype)
        _metrics[key] = target, output, len(model.metrics_variables)


def break_off(stack: Stack) -> None:
    """Wait until a stack's steps are done: JAX returns at once, and the loop measures how long a call takes."""
    jax.block_until_ready(stack.rows.arrays)


@contextlib.contextmanager
def stopping(size: int, kind: type[StackfitError] = TrainingError) -> Iterator[None]:
    """What XLA raises becomes an error of this kind; `size` is that of the stacks."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        text = str(error).partition("\n")[0].rstrip(".")
        cure = ""
        if "RESOURCE_EXHAUSTED" in text:
            smaller = f"Write: stack={size // 2}" if size > 1 else "Lower batch_size"
            cure = f" Expected a program that fits into the device's memory. {smaller}"
        raise kind(f"JAX stopped: {text}.{cure}") from error
