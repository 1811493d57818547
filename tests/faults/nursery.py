"""The process that `children` starts: it imports TensorFlow once, then forks a child for each line that it reads."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import sys
from typing import Any

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def _become(request: dict[str, Any]) -> None:
    """In the child: what a shell does before it starts a command, then the command."""
    os.setsid()
    for descriptor, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        os.dup2(os.open(name, os.O_WRONLY if descriptor else os.O_RDONLY), descriptor)
    if request["fsize"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["fsize"], resource.RLIM_INFINITY))
    os.environ.update(request["variables"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    if request["disk"] is not None:
        _mount(request["disk"])
    sys.argv = ["stackfit", *request["words"]]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from stackfit.cli import entry

    entry()


def _mount(options: str) -> None:
    """Put a small disk (tmpfs) at `outputs`, only for this process and its children; at their end it is copied to `left`."""
    libc = ctypes.CDLL(None, use_errno=True)
    calls = [lambda: libc.unshare(CLONE_NEWNS), lambda: libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
             lambda: libc.mount(b"tmpfs", b"outputs", b"tmpfs", 0, options.encode())]  # fmt: skip
    if any(call() for call in calls):
        os._exit(99)
    if pid := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        shutil.copytree("outputs", "left", dirs_exist_ok=True)
        os._exit(code)


def main() -> None:
    """Fork a child for every line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import sklearn.datasets  # noqa: F401

    import stackfit.api
    import stackfit.cli.app
    import stackfit.config.hydra.composition
    import stackfit.execution.sweep
    from stackfit.training.tensorflow import runtime

    with runtime.quiet():
        import stackfit.model.stack
        import stackfit.training.loop
        import stackfit.training.tensorflow.pipeline  # noqa: F401
    for line in sys.stdin:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            answers.close()
            _become(request)
        print(pid, file=answers, flush=True)
        print(os.waitpid(pid, 0)[1], file=answers, flush=True)


if __name__ == "__main__":
    main()
