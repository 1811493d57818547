"""Ctrl-C, SIGTERM and SIGHUP: the first one ends the program cleanly, and within 5 seconds whatever it is doing."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stackfit import interrupts

AGAIN_SECONDS = (2.2, 1.1)  # then it is raised again: other code may have swallowed it, or a step takes long
LAST_SECONDS = 4.5  # then the process ends at once; for its folders that is like SIGKILL
TEXT = "\nInterrupted."
RESUMES = "\nInterrupted. Run the same command again to resume."


class Interruption:
    """Whether there is a request to stop. Further signals change nothing: the program is ending already."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = False
        self._due = False  # the next signal raises
        self._number = int(signal.SIGINT)
        self._over = threading.Event()

    def stop(self, number: int, frame: Any) -> None:
        """The signals' handler."""
        if not self.asked:
            threading.Thread(target=self._insist, daemon=True).start()
        elif not self._due:
            return
        at_once = self.asked or interrupts.ask(number)
        self.asked, self._due, self._number = True, False, number
        if at_once:
            raise KeyboardInterrupt

    def _insist(self) -> None:
        for seconds in AGAIN_SECONDS:
            if self._over.wait(seconds):
                return
            self.again()
        if not self._over.wait(LAST_SECONDS - sum(AGAIN_SECONDS)):
            print(self.text, file=sys.stderr, flush=True)
            os._exit(130)

    def again(self) -> None:
        """Raise KeyboardInterrupt in the main thread again."""
        self._due = True
        if hasattr(signal, "pthread_kill"):  # a real signal, which ends a system call that waits
            signal.pthread_kill(threading.main_thread().ident or 0, self._number)
        else:
            _thread.interrupt_main()

    def unraisable(self, ignored: Any) -> None:
        """`sys.unraisablehook`: Python drops what is raised in a destructor, so the interrupt is raised again a little later."""
        if self.asked and isinstance(ignored.exc_value, KeyboardInterrupt):
            threading.Timer(0.05, self.again).start()
        else:
            sys.__unraisablehook__(ignored)

    def end(self) -> None:
        """The main thread has caught the KeyboardInterrupt."""
        self._over.set()


@contextmanager
def interruptible(text: str = TEXT) -> Iterator[Interruption]:
    """Let signals raise KeyboardInterrupt inside the block. Those that the parent process ignores (nohup) stay ignored.

    Args:
        text: what is printed where the program has to be ended at once.
    """
    interrupts.forget()
    interruption, hook = Interruption(text), sys.unraisablehook
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interruption.stop)
    sys.unraisablehook = interruption.unraisable
    try:
        yield interruption
    finally:
        interruption.end()
        sys.unraisablehook = hook
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
