"""Commands on a real terminal: a pseudo-terminal, and the cells that an emulator (pyte) shows of what they write.

`python tests/screens.py` reads requests from stdin as JSON and answers with what was seen. It has imported what light
commands import, and forks for each: a command takes a tenth of a second. One that must be timed starts cold.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyte

ROWS = 40
PATIENCE = 2.0  # seconds without a sign on the screen


@dataclass
class Shot:
    """What a command showed: the lines on the screen at its end, and what happened on the way."""

    words: list[str]
    columns: int
    code: int = 0
    lines: list[str] = field(default_factory=list)
    wrapped: list[str] = field(default_factory=list)  # lines that went over the edge
    seen: list[str] = field(default_factory=list)  # every line that was on the screen at some time
    raw: str = ""
    gap: float = 0.0  # the longest time without output, in seconds
    gap_after: str = ""  # and what stood last on the screen meanwhile
    first: float = 0.0  # seconds until the first output

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Paper(pyte.Screen):
    """A screen so long that nothing is scrolled away; it knows which lines went over its edge."""

    def __init__(self, columns: int):
        super().__init__(columns, 4000)
        self.rows: list[int] = []  # that went over
        self._draws = False

    def draw(self, data: str) -> None:
        self._draws = True
        super().draw(data)
        self._draws = False

    def linefeed(self) -> None:
        if self._draws:
            self.rows.append(self.cursor.y)
        super().linefeed()

    def line(self, number: int) -> str:
        """A line's text without the blanks at its end."""
        cells = self.buffer[number]
        return "".join(cells[column].data for column in range(self.columns)).rstrip()

    def shown(self) -> list[str]:
        lines = [self.line(number) for number in range(max(self.buffer, default=0) + 1)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def wrapped(self) -> list[str]:
        """The lines that went over the edge, but for those with a word that fits into no line."""
        cut = [(self.line(row), self.line(row + 1)) for row in self.rows]
        return [first + rest for first, rest in cut if len(first.split(" ")[-1] + rest.split(" ")[0]) <= self.columns]


def film(words: Sequence[str], columns: int, environment: Mapping[str, str], cold: bool = False, keys: str = "") -> Shot:
    """Run `stackfit WORD…` in the current folder on a terminal so many columns wide, until it ends."""
    began = last = time.monotonic()
    process, leader = pty.fork()
    if process == 0:
        _be_the_command(words, columns, environment, cold)
    shot, paper = Shot([*words], columns), Paper(columns)
    stream, raw, last_line = pyte.ByteStream(paper), b"", ""
    seen: dict[str, None] = {}
    if keys:
        os.write(leader, keys.encode())
    while True:
        ready, _, _ = select.select([leader], [], [], 0.2)
        now = time.monotonic()
        try:
            chunk = os.read(leader, 65536) if ready else b""
        except OSError:  # the command has ended
            chunk, ready = b"", [0]
        if chunk or ready:
            if now - last > shot.gap:
                shot.gap, shot.gap_after = now - last, last_line
            last = now
        if ready and not chunk:
            break
        if chunk:
            shot.first = shot.first or now - began
            raw += chunk
            stream.feed(chunk)
            near = [paper.line(number) for number in range(max(0, paper.cursor.y - ROWS), paper.cursor.y + 1)]
            seen |= dict.fromkeys(filter(None, near))
            last_line = next((line for line in reversed(near) if line), last_line)
    _, status = os.waitpid(process, 0)
    os.close(leader)
    shot.code, shot.lines, shot.wrapped = os.waitstatus_to_exitcode(status), paper.shown(), paper.wrapped()
    shot.raw, shot.seen = raw.decode(errors="replace"), [*seen]
    return shot


def _be_the_command(words: Sequence[str], columns: int, environment: Mapping[str, str], cold: bool) -> None:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ.update({"TERM": "xterm-256color", "PYTHONWARNINGS": "", **environment})
    try:
        if cold or "PYTHONIOENCODING" in environment:
            os.execv(sys.executable, [sys.executable, "-m", "stackfit", *words])
        sys.argv = ["stackfit", *words]
        from stackfit.cli import entry

        entry()
    finally:
        os._exit(99)


def shoot(folder: Path, requests: Sequence[Mapping[str, Any]]) -> Iterator[Shot]:
    """Film commands in `folder`, one after another; a request is the arguments of `film`, but for what can be left out."""
    process = subprocess.run(
        [sys.executable, __file__], cwd=folder, input=json.dumps(list(requests)), capture_output=True, text=True
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-2000:]
    for line in process.stdout.splitlines():
        yield Shot(**json.loads(line))


def _serve() -> None:
    import pandas  # noqa: F401 (what light commands import)
    import rich.live  # noqa: F401

    import stackfit.cli.app
    import stackfit.config.hydra.composition
    import stackfit.execution.sweep  # noqa: F401

    answers = os.fdopen(os.dup(1), "w")
    for request in json.load(sys.stdin):
        shot = film(**{"environment": {}, **request})
        answers.write(json.dumps(asdict(shot)) + "\n")
        answers.flush()


# ---- judging

# What only a library says, and what only Python does.
FOREIGN = re.compile(
    r"Traceback|PosixPath\(|File \"|hydra\.|omegaconf|yaml\.(scanner|parser|composer)|ScannerError|ParserError|"
    r"mismatched input|token recognition|extraneous input|no viable alternative|LexerNoViable|"
    r"while (parsing|scanning)|could not find expected|mapping values are not|"
    r"ConfigCompositionException|MissingConfig|OverrideParse|ConfigAttributeError|"
    r"Try '[^']* --help' for help|Missing argument|No such (option|command)|Got unexpected extra|Invalid value for|"
    r"does not take a value|requires an argument|usage: |<class '|object at 0x|dtype=|array\(|"
    r"UndefinedVariableError|KeyError|ValueError|TypeError|AttributeError|Errno"
)


def faults(shot: Shot, wide: Shot | None = None, patience: float = PATIENCE) -> list[str]:
    """What is wrong with a screen, a sentence each. `wide`: the same command on a terminal as wide as it likes."""
    found = [f"goes over the edge: {line}" for line in shot.wrapped]
    found += [f"a library's words: {line}" for line in shot.lines if FOREIGN.search(line)]
    if shot.gap > patience:
        found.append(f"silent for {shot.gap:.1f} s after {shot.gap_after!r}")
    if wide is not None:
        whole = {word for line in wide.lines for word in line.split() if len(word) <= shot.columns}
        found += [f"a broken word, {word!r}: {line}" for word, line in broken_words(shot.lines, whole)]
    return found


def broken_words(lines: Sequence[str], whole: Collection[str]) -> Iterator[tuple[str, str]]:
    """Words that go on in the next line, by what is a whole word on a wide terminal; each with its line."""
    split = [line.split() for line in lines]
    for line, words, below in zip(lines, split, split[1:], strict=False):
        for word in {*words} - {*whole}:
            longer = [each.removeprefix(word) for each in whole if each.startswith(word)]
            if any(rest and (start.startswith(rest) or rest.startswith(start)) for rest in longer for start in below):
                yield word, line


if __name__ == "__main__":
    _serve()
