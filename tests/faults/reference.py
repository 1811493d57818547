"""Undisturbed runs, with which the disturbed ones are compared."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from faults import lab, session
from faults.fault import expect

_locks: dict[tuple[str, ...], Lock] = {}
_one = Lock()


def reference(*words: str) -> Reference:
    """The undisturbed run or sweep of this command, made once a process. Only read or copy its files."""
    with _one:
        lock = _locks.setdefault(words, Lock())
    with lock:
        return _reference(words)


class Reference(NamedTuple):
    """An undisturbed command: where it ran, and its runs' numbers by axes."""

    folder: Path
    numbers: dict[str, dict[str, Any]]

    def same(self, folder: Path) -> None:
        """Raise `Wrong` unless every run below `folder` is one of ours and none is missing."""
        found = lab.folders(folder)
        for path in found:
            lab.same(path, self.numbers[lab.axes(path)])
        expect({lab.axes(path) for path in found} == self.numbers.keys(), f"{len(found)} of {len(self.numbers)} runs are there")


@cache
def _reference(words: tuple[str, ...]) -> Reference:
    folder = Path(tempfile.mkdtemp(prefix="stackfit-reference-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    lab.write_checked(folder)
    answer = session.stackfit(folder, *words)
    expect(answer.code == 0, answer.err)
    return Reference(folder, {lab.axes(path): lab.numbers(path) for path in lab.folders(folder)})


class Life(NamedTuple):
    """Processor seconds of a command until its first run folder is there, and until its end."""

    folder: float
    end: float


def life(*words: str, warm: bool) -> Life:
    """How long the command lives, measured once a process."""
    with _one:
        lock = _locks.setdefault((*words, str(warm)), Lock())
    with lock:
        return _life(words, warm)


@cache
def _life(words: tuple[str, ...], warm: bool) -> Life:
    with tempfile.TemporaryDirectory(prefix="stackfit-life-") as name:
        folder, seen, at = Path(name), 0.0, 0.0
        process = lab.Process(folder, words, warm=warm)
        while process.alive:
            cpu = process.cpu
            seen = cpu if cpu != float("inf") else seen
            at = at or (seen if lab.folders(folder) else 0.0)
            time.sleep(0.005)
        expect(process.finish().code == 0, f"{words} failed")
        return Life(at, seen)
