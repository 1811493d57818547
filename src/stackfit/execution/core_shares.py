"""Which cores a worker uses: those that it may use, divided among the workers of its sweep that use the same ones.

However they were started: by a launcher, or one after another by hand. Without that, two workers on one machine take turns on
every core.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit.results import owner

TASKS = Path("/proc/self/task")


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]


def share_of_cores(cores: Sequence[int], workers: Iterable[Mapping[str, Any]]) -> list[int]:
    """This process's share of `cores`; of all of them where no other worker has them.

    Args:
        workers: the owner entry of each worker that lives, with the `cores` that it may use.
    """
    rivals = {each["pid"] for each in workers if owner.is_here(each) and {*cores} & {*(each.get("cores") or ())}}
    pids = sorted(rivals | {os.getpid()})
    return [*cores[pids.index(os.getpid()) % len(cores) :: len(pids)]]


def use_cores(cores: Iterable[int]) -> None:
    """Keep every thread of this process on these cores."""
    if not hasattr(os, "sched_setaffinity") or not TASKS.is_dir():
        return
    for thread in TASKS.iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            os.sched_setaffinity(int(thread.name), cores)
