"""A search: a sweep whose cells are asked for in batches, each by what came of the earlier ones.

All of it stands in the sweep's folder. `sweep.json` lists the trials, and their cells' folders say what came of them; so any
process can go on with a search, and asks for what an uninterrupted one asks for.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import textwrap
import time
from collections.abc import Sequence
from typing import Any, Protocol

from stackfit import files
from stackfit.config.hydra.axes import Point
from stackfit.config.hydra.search_settings import check_reported
from stackfit.config.hydra.spread import Spread
from stackfit.errors import ConfigError, Problems, RunFolderError, TrainingError, counted
from stackfit.execution import samplers
from stackfit.execution.cohorts import CohortRunner
from stackfit.execution.executors import Executor
from stackfit.execution.jobs import FAILED, Job
from stackfit.execution.optuna_trials import need_optuna, write_journal
from stackfit.execution.progress import Reporter
from stackfit.execution.rungs import Rungs
from stackfit.files import shown
from stackfit.results.study import SEED, SETTLED, Study, Trial, find_differences, read_study
from stackfit.results.sweep_folder import STUDY, SweepFolder
from stackfit.results.sweep_head import is_search

MOST_REASON = 300  # characters of why every trial has failed
MANY_ENDS = 2_000  # values of a space that are tried in a config before the first batch


class Planned(Protocol):
    """What `sweep.Sweep` offers, which starts a search."""

    axes: Spread
    executor: Executor
    experiment: str
    first_seed: int
    folder: SweepFolder
    jobs: list[Job]
    newest: int
    problems: Problems
    reporter: Reporter

    @property
    def cohorts(self) -> CohortRunner: ...
    def include(self, of_cell: Problems) -> None: ...
    def compose_cells(self, points: Sequence[Point], at_once: bool) -> Sequence[Any]: ...
    def plan_cells(self, points: Sequence[Point]) -> list[Job]: ...
    def run_jobs(self, jobs: Sequence[Job], executor: Executor, detach: bool, title: str) -> None: ...
    def write_index(self) -> None: ...


class Search:
    """The batches of a sweep that is a search."""

    def __init__(self, sweep: Planned):
        assert sweep.axes.space is not None and sweep.axes.study is not None
        self.sweep, self.space, self.settings = sweep, sweep.axes.space, sweep.axes.study
        self._most = math.inf if self.settings["n_trials"] is None else self.settings["n_trials"]
        self._trials = 0  # that were asked for

    def run(self, detach: bool = False) -> None:
        """Train the batches that the folder lists and are not settled, then ask for the next, until the search is complete.

        Raises:
            ConfigError: a value of the space is wrong, or Optuna is not installed; nothing was trained and no folder was made.
            TrainingError: every trial so far has failed.
        """
        began = time.monotonic()
        self.check_space()
        self.sweep.problems.raise_errors()
        need_optuna()
        self._compare()
        batches = self.read_batches()
        of_workers = range(0)  # batches that others have asked for meanwhile, and trained
        for number in itertools.count():
            if number == len(batches):
                batches += self._next(number, time.monotonic() - began)
            if number == len(batches):
                return
            may_pass = detach or number in of_workers
            if not (may_pass and self._is_settled(number)):
                self._train(number, batches, detach)
                if detach:
                    return
            self.close_batch(self.read_trials())
            if not self._is_settled(number) or (self._was_stopped() and not detach):
                return
            if number + 1 == len(batches):
                batches += self.read_batches(len(batches))
                of_workers = range(number + 1, len(batches))

    def _next(self, number: int, spent_seconds: float) -> list[list[Job]]:
        """The next batch, asked for and listed; none if the search is complete."""
        if number and not self.goes_on(spent_seconds):
            return []
        asked = self.ask(number, [trial for trial in self.read_trials() if trial.batch < number])
        if asked:
            self.sweep.write_index()
        return [asked] if asked else []

    def ask(self, batch: int, trials: Sequence[Trial]) -> list[Job]:
        """Choose the next batch and plan its cells; none if the search is complete. Who asks writes the index.

        Args:
            trials: all earlier ones; each has ended.
        """
        self._trials = len(trials)
        count = min(self.settings["batch"], self._most - self._trials)
        if count <= 0:
            return []
        points = samplers.ask(self.space, self.settings, trials, batch, int(count))
        if not points:
            self.sweep.reporter.line(f"All {self._trials:,} settings of the space have been tried.")
            return []
        return self._plan(batch, points)

    def read_batches(self, known: int = 0) -> list[list[Job]]:
        """Plan the batches again that the folder lists; those from the first whose cells have changed are asked for anew.

        One that begins after the last of `n_trials`, which may have been more before, counts only if it is settled.

        Args:
            known: how many are planned already.
        """
        batches: list[list[Job]] = []
        there = self.read_trials()
        self.sweep.newest = max((trial.batch for trial in there), default=-1)
        for number, trials in itertools.groupby(there, lambda trial: trial.batch):
            if number < known:
                continue
            listed = list(trials)
            before, planned = len(self.sweep.jobs), self._trials
            if planned >= self._most and not all(trial.state in SETTLED for trial in listed):
                break
            jobs = self._plan(number, [self._point(trial) for trial in listed])
            names = [name for trial in listed for name in trial.folders]
            if number != known + len(batches) or [job.path.name for job in jobs if job.path] != names:
                del self.sweep.jobs[before:]
                self._trials = planned
                break
            batches.append(jobs)
        return batches

    def read_trials(self) -> tuple[Trial, ...]:
        """The trials as their folders have them now."""
        study = self._read_study()
        return study.trials if study else ()

    # ----

    def _read_study(self) -> Study | None:
        with contextlib.suppress(RunFolderError):  # there is none yet, or it is damaged: it is written again
            return read_study(self.sweep.folder)
        return None

    def _compare(self) -> None:
        """Say how a new search differs from the experiment's newest one.

        Raises:
            ConfigError: the folder is another search's.
        """
        folder = self.sweep.folder
        own, others = _listed(folder), [path for path in folder.path.parent.glob(f"*/{folder.index.name}") if is_search(path)]
        if own and (found := find_differences(self._decisive(), own)):
            raise ConfigError(
                f"{shown(folder.path)} is another search's: {'; '.join(found)}. Expected the same space and settings. "
                "Add --fresh: it starts a search in a folder of its own."
            )
        searches = [(path.stat().st_mtime, path.parent, told) for path in others if (told := _listed(SweepFolder(path.parent)))]
        if not own and searches:
            _, path, there = max(searches, key=lambda search: search[:2])
            if found := find_differences(self._decisive(), there):
                self.sweep.reporter.line(f"Not the search in {shown(path)}: {'; '.join(found)}. It starts in a folder of its own.")

    def _decisive(self) -> dict[str, Any]:
        return {**self.settings, "overrides": [*self.sweep.axes.fixed]}

    def check_space(self, at_once: bool = True) -> None:
        """Compose every value of the space once: what a config refuses is said before anything is trained.

        Args:
            at_once: see `Sweep.compose_cells`.
        """
        ends = [*itertools.islice(map(self._first_seed, self.space.ends()), MANY_ENDS)]
        cells = self.sweep.compose_cells(ends, at_once)
        for cell in cells:
            of_cell = Problems([*check_reported(self.settings["metric"], cell.config, cell.axes)])
            self.sweep.include(of_cell)

    def _plan(self, batch: int, points: Sequence[Point]) -> list[Job]:
        jobs = self.sweep.plan_cells([seeded for point in points for seeded in self.seeded(point)])
        self.sweep.problems.raise_errors()
        for place, job in enumerate(jobs):
            job.numbers = {"trial": self._trials + place // self.settings["seeds"], "batch": batch}
            if job.state == "failed before":  # the ranking and the next batches count on it
                job.state = FAILED
        self._trials += len(points)
        return jobs

    def seeded(self, point: Point) -> list[Point]:
        """The point with each seed of its trial; with one seed the point itself."""
        if self.settings["seeds"] == 1:
            return [point]
        first = self.sweep.first_seed
        return [
            Point((*point.overrides, f"{SEED}={seed}"), {**point.axes, SEED: str(seed)})
            for seed in range(first, first + self.settings["seeds"])
        ]

    def _first_seed(self, point: Point) -> Point:
        return self.seeded(point)[0]

    def _point(self, trial: Trial) -> Point:
        """A listed trial's point; its space is this one, since the folder's name depends on it."""
        grid = self.space.grid_of(trial.axes) or 0
        texts = [trial.axes.get(axis.key.lstrip("+"), axis.values[0]) for axis in self.space.grids[grid]]
        return self.space.point(grid, texts)

    def _train(self, number: int, batches: Sequence[Sequence[Job]], detach: bool) -> None:
        sweep, jobs = self.sweep, batches[number]
        most = max(self._most / self.settings["batch"], len(batches))
        all_of = "" if math.isinf(most) else f" of {math.ceil(most)}"
        trials = len(jobs) // self.settings["seeds"]
        title = f"batch {number + 1}{all_of}: {counted(trials, 'trial')}"
        sweep.write_index()
        sweep.cohorts.rungs = Rungs.of(sweep.folder)
        sweep.run_jobs(jobs, sweep.executor, detach, title)

    def close_batch(self, trials: Sequence[Trial]) -> None:
        """After a batch: write `study.journal`; where that is not possible the search goes on, since nobody here reads it.

        Raises:
            TrainingError: every trial so far has failed.
        """
        folder = self.sweep.folder
        try:
            with files.writing(folder.journal):
                write_journal(folder.journal, f"{self.sweep.experiment}, {folder.path.name}", self.space, self.settings, trials)
        except RunFolderError as error:
            self.sweep.reporter.line(f"warning: {error}", always=True)
        if trials and all(trial.state == "failed" for trial in trials):
            reasons = [textwrap.shorten(trial.reason, MOST_REASON, placeholder=" …").rstrip(".") for trial in trials]
            first = "" if len({*reasons}) == 1 else "the first: "
            raise TrainingError(
                f"All {len(trials)} trials have failed, {first}{reasons[0]}. Expected one that trains. Correct the config or the "
                "space; if it was the machine, add --fresh."
            )

    def _is_settled(self, number: int) -> bool:
        return all(trial.state in SETTLED for trial in self.read_trials() if trial.batch == number)

    def _was_stopped(self) -> bool:
        """Whether somebody has asked the workers to stop since the last batch was asked for."""
        folder = self.sweep.folder
        return not self.sweep.executor.is_here and folder.must_stop(folder.index)

    def goes_on(self, spent_seconds: float) -> bool:
        """Whether the study's `minutes` are not over."""
        minutes = self.settings["minutes"]
        if minutes is None or spent_seconds < 60 * minutes:
            return True
        self.sweep.reporter.line(f"The {minutes:g} minutes are over: no further batch.")
        return False


def _listed(folder: SweepFolder) -> dict[str, Any] | None:
    """The study and the fixed overrides in a folder's `sweep.json`; None if it is not a search's, or damaged."""
    with contextlib.suppress(RunFolderError):
        index = folder.read_index()
        return {**index[STUDY], "overrides": index["overrides"]} if STUDY in index else None
    return None
