"""How long a step takes: dozens of warm ones, after a first call that compiles."""

from __future__ import annotations

import time
from collections.abc import Callable

from stackfit.training.engine import StepTime

WARM, FEWEST = 8, 32  # steps: of the first call; at least as many are timed
SECONDS = 0.3  # of a timed call


def time_steps(begin: Callable[[], Callable[[int], object]], most: int, each: bool) -> StepTime:
    """Time the steps of an epoch.

    Args:
        begin: gets an epoch ready, untimed, and gives a function that runs so many steps from its first.
        most: steps that an epoch has.
        each: the function is called for one step at a time.
    """

    def run(steps: int) -> float:
        call = begin()
        began = time.perf_counter()
        for _ in range(steps if each else 1):
            call(1 if each else steps)
        return time.perf_counter() - began

    first = run(min(WARM, most))
    warm = run(min(FEWEST, most)) / min(FEWEST, most)
    steps = min(most, max(FEWEST, int(SECONDS / max(warm, 1e-6))))
    return StepTime(first, (run(steps) + run(steps)) / (2 * steps))
