"""A job: one cell on its way to a finished folder, what it says, and why it failed."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass, field
from typing import Any

from stackfit.errors import StackfitError
from stackfit.execution.cells import Cell
from stackfit.execution.progress import Reporter
from stackfit.results.run_folder import RunFolder


@dataclass
class Job:
    """One cell on its way to a finished folder; what it says goes to its reporter and into its log."""

    cell: Cell
    label: str
    reporter: Reporter
    alone: bool = True  # else what it says starts with its label
    member: Any = None  # training.Member
    folder: RunFolder | None = None
    lines: list[str] = field(default_factory=list)  # said before there was a folder to log to
    logs: dict[str, float] = field(default_factory=dict)
    epoch: int = 0
    ended: bool = False
    failure: str | None = None

    def say(self, text: str, detail: bool = False) -> None:
        """Print lines and log them; a live screen of several cells shows a `detail` in its own way."""
        lines = text.strip("\n").split("\n")
        prefix = "" if self.alone else f"{self.label}  "
        (self.reporter.detail if detail else self.reporter.line)("\n".join(prefix + line for line in lines))
        self.lines += lines
        if self.folder is not None:
            self.folder.append_log("".join(f"{line}\n" for line in self.lines))
            self.lines = []

    def fail(self, error: BaseException) -> None:
        """Record in the folder why it failed, with the traceback, and say so."""
        assert self.folder is not None
        trace = "".join(traceback.format_exception(error))
        when = f"in epoch {self.epoch}" if self.epoch else "before the first epoch"
        own = isinstance(error, StackfitError)
        self.failure = str(error) if own else f"{type(error).__name__} {when}: {_text(error)}".rstrip(": ")
        with contextlib.suppress(OSError, StackfitError):  # a full disk: the status below may still fit
            self.folder.append_log(f"failed: {self.failure}\n{trace}")
        try:
            self.folder.fail(self.failure, trace)
        except OSError as second:
            self.reporter.line(f"{self.label}: its status could not be written either: {second}", always=True)
        self.reporter.line(f"{self.label}: failed: {self.failure}", always=True)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's exception may have a __str__ that raises
        return ""
