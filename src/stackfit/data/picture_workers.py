"""Many pictures are decoded by other processes too: Pillow reads a file's header under Python's lock, so threads only wait.

What a worker cannot read, or does not live to read, its parent reads itself: errors are the same, however many helped.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Any

import numpy as np

from stackfit.config.machine import child, cores
from stackfit.data import pictures

CHUNK, BLOCK = 200, 50  # pictures from one report to the next; pictures in a row by one worker, at most
PATIENCE = 0.3  # seconds of reading alone; about what a worker needs to start
BUFFER, PIPE = 1 << 18, 1 << 20  # bytes
READ, NOT_READ = b"\1", b"\0"


@dataclass(frozen=True)
class Reading:
    """Picture files, and where their pixels go: those of `files[number]` into `x[place[number]]`.

    Args:
        arguments: of `pictures.read_fitting` besides the file, as JSON.
        read: the same for a number; raises the error that a user shall see.
        told: gets how many have been read.
    """

    files: Sequence[str]
    arguments: dict[str, Any]
    read: Callable[[int], np.ndarray]
    x: np.ndarray
    place: np.ndarray
    told: Callable[[int], None]

    def read_all(self) -> None:
        """All here if that is quick, else by as many processes as there are cores."""
        began, alone, total, count = time.monotonic(), 0, len(self.files), cores()
        while alone < total:
            self._read_here([alone])
            alone += 1
            self._tell(alone - 1, alone)
            if count > 1 and 3 * alone < total and time.monotonic() - began > PATIENCE:
                break
        first = min(2 * alone, total)  # as many are read here while the workers start
        size = max(1, min(BLOCK, (total - first) // (8 * count)))
        blocks = [range(start, min(start + size, total)) for start in range(first, total, size)]
        with contextlib.ExitStack() as stack:
            answers = [stack.enter_context(self._worker(blocks[rank::count])) for rank in range(count if blocks else 0)]
            for number in range(alone, first):
                self._read_here([number])
                self._tell(number, number + 1)
            for rank, block in enumerate(blocks):
                self._read_here(answers[rank % count].get())
                self._tell(block.start, block.stop)

    def _read_here(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.x[self.place[number]] = self.read(number)

    def _tell(self, before: int, done: int) -> None:
        if before // CHUNK < done // CHUNK or done == len(self.files):
            self.told(done)

    @contextlib.contextmanager
    def _worker(self, blocks: Sequence[range]) -> Iterator[SimpleQueue[list[int]]]:
        """A process that reads these blocks; for each the numbers that it could not read."""
        answers = SimpleQueue[list[int]]()
        command, environment = child("stackfit.data.picture_workers")
        files = [self.files[number] for block in blocks for number in block]
        request = json.dumps({"files": files, **self.arguments}).encode()
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            process = subprocess.Popen(command, BUFFER, env=environment, pipesize=PIPE, **pipes)
        except OSError:  # no more processes or memory
            self._receive(io.BytesIO(), blocks, answers)
            yield answers
            return
        with process:
            receiver = threading.Thread(target=self._receive, args=(process.stdout, blocks, answers), daemon=True)
            receiver.start()  # or a worker would wait until its turn
            threading.Thread(target=_send, args=(process.stdin, request), daemon=True).start()  # it is read late
            try:
                yield answers
            finally:
                process.kill()
                receiver.join()

    def _receive(self, worker: IO[bytes], blocks: Sequence[range], answers: SimpleQueue[list[int]]) -> None:
        for block in blocks:
            missed = list(block)
            with contextlib.suppress(Exception):  # whatever it is, there must be an answer
                missed = [number for number in block if not self._take(worker, number)]
            answers.put(missed)

    def _take(self, worker: IO[bytes], number: int) -> bool:
        """Read a worker's next picture; false if it could not read this one, or is dead."""
        target = self.x[self.place[number]].reshape(-1)
        return worker.read(1) == READ and worker.readinto(target.data) == len(target)  # type: ignore[attr-defined, no-any-return]


def _send(stdin: IO[bytes], request: bytes) -> None:
    with contextlib.suppress(OSError), stdin:  # it may be dead
        stdin.write(request)


def main() -> None:
    """A worker: a byte for each picture, and its pixels if it could be read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent stops it
    warnings.simplefilter("error")  # its parent's warnings are seen
    request = json.load(sys.stdin.buffer)
    with os.fdopen(1, "wb", BUFFER) as answers:
        for file in request.pop("files"):
            try:
                values = pictures.read_fitting(file, **request)
            except Exception:  # of any kind: the parent reads it again and says what it is
                answers.write(NOT_READ)
            else:
                answers.write(READ)
                answers.write(np.ascontiguousarray(values).data)


if __name__ == "__main__":
    main()
