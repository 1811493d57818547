"""The process behind `children`: imports TensorFlow once, then forks a child for every line that it reads."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any


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
    sys.argv = ["stackfit", *request["words"]]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from stackfit.cli import entry

    entry()


def main() -> None:
    """Fork a child for every line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import sklearn.datasets  # noqa: F401

    import stackfit.api
    import stackfit.cli.app
    import stackfit.composition
    import stackfit.sweeps
    from stackfit import backend

    with backend.quiet():
        import stackfit.model
        import stackfit.pipeline
        import stackfit.training  # noqa: F401
    for line in sys.stdin:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            answers.close()
            _become(request)
        print(pid, file=answers, flush=True)
        print(os.waitpid(pid, 0)[1], file=answers, flush=True)


if __name__ == "__main__":
    main()
