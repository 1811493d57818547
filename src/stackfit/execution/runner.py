"""From cells to finished run folders. Only this module sees both a whole config and a whole run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from stackfit import interrupts
from stackfit.data import Dataset, StreamedDataset, load_dataset
from stackfit.data.dataset import SILENT
from stackfit.errors import ConfigError, RunFolderError, TrainingError, lacks_form, lacks_memory, raising, said
from stackfit.execution.afterwards import attach
from stackfit.execution.cells import Cell
from stackfit.execution.elsewhere import train_elsewhere
from stackfit.execution.engines import engine_of, is_here
from stackfit.execution.finishing import Finisher
from stackfit.execution.jobs import Claim, Job, split
from stackfit.execution.members import (
    adapt_layers,
    build_callbacks,
    check_inputs,
    describe_stack,
    find_index_layers,
    make_model,
    settings_of,
    start,
)
from stackfit.execution.progress import Reporter
from stackfit.model.sizes import describe_layers
from stackfit.results.run import Callbacks, Run
from stackfit.results.run_folder import HEARTBEAT_SECONDS
from stackfit.training.engine import make_member
from stackfit.waiting import doing

if TYPE_CHECKING:
    from stackfit.execution.rungs import Rungs


def run_cell(cell: Cell, claim: Claim, reporter: Reporter, model: Any = None) -> Run:
    """Train one cell alone.

    Args:
        model: the cell's model, as built by `members.check_model`; None to build it.

    Raises:
        ConfigError: the config does not fit its data, or its model cannot be built; no folder was left.
        TrainingError: the run failed; its folder says why.
    """
    if model is None:
        start(cell)
    job = Job(cell, cell.experiment, reporter)
    try:
        dataset = load_data(cell, job.say, step=reporter.load)
    finally:
        reporter.end()
    if tuple(cell.config["data"]["input_shape"]) == dataset.input_shape:  # else it was left open, and the data say it
        job.model = model
    job.fingerprint = cell.fingerprint(dataset.fingerprint)
    run_cohort([job], dataset, claim, reporter)
    assert job.folder is not None
    if job.failure:
        reason = job.failure.rstrip(".")
        raise TrainingError(f"The run failed: {reason}. See {job.folder.log}, or its status.json for the traceback.")
    names = [name for name, node in cell.config["callbacks"].items() if node is not None]
    made = {} if job.member is None else dict(zip(names, job.member.callbacks, strict=True))  # trained elsewhere: none are here
    return Run(job.folder.path, callbacks=Callbacks(made))


def load_data(
    cell: Cell, say: Callable[[str], None], build: bool = True, step: Callable[[str, int, int], None] = SILENT.step
) -> Dataset | StreamedDataset:
    """The cell's data, checked against its config's declarations; without `build`, only if they are on this machine.

    `say` is told what takes time and what is unusual about them; for `step` see `stackfit.data.Progress`.

    Raises:
        DataError: see `stackfit.data`; with file and line.
    """
    try:
        dataset = load_dataset(cell.config["data"], say, step, build)
    except ConfigError as error:
        raise cell.place(error) from error.__cause__
    for warning in warnings_of(cell, dataset):
        say(warning.as_warning())
    return dataset


def warnings_of(cell: Cell, dataset: Dataset | StreamedDataset) -> list[ConfigError]:
    """What is unusual about the cell's data and not silenced, with its place."""
    return [cell.place(warning) for warning in dataset.warnings if warning.kind not in (cell.config["silence"] or ())]


class _Enough(Exception):
    """The first failure of a sweep that stops there."""


def run_cohort(
    jobs: Sequence[Job],
    dataset: Dataset | StreamedDataset,
    claim: Claim,
    reporter: Reporter,
    ended: Callable[[Job], None] = lambda job: None,
    fail_fast: bool = False,
    limit_seconds: float = math.inf,
    check: Callable[[], None] = interrupts.check,
    rungs: Rungs | None = None,
) -> list[list[Job]]:
    """Train cells together: build, trace, claim folders, train, evaluate, save.

    Args:
        jobs: of cells for which the engine has started; see `members.start`.
        ended: called when a job's folder says *finished* or *failed*.
        fail_fast: interrupt the others at the first failure.
        limit_seconds: of training; it is looked at between two calls of the program, about every 2 s.
        check: called between two steps; raises KeyboardInterrupt to stop.
        rungs: of a search. At a rung its cells are ranked; those that have to wait for cells of other cohorts are *paused*.

    Returns:
        The jobs to train again, because their shared graph raised or was late, as `jobs.split` gives them; none for a cohort of one.

    Raises:
        ConfigError: a model cannot be built or traced; no folder was left.
        KeyboardInterrupt: the user stopped it; the status of every unfinished folder is *interrupted*.
    """
    engine = engine_of(jobs[0].cell.config)
    if is_here(jobs[0].cell.config) and all(engine.fits(settings_of(job.cell.config)) for job in jobs):
        return _run_here(jobs, dataset, claim, reporter, ended, fail_fast, limit_seconds, check, rungs)
    return train_elsewhere(jobs, claim, reporter, ended, fail_fast, limit_seconds, check, rungs)


@interrupts.deferred()
def _run_here(
    jobs: Sequence[Job],
    dataset: Dataset | StreamedDataset,
    claim: Claim,
    reporter: Reporter,
    ended: Callable[[Job], None],
    fail_fast: bool,
    limit_seconds: float,
    check: Callable[[], None],
    rungs: Rungs | None,
) -> list[list[Job]]:
    from stackfit.execution.environment import describe_process
    from stackfit.training import events, loop

    engine = engine_of(jobs[0].cell.config)
    feeds = engine.feeds(dataset)  # first: it releases what an earlier cohort left in memory
    for job in jobs:
        job.alone = len(jobs) == 1 and not job.cell.axes
        job.model = job.model or make_model(job.cell, dataset.input_shape)
        with raising() as problems:
            check_inputs(job.cell, find_index_layers(job.model), dataset, problems)
        adapt_layers(job.cell, job.model, dataset, job.say)
        interrupts.check()
    settings = [settings_of(job.cell.config) for job in jobs]
    members = []
    for job, each in zip(jobs, settings, strict=True):
        job.member = make_member(job.model, feeds, each, job.cell.config["epochs"])
        job.model = None
        members.append(job.member)
    try:
        with doing("Compiling the training step"), engine.building():
            program = engine.program(members)
            program.trace()
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        raise as_config_error(error) from error
    described = describe_process(engine)
    interrupts.check()
    finish = Finisher(dataset, feeds, ended)
    reporter.begin([job.label for job in jobs], [member.epochs for member in members])
    try:
        for job in jobs:
            _claim(job, dataset, claim, described)
            if rungs and job.folder:
                job.member.rungs = rungs.of_cell(job.folder.path.name, job.member.epochs)
        began = heartbeat = time.monotonic()
        for event in loop.train(members, program, partial(rungs.rank_members, jobs, finish) if rungs else None):
            check()
            if isinstance(event, (events.Step, events.EpochEnd)) and time.monotonic() - began > limit_seconds:
                text = f"It trained for more than the {limit_seconds:.3g} s that are allowed"
                raise TrainingError(f"{text}, and was stopped in epoch {event.epoch}.")
            if isinstance(event, events.Step):
                finish.flush()
                reporter.step(event.epoch, event.done, event.running)
                if time.monotonic() - heartbeat > HEARTBEAT_SECONDS:
                    heartbeat = time.monotonic()
                    for job in jobs:
                        if not job.ended:  # those that wait at a rung too
                            job.folder.heartbeat()  # type: ignore[union-attr]
            elif isinstance(event, events.EpochEnd):
                _end_epoch(jobs[event.member], event)
                reporter.epoch(event.member, event.epoch, event.logs)
            elif isinstance(event, events.Checkpointed):
                jobs[event.member].folder.save_checkpoint(event.checkpoint.write)  # type: ignore[union-attr]
            elif isinstance(event, events.Failed):
                jobs[event.member].epoch = event.epoch
                if lacks_memory(event.error):  # which member met it is chance
                    raise event.error
                finish.failed(jobs[event.member], event.error)
                if fail_fast:
                    raise _Enough
            else:
                jobs[event.member].done = event
                finish.enqueue(jobs[event.member])
        finish.flush()
    except BaseException as error:
        if isinstance(error, TrainingError) or (isinstance(error, Exception) and lacks_memory(error)):
            if len(jobs) == 1:
                finish.failed(jobs[0], error)
                return []
            return split([job for job in jobs if job.folder is not None and not job.ended], error, reporter)
        finish.abort(jobs, KeyboardInterrupt() if isinstance(error, _Enough) else error)
        if not isinstance(error, (RunFolderError, _Enough)) or not any(job.failure for job in jobs):
            raise
    finally:
        reporter.end()
    return []


def as_config_error(error: Exception) -> ConfigError:
    """The error of a layer or loss that raised while the program was traced."""
    if without := lacks_form(error):
        return ConfigError(f"The loss, a metric or a layer {without}", among=("task", "model"))
    text = said(error)[:300].rstrip(".")
    return ConfigError(
        f"The model cannot be trained on these data: {text}. Expected an output that fits loss and metrics. "
        "Compare `task` with the last layer."
    )


def _claim(job: Job, dataset: Dataset | StreamedDataset, claim: Claim, engine: Mapping[str, Any]) -> None:
    from stackfit.execution.environment import describe_environment

    job.folder = claim(job)
    if job.folder is None:
        job.reporter.line(f"{job.label}: another process has it.")
        job.member.epochs, job.ended = 0, True
        return
    try:
        job.member.callbacks = build_callbacks(job.cell, job.folder.path, job.say)
    except ConfigError as error:
        job.folder.give_up(str(error))
        job.folder = None
        raise
    job.member.printed = job.printed
    if job.folder.begun and job.folder.checkpoint.exists():
        _resume(job)
    model = job.member.model
    environment = describe_environment(job.cell, dataset.fingerprint, model, engine)
    config = yaml.safe_dump(job.cell.config, sort_keys=False, allow_unicode=True)
    examples = " + ".join([f"{size:,}" for size in dataset.sizes.values() if size])
    name = f"{job.label}: " if job.alone else ""
    job.say(f"{name}{describe_stack(model)}, {model.count_params():,} parameters, {examples} examples", detail=True)
    job.folder.write_start(config, environment, job.take_lines(), describe_layers(model))
    attach(job)


def _resume(job: Job) -> None:
    """Resume from the folder's checkpoint, if it and the history are complete."""
    from stackfit.training.checkpoint import Checkpoint, fits

    folder = job.folder
    assert folder is not None
    try:
        checkpoint = Checkpoint.read(folder.checkpoint)
    except Exception:  # any damage
        checkpoint = None
    whole = checkpoint is not None and fits(checkpoint, job.member.model, len(job.member.callbacks))
    if checkpoint is None or not whole or not folder.resume(checkpoint.epoch, checkpoint.seconds):
        folder.reset()
        job.say("Its checkpoint is damaged: starting again from the first epoch.")
        return
    job.member.checkpoint, job.epoch, job.logs = checkpoint, checkpoint.epoch, checkpoint.logs
    job.say(f"Resuming after epoch {checkpoint.epoch} of {job.member.epochs}.")
    if checkpoint.lost:
        job.say(f"warning: {', '.join(checkpoint.lost)} could not be saved and starts again. "
                "Give the callback get_state() and set_state(state) for an exact resume.")  # fmt: skip


def _end_epoch(job: Job, event: Any) -> None:
    assert job.folder is not None
    job.epoch, job.logs = event.epoch, event.logs
    every = max(1, job.cell.config["verbosity"])
    if event.epoch % every == 0 or event.epoch in (1, job.member.epochs):
        numbers = "  ".join([f"{name} {value:.4f}" for name, value in event.logs.items()])
        seconds = f"{event.seconds:.1f}" if event.seconds > 1 else f"{event.seconds:.2f}"
        job.say(f"epoch {event.epoch}/{job.member.epochs}  {numbers}  {seconds} s", detail=True)
    row = {"epoch": event.epoch, **job.finite(event.logs)}
    if event.learning_rate is not None:
        row.setdefault("learning_rate", event.learning_rate)
    row |= {"seconds": round(event.seconds, 3), "members": event.members}
    job.folder.append_history(row, job.take_lines())
