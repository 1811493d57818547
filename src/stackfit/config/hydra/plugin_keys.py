"""The settings of `hydra/launcher` and `hydra/sweeper`: which option has which, and of what type."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from hydra.core.override_parser.types import Override

from hydra_plugins import stackfit_sweeper
from hydra_plugins.stackfit_launcher import OPTIONS
from stackfit.config.origins import override_key
from stackfit.errors import ConfigError, Problems, did_you_mean

GROUP, PREFIX = "hydra/launcher", "hydra.launcher."


def check_launcher(parsed: Sequence[Override], problems: Problems) -> list[Override]:
    """The overrides without settings that the chosen launcher does not have, or of another type.

    Args:
        problems: takes an error for each of those, with the override as typed in `where`.
    """
    chosen = next((str(each.value()) for each in reversed(parsed) if each.key_or_group == GROUP), "fused")
    kept = []
    for each in parsed:
        found = None
        if each.key_or_group.startswith(PREFIX):
            found = _wrong_setting(each.key_or_group, each.value(), OPTIONS, chosen)
        if found:
            problems.errors.append(ConfigError(found, where=each.input_line, kind="name"))
        else:
            kept.append(each)
    return kept


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
        if name not in ("_target_", "params", "union") and (found := _wrong_setting(key, value, options, chosen)):
            yield ConfigError(found, key=key, where=locate(key), kind="name")


def settings_of(sweeper: str) -> dict[str, typing.Any]:
    """The names of a sweeper's settings, with their types."""
    hints = typing.get_type_hints(stackfit_sweeper.OPTIONS[sweeper])
    return {name: hint for name, hint in hints.items() if name != "_target_"}


def sweeper_of(sweeper: Mapping[str, typing.Any]) -> str:
    """`cells` or `search`: the option that a composed `hydra.sweeper` is."""
    target = sweeper.get("_target_")
    return next((name for name, kind in stackfit_sweeper.OPTIONS.items() if kind._target_ == target), "cells")


def _wrong_setting(key: str, value: typing.Any, options: Mapping[str, type], chosen: str) -> str | None:
    """What is wrong with one setting of the chosen option of `hydra/launcher` or `hydra/sweeper`."""
    prefix = ".".join(key.split(".")[:2])
    group, kind = prefix.replace(".", "/"), prefix.partition(".")[2]
    hints = typing.get_type_hints(options[chosen]) if chosen in options else {}
    hints.pop("_target_", None)
    name = key.removeprefix(f"{prefix}.").partition(".")[0]
    if name not in hints:
        others = [each for each, config in options.items() if name in config.__dataclass_fields__]
        near = did_you_mean(name, hints)
        cure = f"Write: {group}={others[0]} with it" if others else "Correct the name" if near else "Leave it out"
        return f"The {kind} {chosen} has no setting {name!r}.{near} Expected {', '.join(hints) or 'none'}. {cure}."
    if key == f"{prefix}.{name}" and not _fits(value, hints[name]):
        return f"{key} is {value!r}. Expected {_words(hints[name])}. Write for example: {key}={_example(hints[name])}"
    return None


def _kinds(hint: typing.Any) -> tuple[type, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(part) or part for part in parts)


def _fits(value: typing.Any, hint: typing.Any) -> bool:
    kinds = _kinds(hint)
    if isinstance(value, bool):
        return False
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int)) or (str in kinds and isinstance(value, (int, float)))


WORDS = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "a mapping", types.NoneType: "null"}
EXAMPLES = {int: "2", float: "2", str: "main", list: "[]", dict: "{}"}


def _words(hint: typing.Any) -> str:
    return " or ".join(WORDS[kind] for kind in _kinds(hint))


def _example(hint: typing.Any) -> str:
    return EXAMPLES[_kinds(hint)[0]]
