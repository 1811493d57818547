"""`python tests/little_memory.py MEGABYTES`: commands, as `jax_commands.py` takes them; the second may take so much more memory.

The first makes the engine start: what that takes varies.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import shlex
import sys
from pathlib import Path

from stackfit.cli import main


def taken() -> int:
    """The address space of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run(line: str) -> dict[str, object]:
    """What a command said."""
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(shlex.split(line))
        except SystemExit as stopped:
            code = stopped.code
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "imports": []}


if __name__ == "__main__":
    commands = [*json.load(sys.stdin).values()]
    for number, command in enumerate(commands):
        most = taken() + int(sys.argv[1]) * 10**6 if number == 1 else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        print(json.dumps(run(command)), flush=True)
