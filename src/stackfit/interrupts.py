"""When a wish to stop becomes a KeyboardInterrupt: at once, or, while models are built and trained, between two steps.

TensorFlow's C++ side calls Python now and then; a KeyboardInterrupt that is raised there ends the process with SIGABRT and a
stack trace (seen with 2.21: "Check failed: !PyErr_Occurred()", once in some thirty signals).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_inside = 0
_asked = False
_number: int | None = None


def ask(number: int | None = None) -> bool:
    """Note the wish, which came by signal `number`. True if KeyboardInterrupt may be raised at once; else `check` does."""
    global _asked, _number
    _asked, _number = _inside > 0, number
    return not _asked


def by_user() -> bool:
    """Whether the last wish came from the user's terminal, and not by SIGTERM or from stackfit itself."""
    return _number is not None and _number != signal.SIGTERM


def check() -> None:
    """A place between two steps.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
    """
    global _asked
    if _asked:
        _asked = False
        raise KeyboardInterrupt


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, a wish waits for `check`."""
    global _inside
    _inside += 1
    try:
        yield
    finally:
        _inside -= 1


@contextmanager
def step() -> Iterator[None]:
    """Inside, a wish waits for the end of the block."""
    with deferred():
        yield
    check()


def forget() -> None:
    """A new command: an earlier one's wish was its own."""
    global _asked, _number
    _asked, _number = False, None
