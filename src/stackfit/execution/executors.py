"""Where a sweep's cells train: a cohort as a plain record, the function that trains it, and the in-process executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stackfit.config.hydra.composition import Composer
from stackfit.config.trust import trusted_modules
from stackfit.errors import ConfigError, raising
from stackfit.execution.cells import compose_cell
from stackfit.execution.cohorts import CohortRunner, fingerprints
from stackfit.execution.jobs import Claim, Job, claim_cell
from stackfit.execution.progress import Reporter
from stackfit.keys import label_of
from stackfit.results.sweep_folder import ENGINE_KEYS


@dataclass(frozen=True)
class Work:
    """One cohort as plain values that JSON can hold: all that a process needs to train it.

    The modules that the user trusts are not part of it: the process that trains decides on them.
    """

    experiment: str
    sweep: str  # the sweep's folder
    cells: tuple[Mapping[str, Any], ...]  # each with `overrides`, `axes`, `fingerprint` and `folder` (its name)

    @classmethod
    def of(cls, jobs: Sequence[Job], sweep: Path) -> Work:
        """The record of jobs that train together."""
        return cls(jobs[0].cell.experiment, str(sweep), tuple(describe_job(job) for job in jobs))


def describe_job(job: Job) -> dict[str, Any]:
    """A sweep's job as `Work` and `sweep.json` hold it."""
    assert job.path is not None
    config = job.cell.config
    engine = {} if config["engine"] == "tensorflow" else {key: config[key] for key in ENGINE_KEYS}
    return {
        "overrides": list(job.cell.overrides),
        "axes": job.cell.axes,
        "fingerprint": job.fingerprint,
        "folder": job.path.name,
        **engine,
        **job.numbers,
    }


class Executor(Protocol):
    """Trains a sweep's jobs, in this process or elsewhere."""

    @property
    def max_members(self) -> int | None:
        """Cells in a cohort; None: as many as fit."""

    @property
    def is_here(self) -> bool:
        """Whether they train in this process."""

    @property
    def no_detach(self) -> str:
        """Why its workers cannot go on without this process; empty if they can."""

    def run(self, jobs: Sequence[Job], runner: CohortRunner, sweep: Path) -> None:
        """Train every job; return when all have ended."""


@dataclass(frozen=True)
class InProcess:
    """Trains one cohort after another, in this process."""

    max_members: int | None = None
    is_here, no_detach = True, ""  # for --detach another takes its place

    def run(self, jobs: Sequence[Job], runner: CohortRunner, sweep: Path) -> None:
        """Train every job."""
        rounds: Iterable[Sequence[Job]] = [jobs]
        if runner.rungs:
            rounds = runner.rungs.rounds(jobs)
        for ready in rounds:
            for cohort in runner.plan_cohorts(ready, self.max_members):
                run_work(Work.of(cohort, sweep), runner.reporter, runner, cohort)


def run_work(
    work: Work, reporter: Reporter, runner: CohortRunner | None = None, jobs: Sequence[Job] | None = None
) -> int:
    """Train the cells of one cohort.

    Args:
        runner: from the process that planned the sweep; None in another process.
        jobs: the cells as that process composed them; None to compose them again, in the project of the current
            folder.

    Returns:
        How many of them failed.

    Raises:
        ConfigError: a cell no longer composes, or has another fingerprint, because the project, its data or the
            versions have changed; nothing was trained.
    """
    runner = runner or CohortRunner(_claim(work), reporter)
    before = runner.failed
    if jobs is not None:
        cohorts = [jobs]
    else:
        cohorts = runner.plan_cohorts(JobComposer(work.experiment, Path(work.sweep), (), reporter)(work.cells))
    for cohort in cohorts:
        runner.train(cohort)
    return runner.failed - before


def _claim(work: Work) -> Claim:
    return lambda job: claim_cell(job, Path(work.sweep).name)


class JobComposer:
    """Composes a sweep's cells again, in the project of the current folder.

    Args:
        sweep: the sweep's folder.
        trust: modules that the user of this process trusts; what the project trusts is added.
    """

    def __init__(self, experiment: str, sweep: Path, trust: Iterable[str], reporter: Reporter):
        self.experiment, self.sweep, self.reporter = experiment, sweep, reporter
        self._composer, self._trusted = Composer(experiment), trusted_modules(trust)
        self._fingerprint_of = fingerprints(reporter)

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> list[Job]:
        """The jobs of these cells.

        Args:
            records: as `describe_job` makes them.

        Raises:
            ConfigError: a cell no longer composes, or has another fingerprint.
        """
        jobs = []
        for record in records:
            overrides = record["overrides"]
            # As planned, whatever device is here.
            planned = [f"stack={record['stack']}"] if "stack" in record else []
            with raising() as problems:
                cell = compose_cell(self._composer, [*overrides, *planned], self._trusted, problems, record["axes"], planned=True)
            cell = replace(cell, overrides=tuple(overrides))
            fingerprint = self._fingerprint_of(cell)
            label = label_of(cell.axes)
            if fingerprint != record["fingerprint"]:
                raise ConfigError(
                    f"{self.experiment}, {label}: its config, data, versions or code have changed since the sweep was "
                    "planned. Expected the same fingerprint. Plan it again: run the sweep's command in this project."
                )
            jobs.append(Job(cell, label, self.reporter, fingerprint, self.sweep / record["folder"]))
        return jobs
