"""Which cells train together, and their training: cohort by cohort, or alone if they cannot share a graph."""

from __future__ import annotations

import contextlib
import gc
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from stackfit import interrupts
from stackfit.errors import AbsentError, ConfigError, Problems, TakenError
from stackfit.execution import members, runner
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of
from stackfit.execution.jobs import Claim, Job, split
from stackfit.execution.progress import Reporter
from stackfit.training.engine import Engine, Settings

if TYPE_CHECKING:
    from stackfit.execution.rungs import Rungs

T = TypeVar("T")


def once_per_data(load: Callable[[Cell], T]) -> Callable[[Cell], T]:
    """`load` as a function that is called once for each different data set."""
    known: dict[str, T] = {}

    def loaded(cell: Cell) -> T:
        key = json.dumps(cell.config["data"], sort_keys=True, default=str)
        if key not in known:
            known[key] = load(cell)
        return known[key]

    return loaded


def fingerprints(reporter: Reporter, build: bool = True) -> Callable[[Cell], str]:
    """A function that gives a cell's fingerprint and loads each different data set once.

    The function raises DataError if a cell's data are not available. Without `build` nothing is fetched or written, and
    the fingerprint is empty while the data are absent.
    """

    def load(cell: Cell) -> str | None:
        try:
            with contextlib.suppress(AbsentError):
                return runner.load_data(cell, reporter.line, build, reporter.load).fingerprint
        finally:
            reporter.end()
        return None

    data_of = once_per_data(load)

    def fingerprint(cell: Cell) -> str:
        data = data_of(cell)
        return "" if data is None else cell.fingerprint(data)

    return fingerprint


class ModelChecks:
    """Builds every different model once, before anything is trained: `checks(cell)` gives a member's bytes, or its problems.

    Args:
        look: called with a cell and its model, once for each different model.
    """

    def __init__(self, look: Callable[[Cell, Any], None] = lambda cell, model: None):
        self.look = look
        self.problems: dict[str, Problems] = {}  # by model_key
        self._known: dict[str, int | ConfigError] = {}  # by model_key

    def __call__(self, cell: Cell) -> int | ConfigError:
        key = members.model_key(cell)
        if key not in self._known:
            problems = Problems()
            size = members.estimate_bytes(cell, problems, lambda model: self.look(cell, model))
            self._known[key] = problems.as_error() if problems.errors else size
            self.problems[key] = problems
        return self._known[key]


def group_jobs(
    jobs: Sequence[Job], estimate_bytes: Callable[[Cell], Any], max_members: int | None = None, whole: bool = False
) -> list[list[Job]]:
    """Cells of one engine group train together, up to a limit; a cell with a callback that listens to batches trains alone.

    Args:
        jobs: cells that can be built; `estimate_bytes` gives their size in memory.
        max_members: the most cells in a cohort; None for as many as memory and tracing allow.
        whole: as many as memory allows.
    """
    settings = [members.settings_of(job.cell.config) for job in jobs]
    sizes = {id(job): estimate_bytes(job.cell) for job in jobs}
    alone = [job.label if members.trains_alone(job.cell) else "" for job in jobs]
    engines = [engine_of(job.cell.config) for job in jobs]
    groups: dict[Any, list[Job]] = {}
    about: dict[Any, tuple[Engine, Settings]] = {}
    for job, engine, each, name in zip(jobs, engines, settings, alone, strict=True):
        key = engine.name, engine.group_key(each), name
        groups.setdefault(key, []).append(job)
        about[key] = engine, each
    cohorts = []
    for key, together in groups.items():
        engine, each = about[key]
        largest = max(sizes[id(job)] for job in together)
        size = max_members or engine.limit(len(together), largest, each.stack, whole)
        cohorts += [together[start : start + size] for start in range(0, len(together), size)]
    return cohorts


@dataclass
class CohortRunner:
    """Trains jobs in cohorts.

    Args:
        claim: gives a job's folder, or None if another process has it.
        ended: called when a job's folder says *finished* or *failed*.
        fail_fast: skip the remaining jobs after the first failure.
        between: called after every cohort.
        limit_seconds: how long jobs may train together, or one of them alone.
        check: called between two steps of training; raises KeyboardInterrupt to stop.
        rungs: of a search, whose cells wait for one another; a batch then trains in one cohort wherever memory allows.
    """

    claim: Claim
    reporter: Reporter
    ended: Callable[[Job], None] = lambda job: None
    fail_fast: bool = False
    between: Callable[[], None] = lambda: None
    limit_seconds: Callable[[Sequence[Job]], float] = lambda jobs: math.inf
    check: Callable[[], None] = interrupts.check
    rungs: Rungs | None = None

    def __post_init__(self) -> None:
        self.failed = 0
        self.checks = ModelChecks()

    def plan_cohorts(self, jobs: Sequence[Job], max_members: int | None = None) -> list[list[Job]]:
        """The cohorts in which jobs train. A cell that cannot be built is recorded as failed."""
        if jobs and not self.checks.problems:  # else their models were checked before
            members.start(jobs[0].cell, together=len(jobs) > 1 and max_members != 1)
        good = []
        for job in jobs:  # every different model is built before anything is trained
            if isinstance(size_or_error := self.checks(job.cell), ConfigError):
                self._refuse(job, size_or_error)
            else:
                good.append(job)
        for job in good:
            if len(good) > 1 and (reason := members.trains_alone(job.cell)):
                self.reporter.line(f"{job.label}: trains alone: {reason}")
        return group_jobs(good, self.checks, max_members, whole=self.rungs is not None)

    def train(self, cohort: Sequence[Job]) -> None:
        """Train cells together. If that fails for all of them, train them again in parts; see `jobs.split`."""
        waiting = [[job for job in cohort if not self._is_settled(job)]]
        while waiting:
            jobs = waiting.pop(0)
            if jobs and not (self.fail_fast and self.failed):
                parts = self._train_together(jobs)
                for job in jobs:  # the sweep holds its jobs to its end
                    job.member = job.model = None
                if parts:
                    gc.collect()  # a Keras model refers to itself
                fresh = [[replace(job, folder=None, lines=[], logs={}, epoch=0) for job in part] for part in parts]
                waiting = [*fresh, *waiting]
        self.between()

    def _is_settled(self, job: Job) -> bool:
        """Whether another process has finished or claimed the cell since it was planned."""
        if job.path is not None:
            job.refresh()
        return not job.waits

    def _train_together(self, cohort: Sequence[Job]) -> Sequence[Sequence[Job]]:
        """The jobs to train again, in parts."""
        dataset = runner.load_data(cohort[0].cell, lambda line: None)  # it was said when the cells were planned
        if any(job.cell.fingerprint(dataset.fingerprint) != job.fingerprint for job in cohort):
            names = "; ".join(job.label for job in cohort)
            self.reporter.line(f"The data have changed since this command started. Not trained: {names}.", always=True)
            return []
        members.start(cohort[0].cell, together=len(cohort) > 1)  # determinism is each cohort's own
        try:
            limit = self.limit_seconds(cohort)
            return runner.run_cohort(
                cohort, dataset, self.claim, self.reporter, self._end, self.fail_fast, limit, self.check, self.rungs
            )
        except TakenError as error:  # the other cells of the cohort are free again
            self.reporter.line(f"warning: {error}", always=True)
            return []
        except ConfigError as error:  # while the graph was traced: nothing is claimed yet
            if len(cohort) > 1:
                return split(cohort, error, self.reporter)
            self._refuse(cohort[0], error)
            return []

    def _end(self, job: Job) -> None:
        if job.failure:
            self.failed += 1
        self.ended(job)

    def _refuse(self, job: Job, error: ConfigError) -> None:
        """Record a cell that cannot be trained as failed."""
        job.folder = self.claim(job)
        if job.folder is not None:
            job.fail(error)
            self._end(job)
