"""Workers of a sweep on a cluster that loses them: a real Slurm, and a real Ray, each with two nodes on this host."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from slurm_host import Slurm

from faults.fault import NotHere, draw, expect, fault
from faults.lab import Process, decent
from faults.workers import CELLS, WORDS, all_once, moments, pids, progress

LIMIT = 900.0
TIMES = 5  # in one sweep


@fault(
    "slurm-kill",
    f"of a Slurm array job of two tasks over a sweep of {CELLS} cells, {TIMES} times in turn: scontrol requeue; SIGKILL of a node's "
    "daemon and of its task's, alone or with the worker",
    0,
    lambda: list(range(3)),
    TIMES,
)
def slurm_kill(number: int, folder: Path) -> str:
    chance = draw(number)
    with _slurm(folder / "slurm") as slurm:
        settings = {name: slurm.environment[name] for name in ("PATH", "LD_LIBRARY_PATH", "SLURM_CONF")}
        words = ("hydra/launcher=slurm", "hydra.launcher.workers=2", "hydra.launcher.requeues=99", "--detach")
        decent(Process(folder, (*WORDS, *words), warm=True, **settings).finish(LIMIT), (0,))
        try:
            for turn, moment in enumerate(moments(number, TIMES)):
                _wait(slurm, lambda moment=moment: progress(folder) >= moment and _running(slurm), f"{moment} epochs")
                job, task, node = chance.choice(_running(slurm))
                if turn % 2 == 0:
                    slurm.call("scontrol", "requeue", task)
                else:
                    _lose(slurm, job, node, with_worker=turn % 4 == 1)
            _wait(slurm, lambda: not slurm.call("squeue", "-h"), "the job's end")
        finally:
            slurm.call("scancel", "--me")
        _wait(slurm, lambda: not pids(folder), "the end of workers whose task was lost")
    all_once(folder, TIMES)
    return "the tasks came back and trained what was left, identical digests"


def _slurm(folder: Path) -> Slurm:
    try:
        return Slurm(folder).unpacked()
    except (OSError, subprocess.SubprocessError) as error:
        raise NotHere(f"Slurm's packages cannot be fetched: {type(error).__name__}") from error


def _running(slurm: Slurm) -> list[tuple[str, str, str]]:
    """Of each running task its job, its name and its node."""
    lines = slurm.call("squeue", "-h", "-r", "-t", "R", "-o", "%A %F_%K %N").splitlines()
    return [tuple(line.split()) for line in lines if len(line.split()) == 3]  # type: ignore[misc]


def _wait(slurm: Slurm, condition: Callable[[], object], what: str) -> None:
    """Wait, as an administrator does who is at hand: tasks that went back into the queue start now and not in two minutes, and those
    that Slurm holds, since their worker outlived the daemon that came back ("Duplicate jobid"), are let go with their node.
    """
    began = time.monotonic()
    while not condition():
        expect(time.monotonic() - began < LIMIT, f"waited {LIMIT:.0f} s for {what}: {slurm.call('squeue', '-r')}")
        for node in slurm.call("sinfo", "-h", "-N", "-t", "drained", "-o", "%N").split():
            with contextlib.suppress(RuntimeError):  # it is back
                slurm.call("scontrol", "update", f"nodename={node}", "state=resume")
        for line in slurm.call("squeue", "-h", "-r", "-t", "PD", "-o", "%F_%K %r").splitlines():
            task, _, reason = line.partition(" ")
            with contextlib.suppress(RuntimeError):  # it has just started
                if "held" in reason:
                    slurm.call("scontrol", "release", task)
                slurm.call("scontrol", "update", f"jobid={task}", "starttime=now")
        time.sleep(0.2)


def _lose(slurm: Slurm, job: str, node: str, with_worker: bool) -> None:
    """A node's daemons end, with the worker as when the machine goes down, or without it; then the node is back."""
    slurm.kill(node)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_ours = Path(process.exe()).is_relative_to(slurm.root)
            if is_ours and re.match(rf"slurmstepd: \[{job}\.", " ".join(process.cmdline())):
                for each in [process, *(process.children(recursive=True) if with_worker else [])]:
                    each.kill()
    slurm.start_node(node)


@fault(
    "ray-kill",
    f"remove_node of one of two nodes of a Ray cluster that trains a sweep of {CELLS} cells, {TIMES} times, each time another is added",
    0,
    lambda: list(range(2)),
    TIMES,
)
def ray_kill(number: int, folder: Path) -> str:
    if importlib.util.find_spec("ray") is None:
        raise NotHere("ray is not installed")
    chance = draw(number)
    with Nodes() as nodes:
        words = ("hydra/launcher=ray", "hydra.launcher.workers=2", "hydra.launcher.retries=99")
        process = Process(folder, (*WORDS, *words, f"hydra.launcher.address={nodes.address}"))
        for moment in moments(number, TIMES):
            process.wait_until(lambda moment=moment: progress(folder) >= moment and pids(folder), LIMIT)
            nodes.replace(chance.randrange(2), pids(folder))
        decent(process.finish(LIMIT), (0,))
    all_once(folder, TIMES)
    return "the tasks were started again and trained what was left, identical digests"


class Nodes:
    """A Ray cluster of two nodes besides its head, in a process of its own: Ray wants its main thread."""

    START = (
        "import json, sys\n"
        "from ray.cluster_utils import Cluster\n"
        "cluster = Cluster(initialize_head=True, head_node_args={'num_cpus': 0, 'include_dashboard': False})\n"
        "nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]\n"
        "def tell():\n"
        "    print(json.dumps([cluster.address, [node.all_processes['raylet'][0].process.pid for node in nodes]]), flush=True)\n"
        "tell()\n"
        "for line in sys.stdin:\n"
        "    cluster.remove_node(nodes.pop(int(line)), allow_graceful=False)\n"
        "    nodes.append(cluster.add_node(num_cpus=1))\n"
        "    tell()\n"
        "cluster.shutdown()\n"
    )

    def __init__(self) -> None:
        pipe, variables = subprocess.PIPE, os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.START], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=variables
        )
        self.address, self.daemons = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]

    def replace(self, number: int, workers: list[int]) -> None:
        """Lose a node with the worker that runs there, as when a machine goes down, and add another."""
        lost = []
        for pid in workers:
            with contextlib.suppress(psutil.Error):  # it ends just now
                worker = psutil.Process(pid)
                lost += [worker] if self.daemons[number] in [parent.pid for parent in worker.parents()] else []
        self.process.stdin.write(f"{number}\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        for worker in lost:
            with contextlib.suppress(psutil.Error):
                worker.kill()
        self.address, self.daemons = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=60)
