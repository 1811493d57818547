"""What listens to a whole run besides its callbacks' hooks: MLflow, and the table of settings of TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stackfit.config import project
from stackfit.errors import said
from stackfit.execution.jobs import Job
from stackfit.files import shown


class RunLog:
    """One run in MLflow while it trains. What MLflow refuses costs a warning, and not the run.

    Args:
        folder: of the run, which has its config and status.
        warn: takes the warning, once.
    """

    def __init__(self, folder: Path, warn: Callable[[str], object]):
        self.folder, self.warn = folder, warn
        self.store: Any = None
        self.run: str | None = None
        self.is_lost = False

    def begin(self) -> None:
        """The training begins, or goes on."""
        self._try(self._begin)

    def _begin(self) -> None:
        from stackfit.results.mlflow_log import MLflow

        self.store = MLflow()
        self.run = self.store.begin(self.folder)

    def epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch, from 1, has ended."""
        if self.run is not None:
            self._try(lambda: self.store.log_metrics(self.run, logs, epoch))

    def end(self) -> None:
        """The folder is complete."""
        if self.run is not None:
            self._try(lambda: self.store.end(self.run, self.folder))

    def _try(self, action: Callable[[], object]) -> None:
        if self.is_lost:
            return
        try:
            action()
        except Exception as error:  # whatever a store, a server or the network may raise
            self.is_lost = True
            self.warn(
                f"warning: MLflow does not take this run: {said(error)[:200].rstrip('.')}. The training goes on. "
                f"Later type: stackfit log-to mlflow {shown(self.folder)}"
            )


def attach(job: Job) -> None:
    """Let a claimed job's callbacks know its folder. A run that is not kept, such as that of `verify`, is told to nobody."""
    from stackfit.callbacks import MLflow

    assert job.folder is not None
    logging = [callback for callback in job.member.callbacks if isinstance(callback, MLflow)]
    if logging and job.folder.path.resolve().is_relative_to(project.outputs().resolve()):
        for callback in logging:
            callback.log = RunLog(job.folder.path, partial(job.say, always=True))


def run_ended(job: Job) -> None:
    """Tell those that listen that the job's folder is complete: finished, failed or interrupted."""
    if job.folder is None or job.member is None:
        return
    for callback in job.member.callbacks:
        if isinstance(log := getattr(callback, "log", None), RunLog):
            log.end()
        elif job.done is not None and job.cell.axes and type(callback).__name__ == "TensorBoard":
            from stackfit.training.tensorflow.boards import write_settings

            settings = {key: job.cell.settings.get(key, value) for key, value in job.cell.axes.items()}
            write_settings(callback, job.label, settings)
