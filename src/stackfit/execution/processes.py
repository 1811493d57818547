"""Workers of a sweep as processes on this machine, each in a session of its own; the cores are divided among them."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from stackfit import files
from stackfit.errors import counted
from stackfit.execution.cohorts import CohortRunner
from stackfit.execution.core_shares import usable_cores
from stackfit.execution.following import follow
from stackfit.execution.jobs import Job
from stackfit.execution.launching import worker_commands
from stackfit.results.sweep_folder import SweepFolder

LAST_SECONDS = 8.0  # after which a worker that was told to stop is killed: for its folders that is harmless


@dataclass(frozen=True)
class Processes:
    """Trains a sweep by workers in processes of their own.

    Args:
        workers: how many; None: one for each core, and no more than there are cells.
        max_members: cells in a cohort; None: as many as fit.
        trust: modules that the user trusts; told to each worker.
    """

    workers: int | None = None
    max_members: int | None = None
    trust: tuple[str, ...] = ()
    is_here, no_detach = False, ""

    def run(self, jobs: Sequence[Job], runner: CohortRunner, sweep: Path) -> None:
        """Start the workers and wait for them. Ctrl-C stops them."""
        processes = self.start(sweep, len(jobs))
        workers = counted(len(processes), "worker")
        runner.reporter.line(f"{workers}; what they print is in {files.shown(SweepFolder(sweep).jobs)}.")
        try:
            runner.failed += follow(
                sweep, jobs, lambda: None in [process.poll() for process in processes], runner.reporter
            )
        except BaseException:
            stop(processes)
            raise
        for number, process in enumerate(processes):
            if process.returncode not in (0, 1):
                how = f"by signal {-process.returncode}" if process.returncode < 0 else f"with code {process.returncode}"
                log = files.shown(SweepFolder(sweep).worker_log(number))
                runner.reporter.line(f"Worker {number} ended {how}; see {log}", always=True)

    def start(self, sweep: Path, cells: int) -> list[subprocess.Popen[bytes]]:
        """Start the workers of a sweep that has been planned; they go on when this process ends.

        Args:
            cells: that they have to train: there are no more workers than that.

        Raises:
            RunFolderError: the sweep's folder cannot be written.
        """
        cores = usable_cores()
        number = min(self.workers or len(cores), cells)
        started = []
        for rank, words in enumerate(worker_commands(sweep, number, self.max_members, self.trust)):
            with files.writing(sweep):
                log = SweepFolder(sweep).worker_log(rank).open("ab")
            with log:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            started.append(process)
            with contextlib.suppress(psutil.Error, AttributeError):  # not on every system; or it has ended
                psutil.Process(process.pid).cpu_affinity(cores[rank % len(cores) :: number] or cores)
        return started


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop workers: each leaves its cells with their checkpoints."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + LAST_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
