"""Which cells a sweep asks for: a grid asks once; a search asks in batches and may prune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stackfit.config.hydra.axes import Point

Told = tuple[Point, Sequence[float], str]  # a point, its objective for each seed, its cells' state


class Sampler(Protocol):
    """Chooses the next cells of a sweep. Its answers depend only on what it was told."""

    def ask(self, count: int) -> Sequence[Point]:
        """The next batch, of at most `count` points if the sampler can choose; empty when it has ended."""

    def tell(self, results: Sequence[Told]) -> None:
        """Learn the results of a whole batch."""

    def decide(self, rung: int, values: Mapping[int, float]) -> set[int]:
        """The numbers of the trials to prune, once the whole batch has reached `rung` (epochs).

        Args:
            values: the objective by trial number; a failed trial is not in it.
        """


class Grid:
    """All points of a grid, in one batch; nothing is pruned."""

    def __init__(self, points: Sequence[Point]):
        self._points = list(points)

    def ask(self, count: int) -> Sequence[Point]:
        """All points at the first call, however many they are; then none."""
        points, self._points = self._points, []
        return points

    def tell(self, results: Sequence[Told]) -> None:
        """A grid learns nothing."""

    def decide(self, rung: int, values: Mapping[int, float]) -> set[int]:
        """None."""
        return set()
