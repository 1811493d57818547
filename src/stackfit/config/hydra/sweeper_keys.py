"""The settings of `hydra/sweeper`: which sweeper has which, and of what type."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterator, Mapping

from hydra_plugins import stackfit_sweeper
from stackfit.config.hydra.launcher_keys import fault_of, hints_of
from stackfit.config.origins import override_key
from stackfit.errors import ConfigError


def settable(line: str) -> str:
    """An override as Hydra takes it, also of a setting that the sweeper does not have: `check_sweeper` says so."""
    key = override_key(line)
    return f"++{line.lstrip('+')}" if key.startswith("hydra.sweeper.") and key.count(".") == 2 else line


def check_sweeper(
    sweeper: Mapping[str, typing.Any], typed: Collection[str], locate: Callable[[str], str | None]
) -> Iterator[ConfigError]:
    """The settings of a composed `hydra.sweeper` that it does not have, or of another type, each with its place.

    Args:
        typed: the settings that were typed; a file's own may be meant for another sweeper than the one that was chosen.
    """
    chosen, options = sweeper_of(sweeper), stackfit_sweeper.OPTIONS
    for name, value in sweeper.items():
        key = f"hydra.sweeper.{name}"
        is_others = any(name in kind.__dataclass_fields__ for kind in options.values())
        if is_others and name not in options[chosen].__dataclass_fields__ and key not in typed:
            continue
        if name not in ("_target_", "params", "union") and (found := fault_of(name, value, options, chosen, f"{key}=", "sweeper")):
            yield ConfigError(found, key=key, where=locate(key), kind="name")


def settings_of(sweeper: str) -> dict[str, typing.Any]:
    """The names of a sweeper's settings, with their types."""
    return hints_of(sweeper, stackfit_sweeper.OPTIONS)


def sweeper_of(sweeper: Mapping[str, typing.Any]) -> str:
    """`cells` or `search`: the option that a composed `hydra.sweeper` is."""
    target = sweeper.get("_target_")
    return next((name for name, kind in stackfit_sweeper.OPTIONS.items() if kind._target_ == target), "cells")
