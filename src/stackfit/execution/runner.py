"""From cells to finished run folders. This is the only place that sees a whole config and a whole run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from stackfit.data import Dataset, StreamedDataset, load_dataset
from stackfit.errors import ConfigError, RunFolderError, TrainingError
from stackfit.execution import interrupts
from stackfit.execution.cells import Cell
from stackfit.execution.engines import ENGINE
from stackfit.execution.finishing import Finisher
from stackfit.execution.jobs import Claim, Job
from stackfit.execution.members import build_callbacks, build_member, describe_stack, start
from stackfit.execution.progress import Reporter
from stackfit.results.run import Run


def run_cell(cell: Cell, claim: Claim, reporter: Reporter, model: Any = None) -> Run:
    """Train one cell alone.

    Args:
        model: the cell's, as `members.check_model` has built it; None to build it here.

    Raises:
        ConfigError: the config does not fit its data, or its model cannot be built; no folder was left.
        TrainingError: the run failed; its folder says why.
    """
    job = Job(cell, cell.experiment, reporter, model=model)
    dataset = load_data(cell, job.say)
    job.fingerprint = cell.fingerprint(dataset.fingerprint)
    run_cohort([job], dataset, claim, reporter)
    assert job.folder is not None
    if job.failure:
        reason = job.failure.rstrip(".")
        raise TrainingError(f"The run failed: {reason}. See {job.folder.log}, or its status.json for the traceback.")
    return Run(job.folder.path)


def load_data(cell: Cell, say: Callable[[str], None], build: bool = True) -> Dataset | StreamedDataset:
    """The cell's data, checked against what its config declares; only those that are here, without `build`.

    Raises:
        DataError: see `stackfit.data`; with file and line.
    """
    try:
        return load_dataset(cell.config["data"], say, build=build)
    except ConfigError as error:
        raise cell.place(error) from error.__cause__


class _Enough(Exception):
    """The first failure of a sweep that is to stop there."""


@interrupts.deferred()
def run_cohort(
    jobs: Sequence[Job],
    dataset: Dataset | StreamedDataset,
    claim: Claim,
    reporter: Reporter,
    ended: Callable[[Job], None] = lambda job: None,
    fail_fast: bool = False,
) -> list[Job]:
    """Train cells together: build, trace, claim folders, train, evaluate, save.

    Args:
        ended: called when a job's folder says *finished* or *failed*.
        fail_fast: interrupt the others at the first failure.

    Returns:
        The jobs to train alone, because the graph that they share raised; none after a cohort of one.

    Raises:
        ConfigError: a model cannot be built or traced; no folder was left.
        KeyboardInterrupt: the user stopped it; every unfinished folder says *interrupted*.
    """
    start(jobs[0].cell, together=len(jobs) > 1)
    from stackfit.training import events, loop

    feeds = ENGINE.feeds(dataset)
    for job in jobs:
        job.alone = len(jobs) == 1 and not job.cell.axes
        job.member = build_member(job.cell, dataset, feeds, job.model)
        job.model = None
        interrupts.check()
    members = [job.member for job in jobs]
    with placing():
        program = ENGINE.program(members)
        program.trace()
    interrupts.check()
    finish = Finisher(dataset, feeds, ended)
    reporter.begin([job.label for job in jobs], [member.epochs for member in members])
    try:
        for job in jobs:
            _claim(job, dataset, claim)
        for event in loop.train(members, program):
            interrupts.check()
            if isinstance(event, events.Step):
                finish.flush()
                reporter.step(event.epoch, event.done, event.running)
                for folder in [jobs[number].folder for number in event.running]:
                    assert folder is not None
                    folder.heartbeat()
            elif isinstance(event, events.EpochEnd):
                _end_epoch(jobs[event.member], event)
                reporter.epoch(event.member, event.epoch, event.logs)
            elif isinstance(event, events.Checkpointed):
                _save_checkpoint(jobs[event.member], event.checkpoint)
            elif isinstance(event, events.Failed):
                jobs[event.member].epoch = event.epoch
                finish.failed(jobs[event.member], event.error)
                if fail_fast:
                    raise _Enough
            else:
                finish.enqueue(jobs[event.member])
        finish.flush()
    except TrainingError as error:
        if len(jobs) == 1:
            finish.failed(jobs[0], error)
            return []
        reporter.line(f"The cohort stopped: {error} Each of its cells trains again, alone.", always=True)
        return [job for job in jobs if job.folder is not None and not job.ended]
    except BaseException as error:
        finish.abort(jobs, KeyboardInterrupt() if isinstance(error, _Enough) else error)
        if not isinstance(error, (RunFolderError, _Enough)) or not any(job.failure for job in jobs):
            raise
    finally:
        reporter.end()
    return []


@contextlib.contextmanager
def placing() -> Iterator[None]:
    """Turn what a layer or loss raises while the graph is traced into a ConfigError."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError) as error:
        text = " ".join(str(error).split())[:300].rstrip(".")
        raise ConfigError(
            f"The model cannot be trained on these data: {text}. Expected an output that fits loss and metrics. "
            "Compare `task` with the last layer."
        ) from error


def _claim(job: Job, dataset: Dataset | StreamedDataset, claim: Claim) -> None:
    from stackfit.execution.environment import describe_environment

    job.folder = claim(job)
    if job.folder is None:
        job.reporter.line(f"{job.label}: another process has it.")
        job.member.epochs, job.ended = 0, True
        return
    begun = job.folder.config.exists()  # by an earlier try
    try:
        job.member.callbacks = build_callbacks(job.cell, job.folder.path, job.say)
    except ConfigError as error:
        if begun:
            with contextlib.suppress(OSError):
                job.folder.fail(str(error), status="interrupted")
        else:
            job.folder.discard()
        job.folder = None
        raise
    job.member.printed = job.say
    if job.folder.checkpoint.exists():
        _resume(job)
    text = yaml.safe_dump(job.cell.config, sort_keys=False, allow_unicode=True)
    model = job.member.model
    job.folder.write_start(text, describe_environment(job.cell, dataset.fingerprint, model))
    sizes = f"{dataset_sizes(dataset)} examples"
    name = f"{job.label}: " if job.alone else ""
    job.say(f"{name}{describe_stack(model)}, {model.count_params():,} parameters, {sizes}", detail=True)


def _resume(job: Job) -> None:
    """Go on from the folder's checkpoint, if it and the history are whole."""
    from stackfit.training.checkpoint import Checkpoint, fits

    folder = job.folder
    assert folder is not None
    try:
        checkpoint = Checkpoint.read(folder.checkpoint)
    except Exception:  # damaged in whatever way
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


def _save_checkpoint(job: Job, checkpoint: Any) -> None:
    assert job.folder is not None
    checkpoint.seconds = job.folder.seconds
    job.folder.save_checkpoint(checkpoint.write)


def _end_epoch(job: Job, event: Any) -> None:
    assert job.folder is not None
    job.epoch, job.logs = event.epoch, event.logs
    job.folder.append_history(
        {"epoch": event.epoch, **event.logs, "seconds": round(event.seconds, 3), "members": event.members}
    )
    every = max(1, job.cell.config["verbosity"])
    if event.epoch % every == 0 or event.epoch in (1, job.member.epochs):
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in event.logs.items())
        seconds = f"{event.seconds:.1f}" if event.seconds > 1 else f"{event.seconds:.2f}"
        job.say(f"epoch {event.epoch}/{job.member.epochs}  {numbers}  {seconds} s", detail=True)


def dataset_sizes(dataset: Dataset | StreamedDataset) -> str:
    """`60,000 + 10,000`: training, validation where there is one, and test examples."""
    if isinstance(dataset, StreamedDataset):
        return " + ".join(f"{size:,}" for size in dataset.sizes.values() if size)
    splits = (dataset.train, dataset.validation, dataset.test)
    return " + ".join(f"{len(split):,}" for split in splits if split is not None)
