"""One composition, one cell, one sweep, for tests: problems are raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.overrides import refuse_axes
from stackfit.errors import raising
from stackfit.execution import cells
from stackfit.execution.cells import Cell
from stackfit.execution.sweep import Sweep


def compose(composer: Composer, overrides: Iterable[str] = ()) -> Composition:
    """The composition of the experiment with these overrides."""
    with raising() as problems:
        composition = composer.compose(overrides, problems)
        refuse_axes(composition.axes, problems)
    return composition


def compose_cell(composer: Composer, overrides: Iterable[str] = (), trusted: tuple[str, ...] = ()) -> Cell:
    """The checked cell of the experiment with these overrides."""
    with raising() as problems:
        composition = composer.compose(overrides, problems)
        refuse_axes(composition.axes, problems)
        cell = cells.build_cell(composition, trusted, problems)
    return cell


def start_sweep(experiment: str, overrides: Iterable[str], **options: Any) -> Sweep:
    """The sweep of a command, before its cells are composed."""
    composer = Composer(experiment)
    composition, problems, _ = cells.compose_command(composer, overrides, multirun=True)
    return Sweep(composer, composition, problems, **options)


def plan_sweep(experiment: str, overrides: Iterable[str], **options: Any) -> Sweep:
    """The sweep with its jobs, of which nothing is trained."""
    sweep = start_sweep(experiment, overrides, **options)
    sweep.plan_cells(sweep.axes.points)
    sweep.problems.raise_errors()
    return sweep
