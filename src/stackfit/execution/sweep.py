"""A sweep as an incremental build: its cells, which of them are finished, and training the rest."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from stackfit.config import project
from stackfit.config.hydra.axes import Point
from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.spread import Spread, read_spread
from stackfit.config.trust import trusted_modules
from stackfit.errors import ConfigError, LaunchError, Problems, RunFolderError, counted
from stackfit.execution import members
from stackfit.execution.cells import Cell, compose_cell
from stackfit.execution.cohorts import CohortRunner, fingerprints
from stackfit.execution.executors import Executor, InProcess, describe_job
from stackfit.execution.jobs import BUSY, FAILED, FINISHED, PRUNED, Job, claim_cell, find_state
from stackfit.execution.launchers import executor_of
from stackfit.execution.processes import Processes
from stackfit.execution.progress import Reporter
from stackfit.keys import label_of
from stackfit.results.directions import BY_CLASS
from stackfit.results.sweep_folder import SweepFolder
from stackfit.waiting import doing

LONG_SECONDS = 5.0  # what composing took is said if it is more
MANY_LINES = 40  # cells that run again for the same reason are counted if they are more
MANY_MODELS = 50  # that are checked when there are other problems, or when they train elsewhere


class Sweep:
    """The cells of one command, in one folder.

    Args:
        composition: of the command's overrides; the sweep varies its axes.
        problems: of that composition.
        confirm: called with the number of cells before thousands are composed.
        axes, folder: of a search that goes on in its folder; else the composition says them.

    Raises:
        ConfigError: an axis is wrong; nothing was trained and no folder was made.
    """

    def __init__(
        self,
        composer: Composer,
        composition: Composition,
        problems: Problems,
        *,
        trust: Iterable[str] = (),
        fresh: bool = False,
        reporter: Reporter,
        confirm: Callable[[int], bool] = lambda cells: True,
        axes: Spread | None = None,
        folder: SweepFolder | None = None,
    ):
        self.composer, self.reporter, self.problems = composer, reporter, problems
        self.experiment, self.trusted = composition.experiment, trusted_modules(trust)
        self.axes = axes or read_spread(composition, confirm, problems, BY_CLASS)
        self.first_seed: int = composition.config.seed  # of a search's trials with several seeds
        try:
            self.executor: Executor = executor_of(composition.launcher, self.trusted)
        except ConfigError as error:
            raise composition.origins.add_place(error) from None
        at, study = project.outputs() / self.experiment, self.axes.study
        self.folder = folder or SweepFolder.find(at, self.experiment, self.axes.named, self.axes.names, fresh, study)
        self.jobs: list[Job] = []
        self.newest = -1  # of a search, the newest batch that was read from the folder since this process has written there
        self._fail_fast, self._warned = False, 0  # warnings that have been printed
        self._fingerprint_of: dict[bool, Callable[[Cell], str]] = {}  # by whether data are fetched

    def plan_cells(self, points: Sequence[Point], build: bool = True) -> list[Job]:
        """Compose and check the cells at these points, and find out which of them must run.

        Args:
            build: fetch and prepare absent data; else nothing is written, and cells without data are *unknown*.

        Returns:
            The jobs; none if any cell has problems: `problems` then holds those of all cells.

        Raises:
            DataError: the data of a cell are not available.
        """
        began = time.monotonic()
        cells = self.compose_cells(points, at_once=build)
        if (took := time.monotonic() - began) > LONG_SECONDS:
            self.reporter.line(f"Composed {counted(len(points), 'cell')} in {took:.0f} s.")
        if self.problems.errors:
            return []
        fingerprint_of = self._fingerprint_of.setdefault(build, fingerprints(self.reporter, build))
        digests = [fingerprint_of(cell) for cell in cells]
        rows = self.folder.read()
        jobs = []
        for cell, fingerprint in zip(cells, digests, strict=True):
            path = self.folder.cell(cell.axes, fingerprint)
            jobs.append(Job(cell, label_of(cell.axes), self.reporter, fingerprint, path))
        before = {json.dumps(row["axes"], sort_keys=True) for row in rows}
        status_of = {row["folder"]: row["status"] and {**row["status"], "state": row["state"]} for row in rows}
        for job in jobs:
            ran_before = json.dumps(job.cell.axes, sort_keys=True) in before
            job.state, job.reason = find_state(status_of.get(job.path.name), job.fingerprint, ran_before)
        self.jobs += jobs
        return jobs

    @doing("Composing the cells")
    def compose_cells(self, points: Sequence[Point], at_once: bool = True) -> list[Cell]:
        """Every cell. If one has problems, `problems` takes those of all cells, including those of their models.

        Args:
            at_once: what is wrong is reported without the engine, which takes seconds to start; else with the models' problems.
        """
        composed: list[tuple[Cell, Problems]] = []
        for point in points:
            of_cell = Problems()
            with of_cell.collect():
                cell = compose_cell(self.composer, point.overrides, self.trusted, of_cell, axes=point.axes)
                composed.append((cell, of_cell))
            self.include(of_cell)
        if self.problems.errors and not at_once:
            models = {members.model_key(cell): (cell, of_cell) for cell, of_cell in composed[:MANY_MODELS]}
            for cell, of_cell in models.values():
                members.start(cell)
                members.check_model(cell, of_cell)
                self.include(of_cell)
        return [cell for cell, _ in composed]

    def include(self, of_cell: Problems) -> None:
        """Add a cell's problems, each once; a problem of an axis's value gets the place where the axis was written."""
        if of_cell.errors or of_cell.warnings:
            self.axes.place(of_cell)
            self.problems.include(of_cell)

    def run(self, fail_fast: bool = False, detach: bool = False) -> Sweep:
        """Train what is not finished.

        Args:
            fail_fast: stop at the first failure; only for cells that train in this process.
            detach: start workers and return; a launcher that trains in this process gets one worker.

        Raises:
            ConfigError: every problem of a cell that can be found without its model, or a key or target that does not
                exist in its model; nothing was trained and no folder was made.
        """
        self._fail_fast = fail_fast
        if self.composer.callbacks and not isinstance(self.executor, InProcess):
            raise ConfigError(
                f"callbacks has {', '.join(self.composer.callbacks)}, which only this process knows. Expected a sweep that "
                "trains here. Leave out hydra/launcher, or write the class into a module of your project and trust it."
            )
        if fail_fast and (detach or not self.executor.is_here):
            raise ConfigError(
                "--fail-fast stops the cells of one process. Expected hydra/launcher=fused or basic with it, and no "
                "--detach. Leave --fail-fast out."
            )
        if detach and isinstance(self.executor, InProcess):
            self.executor = Processes(1, self.executor.max_members, self.trusted)
        if detach and self.executor.no_detach:
            raise LaunchError(self.executor.no_detach)
        if not self.axes.points:
            self.problems.raise_errors()
        if self.axes.study:
            from stackfit.execution.searching import Search

            Search(self).run(detach)
            return self
        jobs = self.plan_cells(self.axes.points)
        self.problems.raise_errors()
        self.run_jobs(jobs, self.executor, detach)
        return self

    def run_jobs(self, jobs: Sequence[Job], executor: Executor, detach: bool = False, title: str = "") -> None:
        """Train jobs of this sweep by the executor; for the errors see `run`.

        Args:
            title: what they are; the experiment's name and their number if it is empty.
        """
        for warning in self.problems.warnings[self._warned :]:
            self.reporter.line(warning.as_warning())
        self._warned = len(self.problems.warnings)
        waiting = [job for job in jobs if job.waits]
        if waiting:
            self._check_models(waiting, executor)
        self._announce(jobs, waiting, title)
        self.write_index()
        if waiting:
            try:
                if detach:
                    executor.start(self.folder.path, len(waiting))
                else:
                    executor.run(waiting, self.cohorts, self.folder.path)
            except LaunchError:
                self.folder.forget()
                raise
            finally:
                with contextlib.suppress(RunFolderError):  # the cells' folders hold the results
                    self.folder.write_results(at_once=True)

    def _check_models(self, waiting: Sequence[Job], executor: Executor) -> None:
        members.start(waiting[0].cell, together=len(waiting) > 1 and executor.max_members != 1)
        if executor.is_here:
            models = [job.cell for job in waiting]
        else:  # the workers check the rest
            models = list({members.model_key(job.cell): job.cell for job in waiting}.values())[:MANY_MODELS]
        for cell in models:
            self.cohorts.checks(cell)
        problems = Problems(warnings=[*self.problems.warnings])
        for found in self.cohorts.checks.problems.values():
            if found.errors or found.warnings:
                self.axes.place(found)
                problems.include(found)
        Problems(problems.wrong_names()).raise_errors()
        for warning in problems.warnings[len(self.problems.warnings) :]:  # the others have been printed
            self.reporter.line(warning.as_warning())

    def _announce(self, jobs: Sequence[Job], waiting: Sequence[Job], title: str = "") -> None:
        busy = sum(job.state == BUSY for job in jobs)
        failed = sum(job.state == FAILED for job in jobs)
        finished = len(jobs) - len(waiting) - busy - failed
        elsewhere = f", {failed} failed" * (failed > 0) + f", {busy} with another process" * (busy > 0)
        title = title or counted(len(jobs), "cell")
        self.reporter.line(f"{self.experiment}: {title}: {finished:,} finished, {len(waiting):,} to run{elsewhere}.")
        if any(job.why != "new" for job in jobs):
            counts = Counter(job.why for job in waiting)
            for job in waiting:
                if counts[job.why] <= MANY_LINES:
                    self.reporter.line(f"  {job.label}: {job.why}")
            for why, count in counts.items():
                if count > MANY_LINES:
                    self.reporter.line(f"  {counted(count, 'cell')}: {why}")
        self.reporter.sweep(len(jobs), finished + failed, self.folder.path)

    @cached_property
    def cohorts(self) -> CohortRunner:
        """Trains the cells and keeps the sweep's table up to date."""
        return CohortRunner(
            lambda job: claim_cell(job, self.folder.path.name, is_trial=bool(job.numbers)),
            self.reporter,
            self._ended,
            self._fail_fast,
        )

    def write_index(self) -> None:
        """Write `sweep.json` and `results.csv` from the cells' folders."""
        cells = [describe_job(job) for job in self.jobs]
        self.folder.write_index(self.experiment, self.axes.fixed, self.axes.names, cells, self.axes.study, self.newest)
        self.newest = -1

    def _ended(self, job: Job) -> None:
        try:
            self.folder.write_results()
        except RunFolderError as error:  # the cells' folders hold the results; the rest can still be trained
            self.reporter.line(f"warning: {error}", always=True)

    @property
    def unfinished(self) -> list[str | None]:
        """The states of the cells that are not finished: they failed, another process has them, or nobody began (None)."""
        state_of = {row["folder"]: row["state"] for row in self.folder.read()}
        states = [state_of.get(job.path.name) for job in self.jobs if job.path]
        return [state for state in states if state not in (FINISHED, PRUNED)]
