"""How commands write: the width of the terminal, warnings, and values on one line."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, printable
from stackfit.files import shown, writing

LEAST_WIDTH = 30  # of a line, in characters
NARROW = 52  # Typer's help is never narrower


class Folding:
    """A text stream in place of stdout or stderr: on a terminal, lines are broken between words, and a status line gives way.

    Args:
        status: a `StatusLine`, or None.
        escapes: whatever a command prints of somebody's files, it does not control the terminal.
    """

    def __init__(self, stream: Any, status: Any, escapes: bool):
        self.stream, self.status, self.escapes = stream, status, escapes
        self.columns = columns_of(stream)
        self._at = 0  # the column of the cursor

    def write(self, text: str, whole: bool = False) -> int:
        """Write `text`, with `whole` as it is: for a program or a file."""
        text = printable(text) if self.escapes else text
        if self.status is not None:
            self.status.clear()
            self.status.after(text)
        if self.columns is not None:
            text = encoded(text, self.stream)
            text = text if whole else fold("x" * self._at + text, self.columns)[self._at :]
            self._at = cells(text.rpartition("\n")[2]) + (0 if "\n" in text else self._at)
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """See `write`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def fold(text: str, columns: int) -> str:
    """`text` with its long lines broken between words; what follows stands below the line's last column, or two further in.

    A word that fits into no line is left to the terminal, so that it can be copied.
    """
    return "\n".join([line if cells(line) <= columns else _fold(line, columns) for line in text.split("\n")])


def _fold(line: str, columns: int) -> str:
    starts = [found.end() for found in re.finditer(r"\S  +(?=\S)", line) if found.end() <= columns // 2]
    indent = cells(line[: starts[-1]]) if starts else min(len(line) - len(line.lstrip()) + 2, columns // 2)
    lines, at = [""], 0
    for gap, word in re.findall(r"(\s*)(\S+)", line):
        size = cells(word)
        if at + len(gap) + size > columns:
            if lines[-1].strip():
                lines.append("")
                at, gap = 0, " " * indent
            gap = gap[: max(0, columns - size)]
        lines[-1] += gap + word
        at = (at + len(gap) + size) if size <= columns else (at + len(gap) + size) % columns
    return "\n".join(lines) + line[len(line.rstrip()) :]


def encoded(text: str, stream: Any) -> str:
    """`text` as the stream's encoding shows it: other signs may be wider."""
    if text.isascii() or not getattr(stream, "encoding", None):
        return text
    return text.encode(stream.encoding, stream.errors).decode(stream.encoding)


def cells(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum((unicodedata.east_asian_width(sign) in "WF") + (not unicodedata.combining(sign)) for sign in text)


def write_whole(text: str, format: str = "") -> None:
    """Write to stdout what a program or a file is made of: nothing is broken, but where the format is `text`."""
    if isinstance(sys.stdout, Folding) and format != "text":
        sys.stdout.write(text, whole=True)
    else:
        sys.stdout.write(text)


def draw(text: str) -> None:
    """Write a text of our own that colours the terminal."""
    getattr(sys.stdout, "stream", sys.stdout).write(text)


def width() -> int:
    """Characters of a line: `COLUMNS`, or those of the terminal; 80 for a pipe or a file."""
    return max(LEAST_WIDTH, shutil.get_terminal_size((80, 24)).columns)


def help_width() -> int | None:
    """Columns of a help screen, if not as many as Typer takes: where that would be too wide, lines are left to `fold`."""
    columns = columns_of(sys.stdout)
    return 10_000 if columns is not None and columns < NARROW else None


def columns_of(stream: Any) -> int | None:
    """Columns of the terminal, or None for a pipe or a file, where nothing is folded."""
    if not stream.isatty():
        return None
    typed = os.environ.get("COLUMNS", "")
    with contextlib.suppress(OSError):  # a terminal that nobody has measured has 0
        return int(typed) if typed.isdecimal() and int(typed) else os.get_terminal_size(stream.fileno()).columns or 80
    return 80


def say(text: str) -> None:
    """Print on stderr, with control characters escaped."""
    print(printable(text), file=sys.stderr)


def complain(problems: Iterable[str]) -> None:
    """Name problems on stderr that are no reason to stop."""
    for problem in problems:
        say(f"warning: {problem}")


def write_csv(text: str, path: Path) -> None:
    """Write a table into a file and print its name; `-` is stdout. ConfigError: it cannot be written."""
    if str(path) == "-":
        write_whole(text)
        return
    with writing(path, "a file's name", f"Try: --csv {path.stem or 'runs'}.csv", ConfigError):
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{shown(path)}\n")


def flow(value: Any, longest: int | None = None) -> str:
    """One line of YAML, cut to `longest` characters."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    text = text.removesuffix("\n").removesuffix("...").rstrip()
    return text if longest is None or len(text) <= longest else f"{text[: longest - 3]}..."
