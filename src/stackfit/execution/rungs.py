"""Where the trials of a search wait for one another, and which of them end there; all of it from the sweep's folder.

A trial's cells train up to a rung. Once the whole batch has come there, or has ended before, its trials are ranked. Nobody
keeps the answer: whoever asks reads the same histories and gets the same one.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stackfit import interrupts
from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution.jobs import Job
from stackfit.execution.pruning import Nothing, Pruner, pruner_of
from stackfit.files import reading
from stackfit.results.pruned import mark_pruned
from stackfit.results.run_files import read_history, read_status_if_any
from stackfit.results.sweep_folder import AGAIN, STUDY, SweepFolder
from stackfit.results.underway import NOT_MEASURES, measures

if TYPE_CHECKING:
    from stackfit.execution.finishing import Finisher

ENDED = ("finished", "failed", "pruned")
SETTLED, PRUNED, WAITS, TRAINS = "settled", "pruned", "waits", "trains"
MANY = 1_000_000_000  # epochs of a cell that has not said how many it trains
POLL_SECONDS = 0.5


@dataclass
class CellFacts:
    """What a cell's folder says: its state, the value after each epoch (larger is better), and the final one."""

    state: str = "waiting"
    values: Sequence[float] = ()
    final: float = -math.inf
    epochs: int = MANY

    def at(self, rung: int) -> float | None:
        """The value after this epoch; of a cell that ended before, its final one; None while it is on its way."""
        if len(self.values) >= rung:
            return self.values[rung - 1]
        return self.final if self.state in ENDED else None


@dataclass
class Ranking:
    """What is decided about a batch: `rung` is the last one at which its trials were ranked, `ended` those that ended there or
    before, and why; `cells` by the name of their folder."""

    cells: Mapping[str, CellFacts]
    rung: int = 0
    ended: dict[int, str] = field(default_factory=dict)


class Rungs:
    """The rungs of a search's trials.

    Args:
        index: the content of the folder's `sweep.json`, which has a study.

    Raises:
        RunFolderError: the study names no pruner that is known, or a trial no batch.
    """

    def __init__(self, folder: SweepFolder, index: Mapping[str, Any]):
        self.folder, study = folder, index[STUDY]
        self.metric = str(study["metric"][0])
        self.sign = 1.0 if study["direction"][0] == "max" else -1.0
        self.trial_of: dict[str, int] = {}  # by the name of a cell's folder
        self.fingerprint_of: dict[str, str] = {}
        self._batches: dict[int, dict[int, list[str]]] = {}  # the cells of each trial, by batch
        self._batch_of: dict[str, int] = {}
        with reading(folder.index, "the pruner and the trials of a search", AGAIN):
            self.pruner: Pruner = pruner_of(study)
            for cell in index["cells"]:
                if "trial" in cell:
                    name = cell["folder"]
                    self.trial_of[name], self._batch_of[name] = cell["trial"], cell["batch"]
                    self.fingerprint_of[name] = cell["fingerprint"]
                    self._batches.setdefault(cell["batch"], {}).setdefault(cell["trial"], []).append(name)

    @classmethod
    def of(cls, folder: SweepFolder) -> Rungs | None:
        """Those of a sweep that has been planned; None if it is not a search."""
        index = folder.read_index()
        return cls(folder, index) if STUDY in index else None

    def of_cell(self, name: str, epochs: int) -> tuple[int, ...]:
        """The epochs after which a cell waits."""
        return self.pruner.rungs(epochs, self.trial_of[name])

    def rank(self, name: str) -> Ranking:
        """What is decided about the batch of this cell, by what the folders say now.

        Raises:
            ConfigError: the histories do not have the metric.
        """
        trials = self._batches[self._batch_of[name]]
        ranking = Ranking({cell: self._read(cell) for cells in trials.values() for cell in cells})
        longest = max(len(facts.values) for facts in ranking.cells.values())
        rungs_of = {trial: self.pruner.rungs(longest + 1, trial) for trial in trials}
        for rung in sorted({rung for rungs in rungs_of.values() for rung in rungs}):
            here = {
                trial: [ranking.cells[cell].at(rung) for cell in cells]
                for trial, cells in trials.items()
                if trial not in ranking.ended and rung in rungs_of[trial]
            }
            known = {trial: [value for value in values if value is not None] for trial, values in here.items()}
            if known != here:
                break
            means = {trial: math.fsum(values) / len(values) for trial, values in known.items()}
            ranking.ended |= self.pruner.decide(rung, means)
            ranking.rung = rung
        return ranking

    def verdict(self, name: str, ranking: Ranking) -> tuple[str, str]:
        """What becomes of a cell: one of `SETTLED`, `PRUNED`, `WAITS` and `TRAINS`, and why it is pruned."""
        facts = ranking.cells[name]
        if facts.state in ENDED:
            return SETTLED, ""
        if reason := ranking.ended.get(self.trial_of[name]):
            return PRUNED, reason
        rungs = self.of_cell(name, facts.epochs)
        return (WAITS if any(ranking.rung < rung <= len(facts.values) for rung in rungs) else TRAINS), ""

    def rank_members(
        self, jobs: Sequence[Job], finish: Finisher, waiting: Sequence[int], is_last: bool
    ) -> dict[int, bool]:
        """Whether members of a cohort that wait at a rung go on; see `loop.train`. Who does not is *pruned* or *paused*."""
        finish.flush()  # how others ended counts
        goes_on = {}
        ranking = self.rank(_name(jobs[waiting[0]]))
        for number in waiting:
            job = jobs[number]
            verdict, reason = self.verdict(_name(job), ranking)
            if verdict == WAITS and not is_last:
                continue
            goes_on[number] = verdict == TRAINS
            if verdict == PRUNED:
                finish.leave(job, "pruned", reason)
            elif verdict == WAITS:
                finish.leave(job, "paused", f"waits to be ranked at epoch {job.epoch}")
        return goes_on

    def settle(self, names: Iterable[str]) -> dict[str, str]:
        """The verdict on each of these cells, after those that end there, and that nobody trains, are marked as *pruned*."""
        rankings: dict[int, Ranking] = {}
        verdicts = {}
        for name in names:
            batch = self._batch_of[name]
            if batch not in rankings:
                rankings[batch] = self.rank(name)
            verdicts[name], reason = self.verdict(name, rankings[batch])
            is_free = rankings[batch].cells[name].state != "running"
            if verdicts[name] == PRUNED and is_free and mark_pruned(self.folder.path / name, reason):
                verdicts[name] = SETTLED
        return verdicts

    def rounds(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """The jobs that may train now, again and again until all are settled; for what other processes have it waits."""
        job_of, is_waiting = {_name(job): job for job in jobs}, False
        before: list[Any] = []
        while True:
            verdicts = self.settle(job_of)
            ready = [name for name, verdict in verdicts.items() if verdict == TRAINS]
            facts = [self._read(name) for name in ready]
            free = [name for name, each in zip(ready, facts, strict=True) if each.state != "running"]
            if free:
                if facts == before:  # nobody could train them, and whoever tried has said why
                    return
                before, is_waiting = facts, False
                yield [_again(job_of[name]) for name in free]
            elif {*verdicts.values()} - {SETTLED}:
                if not is_waiting:
                    jobs[0].reporter.line("Waiting for cells that other processes train.")
                is_waiting = True
                interrupts.check()
                time.sleep(POLL_SECONDS)
            else:
                return

    def _read(self, name: str) -> CellFacts:
        path = self.folder.path / name
        status = read_status_if_any(path) or {}
        rows: list[dict[str, Any]] = []
        with contextlib.suppress(RunFolderError):  # damaged: the cell starts again
            rows = read_history(path)
        if rows and self.metric not in rows[0] and not isinstance(self.pruner, Nothing):
            known = measures(name for name in rows[0] if name not in NOT_MEASURES)
            raise ConfigError(
                f"Trials are ranked by {self.metric}, which is not measured after each epoch. Expected one of "
                f"{', '.join(known)}. Write for example: hydra.sweeper.metric={known[0]}, or hydra.sweeper.pruner=none",
                key="hydra.sweeper.metric",
            )
        final = (status.get("metrics") or {}).get(self.metric)
        epochs = (status.get("settings") or {}).get("epochs")
        return CellFacts(
            str(status.get("state", "waiting")),
            [self._value(row.get(self.metric)) for row in rows],
            self._value(final),
            epochs if isinstance(epochs, int) else MANY,
        )

    def _value(self, value: Any) -> float:
        is_number = isinstance(value, (int, float)) and math.isfinite(value)
        return self.sign * float(value) if is_number else -math.inf


def _name(job: Job) -> str:
    assert job.path is not None
    return job.path.name


def _again(job: Job) -> Job:
    """The job as it was before it trained: it goes on from its folder."""
    return replace(job, model=None, member=None, folder=None, lines=[], logs={}, epoch=0, done=None, ended=False)
