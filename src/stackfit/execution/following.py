"""Waiting for a sweep that others train: the live screen on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from stackfit import interrupts
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.results.sweep_folder import SweepFolder

POLL_SECONDS = 0.5
SAY_SECONDS = 5.0  # between two looks at the cells' folders


def follow(sweep: Path, jobs: Sequence[Job], is_working: Callable[[], bool], reporter: Reporter) -> int:
    """Wait while `is_working`.

    Returns:
        How many of the jobs' cells have failed.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
    """
    folder, names = SweepFolder(sweep), {job.path.name for job in jobs if job.path}
    is_search = any(job.numbers for job in jobs)  # its workers ask for more
    said, looked = "", time.monotonic()
    reporter.begin([], [])
    try:
        while is_working():
            interrupts.check()
            time.sleep(POLL_SECONDS)
            reporter.step(1, 0.0, [])  # nobody trains here, but a screen in a notebook is drawn now
            if time.monotonic() - looked > SAY_SECONDS:
                names = _planned(folder) if is_search else names
                text = ", ".join(f"{number} {state}" for state, number in sorted(_states(folder, names).items()))
                if text and text != said:
                    reporter.detail(f"{len(names)} cells: {text}")
                said, looked = text, time.monotonic()
    finally:
        reporter.end()
    return _states(folder, _planned(folder) if is_search else names)["failed"]


def _planned(folder: SweepFolder) -> set[str]:
    return {cell["folder"] for cell in folder.read_index()["cells"]}


def _states(folder: SweepFolder, cells: set[str]) -> Counter[str]:
    return Counter(row["state"] for row in folder.read() if row["folder"] in cells)
