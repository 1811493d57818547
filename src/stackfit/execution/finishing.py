"""Ending jobs: evaluate, save, mark the folder; jobs that ended together are evaluated in one graph."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stackfit.data import Dataset, StreamedDataset
from stackfit.errors import StackfitError, TrainingError
from stackfit.execution.engines import ENGINE
from stackfit.execution.jobs import Job
from stackfit.execution.members import settings_of
from stackfit.files import printed
from stackfit.training.engine import Feeds


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
        """Finish the jobs that have trained to their end since the last call."""
        jobs, self.jobs = self.jobs, []
        if not jobs:
            return
        try:
            tested = self._test(jobs)
        except TrainingError as error:  # in a shared graph: testing each alone shows which one caused it
            if len(jobs) == 1:
                self.failed(jobs[0], error)
                return
            for job in jobs:
                self.jobs = [job]
                self.flush()
            return
        for job, (logs, scores) in zip(jobs, tested, strict=True):
            try:
                _save(job, {f"test_{name}": value for name, value in logs.items()}, scores, self.dataset)
            except Exception as error:  # whatever it is, the other jobs are still saved
                self.failed(job, error)
            else:
                self._end(job, "finished")

    def _test(self, jobs: Sequence[Job]) -> list[tuple[dict[str, float], Any]]:
        if not self.has_test:
            return [({}, None)] * len(jobs)
        models = [job.member.model for job in jobs]
        settings = [settings_of(job.cell.config) for job in jobs]
        tests = []
        for each in settings:
            tests.append(self.feeds.feed("test", each))
        return ENGINE.evaluate(models, tests)

    def failed(self, job: Job, error: BaseException) -> None:
        """Mark the job as failed: it ends here."""
        job.fail(error)
        self._end(job, "failed")

    def _end(self, job: Job, state: str) -> None:
        job.ended = True
        job.reporter.ended(job.label, state)
        self.ended(job)

    def abort(self, jobs: Sequence[Job], error: BaseException) -> None:
        """Mark every job that has not ended, so that no folder stays *running*, whatever stopped the cohort."""
        for job in jobs:
            if job.folder is None or job.ended:
                continue
            if isinstance(error, KeyboardInterrupt):
                with contextlib.suppress(OSError, StackfitError):
                    job.folder.append_log(job.take_lines())
                    job.folder.fail(f"Interrupted in epoch {job.epoch + 1}.", status="interrupted")
                with contextlib.suppress(OSError, StackfitError):
                    self.ended(job)
            else:
                self.failed(job, error)


def _save(job: Job, test: dict[str, float], scores: Any, dataset: Dataset | StreamedDataset) -> None:
    folder, model = job.folder, job.member.model
    assert folder is not None
    predictions = None
    if scores is not None and isinstance(dataset, Dataset) and dataset.test is not None:
        predictions = {"scores": scores, "labels": dataset.test.y}
    summary = {**job.logs, **test, "stopped_epoch": job.epoch, "parameters": model.count_params()}
    metrics = {**summary, "weights_sha256": weights_digest(model)}
    if test:
        job.say("test  " + "  ".join([f"{name.removeprefix('test_')} {value:.4f}" for name, value in test.items()]))
    models = dict.fromkeys(job.cell.config["save"], partial(_save_model, model))
    folder.finish(metrics, summary, models, predictions, job.take_lines())


def _save_model(model: Any, path: Any) -> None:
    with warnings.catch_warnings(), printed():
        warnings.simplefilter("ignore")  # Keras calls .h5 legacy; the lab asks for it
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
