"""Many commands in one process, so that TensorFlow is imported once.

Every command goes through the command line's own `main`, in a folder of its own, its output captured at the file descriptors.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

from faults.children import environment
from faults.fault import Wrong
from faults.lab import LIMIT, Answer, decent


class Session:
    """A process that runs one command after another."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faults.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        )

    def run(self, folder: Path, *words: str, **variables: str) -> Answer:
        """Run a command in `folder`; a command that takes longer than `LIMIT` hangs."""
        began = time.monotonic()
        assert self.process.stdin and self.process.stdout
        request = {"folder": str(folder), "words": words, "variables": variables}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(LIMIT):
                self.process.kill()
                raise Wrong(f"hangs: {' '.join(words)}: no end after {LIMIT:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"{' '.join(words)}: the process died with {self.process.wait()}")
        return decent(Answer(**json.loads(line), seconds=time.monotonic() - began))


_free: list[Session] = []
_lock = threading.Lock()


def close() -> None:
    """End the sessions that are free."""
    with _lock:
        while _free:
            _free.pop().process.__exit__(None, None, None)  # closes its pipes, at which it ends, and waits


def stackfit(folder: Path, *words: str, **variables: str) -> Answer:
    """Run a command in a session that is free; a new one if there is none."""
    with _lock:
        session = _free.pop() if _free else None
    session = session or Session()
    try:
        return session.run(folder, *words, **variables)
    finally:
        if session.process.poll() is None:
            with _lock:
                _free.append(session)
