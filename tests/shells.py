"""An interactive shell on a terminal of its own, in which a test types and presses TAB."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import sys
import time
from pathlib import Path


class Shell:
    """bash or zsh with stackfit's completion; a finished line prints its words instead of running."""

    def __init__(self, name: str, folder: Path):
        (folder / "bin").mkdir()
        program = folder / "bin" / "stackfit"
        program.write_text(
            "#!/bin/sh\n"
            f'[ -n "$_STACKFIT_COMPLETE" ] && exec {shlex.quote(sys.executable)} -m stackfit "$@"\n'
            'printf "<%s>" "$@"; echo "<end>"\n'
        )
        program.chmod(0o755)
        environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "SHELL": name, "TERM": "dumb"}
        environment |= {"HOME": str(folder), "COLUMNS": "200", "PS1": "$ "}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            quick = ["--norc", "--noprofile", "-i"] if name == "bash" else ["-f", "-i"]
            os.execvpe(name, [name, *quick], environment)
        self.send(f'eval "$({shlex.quote(sys.executable)} -m stackfit --show-completion)"; echo rea""dy\n', "ready")

    def send(self, text: str, until: str, seconds: float = 60) -> str:
        """Type `text` and read until a pattern has been printed."""
        os.write(self.terminal, text.encode())
        seen, end = "", time.monotonic() + seconds
        while not re.search(until, seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"no {until!r} in {seen!r}")
            seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def words(self, typed: str) -> list[str]:
        """The words of the command line `stackfit TYPED`, in which every TAB has been answered."""
        seen = self.send(f"stackfit {typed}\n", "<end>")
        return re.findall(r"<([^<>]*)>", seen.rpartition("\n<")[0] and "<" + seen.rpartition("\n<")[2])[:-1]

    def close(self) -> None:
        """Leave the shell."""
        os.write(self.terminal, b"\nexit\n")
        os.waitpid(self.pid, 0)
        os.close(self.terminal)
