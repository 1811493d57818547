"""The settings of `hydra/launcher`: which launcher has which, and of what type."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from hydra_plugins.stackfit_launcher import OPTIONS
from stackfit.errors import ConfigError, Problems, did_you_mean

GROUP, PREFIX = "hydra/launcher", "hydra.launcher."


def check_launcher(parsed: Sequence[Override], problems: Problems) -> list[Override]:
    """The overrides without settings that the chosen launcher does not have, or of another type.

    Args:
        problems: takes an error for each of those, with the override as typed in `where`.
    """
    chosen = next((str(each.value()) for each in reversed(parsed) if each.key_or_group == GROUP), "fused")
    hints = typing.get_type_hints(OPTIONS[chosen]) if chosen in OPTIONS else {}
    hints.pop("_target_", None)
    return [each for each in parsed if not each.key_or_group.startswith(PREFIX) or _is_right(each, chosen, hints, problems)]


def _is_right(override: Override, chosen: str, hints: dict[str, typing.Any], problems: Problems) -> bool:
    key = override.key_or_group
    name = key.removeprefix(PREFIX).partition(".")[0]
    if name not in hints:
        others = [each for each, kind in OPTIONS.items() if name in kind.__dataclass_fields__]
        near = did_you_mean(name, hints)
        cure = f"Write: {GROUP}={others[0]} with it" if others else "Correct the name" if near else "Leave it out"
        found = f"The launcher {chosen} has no setting {name!r}.{near} Expected {', '.join(hints) or 'none'}. {cure}."
    elif key == f"{PREFIX}{name}" and not _fits(override.value(), hints[name]):
        found = f"{key} is {override.value()!r}. Expected {_words(hints[name])}. Write for example: {key}={_example(hints[name])}"
    else:
        return True
    problems.errors.append(ConfigError(found, where=override.input_line, kind="name"))
    return False


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
