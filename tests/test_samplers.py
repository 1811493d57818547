"""`samplers`: a grid is the sampler that asks once."""

from __future__ import annotations

from stackfit.config.hydra.axes import Point
from stackfit.execution.samplers import Grid


def test_a_grid_asks_for_all_its_points_once_and_prunes_nothing():
    points = [Point((f"seed={seed}",), {"seed": str(seed)}) for seed in range(3)]
    grid = Grid(points)
    assert grid.ask(1) == points
    grid.tell([(points[0], [0.5], "finished")])
    assert grid.decide(1, {0: 0.1, 1: 0.9}) == set()
    assert grid.ask(1) == []
