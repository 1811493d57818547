"""Where cohorts train: a cohort as a plain record, the function that trains it, and the in-process executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    return {
        "overrides": list(job.cell.overrides),
        "axes": job.cell.axes,
        "fingerprint": job.fingerprint,
        "folder": job.path.name,
    }


class Executor(Protocol):
    """Trains cohorts, in this process or elsewhere."""

    @property
    def max_members(self) -> int | None:
        """Cells in a cohort; None: as many as fit."""

    def run(self, cohorts: Iterable[Sequence[Job]], runner: CohortRunner, sweep: Path) -> None:
        """Train every cohort; return when all have ended."""


@dataclass(frozen=True)
class InProcess:
    """Trains one cohort after another, in this process."""

    max_members: int | None = None

    def run(self, cohorts: Iterable[Sequence[Job]], runner: CohortRunner, sweep: Path) -> None:
        """Train every cohort."""
        for cohort in cohorts:
            run_work(Work.of(cohort, sweep), runner.reporter, runner, cohort)


def executor_of(launcher: Mapping[str, Any]) -> Executor:
    """The executor for the composed `hydra.launcher`, which is one of `overrides.OURS`."""
    fuses = str(launcher["_target_"]).endswith(".FusedLauncher")
    return InProcess(launcher["max_members"] if fuses else 1)


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
    cohorts = [jobs] if jobs is not None else runner.plan_cohorts(_compose_jobs(work, reporter))
    for cohort in cohorts:
        runner.train(cohort)
    return runner.failed - before


def _claim(work: Work) -> Claim:
    return lambda job: claim_cell(job, Path(work.sweep).name)


def _compose_jobs(work: Work, reporter: Reporter) -> list[Job]:
    composer, trusted, fingerprint_of = Composer(work.experiment), trusted_modules(), fingerprints(reporter)
    jobs = []
    for record in work.cells:
        with raising() as problems:
            cell = compose_cell(composer, record["overrides"], trusted, problems, axes=record["axes"])
        fingerprint = fingerprint_of(cell)
        label = label_of(cell.axes)
        if fingerprint != record["fingerprint"]:
            raise ConfigError(
                f"{work.experiment}, {label}: its config, data, versions or code have changed since the sweep was "
                "planned. Expected the same fingerprint. Plan it again: run the sweep's command in this project."
            )
        jobs.append(Job(cell, label, reporter, fingerprint, Path(work.sweep) / record["folder"]))
    return jobs
