"""What a user sees while cells train: a live display on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any


class Reporter:
    """Plain lines, one an epoch. `verbosity` 0 keeps quiet about epochs."""

    def __init__(self, verbosity: int = 1):
        self.verbosity = verbosity

    def line(self, text: str, always: bool = False) -> None:
        """Print one line, or several, unless the user wants quiet."""
        if always or self.verbosity > 0:
            print(text.rstrip("\n"), file=sys.stderr, flush=True)

    def sweep(self, cells: int, finished: int) -> None:
        """A sweep of so many cells starts; some are finished already."""

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        """A cohort starts: one label and number of epochs for each member."""

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        """The cohort is `done` (0 to 1) through `epoch` (from 1); `running` are the members that still train."""

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        """A member has completed an epoch (from 1)."""

    def ended(self, label: str, state: str) -> None:
        """A cell is *finished* or *failed*."""

    def end(self) -> None:
        """The cohort has ended, in whatever way."""


class LiveReporter(Reporter):
    """On a terminal: a bar over a single run's epochs; for a sweep one screen with the cells that train."""

    def __init__(self, verbosity: int = 1):
        super().__init__(verbosity)
        self._live: Any = None
        self._cells = self._finished = 0
        self._began = time.monotonic()

    def line(self, text: str, always: bool = False) -> None:
        if self._live is None:
            super().line(text, always)
        elif (always or self.verbosity > 0) and (always or len(self._labels) == 1):
            self._live.console.print(text.rstrip("\n"), markup=False, highlight=False, soft_wrap=True)

    def sweep(self, cells: int, finished: int) -> None:
        self._cells, self._finished, self._here = cells, finished, 0
        self._began = time.monotonic()

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._labels, self._epochs = list(labels), list(epochs)
        self._at: dict[int, tuple[int, float]] = {}
        self._best: dict[int, tuple[str, float]] = {}
        self._states: dict[str, str] = {}
        if self.verbosity > 0:
            self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=8)
            self._live.start()

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        for member in running:
            self._at[member] = (epoch, done)
        self._draw()

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        name = next((n for n in ("val_accuracy", "accuracy", "val_loss", "loss") if n in logs), None)
        if name is not None:
            better = min if name.endswith("loss") else max
            before = self._best.get(member)
            self._best[member] = (name, better(before[1], logs[name]) if before else logs[name])
        self._draw()

    def ended(self, label: str, state: str) -> None:
        self._states[label] = state
        self._finished += 1
        self._here = getattr(self, "_here", 0) + 1
        self._draw()

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> None:
        if self._live is None:
            return
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for number, label in enumerate(self._labels):
            epoch, done = self._at.get(number, (1, 0.0))
            name, value = self._best.get(number, ("", 0.0))
            state = self._states.get(label, f"epoch {epoch}/{self._epochs[number]}")
            bar = ProgressBar(total=self._epochs[number], completed=epoch - 1 + done, width=24)
            table.add_row(label, bar, state, f"best {name} {value:.4f}" if name else "")
        table.add_row(self._outlook(), "", "", "")
        self._live.update(table)

    def _outlook(self) -> str:
        """How many cells are finished, and about how long the rest will take."""
        trained = sum((epoch - 1 + done) for epoch, done in self._at.values())
        share = trained / max(1e-9, sum(self._epochs))
        passed = time.monotonic() - self._began
        if self._cells:
            here = len(self._labels) - len(self._states)
            worked = getattr(self, "_here", 0) + share * here
            left = (self._cells - self._finished - share * here) * passed / max(1e-9, worked)
            return f"{self._finished} of {self._cells} cells, about {_clock(left)} left" if worked > 0.05 else ""
        return f"about {_clock(passed * (1 - share) / share)} left" if share > 0.01 else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def make_reporter(verbosity: int = 1) -> Reporter:
    """The live display if stderr is a terminal, else plain lines."""
    return LiveReporter(verbosity) if sys.stderr.isatty() else Reporter(verbosity)
