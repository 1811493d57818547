"""Workers of a sweep as one array job of Slurm, submitted by submitit; `cluster: local` runs them without Slurm.

A task is the command line `stackfit work …`; nothing of stackfit is pickled.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackfit.errors import LaunchError
from stackfit.execution.cohorts import CohortRunner
from stackfit.execution.following import follow
from stackfit.execution.jobs import Job
from stackfit.execution.launching import worker_commands
from stackfit.files import shown
from stackfit.results.sweep_folder import SweepFolder

WARN_SECONDS = 60  # before the time limit a worker is asked to stop, and puts itself into the queue again


@dataclass(frozen=True)
class Slurm:
    """Trains a sweep by the tasks of an array job.

    Args:
        workers: how many tasks.
        minutes: of each task.
        partition, memory_gb, cores: of each task; None for the cluster's own default.
        setup: lines for the batch script before the worker starts, such as `module load python`.
        options: further options of `sbatch` by their long names, such as `{account: mine}`.
        requeues: how often a task that is told to stop may go back into the queue.
        cluster: `slurm`, or `local` for processes on this machine.
        max_members: cells in a cohort; None: as many as fit.
        trust: modules that the user trusts; told to each worker.
    """

    workers: int = 4
    partition: str | None = None
    minutes: int = 60
    memory_gb: float | None = None
    cores: int = 1
    setup: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    requeues: int = 3
    cluster: str = "slurm"
    max_members: int | None = None
    trust: tuple[str, ...] = ()
    is_here, no_detach = False, ""

    def run(self, jobs: Sequence[Job], runner: CohortRunner, sweep: Path) -> None:
        """Submit the job and wait until its tasks have ended. Ctrl-C cancels it."""
        tasks = self.start(sweep, len(jobs))
        runner.reporter.line(f"Submitted job {tasks[0].job_id.partition('_')[0]}; what it prints is in {shown(SweepFolder(sweep).jobs)}.")
        try:
            runner.failed += follow(sweep, jobs, lambda: self._is_queued(tasks), runner.reporter)
        except BaseException:
            SweepFolder(sweep).ask_to_stop()  # before SIGTERM comes: it must not go back into the queue
            for task in tasks:
                task.cancel(check=False)
            raise

    def start(self, sweep: Path, cells: int) -> list[Any]:
        """Submit the job; it goes on when this process ends.

        Returns:
            submitit's jobs, one a task.

        Raises:
            LaunchError: the cluster refused it.
        """
        import submitit
        from submitit.helpers import CommandFunction

        number = min(self.workers, cells)
        more = ["--requeues", str(self.requeues)] if self.cluster == "slurm" else []
        commands = worker_commands(sweep, number, self.max_members, self.trust, *more)
        try:
            executor = submitit.AutoExecutor(folder=SweepFolder(sweep).jobs, cluster=self.cluster)
            executor.update_parameters(**self._parameters(number))
            with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # sbatch's words come with its error
                tasks = [executor.submit(CommandFunction(words, cwd=Path.cwd())) for words in commands]
        except (RuntimeError, OSError, subprocess.SubprocessError, submitit.core.utils.FailedJobError) as error:
            said = [line for line in str(error).splitlines() if line.strip()]
            raise LaunchError(
                f"The cluster did not take the job: {said[-1].strip() if said else type(error).__name__}. Expected settings "
                "that it knows. Correct hydra.launcher.partition, minutes, memory_gb, cores or options."
            ) from error
        return tasks

    def _parameters(self, number: int) -> dict[str, Any]:
        if self.cluster == "local":
            return {"timeout_min": self.minutes}
        wanted = {
            "slurm_partition": self.partition,
            "mem_gb": self.memory_gb,
            "timeout_min": self.minutes,
            "cpus_per_task": self.cores,
            "slurm_setup": list(self.setup) or None,
            "slurm_array_parallelism": number,
            "slurm_job_name": "stackfit",
        }
        more = {"requeue": True, "signal": f"TERM@{WARN_SECONDS}", **self.options}
        return {
            **{name: value for name, value in wanted.items() if value is not None},
            "slurm_additional_parameters": more,
        }

    def _is_queued(self, tasks: Sequence[Any]) -> bool:
        """Whether the cluster still has a task, waiting or running."""
        if self.cluster == "local":
            return not all(task.done() for task in tasks)
        number = tasks[0].job_id.partition("_")[0]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            said = subprocess.run(["squeue", "-h", "-j", number], capture_output=True, text=True, timeout=60)
            return bool(said.stdout.strip())  # an unknown job is an error without output
        return True


def requeue(most: int) -> str | None:
    """Put the Slurm task of this process back into the queue, at most `most` times; what was done, or None outside of one."""
    job, count = os.environ.get("SLURM_JOB_ID"), int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    if job is None:
        return None
    if count >= most:
        return f"It has gone back into the queue {count} times already; --requeues allows {most}."
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, timeout=60)
    return f"Task {job} goes back into the queue." if done.returncode == 0 else f"scontrol requeue {job}: {done.stderr.strip()}"
