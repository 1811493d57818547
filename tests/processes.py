"""Real `stackfit` processes for tests: started, watched, stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

COMMAND = (sys.executable, "-m", "stackfit")


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """`stackfit WORD…` in `folder`, with its output in pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )


def finish(process: subprocess.Popen[str], seconds: float = 120.0) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that must end within `seconds`."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def wait_until(
    condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 90.0
) -> None:
    """Wait for a condition while the process lives.

    Raises:
        AssertionError: the process ended, or the time is over.
    """
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"It ended with {process.returncode}: {process.communicate()[1]}")
        if time.monotonic() > end:
            process.kill()
            raise AssertionError(f"Waited {seconds} s in vain: {process.communicate()[1]}")
        time.sleep(0.05)
