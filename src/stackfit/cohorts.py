"""Which cells train together, and training them: cohort by cohort, alone where a shared graph does not do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stackfit import members, runner
from stackfit.cells import Cell
from stackfit.errors import ConfigError
from stackfit.jobs import Job
from stackfit.progress import Reporter
from stackfit.run_folder import RunFolder

MAX_MEMBERS = 8  # tracing costs about 0.25 s a member however many there are; more would only delay what is kept
MEMBER_BYTES = 1_000_000_000  # all members of a cohort together


@dataclass(frozen=True)
class Entry:
    """A cell to train, named by its fingerprint; `label` is what a user sees."""

    cell: Cell
    fingerprint: str
    label: str


def fingerprints(reporter: Reporter) -> Callable[[Cell], str]:
    """A function that gives a cell's fingerprint and loads each different data set once.

    The function raises DataError where a cell's data are not to be had.
    """
    known: dict[str, str] = {}

    def fingerprint(cell: Cell) -> str:
        key = json.dumps(cell.config["data"], sort_keys=True, default=str)
        if key not in known:
            known[key] = runner.load_data(cell, reporter.line).fingerprint
        return cell.fingerprint(known[key])

    return fingerprint


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
        self._weights: dict[str, int | ConfigError] = {}  # by model_key: a member's bytes, or why it cannot be built

    def train(self, entries: Sequence[Entry], max_members: int | None = None) -> None:
        """Train them all. A cell that cannot be built is recorded as failed before anything is trained."""
        if entries:
            members.start(entries[0].cell, together=len(entries) > 1 and max_members != 1)
        for cohort in self._cohorts(self._buildable(entries), max_members):
            self._train(cohort)
            self.between()

    def _train(self, cohort: Sequence[Entry]) -> None:
        """Train cells together; those whose shared graph raised again, each alone, which tells who caused it."""
        cohort = [entry for entry in cohort if not self.skip(entry)]
        if not cohort or (self.fail_fast and self.failed):
            return
        dataset = runner.load_data(cohort[0].cell, self.reporter.line)
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
        """Build every different model once, before anything is trained; what cannot be built is a failed cell."""
        good = []
        for entry in entries:
            key = members.model_key(entry.cell)
            if key not in self._weights:
                try:
                    self._weights[key] = members.weigh(entry.cell)
                except ConfigError as error:
                    self._weights[key] = error
            found = self._weights[key]
            if isinstance(found, ConfigError):
                self._refuse(entry, found)
            else:
                good.append(entry)
        return good

    def _cohorts(self, entries: Sequence[Entry], max_members: int | None) -> list[list[Entry]]:
        """Cells that share data, batch size, precision, determinism and XLA train together, a limited number each."""
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            config = entry.cell.config
            shared = [config[k] for k in ("data", "batch_size", "precision", "jit_compile", "deterministic")]
            reason = members.trains_alone(entry.cell)
            if reason and len(entries) > 1:
                self.reporter.line(f"{entry.label}: trains alone: {reason}")
            groups.setdefault(json.dumps([shared, entry.label if reason else ""], default=str), []).append(entry)
        return [
            group[start : start + size]
            for group in groups.values()
            for size in [max_members or self._members(group)]
            for start in range(0, len(group), size)
        ]

    def _members(self, group: Sequence[Entry]) -> int:
        largest = max(int(self._weights[members.model_key(entry.cell)]) for entry in group)  # type: ignore[arg-type]
        fitting = max(1, min(MAX_MEMBERS, MEMBER_BYTES // max(1, largest)))
        cohorts = -(-len(group) // fitting)
        return -(-len(group) // cohorts)  # as even as it goes: 9 cells are 5 and 4, not 8 and 1
