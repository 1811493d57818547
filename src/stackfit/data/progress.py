"""How loading speaks while it works: whole lines for a log, steps for a progress bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`say(line)` gets one sentence; `step(what, done, total)` gets counts, total 0 while it is unknown."""

    say: Callable[[str], None] = lambda line: None
    step: Callable[[str, int, int], None] = lambda what, done, total: None


SILENT = Progress()
