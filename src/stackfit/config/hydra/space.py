"""The space of a search: its axes, read back from `sweep.json`, and points in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stackfit.config.hydra.axes import Axis, Point, expand, parse_params, read_axes
from stackfit.errors import raising


@dataclass(frozen=True)
class Space:
    """One grid of axes, or several next to one another: conditional axes stand only in some of them.

    `fixed` are the overrides of every cell.
    """

    fixed: tuple[str, ...]
    grids: tuple[tuple[Axis, ...], ...]

    def describe(self) -> dict[str, Any]:
        """`space`: the axes and their texts; of a union, those that all its grids have, and the others under `union`."""
        texts = [{axis.key: axis.text for axis in grid} for grid in self.grids]
        shared = {key: text for key, text in texts[0].items() if all(other.get(key) == text for other in texts)}
        others = [{key: text for key, text in each.items() if key not in shared} for each in texts]
        return {"space": shared, **({"union": others} if len(others) > 1 else {})}

    @classmethod
    def of(cls, fixed: Iterable[str], grids: Iterable[Iterable[Axis]]) -> Space:
        """These grids, the axes that all of them share first, as `read` has them: numbers are drawn axis by axis."""
        given = cls(tuple(fixed), tuple(map(tuple, grids)))
        order = {key: place for place, key in enumerate(given.describe()["space"])}
        return cls(given.fixed, tuple(tuple(sorted(grid, key=lambda axis: order.get(axis.key, len(order)))) for grid in given.grids))

    @classmethod
    def read(cls, fixed: Iterable[str], study: Mapping[str, Any]) -> Space:
        """The space that `describe` wrote.

        Raises:
            ConfigError: an axis cannot be read.
        """
        with raising() as problems:
            grids = [{**study["space"], **grid} for grid in study.get("union") or [{}]]
            read = [read_axes(parse_params(grid, problems), grid, problems, search=True)[1] for grid in grids]
        return cls(tuple(fixed), tuple(map(tuple, read)))

    @cached_property
    def size(self) -> float:
        """How many points it has; infinite with an interval of floats. A union's grids may share some."""
        return sum(math.prod(map(size_of, grid)) for grid in self.grids)

    def points(self) -> Iterator[Point]:
        """Every point, if all axes have values; the last axis varies fastest."""
        seen = set()
        for grid in self.grids:
            for point in expand(self.fixed, [_listed(axis) for axis in grid]):
                if (key := tuple(sorted(point.axes.items()))) not in seen:
                    seen.add(key)
                    yield point

    def point(self, grid: int, texts: Sequence[str]) -> Point:
        """The point with these texts, one for each axis of a grid."""
        pairs = [(axis.key, text) for axis, text in zip(self.grids[grid], texts, strict=True)]
        overrides = (*self.fixed, *(f"{key}={text}" for key, text in pairs))
        return Point(overrides, {key.lstrip("+"): text for key, text in pairs})

    def grid_of(self, axes: Mapping[str, str]) -> int | None:
        """The first grid that a point with these axes can be of; None if it is not in this space."""
        for number, grid in enumerate(self.grids):
            if {axis.key.lstrip("+") for axis in grid} == {*axes} and all(
                axis.scale or axes[axis.key.lstrip("+")] in axis.values for axis in grid
            ):
                return number
        return None

    def ends(self) -> Iterator[Point]:
        """Points that have, between them, every value that a config may refuse: of each axis its values, or both ends."""
        for number, grid in enumerate(self.grids):
            first = [axis.values[0] for axis in grid]
            yield self.point(number, first)
            for place, axis in enumerate(grid):
                for text in axis.values[1:]:
                    yield self.point(number, [*first[:place], text, *first[place + 1 :]])


def size_of(axis: Axis) -> float:
    """How many values an axis has."""
    if axis.scale is None:
        return len(axis.values)
    low, high = axis.values
    return int(high) - int(low) + 1 if axis.scale.startswith("int") else math.inf


def _listed(axis: Axis) -> Axis:
    """An interval of whole numbers as the list of them."""
    if axis.scale is None:
        return axis
    low, high = map(int, axis.values)
    return Axis(axis.key, tuple(map(str, range(low, high + 1))), text=axis.text)


