"""Several processes in one sweep, owners that are dead or elsewhere, clocks that jump."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from faults import lab, session
from faults.fault import draw, expect, fault
from faults.lab import GRID, SHORT, Process, decent, stackfit
from faults.reference import reference

WORDS = ("run", "digits_quickstart", "-m", "epochs=6", "model.layers.hidden.units=4,8", "seed=0,1",
         "hydra.launcher.max_members=1")  # fmt: skip


class Together(NamedTuple):
    """A case: how many processes, and whether one of them is killed."""

    number: int
    processes: int
    killed: bool = False


@fault(
    "sweeps-at-once",
    "two or four processes in one sweep's folder at the same time; in one case a process is killed (SIGKILL)",
    0,
    lambda: [*(Together(n, 2) for n in range(3)), *(Together(n, 4) for n in range(2)), Together(0, 2, True)],
)  # fmt: skip
def sweeps_at_once(case: Together, folder: Path) -> str:
    expected, chance = reference(*WORDS), draw(case)
    running = []
    for _ in range(case.processes):
        running.append(Process(folder, WORDS, warm=True))
        time.sleep(chance.random() * 0.3)
    if case.killed:
        running[0].wait_until(lambda: lab.folders(folder))
        time.sleep(chance.random() * 2)
        running[0].kill()
    answers = [decent(one.finish(), (0, 1, -signal.SIGKILL)) for one in running]
    said = "\n".join(answer.err for answer in answers)
    trained = re.findall(r"^(\S.*\S)  test  loss", said, re.M)
    expect(len(trained) == len(set(trained)), f"a cell was trained twice: {sorted(trained)}")
    alone = [answer for answer in answers if answer.code >= 0]
    expect(any(answer.code == 0 for answer in alone) or case.killed, f"codes {[a.code for a in answers]}: {said[-500:]}")
    last = session.stackfit(folder, *WORDS)
    expect(last.code == 0, last.err)
    expected.same(folder)
    sweep = lab.folders(folder)[0].parent
    expect((sweep / "results.csv").read_text().count(",finished,") == 4, "results.csv is not complete")
    return "every cell once, identical digests" + (", the killed process's cells resumed" if case.killed else "")


# ---- owners

Change = Callable[[dict[str, Any]], dict[str, Any]]
HOUR = 3600.0


def _ended() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def _me() -> dict[str, Any]:
    from stackfit.results import owner

    return owner.this_process()


OWNERS: dict[str, tuple[bool, Change]] = {  # whether it is alive
    "a process that ended": (False, lambda me: me | {"pid": _ended()}),
    "a pid that another process has now": (False, lambda me: me | {"process_start": "1"}),
    "a pid from before a restart": (False, lambda me: me | {"boot_id": "another"}),
    "a living process": (True, lambda me: me),
    "another host, a write just now": (True, lambda me: me | {"host": "elsewhere", "boot_id": "x"}),
    "another host, a write just now, its clock an hour slow": (True, lambda me: me | {"host": "elsewhere", "heartbeat": time.time() - HOUR}),
    "another host, silent for an hour": (False, lambda me: me | {"host": "elsewhere", "changed": -HOUR}),
    "another host, a write in an hour": (False, lambda me: me | {"host": "elsewhere", "changed": HOUR}),
    "another container of this host, a write just now": (True, lambda me: me | {"namespace": "pid:[1]", "pid": 1}),
    "another container of this host, silent for an hour": (False, lambda me: me | {"namespace": "pid:[1]", "pid": 1, "changed": -HOUR}),
    "no owner": (False, lambda me: {}),
    "an owner that is not a mapping": (False, lambda me: "me"),  # type: ignore[dict-item, return-value]
}


@fault("owner", "a cell left *running* by owners of every kind: ended, pid reused, before a restart, on another host", 1, lambda: list(OWNERS))
def owner_of(name: str, folder: Path) -> str:
    expected = reference(*GRID)
    shutil.copytree(expected.folder / "outputs", folder / "outputs")
    left, other = lab.folders(folder)
    alive, change = OWNERS[name]
    status = lab.status(left)
    owner = change(_me())
    changed = time.time() + (owner.pop("changed", 0) if isinstance(owner, dict) else 0)
    (left / "status.json").write_text(json.dumps(status | {"status": "running", "owner": owner, "metrics": {}}))
    os.utime(left / "status.json", (changed, changed))
    before = (other / "metrics.json").stat().st_mtime_ns
    answer = session.stackfit(folder, *GRID)
    expect((other / "metrics.json").stat().st_mtime_ns == before, "the finished cell was trained again")
    if alive:
        expect("with another process" in answer.err and lab.status(left)["status"] == "running", answer.err)
        expect(answer.code == 1, f"code {answer.code}, though a cell is not finished")
        return "alive: its cell is left to it, with a message; code 1, because the sweep is not complete"
    expect(answer.code == 0, f"ended with {answer.code}: {answer.err[-400:]}")
    expected.same(folder)
    return "dead: its cell is trained again, identical digest"


# ---- clocks

CLOCK = """
import datetime, os, time
import keras

SHIFT = float(os.environ["CLOCK_SHIFT"])

class Clock(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            real = time.time
            time.time = lambda: real() + SHIFT
"""


@fault(
    "clock",
    "the clock an hour or a day slow, an hour or a year fast: of a running process, and of an interrupted run",
    0,
    lambda: [(when, shift) for when in ("while it trains", "before the same command") for shift in (-HOUR, -24 * HOUR, HOUR, 365 * 24 * HOUR)],
)  # fmt: skip
def clock(case: tuple[str, float], folder: Path) -> str:
    when, shift = case
    if when == "while it trains":
        (folder / "own_clock.py").write_text(CLOCK)
        words = ("run", "digits_quickstart", "epochs=4", "+callbacks.own={_target_: own_clock.Clock}", "--trust", "own_clock")
        answer = stackfit(folder, *words, warm=True, CLOCK_SHIFT=str(shift))
        expect(answer.code == 0, answer.err)
        (path,) = lab.folders(folder)
        status = lab.status(path)
        expect(0 <= status["seconds"] < lab.LIMIT, f"says it took {status['seconds']} s")
        rows = [row["seconds"] for row in _rows(path)]
        expect(all(0 <= float(seconds) < lab.LIMIT for seconds in rows), f"epochs took {rows} s")
        expect(abs(status["owner"]["heartbeat"] - time.time() - shift) < lab.LIMIT, "the heartbeat does not follow the clock")
        return "finished, with correct times"
    words = SHORT
    (original,) = lab.folders(reference(*words).folder)
    left = folder / "outputs" / "digits_quickstart" / original.name
    shutil.copytree(original, left)
    started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - shift))
    (left / "status.json").write_text(json.dumps(lab.status(left) | {"status": "interrupted", "started": started}))
    answer = session.stackfit(folder, *words)
    expect(answer.code == 0, answer.err)
    reference(*words).same(folder)
    return "the interrupted run is resumed, identical digest"


def _rows(path: Path) -> list[dict[str, str]]:
    import csv

    with (path / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))
