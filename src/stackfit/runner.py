"""From cells to finished run folders. This is the only place that sees a whole config and a whole run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stackfit import backend
from stackfit.cells import Cell
from stackfit.data import Dataset, StreamedDataset, load_dataset
from stackfit.errors import ConfigError, StackfitError, TrainingError
from stackfit.progress import Reporter
from stackfit.run_folder import RunFolder
from stackfit.runs import Run

Claim = Callable[[Cell, str], RunFolder | None]  # None: somebody else has it


@dataclass
class Job:
    """One cell on its way to a finished folder."""

    cell: Cell
    label: str
    alone: bool = True  # else what it says starts with its label
    member: Any = None  # training.Member
    folder: RunFolder | None = None
    lines: list[str] = field(default_factory=list)  # said before there was a folder to log to
    logs: dict[str, float] = field(default_factory=dict)
    epoch: int = 0
    ended: bool = False
    failure: str | None = None


def run_cell(cell: Cell, claim: Claim, reporter: Reporter) -> Run:
    """Train one cell alone.

    Raises:
        ConfigError: the config does not fit its data, or its model cannot be built; no folder was left.
        TrainingError: the run failed; its folder says why.
    """
    job = Job(cell, cell.experiment)
    dataset = load_data(cell, lambda text: _say(reporter, job, text))
    run_cohort([job], dataset, claim, reporter)
    assert job.folder is not None
    run = Run(job.folder.path)
    if run.state != "finished":
        reason = str(run.reason).rstrip(".")
        raise TrainingError(f"The run failed: {reason}. See {job.folder.log}, or its status.json for the traceback.")
    return run


def load_data(cell: Cell, say: Callable[[str], None]) -> Dataset | StreamedDataset:
    """The cell's data, checked against what its config declares.

    Raises:
        DataError: see `stackfit.data`; with file and line.
    """
    try:
        return load_dataset(cell.config["data"], say)
    except ConfigError as error:
        raise cell.place(error) from error.__cause__


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
    settings = jobs[0].cell.config
    backend.start(settings["deterministic"], settings["batch_size"])
    from stackfit import training
    from stackfit.pipeline import Feeds

    training.free_graphs()
    feeds = Feeds(dataset)
    for job in jobs:
        job.alone = len(jobs) == 1 and not job.cell.axes
        job.member = build_member(job.cell, dataset, feeds)
    cohort = training.Cohort([job.member for job in jobs])
    with placing():
        cohort.prepare()
    finish = _Finisher(dataset, feeds, reporter, ended)
    reporter.begin([job.label for job in jobs], [job.member.epochs for job in jobs])
    try:
        for job in jobs:
            _claim(job, dataset, claim, reporter)
        for event in cohort.train():
            if isinstance(event, training.Step):
                finish.waiting()
                reporter.step(event.epoch, event.done, event.running)
                for number in event.running:
                    jobs[number].folder.beat()
            elif isinstance(event, training.EpochEnd):
                _end_epoch(jobs[event.member], event, reporter)
                reporter.epoch(event.member, event.epoch, event.logs)
            elif isinstance(event, training.Failed):
                jobs[event.member].epoch = event.epoch
                finish.failed(jobs[event.member], event.error)
                if fail_fast:
                    raise KeyboardInterrupt
            else:
                finish.later(jobs[event.member])
        finish.waiting()
    except TrainingError as error:
        if len(jobs) == 1:
            finish.failed(jobs[0], error)
            return []
        reporter.line(f"The cohort stopped: {error} Each of its cells trains again, alone.", always=True)
        return [job for job in jobs if job.folder is not None and not job.ended]
    except BaseException as error:
        finish.abandon(jobs, error)
        if isinstance(error, KeyboardInterrupt) and fail_fast and any(job.failure for job in jobs):
            return []
        raise
    finally:
        reporter.end()
    return []


def build_member(cell: Cell, dataset: Dataset | StreamedDataset, feeds: Any) -> Any:
    """The cell's compiled model with its feeds, still without callbacks.

    Weights and dropout masks are functions of the cell's seed alone.

    Raises:
        ConfigError: with file and line.
    """
    from stackfit.pipeline import Targets
    from stackfit.training import Member

    config = cell.config
    try:
        model = make_model(cell, dataset.input_shape)
    except ConfigError as error:
        raise cell.place(error) from error.__cause__
    task = config["task"]
    targets = Targets(task["labels"], config["data"]["num_classes"], task["class_weight"])
    batch, seed = config["batch_size"], config["seed"] if config["shuffle"] else None
    validation = feeds.feed("validation", batch, targets) if feeds.has("validation") else None
    train = feeds.feed("train", batch, targets, seed, training=True)
    return Member(model, train, validation, config["epochs"], [], config["jit_compile"])


def make_model(cell: Cell, input_shape: tuple[int, ...]) -> Any:
    """The cell's compiled model for examples of `input_shape`.

    Raises:
        ConfigError: with the config key.
    """
    import keras

    from stackfit.model import build_model, check_callbacks, check_output, compile_model

    config = cell.config
    keras.utils.set_random_seed(config["seed"])
    keras.config.set_dtype_policy(config["precision"])
    try:
        model = build_model(config["model"], input_shape)
        check_output(model, config)
        compile_model(model, config["optimizer"], config["task"])
        check_callbacks(config)
    finally:
        keras.config.set_dtype_policy("float32")
    return model


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


def _claim(job: Job, dataset: Dataset | StreamedDataset, claim: Claim, reporter: Reporter) -> None:
    from stackfit.environment import describe_environment

    fingerprint = job.cell.fingerprint(dataset.fingerprint)
    job.folder = claim(job.cell, fingerprint)
    if job.folder is None:
        reporter.line(f"{job.label}: another process has it.")
        job.member.epochs, job.ended = 0, True
        return
    try:
        job.member.callbacks = build_callbacks(job.cell, job.folder.path, lambda text: _say(reporter, job, text))
    except ConfigError:
        job.folder.discard()
        job.folder = None
        raise
    job.member.printed = lambda text: _say(reporter, job, text)
    text = yaml.safe_dump(job.cell.config, sort_keys=False, allow_unicode=True)
    job.folder.write_start(text, describe_environment(dataset.fingerprint, job.cell.config["deterministic"]))
    model = job.member.model
    sizes = f"{dataset_sizes(dataset)} examples"
    lines, job.lines = job.lines, []
    job.folder.append_log("".join(f"{line}\n" for line in lines))
    name = f"{job.label}: " if job.alone else ""
    _say(reporter, job, f"{name}{describe_stack(model)}, {model.count_params():,} parameters, {sizes}", detail=True)


def build_callbacks(cell: Cell, folder: Path, say: Callable[[str], None]) -> list[Any]:
    """The cell's callbacks, their files inside `folder`; `say` gets what their constructors print.

    Raises:
        ConfigError: a callback refuses its arguments; with file and line.
    """
    from stackfit.building import build
    from stackfit.trust import FILE_ARGUMENTS

    built = []
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            for name, node in cell.config["callbacks"].items():
                if node is not None:
                    given = {key: value for key, value in node.items() if key in FILE_ARGUMENTS and isinstance(value, str)}
                    files = {key: str(folder / value) for key, value in given.items()}
                    built.append(build({**node, **files}, f"callbacks.{name}", "callbacks"))
    except ConfigError as error:
        raise cell.place(error) from error.__cause__
    if printed.getvalue():
        say(printed.getvalue())
    return built


def _end_epoch(job: Job, event: Any, reporter: Reporter) -> None:
    job.epoch, job.logs = event.epoch, event.logs
    job.folder.append_history(
        {"epoch": event.epoch, **event.logs, "seconds": round(event.seconds, 3), "members": event.members}
    )
    every = max(1, job.cell.config["verbosity"])
    if event.epoch % every == 0 or event.epoch in (1, job.member.epochs):
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in event.logs.items())
        seconds = f"{event.seconds:.1f}" if event.seconds > 1 else f"{event.seconds:.2f}"
        _say(reporter, job, f"epoch {event.epoch}/{job.member.epochs}  {numbers}  {seconds} s", detail=True)


class _Finisher:
    """Ends jobs: evaluates, saves and marks them, several that ended together in one graph."""

    def __init__(
        self, dataset: Dataset | StreamedDataset, feeds: Any, reporter: Reporter, ended: Callable[[Job], None]
    ):
        self.dataset, self.feeds, self.reporter, self.ended = dataset, feeds, reporter, ended
        self.jobs: list[Job] = []

    def later(self, job: Job) -> None:
        """The job has trained to its end; `waiting` finishes it."""
        self.jobs.append(job)

    def waiting(self) -> None:
        """Finish the jobs that have trained to their end since the last call."""
        jobs, self.jobs = self.jobs, []
        if not jobs:
            return
        for job, (logs, scores) in zip(jobs, self._test(jobs), strict=True):
            try:
                test = {f"test_{name}": value for name, value in logs.items()}
                _save(job, test, scores, self.dataset, self.reporter)
            except Exception as error:  # whatever it is, the others are saved
                self.failed(job, error)
            else:
                self._end(job, "finished")

    def _test(self, jobs: Sequence[Job]) -> list[tuple[dict[str, float], Any]]:
        from stackfit.pipeline import Targets
        from stackfit.training import evaluate_all

        if not self.feeds.has("test"):
            return [({}, None)] * len(jobs)
        tests = []
        for job in jobs:
            config = job.cell.config
            targets = Targets(config["task"]["labels"], config["data"]["num_classes"], None)
            tests.append(self.feeds.feed("test", config["batch_size"], targets))
        return evaluate_all([job.member.model for job in jobs], tests)

    def failed(self, job: Job, error: BaseException) -> None:
        fail(job, error, self.reporter)
        self._end(job, "failed")

    def _end(self, job: Job, state: str) -> None:
        job.ended = True
        self.reporter.ended(job.label, state)
        self.ended(job)

    def abandon(self, jobs: Sequence[Job], error: BaseException) -> None:
        """Whatever stopped the cohort, no folder stays *running*."""
        for job in jobs:
            if job.folder is None or job.ended:
                continue
            if isinstance(error, KeyboardInterrupt):
                with contextlib.suppress(OSError, StackfitError):
                    job.folder.fail(f"Interrupted in epoch {job.epoch + 1}.", status="interrupted")
                with contextlib.suppress(OSError, StackfitError):
                    self.ended(job)
            else:
                self.failed(job, error)


def _save(job: Job, test: dict[str, float], scores: Any, dataset: Dataset | StreamedDataset, reporter: Reporter) -> None:
    import numpy as np

    folder, model = job.folder, job.member.model
    for form in job.cell.config["save"]:
        folder.write(folder.model(form), lambda path: _save_model(model, path))
    if scores is not None and isinstance(dataset, Dataset):
        folder.write(folder.predictions, lambda path: np.savez(path, scores=scores, labels=dataset.test.y))
    summary = {**job.logs, **test, "stopped_epoch": job.epoch, "parameters": model.count_params()}
    if test:
        _say(reporter, job, "test  " + "  ".join(f"{n.removeprefix('test_')} {v:.4f}" for n, v in test.items()))
    folder.finish({**summary, "weights_sha256": weights_digest(model)}, summary)


def _save_model(model: Any, path: Any) -> None:
    import warnings

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # Keras calls .h5 legacy; the lab asks for it
        import logging

        logging.disable(logging.WARNING)
        try:
            model.save(path)
        finally:
            logging.disable(logging.NOTSET)


def weights_digest(model: Any) -> str:
    """SHA-256 over dtype, shape and bytes of `get_weights()`, in order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()


def fail(job: Job, error: BaseException, reporter: Reporter) -> None:
    """Record in the job's folder why it failed, with the traceback, and say so."""
    assert job.folder is not None
    own = isinstance(error, StackfitError)
    trace = "".join(traceback.format_exception(error))
    when = f"in epoch {job.epoch}" if job.epoch else "before the first epoch"
    reason = str(error) if own else f"{type(error).__name__} {when}: {error}".rstrip(": ")
    job.failure = reason
    with contextlib.suppress(OSError, StackfitError):  # a full disk: the status below may still fit
        job.folder.append_log(f"failed: {reason}\n{trace}")
    try:
        job.folder.fail(reason, trace)
    except OSError as second:
        reporter.line(f"{job.label}: its status could not be written either: {second}", always=True)
    reporter.line(f"{job.label}: failed: {reason}", always=True)


def _say(reporter: Reporter, job: Job, text: str, detail: bool = False) -> None:
    prefix = "" if job.alone else f"{job.label}  "
    (reporter.detail if detail else reporter.line)("\n".join(prefix + line for line in text.strip("\n").split("\n")))
    if job.folder is None:
        job.lines.append(text.rstrip("\n"))
    else:
        job.folder.append_log(text.rstrip("\n") + "\n")


def model_key(cell: Cell) -> str:
    """Equal for cells whose models are built alike: seeds, epochs and data order do not matter."""
    config = cell.config
    parts = [config[key] for key in ("model", "optimizer", "task", "callbacks", "precision")]
    return json.dumps([parts, config["data"]["input_shape"], config["data"]["num_classes"]], default=str)


def weigh(cell: Cell) -> int:
    """Build and compile the cell's model and its callbacks, then drop them.

    Returns:
        About how many bytes one member takes: weights, gradients, Adam's two moments, and a batch's activations.

    Raises:
        ConfigError: they cannot be built; with file and line.
    """
    backend.start(cell.config["deterministic"], cell.config["batch_size"])
    try:
        model = make_model(cell, tuple(cell.config["data"]["input_shape"]))
    except ConfigError as error:
        raise cell.place(error) from error.__cause__
    with tempfile.TemporaryDirectory() as folder:
        build_callbacks(cell, Path(folder), lambda text: None)
    units = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    return 4 * (4 * model.count_params() + 2 * cell.config["batch_size"] * units)


def trains_alone(cell: Cell) -> str | None:
    """Why the cell cannot share a graph with others, or None."""
    from stackfit.training import batch_listener

    for name, node in cell.config["callbacks"].items():
        if node is not None and batch_listener(node):
            return f"callbacks.{name} listens to every batch"
    return None


def describe_stack(model: Any) -> str:
    """`784 -> 64 -> 10`: the input's size, then the widths of the layers with weights."""
    size = 1
    for length in model.input_shape[1:]:
        size *= length
    widths = [layer.output.shape[-1] for layer in model.layers if layer.weights]
    return " -> ".join(map(str, [size, *widths]))


def dataset_sizes(dataset: Dataset | StreamedDataset) -> str:
    """`60,000 + 10,000`: training, validation where there is one, and test examples."""
    if isinstance(dataset, StreamedDataset):
        return " + ".join(f"{size:,}" for size in dataset.sizes.values() if size)
    splits = (dataset.train, dataset.validation, dataset.test)
    return " + ".join(f"{len(split):,}" for split in splits if split is not None)
