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
from stackfit.terminal import Folding, columns_of

LEAST_WIDTH = 30  # of a line, in characters
NARROW = 52  # Typer's help is never narrower


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


def as_fact(name: str, text: str) -> str:
    """A name in its own column, and the text next to it."""
    return textwrap.fill(text, 80, initial_indent=f"{name:<8}", subsequent_indent=" " * 8)


def as_seconds(seconds: float) -> str:
    """`4.2 s`, `3 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
