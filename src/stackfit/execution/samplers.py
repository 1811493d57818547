"""Which points a search asks for next: a function of its space, its settings and what came of the earlier trials.

Nothing is kept from one batch to the next: each batch has a generator of its own, seeded by the search's seed and the
batch's number, so a search that goes on asks for what an uninterrupted one asks for.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stackfit.config.hydra.axes import Axis, Point
from stackfit.config.hydra.space import Space
from stackfit.execution import optuna_trials
from stackfit.results.study import Trial

AGAIN = 20  # draws of a point that was asked for before, until one of those that are left is drawn
MANY = 100_000  # points of a space that are listed

Key = tuple[tuple[str, str], ...]


def ask(space: Space, study: Mapping[str, Any], trials: Sequence[Trial], batch: int, count: int) -> list[Point]:
    """The next batch: at most `count` points, none twice and none of an earlier trial; fewer where the space is used up.

    Args:
        study: the settings, as `sweep.json` has them.
        trials: all earlier ones; each has ended.
        batch: the number of this one.
    """
    seen = {key_of(trial.axes) for trial in trials}
    if study["sampler"] == "grid":
        left = (point for point in space.points() if key_of(point.axes) not in seen)
        return list(itertools.islice(left, count))
    rng = np.random.default_rng(seed_of(study["seed"], batch))
    if space.size <= MANY and space.size - len(seen) <= count:  # all that are left
        left = [point for point in space.points() if key_of(point.axes) not in seen]
        return [left[place] for place in rng.permutation(len(left))]
    draw = _drawing(space, study, trials, batch, rng)
    asked: list[Point] = []
    for _ in range(count):
        point = next((p for p in itertools.islice(iter(draw, None), AGAIN) if key_of(p.axes) not in seen), None)
        point = point or _any_left(space, seen, rng)
        if point is None:
            break
        seen.add(key_of(point.axes))
        asked.append(point)
    return asked


def seed_of(seed: int, batch: int) -> int:
    """A generator's seed; equal in every version of Python."""
    return int.from_bytes(hashlib.sha256(f"{seed},{batch}".encode()).digest()[:4])


def key_of(axes: Mapping[str, str]) -> Key:
    """A point as something that a set can hold."""
    return tuple(sorted(axes.items()))


def _drawing(
    space: Space, study: Mapping[str, Any], trials: Sequence[Trial], batch: int, rng: np.random.Generator
) -> Callable[[], Point]:
    if study["sampler"] == "qmc":
        from scipy.stats import qmc

        sequence = qmc.Sobol(1 + max(map(len, space.grids)), scramble=True, rng=np.random.default_rng(study["seed"]))
        if trials:
            sequence.fast_forward(len(trials))
        return lambda: _at(space, sequence.random(1)[0])
    if study["sampler"] == "tpe" and any(trial.state in ("finished", "pruned") for trial in trials):
        told = optuna_trials.tell(space, study, trials, seed_of(study["seed"], batch))
        return lambda: optuna_trials.draw(space, told)
    return lambda: _at(space, rng.random(1 + max(map(len, space.grids))))


def _any_left(space: Space, seen: set[Key], rng: np.random.Generator) -> Point | None:
    """A point that was not asked for; None if there is none, or none was found in a space too large to be listed."""
    if space.size > MANY:
        draws = (_at(space, rng.random(1 + max(map(len, space.grids)))) for _ in range(MANY))
        return next((point for point in draws if key_of(point.axes) not in seen), None)
    left = [point for point in space.points() if key_of(point.axes) not in seen]
    return left[rng.integers(len(left))] if left else None


def _at(space: Space, where: Sequence[float]) -> Point:
    """The point at these coordinates between 0 and 1: the first chooses a union's grid, each other one an axis's value."""
    grid = min(int(where[0] * len(space.grids)), len(space.grids) - 1)
    axes = space.grids[grid]
    return space.point(grid, [_value_at(axis, share) for axis, share in zip(axes, where[1:], strict=False)])


def _value_at(axis: Axis, share: float) -> str:
    if axis.scale is None:
        return axis.values[min(int(share * len(axis.values)), len(axis.values) - 1)]
    low, high = map(float, axis.values)
    whole = axis.scale.startswith("int")
    if axis.scale.endswith("log"):
        first, last = (math.log(low - 0.5), math.log(high + 0.5)) if whole else (math.log(low), math.log(high))
        value = math.exp(first + share * (last - first))
    else:
        value = low - 0.5 * whole + share * (high - low + whole)
    return text_of(min(max(round(value) if whole else value, low), high), whole)


def text_of(value: float, whole: bool) -> str:
    """A drawn number as it stands in the override: every digit that makes it this number, and no more."""
    return str(int(value)) if whole else repr(float(value))
