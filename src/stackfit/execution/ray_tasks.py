"""Workers of a sweep as tasks of a Ray cluster: an existing one by its address, or one on this machine for as long as this process.

A task runs the command line `stackfit work …`; nothing of stackfit is pickled. Ray starts a task again whose node is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.errors import LaunchError, counted
from stackfit.execution.cohorts import CohortRunner
from stackfit.execution.following import follow
from stackfit.execution.jobs import Job
from stackfit.execution.launching import worker_commands
from stackfit.results.sweep_folder import SweepFolder

CONNECT_SECONDS = 30.0


@dataclass(frozen=True)
class Ray:
    """Trains a sweep by tasks of a Ray cluster.

    Args:
        workers: how many tasks; None: as many as the cluster has room for, and no more than there are cells.
        address: of an existing cluster, such as `head:6379` or `auto`; None for one on this machine.
        cores: that each task reserves.
        retries: how often a task is started again whose node was lost, or whose worker was killed.
        max_members: cells in a cohort; None: as many as fit.
        trust: modules that the user trusts; told to each worker.
    """

    workers: int | None = None
    address: str | None = None
    cores: float = 1
    retries: int = 3
    max_members: int | None = None
    trust: tuple[str, ...] = ()
    is_here = False
    no_detach = (
        "Tasks of Ray end with the program that started them, so --detach is not possible. Expected a launcher whose "
        "workers go on: processes or slurm. Leave --detach out, or start the whole command with: ray job submit -- "
        "stackfit run …"
    )

    def run(self, jobs: Sequence[Job], runner: CohortRunner, sweep: Path) -> None:
        """Start the tasks and wait until they have ended. Ctrl-C stops them."""
        with self._connected() as ray:
            room = max(1, int(ray.cluster_resources().get("CPU", 1) // self.cores))
            number = min(self.workers or room, len(jobs))
            commands = worker_commands(sweep, number, self.max_members, self.trust)
            task = ray.remote(num_cpus=self.cores, max_retries=self.retries)(subprocess.call)
            left = [self.retries] * number

            def start(words: Sequence[str]) -> Any:
                return task.remote(words, cwd=os.getcwd(), stdin=subprocess.DEVNULL)

            def are_waited_for() -> bool:
                """Whether tasks have not ended; one whose worker was killed is started again, as Ray does with that of a lost node."""
                ended, others = ray.wait(waiting, num_returns=number, timeout=0)
                for place, each in enumerate(waiting):
                    if each in ended and left[place] and _was_killed(ray, each):
                        left[place] -= 1
                        waiting[place] = start(commands[place])
                        others.append(waiting[place])
                return bool(others)

            waiting = [start(words) for words in commands]
            runner.reporter.line(f"{counted(number, 'task')} of Ray.")
            try:
                runner.failed += follow(sweep, jobs, are_waited_for, runner.reporter)
            except BaseException:
                SweepFolder(sweep).ask_to_stop()
                for each in waiting:
                    ray.cancel(each, force=False)
                ray.wait(waiting, num_returns=len(waiting), timeout=5)
                raise

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        if self.address:
            self._probe(self.address)
        own = {} if self.address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            ray.init(self.address, logging_level=logging.ERROR, log_to_driver=False, **own)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise self._unreachable(str(error)) from error
        try:
            yield ray
        finally:
            ray.shutdown()

    def _probe(self, address: str) -> None:
        """Connect in another process first: Ray ends a process that waits for a cluster in vain."""
        command = [sys.executable, "-c", "import ray, sys; ray.init(sys.argv[1], log_to_driver=False)", address]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=CONNECT_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._unreachable(f"no answer in {CONNECT_SECONDS:.0f} s") from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise self._unreachable(lines[-1] if lines else f"code {done.returncode}")

    def _unreachable(self, reason: str) -> LaunchError:
        where = self.address or "on this machine"
        return LaunchError(
            f"Ray's cluster {where} cannot be reached: {reason.strip().partition(chr(10))[0].rstrip('.')}. Expected the address "
            "of its head node. Write for example: hydra.launcher.address=head:6379, or leave it out for a cluster here."
        )


def _was_killed(ray: Any, task: Any) -> bool:
    """Whether a task has ended since its worker was killed, by a lack of memory for example."""
    try:
        return bool(ray.get(task) < 0)
    except Exception:  # of any kind: Ray has given it up
        return False
