"""What a member's own code prints, for its log; what other threads print meanwhile goes where it always goes."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any


class Printed(io.StringIO):
    """`sys.stdout` for one thread; the others see the stream that was there."""

    def __init__(self, stream: Any):
        super().__init__()
        self.stream, self.thread = stream, threading.get_ident()

    @property
    def text(self) -> str:
        """What was printed; empty if a callback has closed the stream."""
        return "" if self.closed else self.getvalue()

    def write(self, text: str) -> int:
        if threading.get_ident() == self.thread:
            return super().write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        if threading.get_ident() != self.thread:
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def printed() -> Iterator[Printed]:
    """Keep what this thread prints inside the block."""
    kept = Printed(sys.stdout)
    try:
        with contextlib.redirect_stdout(kept):
            yield kept
    finally:
        kept.thread = 0  # another thread may have noted it as its stream, and put it back later
