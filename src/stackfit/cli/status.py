"""The line that says what a command is doing while nothing else is printed: on a terminal, and gone when it is done."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stackfit import waiting
from stackfit.execution.progress import takes_colour
from stackfit.terminal import columns_of, encoded

AFTER_SECONDS = 0.3  # shorter work is not worth a line
TICK_SECONDS = 0.1
WORKING = "Working"  # nobody has said at what
FRAMES = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")  # the second where an encoding has none of the first


class StatusLine:
    """Draws `waiting.now` on a terminal, from a thread of its own.

    Its descriptor is its own as well: while TensorFlow is imported, descriptor 2 leads elsewhere. A terminal without escape
    codes gets each text once, as a line.
    """

    def __init__(self, terminal: Any, animated: bool, columns: int):
        self.terminal, self.animated, self.columns = terminal, animated, columns
        self._lock, self._over = threading.Lock(), threading.Event()
        self._printed = 0.0  # when something else was printed
        self._drawn = False  # whether the line is on the screen
        self._quiet = False  # whether the cursor stands in the middle of somebody's line

    def watch(self) -> None:
        """Until `end`: look what is going on."""
        text, since, said, frame = "", time.monotonic(), "", 0
        frames = FRAMES[encoded(FRAMES[0], self.terminal) != FRAMES[0]]
        while not self._over.wait(TICK_SECONDS):
            now = (waiting.now or [WORKING])[-1] if not waiting.taken else ""
            if now != text:
                text, since = now, time.monotonic()
            since = max(since, self._printed)
            passed = time.monotonic() - since
            if not text or passed < (AFTER_SECONDS if text is not WORKING else 3 * AFTER_SECONDS):
                self.clear()
            elif self.animated:
                frame += 1
                seconds = f" {passed:.0f} s" if passed >= 1 else ""
                self._draw(f"{frames[frame % len(frames)]} {text} …{seconds}")
            elif text != said:
                said = text
                with self._lock:
                    self._write(f"{text} …\n")

    def _draw(self, line: str) -> None:
        with self._lock:
            if not (self._over.is_set() or self._quiet or waiting.taken):
                self._drawn = True
                self._write(f"\r{encoded(line, self.terminal)[: self.columns - 1]}\x1b[K")

    def clear(self) -> None:
        """Take the line away: something else is printed."""
        if self._drawn:
            with self._lock:
                self._drawn = False
                self._write("\r\x1b[K")

    def after(self, text: str) -> None:
        """Something else was printed: there is no place for a line after half of one."""
        if text:
            self._printed = time.monotonic()
            self._quiet = not text.endswith("\n")

    def _write(self, text: str) -> None:
        try:
            self.terminal.write(text)
            self.terminal.flush()
        except (OSError, ValueError):  # the terminal has gone
            self._over.set()

    def end(self) -> None:
        """Nothing is drawn any more."""
        self.clear()
        self._over.set()


@contextmanager
def status_line(stream: Any) -> Iterator[StatusLine | None]:
    """A status line on `stream`, or None if it is not a terminal."""
    if not stream.isatty():
        yield None
        return
    encoding, errors = stream.encoding, stream.errors
    with io.TextIOWrapper(os.fdopen(os.dup(stream.fileno()), "wb", 0), encoding, errors, write_through=True) as terminal:
        line = StatusLine(terminal, takes_colour(stream), columns_of(stream) or 80)
        thread = threading.Thread(target=line.watch, daemon=True)
        thread.start()
        try:
            yield line
        finally:
            line.end()
            thread.join()
