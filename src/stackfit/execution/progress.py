"""The output while cells train: a live display on a terminal, plain lines elsewhere. All of it goes to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from stackfit.errors import printable


class Reporter:
    """Plain lines, one an epoch. With `verbosity` 0 it prints only what is needed.

    Args:
        words: translates what is printed; see `stackfit.api.wording`.
    """

    def __init__(self, verbosity: int = 1, words: Callable[[str], str] = str):
        self.verbosity, self.words = verbosity, words

    def line(self, text: str, always: bool = False) -> None:
        """Print one or more lines; with `verbosity` 0 only if `always`."""
        if always or self.verbosity > 0:
            with contextlib.suppress(BrokenPipeError):  # nobody reads any more, as after `| head`: the run goes on
                print(printable(self.words(text.rstrip("\n"))), file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """Print lines that a live screen of several cells shows in its own way."""
        self.line(text)

    def load(self, what: str, done: int, total: int) -> None:
        """Data are read: `done` of `total`, which is 0 while it is not known; `end` follows."""

    def sweep(self, cells: int, finished: int) -> None:
        """A sweep starts, with this many cells; `finished` of them are finished already."""

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        """A cohort starts: one label and number of epochs for each member."""

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        """The cohort is `done` (0 to 1) through `epoch` (from 1); `running` are the members that still train."""

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        """A member has completed an epoch (from 1)."""

    def ended(self, label: str, state: str) -> None:
        """A cell is *finished* or *failed*."""

    def end(self) -> None:
        """The cohort has ended, for whatever reason."""


class LiveReporter(Reporter):
    """On a terminal: a progress bar for a single run; for a sweep, one screen with the cells that train."""

    def __init__(self, verbosity: int = 1, words: Callable[[str], str] = str):
        super().__init__(verbosity, words)
        self._live: Any = None
        self._labels: list[str] = []
        self._cells = self._finished = self._here = 0  # cells of a sweep: all, finished, finished here
        self._began = time.monotonic()

    def line(self, text: str, always: bool = False) -> None:
        if self._live is None:
            super().line(text, always)
        else:
            self._live.console.print(printable(self.words(text.rstrip("\n"))), markup=False, highlight=False, soft_wrap=True)

    def detail(self, text: str) -> None:
        if self._live is None or not self._cells:
            self.line(text)

    def load(self, what: str, done: int, total: int) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        if self._live is None:
            self._start()
        if self._live is not None:
            row = Table.grid(padding=(0, 2))
            row.add_row(what, ProgressBar(total=total or None, completed=done, width=16), f"{done:,}")
            self._live.update(row)

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        if self.verbosity > 0:
            self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=8)
            self._live.start()

    def sweep(self, cells: int, finished: int) -> None:
        self._cells, self._finished = cells, finished
        self._began = time.monotonic()

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        self._labels, self._epochs = list(labels), list(epochs)
        self._at: dict[int, tuple[int, float]] = {}
        self._values: dict[int, float] = {}
        self._best: dict[int, str] = {}
        self._states: dict[str, str] = {}
        self._start()

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        for member in running:
            self._at[member] = (epoch, done)
        self._draw()

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        self._at[member] = (epoch, 1.0)
        name = next((n for n in ("val_accuracy", "accuracy", "val_loss", "loss") if n in logs), None)
        if name is not None:
            better = min if name.endswith("loss") else max
            self._values[member] = better(self._values.get(member, logs[name]), logs[name])
            self._best[member] = f"best {name} {self._values[member]:.4f}"
        self._draw()

    def ended(self, label: str, state: str) -> None:
        self._states[label] = state
        self._finished += 1
        self._here += 1
        self._draw()

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> None:
        if self._live is None:
            return
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for width in (max(20, self._live.console.width - 62), None, None, None):  # long labels are cut
            table.add_column(no_wrap=True, overflow="ellipsis", max_width=width)
        for number, label in enumerate(self._labels):
            epoch, done = self._at.get(number, (1, 0.0))
            state = self._states.get(label, f"epoch {epoch}/{self._epochs[number]}")
            bar = ProgressBar(total=self._epochs[number], completed=epoch - 1 + done, width=16)
            table.add_row(Text(printable(label)), bar, state, self._best.get(number, ""))
        self._live.update(Group(table, Text(self._outlook())))

    def _outlook(self) -> str:
        """How many cells are finished, and about how long the rest will take."""
        trained = sum(epoch - 1 + done for epoch, done in self._at.values())
        share = trained / max(1, sum(self._epochs))
        if not self._cells:
            return self._left(share, 1 - share)
        running = share * (len(self._labels) - len(self._states))
        left = self._left(self._here + running, self._cells - self._finished - running)
        return ", ".join(filter(None, [f"{self._finished} of {self._cells} cells", left]))

    def _left(self, worked: float, to_do: float) -> str:
        passed = time.monotonic() - self._began
        return f"about {_clock(to_do * passed / worked)} left" if worked > 0.01 else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def make_reporter(verbosity: int = 1, words: Callable[[str], str] = str) -> Reporter:
    """The live display if stderr is a terminal that can show it, else plain lines."""
    return (LiveReporter if takes_colour(sys.stderr) else Reporter)(verbosity, words)


def takes_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows escape codes, and its user wants them (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
