"""Progress in a notebook: one output of the cell that is written again and again. It needs no widgets."""

from __future__ import annotations

import io
import sys
import time
from typing import Any

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
        if self.verbosity > 0:
            self._live = self._screen = self._screen or Screen()


class Screen:
    """Takes the place of `rich.live.Live`: shows a text in one output of the cell, then clears it."""

    def __init__(self) -> None:
        from IPython.display import display
        from rich.console import Console

        self.console = Console(stderr=True, force_jupyter=False, color_system=None)
        self._console = Console(file=io.StringIO(), force_jupyter=False, color_system=None, width=WIDTH)
        self._output = display({"text/plain": ""}, raw=True, display_id=True)
        self._shown = 0.0

    def update(self, renderable: Any) -> None:
        """Show it, unless something was shown a moment ago."""
        if time.monotonic() - self._shown < SECONDS:
            return
        self._shown = time.monotonic()
        with self._console.capture() as drawn:
            self._console.print(renderable)
        self._write(drawn.get().rstrip())

    def stop(self) -> None:
        """Clear the output; the lines below it stay."""
        self._write("")
        self._shown = 0.0

    def _write(self, text: str) -> None:
        if self._output is not None:
            self._output.update({"text/plain": text}, raw=True)
