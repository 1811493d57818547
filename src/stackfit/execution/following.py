"""Waiting for a sweep that others train: the live screen on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from stackfit import interrupts
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.results.underway import Underway

POLL_SECONDS = 0.5
SAY_SECONDS = 5.0  # between two looks at the cells' folders


def follow(sweep: Path, jobs: Sequence[Job], is_working: Callable[[], bool], reporter: Reporter) -> int:
    """Wait while `is_working`.

    Returns:
        How many of the jobs' cells have failed.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
    """
    underway, names = Underway(sweep), {job.path.name for job in jobs if job.path}
    is_search = any(job.numbers for job in jobs)  # its workers ask for more
    said, looked = "", time.monotonic()
    reporter.begin([], [])
    try:
        while is_working():
            interrupts.check()
            time.sleep(POLL_SECONDS)
            reporter.step(1, 0.0, [])  # nobody trains here, but a screen in a notebook is drawn now
            if time.monotonic() - looked > SAY_SECONDS:
                states = _states(underway, None if is_search else names)
                text = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
                if text and text != said:
                    reporter.detail(f"{states.total():,} cells: {text}")
                said, looked = text, time.monotonic()
    finally:
        reporter.end()
    return _states(underway, None if is_search else names)["failed"]


def _states(underway: Underway, cells: set[str] | None) -> Counter[str]:
    """How many of these cells are in each state; None for all that the sweep lists by now."""
    underway.look(at_once=True)
    return Counter(state for folder, state in underway.states.items() if cells is None or folder in cells)
