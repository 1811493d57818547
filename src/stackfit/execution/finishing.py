"""Ending jobs: evaluate, save, mark the folder; jobs that ended together are evaluated in one graph."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stackfit.data import Dataset, StreamedDataset
from stackfit.data.inputs import Inputs
from stackfit.errors import StackfitError, TakenError, TrainingError, lacks_memory
from stackfit.execution.afterwards import run_ended
from stackfit.execution.engines import engine_of
from stackfit.execution.jobs import Job, check_there
from stackfit.execution.members import settings_of
from stackfit.files import printed
from stackfit.keys import value_names
from stackfit.results.run_files import read_history
from stackfit.training.engine import Feed, Feeds, Logs
from stackfit.waiting import doing


class Finisher:
    """Evaluates, saves and marks jobs; jobs that ended together are evaluated in one graph."""

    def __init__(self, dataset: Dataset | StreamedDataset, feeds: Feeds, ended: Callable[[Job], None]):
        self.dataset, self.feeds, self.ended = dataset, feeds, ended
        self.has_test = bool(dataset.sizes.get("test"))
        self.jobs: list[Job] = []

    def enqueue(self, job: Job) -> None:
        """The job has trained to its end; `flush` finishes it."""
        self.jobs.append(job)

    def flush(self) -> None:
        """Finish the jobs that have trained to their end since the last call.

        Raises:
            Exception: memory ran out; who has not ended can be finished from its checkpoint.
        """
        jobs, self.jobs = self.jobs, []
        if not jobs:
            return
        fresh: list[tuple[Logs, Any]] = [({}, None)] * len(jobs)
        tested = list(fresh)
        try:
            if self.has_test:
                feeds = [self.feeds.feed("test", settings_of(job.cell.config)) for job in jobs]
                tested = self._evaluate(jobs, feeds)
            changed = [number for number, job in enumerate(jobs) if job.done.weights_epoch is None]
            validated = [number for number in changed if jobs[number].member.validation]
            if validated:
                feeds = [jobs[number].member.validation for number in validated]
                found = self._evaluate([jobs[number] for number in validated], feeds)
                for number, each in zip(validated, found, strict=True):
                    fresh[number] = each
        except TrainingError as error:  # in a shared graph: testing each alone shows which one caused it
            if lacks_memory(error):
                raise
            if len(jobs) == 1:
                self.failed(jobs[0], error)
                return
            for job in jobs:
                self.jobs = [job]
                self.flush()
            return
        for job, (logs, scores), (validation, _) in zip(jobs, tested, fresh, strict=True):
            try:
                metrics = _final_metrics(job, validation) | {f"test_{name}": value for name, value in logs.items()}
                _save(job, metrics, scores, self.dataset)
            except Exception as error:  # whatever it is, the other jobs are still saved
                if lacks_memory(error):
                    raise
                self.failed(job, error)
            else:
                self._end(job, "finished")

    @staticmethod
    @doing("Evaluating")
    def _evaluate(jobs: Sequence[Job], feeds: Sequence[Feed]) -> list[tuple[Logs, Any]]:
        return engine_of(jobs[0].cell.config).evaluate([job.member.model for job in jobs], feeds)

    def failed(self, job: Job, error: BaseException) -> None:
        """Mark the job as failed: it ends here."""
        if job.folder is not None:
            check_there(job.folder.path, error)
        if isinstance(error, TakenError):  # the other process says what comes of it
            job.ended = True
            job.reporter.line(f"warning: {error}", always=True)
            return
        job.fail(error)
        self._end(job, "failed")

    def _end(self, job: Job, state: str) -> None:
        job.ended = True
        job.reporter.ended(job.label, state)
        run_ended(job)
        self.ended(job)

    def leave(self, job: Job, state: str, reason: str) -> None:
        """The job stops at a rung: *pruned*, or *paused* until its batch is ranked. Its checkpoint stays."""
        assert job.folder is not None
        job.end_line()
        job.say(f"{state}: {reason}", detail=True)
        job.folder.append_log(job.take_lines())
        job.folder.fail(reason, status=state)
        if state == "pruned":
            self._end(job, state)
        job.ended = True

    def abort(self, jobs: Sequence[Job], error: BaseException) -> None:
        """Mark every job that has not ended, so that no folder stays *running*, whatever stopped the cohort."""
        for job in jobs:
            if job.folder is None or job.ended:
                continue
            if isinstance(error, (KeyboardInterrupt, TakenError)):
                with contextlib.suppress(OSError, StackfitError):
                    job.end_line()
                    job.folder.append_log(job.take_lines())
                    job.folder.fail(f"Interrupted in epoch {job.epoch + 1}.", status="interrupted")
                run_ended(job)
                with contextlib.suppress(OSError, StackfitError):
                    self.ended(job)
            else:
                self.failed(job, error)


def _final_metrics(job: Job, validation: Logs) -> dict[str, float | None]:
    """The metrics of the epoch whose weights the model has; if none has them, `validation` alone, and None for training."""
    epoch = job.done.weights_epoch
    if epoch is None:
        fresh = {f"val_{name}": value for name, value in validation.items()}
        return {name: fresh.get(name) for name in job.logs}
    if epoch == job.epoch:
        return dict(job.logs)
    row = read_history(job.folder.path)[epoch - 1]  # type: ignore[union-attr]
    return {name: row[name] for name in job.logs}


def _describe_end(job: Job) -> str:
    """Why training stopped, where it was not the last epoch, and which epoch's weights are kept, where it is another."""
    done, words = job.done, []
    early = done.stopped and (job.epoch < job.member.epochs or done.batches)
    if early:
        when = f"in epoch {job.epoch}, after {done.batches} batches" if done.batches else f"after epoch {job.epoch}"
        words.append(f"stopped {when}{_reason(job)}")
    if done.weights_epoch is None:
        words.append("the final weights are of no epoch: loss and metrics of the training are not known")
        if job.member.validation:
            words.append("val_… are measured again")
    elif early:
        words.append(f"weights of epoch {done.weights_epoch}")
    elif done.weights_epoch != job.epoch:
        words.append(f"the final weights are those of epoch {done.weights_epoch}")
    return "; ".join(words)


def _reason(job: Job) -> str:
    """`: no better val_loss for 3 epochs` of an EarlyStopping; of another callback its key."""
    from keras.callbacks import EarlyStopping

    names = [name for name, node in job.cell.config["callbacks"].items() if isinstance(node, dict)]
    if job.done.stopper is None or job.done.stopper >= len(names):
        return ""
    callback = job.member.callbacks[job.done.stopper]
    if type(callback) is not EarlyStopping:
        return f" by callbacks.{names[job.done.stopper]}"
    base = "" if callback.baseline is None else f" than {callback.baseline}"
    return f": no better {callback.monitor}{base} for {callback.wait} epoch{'' if callback.wait == 1 else 's'}"


@doing("Saving")
def _save(job: Job, metrics: dict[str, Any], scores: Any, dataset: Dataset | StreamedDataset) -> None:
    from stackfit.model.adapting import found_in
    from stackfit.training.weights import weights_digest

    folder, model = job.folder, job.member.model
    assert folder is not None
    job.end_line()
    metrics = job.finite(metrics)
    predictions = None
    if scores is not None and isinstance(dataset, Dataset) and dataset.test is not None:
        predictions = {"scores": scores, "labels": dataset.test.y}
    if end := _describe_end(job):
        job.say(end, detail=True)
    test = {name.removeprefix("test_"): value for name, value in metrics.items() if name.startswith("test_")}
    if test:
        job.say("test  " + "  ".join([f"{name} {math.nan if value is None else value:.4f}" for name, value in test.items()]))
    other = {} if job.done.weights_epoch == job.epoch else {"weights_epoch": job.done.weights_epoch}
    summary = {**metrics, "stopped_epoch": job.epoch, **other, "parameters": model.count_params()}
    models = dict.fromkeys(job.cell.config["save"], partial(save_model, model))
    lines, directions = job.take_lines(), directions_of(model)
    digest = {"weights_sha256": weights_digest(model)}
    scaling = Inputs.of(dataset, job.cell.config["data"]).record()
    if found := found_in(model):
        scaling["layers"] = found
    folder.finish({**summary, **digest}, summary, models, predictions, lines, directions, scaling)


def directions_of(model: Any) -> dict[str, str]:
    """`max` or `min` of the loss, and of every metric whose class says whether it wants more (Keras's `_direction`)."""
    metrics = [each for tracked in model.metrics for each in getattr(tracked, "metrics", [tracked])]
    says = {name: getattr(metric, "_direction", None) for metric in metrics for name in value_names(metric.name, metric.result())}
    known = {"up": "max", "down": "min"}
    return {"loss": "min", **{name: known[way] for name, way in says.items() if way in tuple(known)}}


def save_model(model: Any, path: Path) -> None:
    """Write a model as `.keras` or `.h5`, or its arrays alone as `.weights.h5`, without Keras's remarks."""
    with warnings.catch_warnings(), printed():
        warnings.simplefilter("ignore")  # Keras calls .h5 legacy; the lab asks for it
        logging.disable(logging.WARNING)
        try:
            (model.save_weights if path.name.endswith(".weights.h5") else model.save)(path)
        finally:
            logging.disable(logging.NOTSET)
