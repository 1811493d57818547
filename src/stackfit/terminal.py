"""What a terminal shows: lines broken between words, and a status line that gives way. Every room prints through it."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from stackfit.errors import printable

# What stands on one line, so that it can be copied: a word, with what is quoted in it, and a command up to the end of its clause.
_QUOTED = r"""(?<![^\s=(\[])(?:'[^'\n]*'|"[^"\n]*")(?=[\s.,;:)\]]|$)"""
_WORD = rf"(?>--[\w-]+ {_QUOTED}|(?:{_QUOTED}|\S)+)"
_COMMAND = rf"(?:(?<=: )|(?<=  )|(?<![^\n]))(?:stackfit|pip|python) (?:{_WORD}(?<![.,;:)]) +)*+{_WORD}"
_PIECES = re.compile(rf"(\s*)({_COMMAND}|{_WORD})")


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

    A word or a command that fits into no line is left to the terminal, so that it can be copied.
    """
    return "\n".join([line if cells(line) <= columns else _fold(line, columns) for line in text.split("\n")])


def _fold(line: str, columns: int) -> str:
    starts = [found.end() for found in re.finditer(r"\S  +(?=\S)", line) if found.end() <= columns // 2]
    indent = cells(line[: starts[-1]]) if starts else min(len(line) - len(line.lstrip()) + 2, columns // 2)
    lines, at = [""], 0
    for gap, word in _PIECES.findall(line):
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


def columns_of(stream: Any) -> int | None:
    """Columns of the terminal, or None for a pipe or a file, where nothing is folded."""
    if not stream.isatty():
        return None
    typed = os.environ.get("COLUMNS", "")
    with contextlib.suppress(OSError):  # a terminal that nobody has measured has 0
        return int(typed) if typed.isdecimal() and int(typed) else os.get_terminal_size(stream.fileno()).columns or 80
    return 80
