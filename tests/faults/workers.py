"""Workers of a sweep that are killed: one of several, the process that started them, one in the middle of a takeover."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from faults import lab, session
from faults.fault import draw, expect, fault
from faults.lab import LIMIT, Process, decent
from faults.reference import reference

WORDS = ("run", "digits_quickstart", "-m", "epochs=6", "batch_size=16", "model.layers.hidden.units=8,16", "seed=range(8)",
         "hydra.launcher.max_members=4")  # fmt: skip


def started(folder: Path, workers: int) -> Process:
    return Process(folder, (*WORDS, "hydra/launcher=processes", f"hydra.launcher.workers={workers}"), warm=True)


def pids(folder: Path) -> list[int]:
    """Of the workers that have begun and not ended."""
    found = []
    for entry in folder.glob("outputs/*/*/jobs/worker-*.json"):
        try:
            pid = json.loads(entry.read_text())["owner"]["pid"]
        except (OSError, ValueError):
            continue
        if psutil.pid_exists(pid):
            found.append(pid)
    return sorted(found)


def wait(condition: object, what: str) -> None:
    began = time.monotonic()
    while not condition():  # type: ignore[operator]
        expect(time.monotonic() - began < LIMIT, f"waited {LIMIT:.0f} s for {what}")
        time.sleep(0.01)


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        return False
    return True


def all_once(folder: Path, logs: Sequence[str]) -> None:
    """Every cell is finished, with the digest it has alone, and none was trained to its end twice."""
    trained = re.findall(r"^(\S.*\S)  test  loss", "\n".join(logs), re.M)
    expect(len(trained) == len(set(trained)), f"trained twice: {sorted({cell for cell in trained if trained.count(cell) > 1})}")
    last = session.stackfit(folder, *WORDS)
    expect(last.code == 0 and "0 to run" in last.err, f"something is left: {last.err[-800:]}")
    reference(*WORDS).same(folder)
    sweep = lab.folders(folder)[0].parent
    expect((sweep / "results.csv").read_text().count(",finished,") == 16, "results.csv is not complete")


def logs_of(folder: Path) -> list[str]:
    return [log.read_text() for log in folder.glob("outputs/*/*/jobs/worker-*.log")]


@fault("worker-kill", "SIGKILL of one of three workers of the launcher `processes` at a random moment", 1, lambda: list(range(30)))
def worker_kill(number: int, folder: Path) -> str:
    chance = draw(number)
    process = started(folder, 3)
    process.wait_until(lambda: len(pids(folder)) >= 2)
    time.sleep(chance.random() * 12)
    victims = pids(folder)
    killed = bool(victims) and kill(chance.choice(victims))
    decent(process.finish(), (0,))
    all_once(folder, logs_of(folder))
    return "the others trained its cells, identical digests" if killed else "it had ended already, identical digests"


@fault("starter-kill", "SIGKILL of the process that started the workers, at a random moment", 0, lambda: list(range(10)))
def starter_kill(number: int, folder: Path) -> str:
    chance = draw(number)
    process = started(folder, 2)
    process.wait_until(lambda: pids(folder))
    time.sleep(chance.random() * 8)
    process.kill()
    wait(lambda: not pids(folder), "the workers' end")
    all_once(folder, logs_of(folder))
    return "the workers went on to the end, identical digests"


@fault("takeover-kill", "SIGKILL of a worker while it takes over the cells of another that was killed", 0, lambda: list(range(10)))
def takeover_kill(number: int, folder: Path) -> str:
    chance = draw(number)
    process = started(folder, 1)
    process.wait_until(lambda: [*folder.glob("outputs/*/*/*/checkpoint.npz")])
    process.kill()
    for pid in pids(folder):
        kill(pid)
    sweep = str(next(folder.glob("outputs/*/*/sweep.json")).parent)
    workers = [Process(folder, ("work", sweep, "--rank", str(rank), "--of", "2"), warm=True) for rank in (0, 1)]
    wait(lambda: [*folder.glob("outputs/*/*/*/.claim-2")], "a takeover")
    time.sleep(chance.random() * 0.05)
    workers[number % 2].kill()
    answers = [worker.finish() for worker in workers]
    decent(answers[1 - number % 2], (0,))
    all_once(folder, [*logs_of(folder), *(answer.err for answer in answers)])
    return "the other worker trained them all, identical digests"
