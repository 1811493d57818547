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
from stackfit.training.checkpoint import Checkpoint, Memory, go_on_in_file, restore_variables, variables_of
from stackfit.training.events import Done, EpochEnd, Event, Failed, Kept, Step
from stackfit.training.tensorflow.graphs import build_loops, call, metrics_of
from stackfit.training.tensorflow.pipeline import Feed

CALL_SECONDS = 2.0  # at most this much work before Python is back: progress and Ctrl-C stay alive
FIRST_STEPS = 32  # of the first call, which measures how long a step takes


@dataclass
class Member:
    """One model in training.

    `model` is compiled and its optimizer built; `validation` may be None. `callbacks` are its own. From a `checkpoint`
    it goes on behind that epoch, bit for bit as if it had never stopped.
    """

    model: keras.Model
    train: Feed
    validation: Feed | None
    epochs: int
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    jit_compile: bool = False
    printed: Callable[[str], object] = sys.stderr.write  # takes what the member's callbacks print
    checkpoint: Checkpoint | None = None

    @property
    def listens_to_batches(self) -> bool:
        """Whether a callback must be called at every step."""
        return any(listens_to_batches(type(one), partial(getattr, one)) for one in self.callbacks)


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
            yield from _guard(number, one, one.epoch, one.begin)
            yield from self._end_if_over(number, one)
        while running := [number for number, one in enumerate(progress) if one.running]:
            began = time.perf_counter()
            for number in running:
                yield from _guard(number, progress[number], progress[number].epoch + 1, progress[number].epoch_begin)
            running = [number for number in running if progress[number].running]
            yield from self._epoch(running, progress)
            logs = self._logs(running, progress)
            seconds = time.perf_counter() - began
            for number in running:
                one = progress[number]
                if not one.running:
                    continue
                one.epoch += 1
                if not all(map(math.isfinite, logs[number].values())):
                    one.running = False
                    yield Failed(number, one.epoch, _not_finite(one.epoch, logs[number], one.logs))
                    continue
                yield EpochEnd(number, one.epoch, logs[number], seconds, len(running))
                yield from _guard(number, one, one.epoch, partial(one.epoch_end, logs[number]))
                yield from _keep(number, one)
                yield from self._end_if_over(number, one)

    def _end_if_over(self, number: int, one: _Progress) -> Iterator[Event]:
        if one.running and one.is_over():
            one.running = False
            failed: list[Event] = list(_guard(number, one, one.epoch, one.end))
            yield from failed or [Done(number, one.epoch)]

    def _epoch(self, running: list[int], progress: list[_Progress]) -> Iterator[Event]:
        inputs = [member.train.begin(one.epoch) for member, one in zip(self.members, progress, strict=True)]
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
                yield from _guard(number, progress[number], progress[number].epoch + 1, begin)
            began = time.perf_counter()
            call(self._train, inputs, tf.constant(starts), tf.constant(stops))
            speed = max(1.0, (after - done) * longest) / max(1e-6, time.perf_counter() - began)
            for number in stepping:
                if progress[number].running:
                    end = partial(progress[number].batch_end, starts[number])
                    yield from _guard(number, progress[number], progress[number].epoch + 1, end)
                if self.members[number].model.stop_training or not progress[number].running:
                    totals[number] = 0  # as in Keras: stop_training at a batch ends the epoch there
            done = after
            yield Step(max(progress[number].epoch for number in running) + 1, done, tuple(running))

    def _logs(self, running: list[int], progress: list[_Progress]) -> dict[int, dict[str, float]]:
        logs = {number: metrics_of(self.members[number].model) for number in running}
        validated = [number for number in running if self.members[number].validation and progress[number].running]
        if self._test and validated:
            for name, values in self._validate(self._test, validated).items():
                logs[name] |= {f"val_{metric}": value for metric, value in values.items()}
        return logs

    def _validate(self, program: Callable[..., None], numbers: list[int]) -> dict[int, dict[str, float]]:
        feeds = [member.validation or member.train for member in self.members]
        for number in numbers:
            self.members[number].model.reset_metrics()
        stops = [feed.steps if number in numbers else 0 for number, feed in enumerate(feeds)]
        call(program, [feed.begin(0) for feed in feeds], tf.zeros(len(feeds), tf.int32), tf.constant(stops))
        return {number: metrics_of(self.members[number].model) for number in numbers}


class _Progress:
    """What Keras's `fit` does around the steps of one model, in its order. `epoch`: how many are complete."""

    def __init__(self, member: Member):
        self.member, self.model = member, member.model
        self.running = member.epochs > 0
        self.epoch = 0
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
        self.memories = [Memory(callback) for callback in self.callbacks.callbacks]
        checkpoint = self.member.checkpoint
        if checkpoint is not None:
            for callback in self.callbacks.callbacks:
                go_on_in_file(callback, checkpoint.epoch)
        self.callbacks.on_train_begin()
        if checkpoint is not None:
            restore_variables(self.model, checkpoint.variables)
            for memory, state in zip(self.memories, checkpoint.callbacks, strict=True):
                memory.recall(state)
            self.epoch, self.logs = checkpoint.epoch, dict(checkpoint.logs)
            self.model.stop_training = checkpoint.stopped

    def keep(self) -> Checkpoint:
        remembered = [memory.remember() for memory in self.memories]
        return Checkpoint(
            self.epoch,
            [variable.numpy() for variable in variables_of(self.model)],
            [state for state, _ in remembered],
            self.logs,
            bool(self.model.stop_training),
            lost=[lost for _, names in remembered for lost in names],
        )

    def epoch_begin(self) -> None:
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(self.epoch)

    def batch_begin(self, step: int) -> None:
        self.callbacks.on_train_batch_begin(step)

    def batch_end(self, step: int) -> None:
        self.callbacks.on_train_batch_end(step, metrics_of(self.model))

    def epoch_end(self, logs: dict[str, float]) -> None:
        """Call it when `epoch` counts the epoch that has ended; callbacks count from 0."""
        self.logs = dict(logs)
        self.callbacks.on_epoch_end(self.epoch - 1, dict(logs))

    def is_over(self) -> bool:
        return self.model.stop_training or self.epoch >= self.member.epochs

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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, or a class of the user's own
        progress.running = False
        failure = Failed(number, epoch, error)
    finally:
        if text := "" if printed.closed else printed.getvalue():
            progress.member.printed(text)
    if failure:
        yield failure


def _keep(number: int, one: _Progress) -> Iterator[Event]:
    kept: list[Checkpoint] = []
    if one.running:
        yield from _guard(number, one, one.epoch, lambda: kept.append(one.keep()))
    yield from (Kept(number, checkpoint) for checkpoint in kept)


def _not_finite(epoch: int, logs: dict[str, float], before: dict[str, float]) -> TrainingError:
    name = next(name for name, value in logs.items() if not math.isfinite(value))
    then = f"; after epoch {epoch - 1} it was {before[name]:.4g}" if name in before else ""
    return TrainingError(
        f"{name} is {logs[name]} in epoch {epoch}{then}. Expected a finite number. "
        "Lower the learning rate (optimizer.learning_rate), or scale the data (data.scale=unit)."
    )
