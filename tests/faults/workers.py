"""Workers of a sweep that are killed: some of several, the process that started them, one in the middle of a takeover."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from faults import lab, session
from faults.fault import draw, expect, fault
from faults.lab import LIMIT, Process, decent
from faults.reference import reference
from stackfit.results import owner

CELLS, EPOCHS, MEMBERS = 16, 12, 4
WORDS = ("run", "digits_quickstart", "-m", f"epochs={EPOCHS}", "batch_size=64", "model.layers.hidden.units=8,16",
         f"seed=range({CELLS // 2})", f"hydra.launcher.max_members={MEMBERS}")  # fmt: skip
KILLS = 5  # of workers in one sweep
TAKEOVERS = 3


def sweep_of(folder: Path) -> Path:
    return next(folder.glob("outputs/*/*/sweep.json")).parent


def progress(folder: Path) -> int:
    """How many epochs the cells have together."""
    return sum(lab.epochs_in(path) for path in lab.folders(folder))


def wait(condition: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    began = time.monotonic()
    while not condition():
        expect(time.monotonic() - began < limit, f"waited {limit:.0f} s for {what}")
        time.sleep(0.002)


def moments(case: object, number: int) -> list[int]:
    """When to kill: after so many epochs of all cells together, in the sweep's first three quarters."""
    return sorted(draw(case).sample(range(CELLS * EPOCHS * 3 // 4), number))


def worker(folder: Path) -> Process:
    return Process(folder, ("work", str(sweep_of(folder)), "--max-members", str(MEMBERS)), warm=True)


def all_once(folder: Path, kills: int) -> None:
    """Every cell is finished, with the digest it has alone, and none was trained to its end twice.

    A cell's log has a line for each epoch that was trained and one for each time that its end was reached, by whichever
    worker. The last epoch is there again only if the cell was resumed before it, and the end only if it was resumed after
    the last epoch: its worker was killed before the checkpoint, or before the status, had been written. All together, a
    kill costs no more than an epoch of each of a worker's cells.
    """
    trained = 0
    for path in lab.folders(folder):
        log, resumed = (path / "log.txt").read_text(), lab.status(path)["resumed_after"]
        epochs = re.findall(r"^epoch (\d+)/", log, re.M)
        ends = len(re.findall(r"^test  ", log, re.M))
        trained += len(epochs)
        expect(1 <= epochs.count(str(EPOCHS)) <= 1 + resumed.count(EPOCHS - 1), f"{path.name}: the last epoch again: {epochs}, {resumed}")
        expect(1 <= ends <= 1 + resumed.count(EPOCHS), f"{path.name}: its end {ends} times, resumed after {resumed}")
    most = CELLS * EPOCHS + kills * MEMBERS
    expect(trained <= most, f"{trained} epochs were trained, for {CELLS * EPOCHS} and {kills} kills of {MEMBERS} cells each")
    last = session.stackfit(folder, *WORDS)
    expect(last.code == 0 and "0 to run" in last.err, f"something is left: {last.err[-800:]}")
    reference(*WORDS).same(folder)
    expect((sweep_of(folder) / "results.csv").read_text().count(",finished,") == CELLS, "results.csv is not complete")


@fault(
    "worker-kill",
    f"SIGKILL of one of three workers of a sweep of {CELLS} cells, {KILLS} times, each time another one starts",
    1,
    lambda: list(range(3)),
    KILLS,
)
def worker_kill(number: int, folder: Path) -> str:
    chance = draw(number)
    crew = [Process(folder, WORDS, warm=True)]
    crew[0].wait_until(lambda: [*folder.glob("outputs/*/*/sweep.json")])
    crew += [worker(folder), worker(folder)]
    for moment in moments(number, KILLS):
        wait(lambda moment=moment: progress(folder) >= moment, f"{moment} epochs")
        time.sleep(chance.random() * 0.3)
        crew.pop(chance.randrange(len(crew))).kill()
        crew.append(worker(folder))
    for one in crew:
        decent(one.finish(), (0, 1))  # 1: the first command, for cells that others have
    all_once(folder, KILLS)
    return "the others trained its cells, identical digests"


@fault("starter-kill", f"SIGKILL of the process that started the workers of a sweep of {CELLS} cells", 0, lambda: list(range(5)))
def starter_kill(number: int, folder: Path) -> str:
    words = (*WORDS, "hydra/launcher=processes", "hydra.launcher.workers=2")
    process = Process(folder, words, warm=True)
    (moment,) = moments(number, 1)
    process.wait_until(lambda: pids(folder) and progress(folder) >= moment)
    process.kill()
    expect(pids(folder), "the workers have ended with it")
    wait(lambda: not pids(folder), "the workers' end")
    all_once(folder, 0)
    return "the workers went on to the end, identical digests"


def pids(folder: Path) -> list[int]:
    """Of the workers that have begun and not ended."""
    found = []
    for entry in folder.glob("outputs/*/*/jobs/worker-*.json"):
        with contextlib.suppress(OSError, ValueError):  # it is being removed
            held = json.loads(entry.read_text())["owner"]
            if owner.is_alive(held):
                found.append(held["pid"])
    return sorted(found)


@fault(
    "takeover-kill",
    f"SIGKILL of a worker while it takes over the cells of others that were killed, {TAKEOVERS} times in a sweep of {CELLS} cells",
    0,
    lambda: list(range(2)),
    TAKEOVERS,
)
def takeover_kill(number: int, folder: Path) -> str:
    chance, kills = draw(number), 0
    crew = [Process(folder, WORDS, warm=True)]
    for moment in moments(number, TAKEOVERS):
        crew[0].wait_until(lambda moment=moment: progress(folder) >= moment and busy(folder))
        for one in crew:
            one.kill()
        before, kills = claims(folder), kills + len(crew)
        crew = [worker(folder), worker(folder)]
        wait(lambda before=before: claims(folder) - before, "a takeover")
        time.sleep(chance.random() * 0.02)
        holder = json.loads(max(claims(folder) - before, key=os.path.getmtime).read_text())["pid"]
        victim = next(one for one in crew if one.process.pid == holder)
        victim.kill()
        crew.remove(victim)
        kills += 1
    for one in crew:
        decent(one.finish(), (0,))
    all_once(folder, kills)
    return "the other worker trained them all, identical digests"


def busy(folder: Path) -> bool:
    """Whether a cell is being trained, so that there is something to take over."""
    return any(lab.status(path)["status"] == "running" and lab.epochs_in(path) for path in lab.folders(folder))


def claims(folder: Path) -> set[Path]:
    """The takes of all cells so far."""
    return {path for path in folder.glob("outputs/*/*/*/.claim-*") if re.fullmatch(r"\.claim-\d+", path.name)}
