"""The output while cells train: a live display on a terminal, plain lines elsewhere. All of it goes to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from stackfit import waiting
from stackfit.errors import printable
from stackfit.execution.screen import Row, joined, row_lines, sweep_lines, time_left

if TYPE_CHECKING:
    from stackfit.results.underway import Underway

# A pace that was seen for a shorter time says nothing.
PACE_SECONDS, PACE_SHARE = 1.0, 0.02
PLAIN = str.maketrans("━─…", "=-.")  # where an encoding has none of our signs


class Reporter:
    """Plain lines, one an epoch. With `verbosity` 0 it prints only what is needed.

    Args:
        words: translates what is printed; see `stackfit.api.wording`.
    """

    def __init__(self, verbosity: int = 1, words: Callable[[str], str] = str):
        self.verbosity, self.words = verbosity, words
        self._open_lines: dict[str, str] = {}  # what callbacks have printed of lines that have no end yet, by prefix

    def line(self, text: str, always: bool = False) -> None:
        """Print one or more lines; with `verbosity` 0 only if `always`."""
        if always or self.verbosity > 0:
            with contextlib.suppress(BrokenPipeError):  # nobody reads any more, as after `| head`: the run goes on
                print(printable(self.words(text.rstrip("\n"))), file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """Print lines that a live screen of several cells shows in its own way."""
        self.line(text)

    def printed(self, text: str, prefix: str = "") -> None:
        """Print what a callback prints, each line after `prefix`; what ends without a line end waits for the rest of its line."""
        whole, end, self._open_lines[prefix] = (self._open_lines.get(prefix, "") + text).rpartition("\n")
        if end:
            self.line("\n".join([prefix + line for line in whole.split("\n")]))

    def load(self, what: str, done: int, total: int) -> None:
        """Data are read: `done` of `total`, which is 0 while it is not known; `end` follows."""

    def sweep(self, cells: int, finished: int, folder: Path | None = None) -> None:
        """A sweep starts, with this many cells; `finished` of them are finished already. Its folder says the rest, if it has one."""

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
        for prefix, text in self._open_lines.items():
            if text:
                self.line(prefix + text)
        self._open_lines = {}


class LiveReporter(Reporter):
    """On a terminal: a progress bar for a single run; for a sweep, one screen with the cells that train, from their files."""

    def __init__(self, verbosity: int = 1, words: Callable[[str], str] = str):
        super().__init__(verbosity, words)
        self._live: Any = None
        self._console: Any = None
        self._opened = contextlib.ExitStack()
        self._underway: Underway | None = None
        self._loading: tuple[str, int, int] | None = None
        self._cells = self._finished = self._here = 0  # runs of several: all, finished, finished here
        self._labels: list[str] = []
        self._first: tuple[float, float] | None = None  # when the pace was first looked at; the work done until then

    def line(self, text: str, always: bool = False) -> None:
        if self._live is None:
            super().line(text, always)
        else:
            self._console.print(printable(self.words(text.rstrip("\n"))), markup=False, highlight=False, emoji=False)

    def detail(self, text: str) -> None:
        if self._live is None or not self._cells:
            self.line(text)

    def load(self, what: str, done: int, total: int) -> None:
        self._loading = (what, done, total)
        self._start()

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        if self._live is None and self.verbosity > 0:
            self._opened.enter_context(waiting.elsewhere())
            sys.stderr.write("")  # a status line gives way
            self._console = Console(file=getattr(sys.stderr, "stream", sys.stderr), force_terminal=True)
            self._live = Live(console=self._console, transient=True, refresh_per_second=4, get_renderable=self._renderable)
            self._opened.enter_context(self._live)

    def sweep(self, cells: int, finished: int, folder: Path | None = None) -> None:
        from stackfit.results.underway import Underway

        self._cells, self._finished, self._first = cells, finished, None
        self._underway = None if folder is None else Underway(folder)

    def begin(self, labels: Sequence[str], epochs: Sequence[int]) -> None:
        self._labels, self._epochs = list(labels), list(epochs)
        self._at: dict[int, tuple[int, float]] = {}
        self._values: dict[int, str] = {}
        self._states: dict[str, str] = {}
        self._start()

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        for member in running:
            self._at[member] = (epoch, done)

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        from stackfit.results.underway import measures

        self._at[member] = (epoch, 1.0)
        self._values[member] = "".join([f"{name} {logs[name]:.4f}" for name in measures(logs)[:1]])

    def ended(self, label: str, state: str) -> None:
        self._states[label] = state
        self._finished += 1
        self._here += 1

    def end(self) -> None:
        super().end()
        self._opened.close()
        self._live = self._loading = None

    def _renderable(self) -> Any:
        from rich.text import Text

        width, height = self._console.size
        open_lines = [printable(prefix + text)[-width:] for prefix, text in [*self._open_lines.items()] if text]
        text = "\n".join([*open_lines, *self.lines(width, height)])
        try:
            text.encode(self._console.encoding)
        except UnicodeEncodeError:
            text = text.translate(PLAIN)
        return Text(text, no_wrap=True, overflow="crop")

    def lines(self, width: int, height: int = 24) -> list[str]:
        """What the screen shows now, in lines of at most `width` columns."""
        busy = [f"{what} …" for what in waiting.now[-1:]]
        if self._loading is not None:
            what, done, total = self._loading
            return row_lines([Row(what, done / total, f"{done:,} of {total:,}")] if total else [Row(what, 0.0, f"{done:,}")], width)
        if self._underway is not None:
            within = {self._labels[member]: done for member, (_, done) in [*self._at.items()] if done < 1}
            return sweep_lines(self._underway.look(), width, height, within, busy)
        rows = []
        for number, label in enumerate(self._labels):
            epoch, done = self._at.get(number, (1, 0.0))
            state = self._states.get(label, f"epoch {epoch}/{self._epochs[number]}")
            rows.append(Row(label, (epoch - 1 + done) / max(1, self._epochs[number]), state, self._values.get(number, "")))
        return [*row_lines(rows, width), *joined([*self._outlook(), *busy], width)]

    def _outlook(self) -> list[str]:
        """How many runs are finished, and about how long the rest will take, by the pace so far."""
        trained = sum(epoch - 1 + done for epoch, done in [*self._at.values()])
        share = trained / max(1, sum(self._epochs))
        if not self._cells:
            return time_left(self._left(share, 1 - share))
        running: float = share * (len(self._labels) - len(self._states))
        to_do = self._cells - self._finished - running
        left = self._left(self._here + running, to_do) if self._here else None  # else nobody knows what a whole one takes
        return [f"{self._finished} of {self._cells} runs finished", *time_left(left)]

    def _left(self, worked: float, to_do: float) -> float | None:
        now = time.monotonic()
        if self._first is None and worked > 0:
            self._first = (now, worked)
        began, before = self._first or (now, worked)
        known = now - began >= PACE_SECONDS and worked - before >= PACE_SHARE
        return to_do * (now - began) / (worked - before) if known else None


def make_reporter(verbosity: int = 1, words: Callable[[str], str] = str) -> Reporter:
    """The live display if stderr is a terminal that can show it, else plain lines."""
    return (LiveReporter if takes_colour(sys.stderr) else Reporter)(verbosity, words)


def takes_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows escape codes, and its user wants them (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
