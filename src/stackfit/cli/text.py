"""How commands write: the width of the terminal, warnings, and values on one line."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, printable
from stackfit.files import shown, writing


class Escaping:
    """A text stream in place of stdout: whatever a command prints of somebody's files, it does not control the terminal."""

    def __init__(self, stream: Any):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write `text` with control characters escaped."""
        return self.stream.write(printable(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """See `write`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def draw(text: str) -> None:
    """Write a text of our own that colours the terminal."""
    getattr(sys.stdout, "stream", sys.stdout).write(text)


def width() -> int | None:
    """Columns of the terminal, or None for a pipe or a file, where nothing is folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def columns() -> int:
    """The width to fold at: the terminal's; 80 for a pipe or a file."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def say(text: str) -> None:
    """Print on stderr, with control characters escaped; on a terminal, folded between words."""
    text = printable(text)
    if sys.stderr.isatty():
        text = "\n".join(fold(line, shutil.get_terminal_size().columns) for line in text.split("\n"))
    print(text, file=sys.stderr)


def fold(line: str, columns: int) -> str:
    """A line in lines of at most so many columns; its indent stays, and no word is broken."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return textwrap.fill(
        line, columns, initial_indent="", subsequent_indent=indent or "  ", break_long_words=False, break_on_hyphens=False
    )


def complain(problems: Iterable[str]) -> None:
    """Name problems on stderr that are no reason to stop."""
    for problem in problems:
        say(f"warning: {problem}")


def write_csv(text: str, path: Path) -> None:
    """Write a table into a file and print its name; `-` is stdout. ConfigError: it cannot be written."""
    if str(path) == "-":
        sys.stdout.write(text)
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
