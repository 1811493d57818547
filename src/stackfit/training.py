"""Training is always a cohort: one graph that trains every member, each by Keras's own `train_step`.

Inside the graph every member has a loop of its own: members share no variable, so TensorFlow runs the loops side by
side without a barrier between their steps, and a member that has stopped costs nothing (its loop is empty). A single
run is a cohort of one. Weights and metrics are bit for bit those of a plain `model.fit` over the same batches.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import keras
import tensorflow as tf

from stackfit.callbacks import listens_to_batches
from stackfit.errors import TrainingError
from stackfit.graphs import build_loops, call, metrics_of
from stackfit.pipeline import Feed

CALL_SECONDS = 2.0  # at most this much work before Python is back: progress and Ctrl-C stay alive
FIRST_STEPS = 32  # of the first call, which measures how long a step takes


@dataclass
class Member:
    """One model in training.

    `model` is compiled and its optimizer built; `validation` may be None. `callbacks` are its own.
    """

    model: keras.Model
    train: Feed
    validation: Feed | None
    epochs: int
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    jit_compile: bool = False
    printed: Callable[[str], object] = sys.stderr.write  # takes what the member's callbacks print

    @property
    def listens_to_batches(self) -> bool:
        """Whether a callback must be called at every step."""
        return any(listens_to_batches(type(one), partial(getattr, one)) for one in self.callbacks)


@dataclass(frozen=True)
class Step:
    """How far a cohort is in its epoch: `done` of 1.0; `epoch` counts from 1."""

    epoch: int
    done: float
    running: tuple[int, ...]


@dataclass(frozen=True)
class EpochEnd:
    """A member has completed an epoch (from 1). `seconds` is the cohort's time, `members` how many shared it."""

    member: int
    epoch: int
    logs: dict[str, float]
    seconds: float
    members: int


@dataclass(frozen=True)
class Done:
    """A member has trained to its end, or its callbacks stopped it."""

    member: int
    epoch: int


@dataclass(frozen=True)
class Failed:
    """A member's loss is not finite, or a callback of its own raised; the others go on."""

    member: int
    epoch: int
    error: BaseException


Event = Step | EpochEnd | Done | Failed


class Cohort:
    """Members that one graph trains. Trace it with `prepare` before anything is written."""

    def __init__(self, members: Sequence[Member]):
        self.members = list(members)
        self._train = build_loops(
            [m.model.train_step for m in members], [m.train for m in members], any(m.jit_compile for m in members)
        )
        self._test: Callable[..., None] | None = None
        if any(m.validation for m in members):
            self._test = build_loops(
                [m.model.test_step for m in members],
                [m.validation or m.train for m in members],
                any(m.jit_compile for m in members),
            )

    def prepare(self) -> None:
        """Trace the training graph: what a layer or a loss refuses shows here.

        Raises:
            Exception: whatever the layer or the loss raised.
        """
        nothing = tf.zeros(len(self.members), tf.int32)
        self._train([m.train.begin(0) for m in self.members], nothing, nothing)

    def train(self) -> Iterator[Event]:
        """Train every member to its end, yielding what happens.

        A callback's exception, `sys.exit` included, or a loss that is not finite ends that member alone.

        Raises:
            TrainingError: the graph itself raised; which member caused it is not known.
        """
        progress = [_Progress(member) for member in self.members]
        for number, one in enumerate(progress):
            yield from _guard(number, one, 0, one.begin)
        epoch = 0
        while running := [number for number, one in enumerate(progress) if one.running]:
            began = time.perf_counter()
            for number in running:
                begin = partial(progress[number].epoch_begin, epoch)
                yield from _guard(number, progress[number], epoch + 1, begin)
            running = [number for number in running if progress[number].running]
            yield from self._epoch(epoch, running, progress)
            logs = self._logs(epoch, running, progress)
            seconds = time.perf_counter() - began
            for number in running:
                one = progress[number]
                if not one.running:
                    continue
                if not all(map(math.isfinite, logs[number].values())):
                    one.running = False
                    yield Failed(number, epoch + 1, _not_finite(epoch + 1, logs[number], one.logs))
                    continue
                yield EpochEnd(number, epoch + 1, logs[number], seconds, len(running))
                yield from _guard(number, one, epoch + 1, partial(one.epoch_end, epoch, logs[number]))
                if one.running and one.is_over(epoch):
                    one.running = False
                    failed: list[Event] = list(_guard(number, one, epoch + 1, one.end))
                    yield from failed or [Done(number, epoch + 1)]
            epoch += 1

    def _epoch(self, epoch: int, running: list[int], progress: list[_Progress]) -> Iterator[Event]:
        inputs = [member.train.begin(epoch) for member in self.members]
        listeners = [number for number in running if self.members[number].listens_to_batches]
        totals = [self.members[number].train.steps if number in running else 0 for number in range(len(self.members))]
        done, speed = 0.0, None
        longest = max(totals, default=0)
        while done < 1.0 and longest:
            steps = 1 if listeners else FIRST_STEPS if speed is None else max(1, int(speed * CALL_SECONDS))
            after = min(1.0, done + steps / longest)
            after = 1.0 if after > 1.0 - 0.5 / longest else after
            starts = [math.ceil(done * total - 1e-6) for total in totals]
            stops = [math.ceil(after * total - 1e-6) for total in totals]
            stepping = [number for number in listeners if stops[number] > starts[number]]
            for number in stepping:
                begin = partial(progress[number].batch_begin, starts[number])
                yield from _guard(number, progress[number], epoch + 1, begin)
            began = time.perf_counter()
            call(self._train, inputs, tf.constant(starts), tf.constant(stops))
            speed = max(1.0, (after - done) * longest) / max(1e-6, time.perf_counter() - began)
            for number in stepping:
                if progress[number].running:
                    end = partial(progress[number].batch_end, starts[number])
                    yield from _guard(number, progress[number], epoch + 1, end)
                if self.members[number].model.stop_training or not progress[number].running:
                    totals[number] = 0  # as in Keras: stop_training at a batch ends the epoch there
            done = after
            yield Step(epoch + 1, done, tuple(running))

    def _logs(self, epoch: int, running: list[int], progress: list[_Progress]) -> dict[int, dict[str, float]]:
        logs = {number: metrics_of(self.members[number].model) for number in running}
        validated = [number for number in running if self.members[number].validation and progress[number].running]
        if self._test and validated:
            for name, values in self._validate(self._test, epoch, validated).items():
                logs[name] |= {f"val_{metric}": value for metric, value in values.items()}
        return logs

    def _validate(self, program: Callable[..., None], epoch: int, numbers: list[int]) -> dict[int, dict[str, float]]:
        feeds = [member.validation or member.train for member in self.members]
        for number in numbers:
            self.members[number].model.reset_metrics()
        stops = [feed.steps if number in numbers else 0 for number, feed in enumerate(feeds)]
        call(program, [feed.begin(epoch) for feed in feeds], tf.zeros(len(feeds), tf.int32), tf.constant(stops))
        return {number: metrics_of(self.members[number].model) for number in numbers}


class _Progress:
    """What Keras's `fit` does around the steps of one model, in its order."""

    def __init__(self, member: Member):
        self.member, self.model = member, member.model
        self.running = member.epochs > 0
        self.logs: dict[str, float] = {}

    def begin(self) -> None:
        self.model.stop_training = False
        self.callbacks = keras.callbacks.CallbackList(
            self.member.callbacks,
            add_history=True,
            add_progbar=False,
            verbose=0,
            epochs=self.member.epochs,
            steps=self.member.train.steps,
            model=self.model,
        )
        self.callbacks.on_train_begin()

    def epoch_begin(self, epoch: int) -> None:
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(epoch)

    def batch_begin(self, step: int) -> None:
        self.callbacks.on_train_batch_begin(step)

    def batch_end(self, step: int) -> None:
        self.callbacks.on_train_batch_end(step, metrics_of(self.model))

    def epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.logs = dict(logs)
        self.callbacks.on_epoch_end(epoch, dict(logs))

    def is_over(self, epoch: int) -> bool:
        return self.model.stop_training or epoch + 1 >= self.member.epochs

    def end(self) -> None:
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.callbacks.on_train_end(self.logs)


def _guard(number: int, progress: _Progress, epoch: int, action: Callable[[], None]) -> Iterator[Failed]:
    """Run a member's own code and pass on what it prints; if it raises, that member alone fails. Ctrl-C passes."""
    printed = io.StringIO()
    failure = None
    try:
        with contextlib.redirect_stdout(printed):
            action()
    except (Exception, SystemExit) as error:
        progress.running = False
        failure = Failed(number, epoch, error)
    finally:
        if text := printed.getvalue():
            progress.member.printed(text)
    if failure:
        yield failure


def _not_finite(epoch: int, logs: dict[str, float], before: dict[str, float]) -> TrainingError:
    name = next(name for name, value in logs.items() if not math.isfinite(value))
    then = f"; after epoch {epoch - 1} it was {before[name]:.4g}" if name in before else ""
    return TrainingError(
        f"{name} is {logs[name]} in epoch {epoch}{then}. Expected a finite number. "
        "Lower the learning rate (optimizer.learning_rate), or scale the data (data.scale=unit)."
    )
