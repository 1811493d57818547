"""How a setting's values stand on an axis: as words, evenly, or by their logarithms; and which runs nothing beats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any


def kind_of_values(values: Iterable[Any]) -> str:
    """`nominal` for words and where a value is missing, `log` where the steps between neighbours grow with the values, else `linear`."""
    known = [*values]
    if not known or any(value is None or isinstance(value, (str, bool)) or not math.isfinite(value) for value in known):
        return "nominal"
    numbers = sorted({float(value) for value in known})
    if numbers[0] <= 0:
        return "linear"
    if len(numbers) < 3:
        return "log" if numbers[-1] >= 10 * numbers[0] else "linear"
    steps = [b - a for a, b in pairwise(numbers)]
    ratios = [math.log(b / a) for a, b in pairwise(numbers)]
    return "log" if _uneven(ratios) < _uneven(steps) and numbers[-1] >= 4 * numbers[0] else "linear"


def _uneven(steps: Sequence[float]) -> float:
    """The deviation of the steps in units of their mean."""
    mean = sum(steps) / len(steps)
    return math.sqrt(sum((step - mean) ** 2 for step in steps) / len(steps)) / mean


def kind_of_costs(values: Sequence[float]) -> str:
    """`log` where the largest is ten times the smallest or more, else `linear`."""
    return "log" if min(values) > 0 and max(values) >= 10 * min(values) else "linear"


def unbeaten(costs: Sequence[float], values: Sequence[float], direction: str) -> list[bool]:
    """Which points no other one beats: none is at most as dear and better, or cheaper and as good.

    Args:
        direction: whether more of the value is better, `max` or `min`.
    """
    sign = -1 if direction == "max" else 1
    order = sorted(range(len(costs)), key=lambda number: (costs[number], sign * values[number]))
    front, best, best_cost = [False] * len(costs), math.inf, math.nan
    for number in order:
        value = sign * values[number]
        if value < best or (value == best and costs[number] == best_cost):
            front[number], best, best_cost = True, value, costs[number]
    return front
