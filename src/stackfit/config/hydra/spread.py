"""What a sweep varies: the axes that were typed and those that its experiment declares, and all their points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stackfit.config.hydra import axes
from stackfit.config.hydra.composition import Composition
from stackfit.config.hydra.search_settings import read_settings
from stackfit.config.hydra.space import Space
from stackfit.config.hydra.sweeper_keys import check_sweeper, sweeper_of
from stackfit.config.origins import override_key
from stackfit.errors import ConfigError, Problems

MANY = 2_000  # cells; the user is asked before more


@dataclass(frozen=True)
class Spread:
    """What a sweep varies: the names of its axes, its points, and where each axis was written.

    A search has no points yet: it has the space that they are chosen from, and `study`, as `sweep.json` keeps it.
    """

    fixed: tuple[str, ...]  # overrides of every cell, as typed
    named: tuple[str, ...]  # the same, with a + before every argument that is added: the sweep's folder is named by them
    names: tuple[str, ...]
    points: tuple[axes.Point, ...]
    places: dict[str, str | None]
    space: Space | None = None
    study: Mapping[str, Any] | None = None

    def place(self, problems: Problems) -> None:
        """Give an error at an axis's value the place where the whole axis was written."""
        for error in (*problems.errors, *problems.warnings):
            if error.where is not None and error.where not in self.fixed:
                axis = self.places.get(override_key(error.where)) or error.where
                one, several = f"={error.where.partition('=')[2]}", axis.partition("=")[2]
                if several and error.kind == "name":  # what to type is said of the whole axis, once
                    error.message = error.message.replace(one, f"={several}")
                error.where = axis


def read_spread(
    composition: Composition,
    confirm: Callable[[int], bool],
    problems: Problems,
    by_class: Mapping[str, str] = MappingProxyType({}),
) -> Spread:
    """The axes that were typed, and those that the experiment declares.

    Args:
        confirm: called with the number of cells before more than `MANY` are composed.
        by_class: of a search's metrics; see `search_settings.read_settings`.

    Raises:
        ConfigError: there are no cells, or so many that `confirm` refused them.
    """
    keys = {override.get_key_element().lstrip("+") for override in composition.parsed}
    problems.add(check_sweeper(composition.sweeper, keys, composition.origins.locate))
    is_search = sweeper_of(composition.sweeper) == "search"
    typed = axes.last_typed([override for override in composition.parsed if not override.is_hydra_override()])
    grids = axes.plan_axes(typed, *composition.declared_axes, problems, search=is_search)
    names = dict.fromkeys(axis.key.lstrip("+") for _, grid in grids for axis in grid)
    written = {axis.get_key_element().lstrip("+"): axis.input_line for axis in composition.axes}
    places = {name: written.get(name) or _declared(name, composition) for name in names}
    for error in problems.errors:
        if error.where and (name := override_key(error.where)) not in written and error.where not in composition.overrides:
            error.where = _declared(name, composition) or error.where
    if is_search:
        fixed = tuple(grids[0][0])
        space = Space.of(fixed, (grid for _, grid in grids))
        study = None
        if not problems.errors:
            if not names:
                raise ConfigError("This search has no space. Expected at least one axis. Write: key=a,b or key=range(0,5)")
            study = read_settings(composition, space, by_class, problems)
        if study:
            study |= space.describe()
            names |= {"seed": None} if study["seeds"] > 1 else {}
        return Spread(fixed, _named(fixed, composition), tuple(names), (), places, space, study)
    total = sum(axes.count(grid) for _, grid in grids)
    if total > MANY and not confirm(total):
        raise ConfigError(f"This sweep has {total:,} cells. Expected a confirmation before so many. Add --yes.")
    points: dict[tuple[str, ...], axes.Point] = {}
    with problems.collect():
        points = {point.overrides: point for fixed, grid in grids for point in axes.expand(fixed, grid)}
    if total == 0 and not problems.errors:
        raise ConfigError("This sweep has no cells. Expected at least one value on every axis. Write: key=a,b")
    fixed = tuple(o.input_line or "" for o in typed if not o.is_sweep_override())
    return Spread(fixed, _named(fixed, composition), tuple(names), tuple(points.values()) if total else (), places)


def _declared(axis: str, composition: Composition) -> str | None:
    """Where an experiment's file declares the axis; what stands in a list has the place of the list."""
    places = composition.origins.history(f"hydra.sweeper.params.{axis}")
    if places:
        return str(places[-1])
    _, union = composition.declared_axes
    in_union = axis in {key.lstrip("+") for grid in union for key in grid}
    return composition.origins.locate("hydra.sweeper.union") if in_union else None


def _named(fixed: tuple[str, ...], composition: Composition) -> tuple[str, ...]:
    return tuple(f"+{line}" if line in composition.added else line for line in fixed)
