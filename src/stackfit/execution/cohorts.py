"""Which cells train together, and training them: cohort by cohort, alone where a shared graph does not do."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stackfit.errors import AbsentError, ConfigError, Problems
from stackfit.execution import members, runner
from stackfit.execution.cells import Cell
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.results.run_folder import RunFolder

MAX_MEMBERS = 8  # tracing costs about 0.25 s a member however many there are; more would only delay what is kept
MEMBER_BYTES = 1_000_000_000  # all members of a cohort together
SHARED = ("data", "batch_size", "precision", "jit_compile", "deterministic")  # settings that a cohort's cells share


@dataclass(frozen=True)
class Entry:
    """A cell to train, named by its fingerprint; `label` is what a user sees."""

    cell: Cell
    fingerprint: str
    label: str


T = TypeVar("T")
AnEntry = TypeVar("AnEntry", bound=Entry)


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

    The function raises DataError where a cell's data are not to be had. Without `build` nothing is fetched or written:
    the fingerprint is empty while the data are not here.
    """

    def load(cell: Cell) -> str | None:
        with contextlib.suppress(AbsentError):
            return runner.load_data(cell, reporter.line, build).fingerprint
        return None

    data_of = once_per_data(load)

    def fingerprint(cell: Cell) -> str:
        data = data_of(cell)
        return "" if data is None else cell.fingerprint(data)

    return fingerprint


class Trial:
    """Builds every different model once, before anything is trained: `trial(cell)` is a member's bytes, or what is wrong.

    Args:
        look: gets a cell and its model, once for each different one.
    """

    def __init__(self, look: Callable[[Cell, Any], None] = lambda cell, model: None):
        self.look = look
        self.problems: dict[str, Problems] = {}  # by model_key
        self._known: dict[str, int | ConfigError] = {}  # by model_key

    def __call__(self, cell: Cell) -> int | ConfigError:
        key = members.model_key(cell)
        if key not in self._known:
            found = Problems()
            size = members.weigh(cell, lambda model: self.look(cell, model), found)
            self._known[key] = found.as_error() if found.errors else size
            self.problems[key] = found
        return self._known[key]


def group(
    entries: Sequence[AnEntry], weigh: Callable[[Cell], Any], max_members: int | None = None
) -> list[list[AnEntry]]:
    """Cells that share `SHARED` settings train together, a limited number each; what listens to batches trains alone.

    Args:
        entries: cells that can be built; `weigh` gives their bytes.
        max_members: of one cohort; None for as many as memory and tracing allow.
    """
    groups: dict[str, list[AnEntry]] = {}
    for entry in entries:
        shared = [entry.cell.config[key] for key in SHARED]
        alone = entry.label if members.trains_alone(entry.cell) else ""
        groups.setdefault(json.dumps([shared, alone], default=str), []).append(entry)
    cohorts = []
    for together in groups.values():
        size = max_members or _most_members(max(weigh(entry.cell) for entry in together), len(together))
        cohorts += [together[start : start + size] for start in range(0, len(together), size)]
    return cohorts


def _most_members(largest: int, cells: int) -> int:
    fitting = max(1, min(MAX_MEMBERS, MEMBER_BYTES // max(1, largest)))
    cohorts = -(-cells // fitting)
    return -(-cells // cohorts)  # as even as it goes: 9 cells are 5 and 4, not 8 and 1


@dataclass
class Training:
    """Trains entries in cohorts.

    Args:
        claim: gives a cell's folder, or None where another process has it.
        ended: called when a cell's folder says *finished* or *failed*.
        skip: whether an entry needs no training any more, asked right before its cohort starts.
        fail_fast: leave out what is left after the first failure.
        between: called after every cohort.
    """

    claim: runner.Claim
    reporter: Reporter
    ended: Callable[[Job], None] = lambda job: None
    skip: Callable[[Entry], bool] = lambda entry: False
    fail_fast: bool = False
    between: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.failed = 0
        self.trial = Trial()

    def train(self, entries: Sequence[Entry], max_members: int | None = None) -> None:
        """Train them all. A cell that cannot be built is recorded as failed before anything is trained."""
        if entries:
            members.start(entries[0].cell, together=len(entries) > 1 and max_members != 1)
        good = self._buildable(entries)
        for entry in good if len(good) > 1 else ():
            if reason := members.trains_alone(entry.cell):
                self.reporter.line(f"{entry.label}: trains alone: {reason}")
        for cohort in group(good, self.trial, max_members):
            self._train(cohort)
            self.between()

    def _train(self, cohort: Sequence[Entry]) -> None:
        """Train cells together; those whose shared graph raised again, each alone, which tells who caused it."""
        cohort = [entry for entry in cohort if not self.skip(entry)]
        if not cohort or (self.fail_fast and self.failed):
            return
        dataset = runner.load_data(cohort[0].cell, self.reporter.line)
        if any(entry.cell.fingerprint(dataset.fingerprint) != entry.fingerprint for entry in cohort):
            names = "; ".join(entry.label for entry in cohort)
            self.reporter.line(f"The data have changed since this command began. Not trained: {names}.", always=True)
            return
        jobs = [Job(entry.cell, entry.label, self.reporter) for entry in cohort]
        again: list[Job] = []
        try:
            again = runner.run_cohort(jobs, dataset, self.claim, self.reporter, self._end, self.fail_fast)
        except ConfigError as error:  # while the graph was traced: nothing is claimed yet
            if len(cohort) == 1:
                self._refuse(cohort[0], error)
            else:
                again = jobs
        for entry in [entry for entry, job in zip(cohort, jobs, strict=True) if job in again]:
            self._train([entry])

    def _end(self, job: Job) -> None:
        if job.failure:
            self.failed += 1
        self.ended(job)

    def _refuse(self, entry: Entry, error: ConfigError) -> None:
        """Record a cell that cannot be trained as failed."""
        folder: RunFolder | None = self.claim(entry.cell, entry.fingerprint)
        if folder is not None:
            job = Job(entry.cell, entry.label, self.reporter, folder=folder)
            job.fail(error)
            self._end(job)

    def _buildable(self, entries: Sequence[Entry]) -> list[Entry]:
        """Build every different model before anything is trained; what cannot be built is a failed cell."""
        good = []
        for entry in entries:
            if isinstance(found := self.trial(entry.cell), ConfigError):
                self._refuse(entry, found)
            else:
                good.append(entry)
        return good
