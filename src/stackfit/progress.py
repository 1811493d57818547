"""What a user sees while cells train: a live display on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Reporter:
    """Plain lines, one an epoch. `verbosity` 0 keeps quiet about epochs."""

    def __init__(self, verbosity: int = 1):
        self.verbosity = verbosity

    def line(self, text: str, always: bool = False) -> None:
        """Print one line, or several, unless the user wants quiet."""
        if always or self.verbosity > 0:
            print(text.rstrip("\n"), file=sys.stderr, flush=True)

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        """A cohort starts: one label and number of epochs for each member."""

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        """The cohort is `done` (0 to 1) through `epoch` (from 1); `running` are the members that still train."""

    def end(self) -> None:
        """The cohort has ended, in whatever way."""


class LiveReporter(Reporter):
    """A bar over the epochs of the cohort, below the lines."""

    def __init__(self, verbosity: int = 1):
        super().__init__(verbosity)
        self._bar: Progress | None = None

    def line(self, text: str, always: bool = False) -> None:
        if self._bar is None:
            super().line(text, always)
        elif always or self.verbosity > 0:
            self._bar.console.print(text.rstrip("\n"), markup=False, highlight=False, soft_wrap=True)

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        if self.verbosity < 1:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        title = labels[0] if len(labels) == 1 else f"{len(labels)} cells"
        self._epochs = max(epochs, default=1)
        self._task = self._bar.add_task(title, total=self._epochs, epoch=1, epochs=self._epochs)
        self._bar.start()

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch - 1 + done, epoch=epoch)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def make_reporter(verbosity: int = 1) -> Reporter:
    """The live display if stderr is a terminal, else plain lines."""
    return LiveReporter(verbosity) if sys.stderr.isatty() else Reporter(verbosity)
