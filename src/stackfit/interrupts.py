"""When a wish to stop becomes a KeyboardInterrupt: at once, or, while models are built and trained, between two steps.

TensorFlow's C++ side calls Python now and then; a KeyboardInterrupt that is raised there ends the process with SIGABRT and a
stack trace (seen with 2.21: "Check failed: !PyErr_Occurred()", once in some thirty signals).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_inside = 0
_asked = False


def ask() -> bool:
    """Note the wish. True if KeyboardInterrupt may be raised at once; else `check` raises it."""
    global _asked
    _asked = _inside > 0
    return not _asked


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
    global _asked
    _asked = False
