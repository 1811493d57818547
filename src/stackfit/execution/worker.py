"""A sweep's worker: takes cells that nobody has, a cohort at a time, trains them, and takes more until none is left.

The sweep's folder is the queue. Workers do not know of one another: they read `sweep.json`, and each cell's `status.json`
says whether it is free, taken or settled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit import files, interrupts
from stackfit.errors import ConfigError, RunFolderError, StackfitError, counted
from stackfit.execution import rungs
from stackfit.execution.cohorts import CohortRunner
from stackfit.execution.core_shares import share_of_cores, usable_cores, use_cores
from stackfit.execution.engines import ENGINES
from stackfit.execution.executors import JobComposer
from stackfit.execution.jobs import BUSY, SETTLED, Job, check_there, claim_cell, find_state
from stackfit.execution.progress import Reporter
from stackfit.keys import label_of
from stackfit.results import owner
from stackfit.results.run_files import RunFiles, read_status_if_any
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import STUDY, SweepFolder
from stackfit.results.sweep_rows import names_in

MANY = 1_000_000
FEWEST = 4  # cells to take of another's share at least: they train together
POLL_SECONDS = 2.0  # while others have the last cells
LOOK_SECONDS = 1.0  # between two looks for the wish to stop, while cells train
SHARE_SECONDS = 10.0  # between two looks for other workers on this machine
STOPPED = 75  # the exit code of a worker that was told to stop and leaves work (sysexits.h: EX_TEMPFAIL)

Record = Mapping[str, Any]  # of a cell, as `sweep.json` holds it


class Worker:
    """One worker of a sweep.

    Args:
        sweep: the sweep's folder, planned by a command.
        rank: of this worker among those started together, from 0.
        of: how many were started together. Each takes its own share of the list first, then what is left.
        trust: modules that the user of this process trusts. `sweep.json` names cells, and decides nothing else.
        launch: the file in `jobs` that a launcher made when it started this worker, which may come later; None: now.
        max_members: cells in a cohort; None: as many as fit.
        most_cells: how many cells to take at most.
        minutes: stop after this long; cells that train then keep their checkpoint.

    Raises:
        RunFolderError: `sweep` is not a sweep's folder.
        ConfigError: the experiment is not here.
    """

    def __init__(
        self,
        sweep: Path,
        reporter: Reporter,
        *,
        rank: int = 0,
        of: int = 1,
        trust: Iterable[str] = (),
        launch: str | None = None,
        max_members: int | None = None,
        most_cells: int | None = None,
        minutes: float | None = None,
    ):
        self.folder, self.reporter, self._trust = SweepFolder(sweep), reporter, tuple(trust)
        self._rank, self._of, self._max_members = rank, of, max_members
        self._settled: set[str] = set()
        self._claimed: dict[str, RunFolder] = {}
        self._most = MANY if most_cells is None else most_cells
        self._started = time.monotonic()
        self._deadline = self._started + (math.inf if minutes is None else 60 * minutes)
        self._looked = self._shared = 0.0
        self._cores = usable_cores()
        self.was_terminated = False
        self._launch = launch
        self.runner = CohortRunner(
            self._claim_again, reporter, lambda job: self.folder.write_results(), check=self._check
        )
        self._read_index()
        self._compose = JobComposer(self._experiment, sweep, trust, reporter)

    def _read_index(self) -> None:
        """What there is to do. Each worker has a share: of a grid a part of the list, of a search every so many-th trial."""
        index = self.folder.read_index()
        self._planned_at = self.folder.index.stat().st_mtime_ns
        self._experiment = index["experiment"]
        planned = [cell for cell in index["cells"] if cell.get("planned", True)]
        start, end = (len(planned) * number // self._of for number in (self._rank, self._rank + 1))
        own = planned[start:end]
        self._records = [*planned[start:], *planned[:start]]  # its own share, then the others', from the next rank's on
        if STUDY in index:
            self.runner.rungs = rungs.Rungs(self.folder, index)
            own = planned[self._rank :: self._of]
            self._records = [cell for first in range(self._of) for cell in planned[(self._rank + first) % self._of :: self._of]]
        self._own = {record["folder"] for record in own}

    def work(self) -> int:
        """Take and train cells until none is left; of a search, until it is complete.

        Returns:
            0; 1 if cells failed here; `STOPPED` if work was left because of `stop`, `minutes`, `most_cells` or a SIGTERM.

        Raises:
            ConfigError: a cell no longer composes, or has another fingerprint; nothing of its cohort was trained.
            VanishedError: the sweep's folder was removed.
            TrainingError: every trial of a search has failed.
            KeyboardInterrupt: Ctrl-C; cells that trained keep their checkpoint.
        """
        began, taking = time.monotonic(), 0.0
        with self.folder.registered(self._launch, self._cores) as self._began:
            try:
                while self._most > 0 and not self._must_stop():
                    asked = time.monotonic()
                    records = self._take()
                    taking += time.monotonic() - asked
                    if records:
                        self._share_cores()
                        self._train(records)
                    elif not self._wait() and not self._ask():
                        break
            except KeyboardInterrupt:
                if interrupts.by_user():
                    raise
                self.was_terminated = not self._must_stop()  # by SIGTERM, and not because somebody wants the sweep to stop
            except RunFolderError as error:
                check_there(self.folder.jobs, error)
                raise
            finally:
                use_cores(self._cores)
                self.folder.write_results(at_once=True)
        self.reporter.line(f"Worked for {time.monotonic() - began:.0f} s, of which {taking:.1f} s went into choosing cells.")
        if left := sum(1 for _ in self._unsettled()):
            self.reporter.line(f"Stopped with {counted(left, 'cell')} left.", always=True)
            return STOPPED
        self.reporter.line(f"Nothing is left: all {len(self._records):,} cells are settled.")
        return 1 if self.runner.failed else 0

    # ---- taking

    def _unsettled(self) -> Iterator[tuple[Record, str]]:
        """The cells that are not settled, in this worker's order, each with its state; one that waits at a rung is *busy*. A
        settled one is not looked at again, and one that has not begun costs nothing: of thousands of files a shared disk is
        asked for one listing."""
        begun = names_in(self.folder.path)
        left = [record for record in self._records if record["folder"] not in self._settled]
        verdicts = self.runner.rungs.settle(record["folder"] for record in left) if self.runner.rungs else {}
        for record in left:
            path = self.folder.path / record["folder"]
            status = read_status_if_any(path) if record["folder"] in begun else None
            state = BUSY if status and status["state"] == "running" else find_state(status, record["fingerprint"])[0]
            if state == "failed before" and RunFiles(path).status.stat().st_mtime_ns > self._planned_at:
                state = "failed"  # since the sweep was planned: only a new command tries again
            verdict = verdicts.get(record["folder"])
            if verdict in (rungs.WAITS, rungs.PRUNED):
                state = BUSY
            if verdict == rungs.SETTLED or state == "failed" or (state in SETTLED and state != BUSY):
                self._settled.add(record["folder"])
            else:
                yield record, state

    def _take(self) -> list[Record]:
        """Claim a cohort's worth of free cells, in one step: of its own share, and when that is used up, of the others'."""
        whole = self.runner.rungs is not None and self._of == 1 and len(self.folder.workers()) == 1
        most = min(self._max_members or max(self._limit(record, whole) for record in self._records), self._most)
        with files.writing(self.folder.path), files.locked(self.folder.path):
            own: list[Record] = []
            others: list[Record] = []
            for record, state in self._unsettled():
                is_own = record["folder"] in self._own
                if len(own) == most or (own and not is_own):
                    break
                if state != BUSY:
                    (own if is_own else others).append(record)
            share = max(FEWEST, -(-len(others) // self._of))
            taken = [record for record in own or others[: min(most, share)] if self._claim(record)]
        self._most -= len(taken)
        return taken

    @staticmethod
    def _limit(record: Record, whole: bool) -> int:
        return ENGINES[record.get("engine", "tensorflow")].limit(MANY, 1, record.get("stack", 1), whole)

    def _claim(self, record: Record) -> bool:
        about = {key: record[key] for key in ("overrides", "axes")}
        about |= {"experiment": self._experiment, "cell": label_of(record["axes"]), "sweep": self.folder.path.name}
        folder = RunFolder(self.folder.path / record["folder"])
        if folder.claim(record["fingerprint"], about):
            self._claimed[record["folder"]] = folder
        return record["folder"] in self._claimed

    def _claim_again(self, job: Job) -> RunFolder | None:
        return claim_cell(job, self.folder.path.name, is_trial=self.runner.rungs is not None)

    def _release(self, records: Iterable[Record], reason: str) -> None:
        for record in records:
            self._most += 1
            self._claimed.pop(record["folder"]).give_up(reason)

    # ---- training

    def _train(self, records: Sequence[Record]) -> None:
        """Train the first cohort of these cells, and give the others back."""
        try:
            jobs = self._compose(records)
            cohort, *others = self.runner.plan_cohorts(jobs, self._max_members) or [[]]
        except BaseException as error:
            self._release(records, str(error) if isinstance(error, StackfitError) else "the worker stopped")
            raise
        left = {job.path.name for other in others for job in other if job.path}
        self._release([record for record in records if record["folder"] in left], "it trains with others")
        if cohort:
            self.reporter.line(f"{self._experiment}: {counted(len(cohort), 'cell')}.")
            self.runner.train(cohort)
        left_over = [record for record in records if record["folder"] in self._claimed and self._is_mine(record)]
        self._release(left_over, "its data have changed")
        self._claimed.clear()
        if left_over:  # else they would be taken again and again
            names = "; ".join(label_of(record["axes"]) for record in left_over)
            raise ConfigError(
                f"The data of {names} have changed since the sweep was planned. Expected the same. Plan it again: run the sweep's "
                "command in this project."
            )

    def _is_mine(self, record: Record) -> bool:
        status = read_status_if_any(self.folder.path / record["folder"]) or {}
        return status.get("state") == "running" and owner.is_me(status.get("owner"))

    def _wait(self) -> bool:
        """Wait a little while other workers have the last cells: if one dies, they must be trained. False if none is left."""
        busy = sum(1 for _ in self._unsettled())
        if not busy:
            return False
        self.reporter.line(f"Waiting for {counted(busy, 'cell')} that other workers train.")
        while busy and not self._must_stop():
            time.sleep(rungs.POLL_SECONDS if self.runner.rungs else POLL_SECONDS)
            states = [state for _, state in self._unsettled()]
            if len(states) != busy or any(state != BUSY for state in states):
                break
        return bool(busy)

    def _ask(self) -> bool:
        """Ask for the next batch of a search; whether there is one, whoever asked for it."""
        if self.runner.rungs is None or self._must_stop():
            return False
        from stackfit.execution.extending import extend

        extend(self.folder, self.reporter, self._trust, time.monotonic() - self._started)
        before = len(self._records)
        self._read_index()
        return len(self._records) > before

    # ---- stopping

    def _must_stop(self) -> bool:
        """Whether its time is used up, or somebody has asked the sweep's workers to stop since this one began."""
        interrupts.check()
        self._looked = time.monotonic()
        return self._looked > self._deadline or self.folder.must_stop(self._began)

    def _check(self) -> None:
        """A place between two steps of training.

        Raises:
            KeyboardInterrupt: the worker must stop.
        """
        interrupts.check()
        if time.monotonic() - self._looked > LOOK_SECONDS and self._must_stop():
            raise KeyboardInterrupt
        if time.monotonic() - self._shared > SHARE_SECONDS:
            self._share_cores()

    def _share_cores(self) -> None:
        """Divide the cores with the workers that have come, and take those of workers that have gone."""
        self._shared = time.monotonic()
        use_cores(share_of_cores(self._cores, self.folder.workers()))
