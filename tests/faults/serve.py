"""The process that `Session` starts: it reads one command a line as JSON and answers with its code and output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from typing import Any


def answer(words: list[str]) -> dict[str, Any]:
    from stackfit.cli import main

    code: Any = None
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            main(words)
        except SystemExit as done:
            code = done.code
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"code": code, "out": texts[0], "err": texts[1]}


def serve() -> None:
    answers, nothing = os.fdopen(os.dup(1), "w"), os.open(os.devnull, os.O_WRONLY)
    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["folder"])
        os.environ.update(request["variables"])
        given = answer(request["words"])
        for descriptor in (1, 2):
            os.dup2(nothing, descriptor)
        for name in request["variables"]:
            del os.environ[name]
        os.chdir("/")
        print(json.dumps(given), file=answers, flush=True)


if __name__ == "__main__":
    serve()
