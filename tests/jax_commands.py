"""Commands, on stdin as `{name: words}`, run in one process where TensorFlow cannot be imported; on stdout a line of JSON each.

`{name}` in one of them stands for the folder that an earlier one printed.

`imports`: who tried to import it all the same, as the stack of the attempt.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import io
import json
import shlex
import sys
import traceback

ATTEMPTS: list[str] = []


class NoTensorFlow(importlib.abc.MetaPathFinder):
    """As on a machine without it."""

    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            frames = traceback.extract_stack()
            if not any(frame.name == "find_spec" and "util" in frame.filename for frame in frames):  # asked, not imported
                ATTEMPTS.append("".join(traceback.format_list(frames)[-12:-1]))
                raise ModuleNotFoundError("No module named 'tensorflow'", name=name)
        return None


sys.meta_path.insert(0, NoTensorFlow())
from stackfit.cli import main  # noqa: E402

if __name__ == "__main__":
    answers = sys.stdout
    folders: dict[str, str] = {}
    for name, line in json.load(sys.stdin).items():
        ATTEMPTS.clear()
        out, err, code = io.StringIO(), io.StringIO(), None
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([folders.get(word, word) for word in shlex.split(line)])
            except SystemExit as stopped:
                code = stopped.code
        folders["{" + name + "}"] = out.getvalue().splitlines()[-1] if out.getvalue() else ""
        answer = {"code": code, "out": out.getvalue(), "err": err.getvalue(), "imports": ATTEMPTS}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
