"""Progress in a notebook: one output of the cell that is written again and again. It needs no widgets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from stackfit.api.wording import in_python
from stackfit.execution.progress import LiveReporter, Reporter, make_reporter

WIDTH = 100
SECONDS = 0.2  # between two updates; each is a message to the browser


def reporter_of(verbosity: int = 1) -> Reporter:
    """What shows the progress to whoever called the API: in a notebook, on a terminal, or as plain lines."""
    return NotebookReporter(verbosity, in_python) if in_notebook() else make_reporter(verbosity, in_python)


def in_notebook() -> bool:
    """Whether an IPython kernel runs this process: its output goes to a browser, not to a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NotebookReporter(LiveReporter):
    """The live display of a terminal, in the output of a notebook's cell."""

    _screen: Screen | None = None

    def _start(self) -> None:
        if self._live is None and self.verbosity > 0:
            self._live = self._screen = self._screen or Screen()
            self._console = self._screen.console

    def load(self, what: str, done: int, total: int) -> None:
        super().load(what, done, total)
        self._draw()

    def step(self, epoch: int, done: float, running: Sequence[int]) -> None:
        super().step(epoch, done, running)
        self._draw()

    def epoch(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        super().epoch(member, epoch, logs)
        self._draw()

    def ended(self, label: str, state: str) -> None:
        super().ended(label, state)
        self._draw()

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(lambda: "\n".join(self.lines(WIDTH)))

    def end(self) -> None:
        screen = self._live
        super().end()
        if screen is not None:
            screen.clear()


class Screen:
    """One output of the cell that is written again and again; `console` writes lines below it."""

    def __init__(self) -> None:
        from IPython.display import display
        from rich.console import Console

        self.console = Console(stderr=True, force_jupyter=False, color_system=None, soft_wrap=True)
        self._output = display({"text/plain": ""}, raw=True, display_id=True)
        self._shown = 0.0

    def update(self, text: Callable[[], str]) -> None:
        """Show it, unless something was shown a moment ago."""
        if time.monotonic() - self._shown < SECONDS:
            return
        self._shown = time.monotonic()
        self._write(text())

    def clear(self) -> None:
        """Clear the output; the lines below it stay."""
        self._write("")
        self._shown = 0.0

    def _write(self, text: str) -> None:
        if self._output is not None:
            self._output.update({"text/plain": text}, raw=True)
