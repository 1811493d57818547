"""Training is always a cohort: members trained side by side, epoch by epoch, each with its own callbacks.

The order of epochs, callbacks and checkpoints is Keras's own and is written here; the steps themselves are a program of
the engine's. A single run is a cohort of one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import keras

from stackfit.errors import TrainingError
from stackfit.files import printed
from stackfit.training.checkpoint import Checkpoint, Memory, close_file, restore_variables, resume_file, variables_of
from stackfit.training.engine import Logs, Member, Program
from stackfit.training.events import Checkpointed, Done, EpochEnd, Event, Failed, Step
from stackfit.training.failures import describe_place
from stackfit.training.listeners import listens_to_batches, listens_to_tests
from stackfit.training.weights import Noted, find_epoch, may_change, weights_digest

CALL_SECONDS = 2.0  # at most this much work before Python is back: progress and Ctrl-C stay alive
STEP_SECONDS = 0.1  # a shorter call is not worth a look at the screen
FIRST_STEPS = 32  # of the first call, which measures how long a step takes
LOSSES = ("loss", "val_loss")


Rank = Callable[[Sequence[int], bool], Mapping[int, bool]]


def train(members: Sequence[Member], program: Program, rank: Rank | None = None) -> Iterator[Event]:
    """Train every member to its end, yielding what happens.

    A callback's exception, `sys.exit` included, or a loss that is not finite ends that member alone; a metric may be NaN.

    Args:
        program: the members', traced.
        rank: of members with rungs; called with those that wait at one, and whether nobody else trains. Its answer says of
            a member whether it goes on; who does not ends here, as at an interruption: its callbacks hear nothing. A member
            that is not in it waits; where nobody else trains, every one must be in it.

    Raises:
        TrainingError: the program itself raised; which member caused it is not known.
    """
    states = [_MemberState(number, member, program) for number, member in enumerate(members)]
    for state in states:
        yield from state.guard(state.begin)
        yield from state.end_if_over()
    while running := _ranked([state for state in states if state.running], rank):
        began = time.perf_counter()
        for state in running:
            yield from state.guard(state.epoch_begin, state.epoch + 1)
        running = [state for state in running if state.running]
        yield from _train_epoch(running, states, program)
        logs = {state.number: program.logs(state.number) for state in running}
        yield from _validate(running, program, logs)
        seconds = time.perf_counter() - began
        for state in [state for state in running if state.running]:
            state.epoch += 1
            if not all(math.isfinite(logs[state.number].get(name, 0.0)) for name in LOSSES):
                state.running = False
                yield Failed(state.number, state.epoch, _not_finite(state.epoch, logs[state.number], state.logs))
                continue
            yield from state.guard(state.read_model)
            yield EpochEnd(state.number, state.epoch, logs[state.number], state.rate, seconds, len(running))
            if state.running:
                yield from state.guard(partial(state.epoch_end, logs[state.number]))
            yield from state.save_checkpoint()
            yield from state.end_if_over()


def _ranked(running: Sequence[_MemberState], rank: Rank | None) -> list[_MemberState]:
    """Those that train in the next epoch: who has come to a rung is ranked first."""
    waiting = [state for state in running if state.epoch in state.member.rungs and state.epoch not in state.passed]
    goes_on = rank([state.number for state in waiting], len(waiting) == len(running)) if waiting and rank else {}
    for state in waiting:
        if state.number in goes_on:
            state.passed.add(state.epoch)
            state.running = goes_on[state.number]
            for callback in () if state.running else state.member.callbacks:
                close_file(callback)
    return [state for state in running if state.running and (state.number in goes_on or state not in waiting)]


def _train_epoch(running: list[_MemberState], states: list[_MemberState], program: Program) -> Iterator[Event]:
    program.begin([state.epoch for state in states])
    listeners = [state for state in running if state.listens]
    totals = [state.member.train.steps if state in running else 0 for state in states]
    done, speed = 0.0, None
    longest = max(totals, default=0)
    while done < 1.0 and longest:
        steps = 1 if listeners else FIRST_STEPS
        if speed is not None and not listeners:
            steps = max(1, int(speed * CALL_SECONDS))
        after = min(1.0, done + steps / longest)
        after = 1.0 if after > 1.0 - 0.5 / longest else after
        starts = [math.ceil(done * total - 1e-6) for total in totals]
        stops = [math.ceil(after * total - 1e-6) for total in totals]
        stepping = [state for state in listeners if stops[state.number] > starts[state.number]]
        for state in stepping:
            yield from state.guard(partial(state.batch_begin, starts[state.number]), state.epoch + 1)
        began = time.perf_counter()
        program.run(starts, stops)
        seconds = time.perf_counter() - began
        speed = max(1.0, (after - done) * longest) / max(1e-6, seconds)
        for state in stepping:
            if state.running:
                yield from state.guard(partial(state.batch_end, starts[state.number]), state.epoch + 1)
            if state.model.stop_training or not state.running:
                totals[state.number] = 0  # as in Keras: stop_training at a batch ends the epoch there
        done = after
        # After the last step the epoch's end is the next event; but members that ended before wait for a step to be finished.
        if len(running) < len(states) if done == 1.0 else stepping or seconds > STEP_SECONDS:
            epoch = max(state.epoch for state in running) + 1
            yield Step(epoch, done, tuple(state.number for state in running))


def _validate(running: list[_MemberState], program: Program, logs: dict[int, Logs]) -> Iterator[Event]:
    """Add `val_…` to the logs of those with validation data, and call the hooks that Keras's `evaluate` calls."""
    validated = [state for state in running if state.member.validation and state.running]
    for state in validated:
        yield from state.guard(state.test_begin, state.epoch + 1)
    together = [state.number for state in validated if state.running and not state.listens_to_tests]
    found = program.validate(together) if together else {}
    for state in validated:
        if state.running and state.listens_to_tests:
            yield from state.guard(partial(state.test_batches, found), state.epoch + 1)
        if state.running:
            values = found[state.number]
            logs[state.number] |= {f"val_{metric}": value for metric, value in values.items()}
            yield from state.guard(partial(state.callbacks.on_test_end, dict(values)), state.epoch + 1)


class _MemberState:
    """What Keras's `fit` does around the steps of one model, in its order. `epoch`: how many are complete."""

    def __init__(self, number: int, member: Member, program: Program):
        self.number, self.member, self.model, self.program = number, member, member.model, program
        self.running = member.epochs > 0
        self.listens = any(listens_to_batches(type(callback), partial(getattr, callback)) for callback in member.callbacks)
        self.listens_to_tests = any(listens_to_tests(type(callback), partial(getattr, callback)) for callback in member.callbacks)
        self.watched = may_change(member.model, member.callbacks)
        self.epoch = 0
        self.logs: Logs = {}
        self.rate: float | None = None
        self.digests: list[str] = []
        self.batches: int | None = None
        self.passed: set[int] = set()  # rungs

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
        self.noted = self.callbacks.callbacks = Noted(self.callbacks.callbacks, self.model)
        self.memories = [Memory(callback) for callback in self.callbacks.callbacks]
        checkpoint = self.member.checkpoint
        if checkpoint is not None:
            for callback in self.callbacks.callbacks:
                resume_file(callback, checkpoint.epoch)
        self.callbacks.on_train_begin()
        if checkpoint is not None:
            restore_variables(self.model, checkpoint.variables)
            for memory, state in zip(self.memories, checkpoint.callbacks, strict=True):
                memory.recall(state)
            self.epoch, self.logs = checkpoint.epoch, dict(checkpoint.logs)
            self.digests = [*checkpoint.digests] or [""] * checkpoint.epoch  # an earlier version took none
            self.model.stop_training, self.noted.stopper = checkpoint.stopped, checkpoint.stopper

    def epoch_begin(self) -> None:
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(self.epoch)

    def batch_begin(self, step: int) -> None:
        self.callbacks.on_train_batch_begin(step)

    def batch_end(self, step: int) -> None:
        self.program.sync(self.number)
        self.callbacks.on_train_batch_end(step, self.program.logs(self.number))
        if self.model.stop_training and step + 1 < self.member.train.steps:
            self.batches = step + 1

    def test_begin(self) -> None:
        self.program.sync(self.number)
        self.callbacks.on_test_begin()

    def test_batches(self, found: dict[int, Logs]) -> None:
        """Validate one step a call."""
        assert self.member.validation is not None
        self.model.stop_evaluating = False
        for step in range(self.member.validation.steps):
            self.callbacks.on_test_batch_begin(step)
            found |= self.program.validate([self.number], step, step + 1)
            self.callbacks.on_test_batch_end(step, dict(found[self.number]))
            if self.model.stop_evaluating:
                break

    def read_model(self) -> None:
        """The learning rate (None where several optimizers have no common one) and the weights, before callbacks act."""
        self.program.sync(self.number)
        rate = getattr(self.model.optimizer, "learning_rate", None)  # of a schedule: its value at this step
        self.rate = None if rate is None else float(rate)
        if self.watched:
            self.digests.append(weights_digest(self.model))

    def epoch_end(self, logs: Logs) -> None:
        """Call it when `epoch` counts the epoch that has ended; callbacks count from 0."""
        self.logs = dict(logs)
        self.callbacks.on_epoch_end(self.epoch - 1, dict(logs))

    def end_if_over(self) -> Iterator[Event]:
        """Let the callbacks end if they have stopped the training, or after the last epoch."""
        if self.running and (self.model.stop_training or self.epoch >= self.member.epochs):
            self.running = False
            stopped, stopper = bool(self.model.stop_training), self.noted.stopper
            failed: list[Event] = list(self.guard(self.end))
            of = find_epoch(weights_digest(self.model), self.digests) if self.watched and not failed else self.epoch
            yield from failed or [Done(self.number, self.epoch, of, stopped, stopper, self.batches)]

    def end(self) -> None:
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.callbacks.on_train_end(self.logs)

    def save_checkpoint(self) -> Iterator[Event]:
        """The state after this epoch, unless the member has failed."""
        checkpoints: list[Checkpoint] = []
        if self.running:
            yield from self.guard(lambda: checkpoints.append(self._checkpoint()))
        yield from (Checkpointed(self.number, checkpoint) for checkpoint in checkpoints)

    def _checkpoint(self) -> Checkpoint:
        remembered = [memory.remember() for memory in self.memories]
        return Checkpoint(
            self.epoch,
            [variable.numpy() for variable in variables_of(self.model)],
            [state for state, _ in remembered],
            self.logs,
            bool(self.model.stop_training),
            self.noted.stopper,
            [*self.digests],
            lost=[lost for _, names in remembered for lost in names],
        )

    def guard(self, action: Callable[[], None], epoch: int | None = None) -> Iterator[Failed]:
        """Run the member's own code and pass on what it prints; if it raises, this member alone fails. Ctrl-C passes.

        Args:
            epoch: the epoch to name if it fails; None for the last complete one.
        """
        failure = None
        with printed() as kept:
            try:
                action()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, or a class of the user's own
                self.running = False
                if place := describe_place(error, self.member.callbacks):
                    error.add_note(place)
                failure = Failed(self.number, self.epoch if epoch is None else epoch, error)
        if kept.text:
            self.member.printed(kept.text)
        if failure:
            yield failure


def _not_finite(epoch: int, logs: Logs, before: Logs) -> TrainingError:
    name = next(name for name in LOSSES if not math.isfinite(logs.get(name, 0.0)))
    then = f"; after epoch {epoch - 1} it was {before[name]:.4g}" if name in before else ""
    return TrainingError(
        f"{name} is {logs[name]} in epoch {epoch}{then}. Expected a finite number. "
        "Lower the learning rate (optimizer.learning_rate), or scale the data (data.scale=unit)."
    )
