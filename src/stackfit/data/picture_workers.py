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
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from stackfit.config.machine import child, cores
from stackfit.data import pictures

CHUNK = 200  # pictures from one report to the next
PATIENCE = 0.3  # seconds of reading alone; about what a worker needs to start
BUFFER, PIPE = 1 << 18, 1 << 20  # bytes by which a worker may be ahead
READ, NOT_READ = b"\1", b"\0"


def read_all(
    files: Sequence[str],
    arguments: dict[str, Any],
    read: Callable[[int], np.ndarray],
    x: np.ndarray,
    place: np.ndarray,
    told: Callable[[int], None],
) -> None:
    """Put the pixels of `files[number]` into `x[place[number]]`: all here if that is quick, else by as many processes as cores.

    Args:
        arguments: of `pictures.read_fitting` besides the file, as JSON.
        read: the same for a number; raises the error that a user shall see.
        told: gets how many have been read.
    """
    began, count, workers = time.monotonic(), cores(), list[IO[bytes]]()
    shared = len(files)  # the first picture that a worker reads
    with contextlib.ExitStack() as stack:
        for number in range(len(files)):
            target = x[place[number]]
            if number < shared or not _receive(workers[(number - shared) % len(workers)], target.reshape(-1)):
                target[...] = read(number)
            done = number + 1
            if done % CHUNK == 0 or done == len(files):
                told(done)
            if count > 1 and not workers and 3 * done < len(files) and time.monotonic() - began > PATIENCE:
                shared = 2 * done  # what is read here while they start
                for first in range(shared, shared + count):
                    workers.append(stack.enter_context(_worker(files[first::count], arguments)))


def _receive(worker: IO[bytes], target: np.ndarray) -> bool:
    """Read a worker's next picture; false if it could not read this one, or is dead."""
    return worker.read(1) == READ and worker.readinto(target.data) == len(target)  # type: ignore[attr-defined, no-any-return]


@contextlib.contextmanager
def _worker(files: Sequence[str], arguments: dict[str, Any]) -> Iterator[IO[bytes]]:
    """What a process answers that reads these files."""
    command, environment = child("stackfit.data.picture_workers")
    request = json.dumps({"files": list(files), **arguments}).encode()
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        process = subprocess.Popen(command, BUFFER, env=environment, pipesize=PIPE, **pipes)
    except OSError:  # no more processes or memory: its parent reads all of them
        yield io.BytesIO()
        return
    with process:
        assert process.stdout is not None
        threading.Thread(target=_send, args=(process.stdin, request), daemon=True).start()  # it is read late
        try:
            yield process.stdout
        finally:
            process.kill()


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
