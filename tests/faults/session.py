"""Many commands in one process, so that TensorFlow is imported once.

Every command goes through the command line's own `main`, in a folder of its own, its output taken at the file descriptors.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

from faults.fault import Wrong
from faults.lab import LIMIT, Answer, decent


class Session:
    """A process that runs one command after another."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faults.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
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


_mine = threading.local()


def stackfit(folder: Path, *words: str, **variables: str) -> Answer:
    """Run a command in this thread's session; a new one if the last has died."""
    session = getattr(_mine, "session", None)
    if session is None or session.process.poll() is not None:
        session = _mine.session = Session()
    return session.run(folder, *words, **variables)
