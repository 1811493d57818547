"""Processes that start with TensorFlow imported: forked by a `nursery`, which saves most of a short run.

A child is a process of its own from then on: it sets threads, builds, trains, and is stopped like any other.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_free: list[Nursery] = []
_lock = threading.Lock()


def environment() -> dict[str, str]:
    """Our environment, in which this package can also be imported."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def close() -> None:
    """End the nurseries that have no child."""
    with _lock:
        while _free:
            _free.pop().process.__exit__(None, None, None)  # closes its pipes, at which it ends, and waits


class Nursery:
    """A process that forks one child at a time and says how it ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "faults.nursery"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, env=environment())

    def ask(self, request: dict[str, Any]) -> int:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def has_answered(self, seconds: float | None) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            return bool(selector.select(seconds))


class Child:
    """A forked command, with the methods of `subprocess.Popen` that are needed."""

    def __init__(
        self, folder: Path, words: list[str], out: str, err: str, variables: dict[str, str], fsize: int | None = None,
        disk: str | None = None,
    ):
        with _lock:
            self.nursery = _free.pop() if _free else Nursery()
        self.returncode: int | None = None
        request = {"folder": str(folder), "words": words, "out": out, "err": err}
        request |= {"variables": variables, "fsize": fsize, "disk": disk}
        self.pid = self.nursery.ask(request)

    def poll(self) -> int | None:
        if self.returncode is None and self.nursery.has_answered(0):
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not self.nursery.has_answered(timeout):
                raise subprocess.TimeoutExpired("stackfit", timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(self.nursery.answer())
            with _lock:
                _free.append(self.nursery)
        return self.returncode
