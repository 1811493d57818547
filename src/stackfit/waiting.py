"""What the program is doing while somebody waits: code says it, and a screen may show it (`cli.status`, or a live one)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

now: list[str] = []  # the innermost is the last
taken = 0  # live screens, which show it themselves


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Inside the block, or the function that it decorates, this is going on: `Starting TensorFlow`."""
    now.append(what)
    try:
        yield
    finally:
        now.pop()


@contextmanager
def elsewhere() -> Iterator[None]:
    """Inside, another screen has the terminal."""
    global taken
    taken += 1
    try:
        yield
    finally:
        taken -= 1
