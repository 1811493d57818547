"""Overrides in Hydra's grammar: parsed, checked for what a run may set, and applied to a composed config."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from stackfit.config.arguments import arguments_of
from stackfit.config.claims import check_grammar
from stackfit.config.file_rules import SWEEPERS
from stackfit.config.hydra.launcher_keys import check_launcher
from stackfit.config.hydra.repository import CheckedRepository
from stackfit.config.mistyped import EXAMPLE, describe, torn
from stackfit.config.near_keys import cure_typed, with_cure
from stackfit.config.override_text import override_text
from stackfit.config.schema import PARTS, expected, find_misfits, hint_of
from stackfit.config.trust import check_resolvers
from stackfit.errors import ConfigError, Problems, did_you_mean, nearest

MOST_BRACKETS = 500
OURS = {"hydra/launcher": ("fused", "basic", "processes", "slurm", "ray"), "hydra/sweeper": SWEEPERS}
_TYPABLE = re.compile(r"hydra/(launcher|sweeper)|hydra\.(mode|launcher\.\w+(\.[\w-]+)?|sweeper\.(?!_target_).+)")
# Below these, any argument of a target may be added.
_OPEN = ("model.", "optimizer.", "callbacks.", "task.loss.", "task.metrics.")


def parse_overrides(overrides: Iterable[str], parse: Callable[[str], Override], problems: Problems) -> list[Override]:
    """Parse overrides by Hydra's grammar; refuse those that reach beyond a run.

    Args:
        parse: `parse_override`, or what remembers its answers.
        problems: takes an override's problem, with the override as typed in `where`; that override is left out.
    """
    parsed, words = [], list(overrides)
    while words:
        count, whole = torn(words) or (1, None)
        typed = " ".join(words[:count])
        del words[:count]
        with problems.collect():
            if whole:
                raise _refused(typed, "These words are one override with blanks in it", f"Write: {shlex.quote(whole)}")
            parsed.append(parse(typed))
    return check_launcher(parsed, problems)


def _refused(typed: str, found: str, cure: str) -> ConfigError:
    return ConfigError(f"{found}. Expected key=value. {cure}", where=typed, kind="name")


def parse_override(parser: OverridesParser, repository: CheckedRepository, typed: str) -> Override:
    """Parse one override.

    Args:
        repository: knows the groups and their options.

    Raises:
        ConfigError: it is not one, or reaches beyond a run.
    """
    if len(re.sub(r"[^\[{(]", "", typed)) > MOST_BRACKETS:  # the parser takes seconds for thousands
        raise _refused(typed, f"This has more than {MOST_BRACKETS} brackets", f"Write for example: {EXAMPLE}")
    try:
        override = parser.parse_override(typed)
    except (HydraException, RecursionError, ValueError):
        raise _refused(typed, *describe(typed, quoted_form)) from None
    if not override.key_or_group:
        raise _refused(typed, *describe(typed, quoted_form))
    check_override(override, typed)
    if not override.is_sweep_override() and not override.is_delete() and is_group(override, repository):
        chosen = override.value()
        options = chosen if isinstance(chosen, list) else [chosen]
        for option in options:
            if error := repository.wrong_option(override.key_or_group, option):
                error.where = typed
                raise error
    return override


def check_override(override: Override, typed: str) -> None:
    """Refuse keys that only stackfit may set, and resolvers that read the machine.

    Raises:
        ConfigError: see above.
    """
    if override.is_hydra_override() and not _TYPABLE.fullmatch(override.key_or_group):
        raise ConfigError(
            f"{override.key_or_group!r} is set only by stackfit. Expected only the launcher, the sweeper or "
            "the mode of `hydra`. Remove it; folders are described in outputs/README.md.",
            where=typed,
        )
    names = OURS.get(override.key_or_group, ())
    if names and not override.is_sweep_override() and override.value() not in names:
        raise ConfigError(
            f"{override.value()!r} is not one of stackfit's: it does not know which cells are finished. Expected "
            f"{', '.join(names[:-1])}{' or ' * (len(names) > 1)}{names[-1]}. "
            f"Write: {override.key_or_group}={nearest(str(override.value()), names) or names[0]}, or leave it out.",
            where=typed,
        )
    if override.is_hydra_override() and override.is_sweep_override():
        raise ConfigError(
            f"{override.key_or_group!r} cannot vary within a sweep. Expected one value. "
            f"Write: {override.key_or_group}={(override.input_line or '').partition('=')[2].partition(',')[0]}",
            where=typed,
        )
    if override.package is not None and not override.is_hydra_override():
        raise ConfigError(
            f"The package @{override.package} is not allowed. Expected GROUP=OPTION. Remove @{override.package}.",
            where=typed,
        )
    if resolver := check_resolvers(typed):
        raise ConfigError(
            f"The resolver {resolver!r} is not allowed: a result must not depend on the machine it ran on. "
            "Expected ${key} of this config. Write the value itself.",
            where=typed,
        )


def is_group(override: Override, repository: CheckedRepository) -> bool:
    """Whether Hydra reads the override as the choice of a group's option (`optimizer=sgd`), not as a value."""
    if not repository.group_exists(override.key_or_group):
        return False
    return override.is_sweep_override() or not isinstance(override.value(), dict)


def refuse_axes(axes: Iterable[Override], problems: Problems) -> None:
    """A single run has one value for each key: report every axis in `problems`."""
    message = (
        "Found several values for one key. Expected one value, or a sweep. "
        "Add -m to sweep over them, or write a list as key=[a,b]"
    )
    for axis in axes:
        one = f", or one text as {text}" if (text := quoted_form(axis.input_line or "")) else ""
        problems.add([ConfigError(message + one, key=axis.key_or_group, where=axis.input_line)])


def apply_override(override: Override, config: DictConfig) -> None:
    """Set, add or remove one value.

    Raises:
        ConfigError: there is no such key, the key after `+` exists, or the schema refuses the value; `where` is the
            override as typed.
    """
    key, value = override.key_or_group, _as_typed(override)
    parent, _, last = key.rpartition(".")
    above, missing = _walk(config, parent.split(".") if parent else [])
    is_known = not missing and isinstance(above, DictConfig) and last in above._content
    is_set = is_known and above._get_node(last)._value() is not None
    adds = override.is_add() or override.is_force_add() or adds_argument(override, config)
    misfits = list(find_misfits(value, tuple(key.split(".")), typed=True)) if not override.is_delete() else []
    is_list = isinstance(value, list)
    message, kind = None, None
    if not isinstance(above, DictConfig):
        message = (
            f"{missing or parent} is not a mapping here. Expected a mapping of names. "
            f"Write for example: {parent}={{}}, or model=mlp"
        )
    elif not is_known and not adds:
        message, kind = _unknown_key(above, missing or last, override, config), "name"
    elif override.is_add() and is_set and not isinstance(value, (dict, list)):
        message = f"{key} exists already. Expected + only before a new key. Write it without the +"
    elif misfits:
        path, message = misfits[0]
        if isinstance(value, (list, dict)) and (text := quoted_form(override.input_line or "")):
            message = message.removesuffix("Correct the value.") + f"For a text with brackets write {text}"
        kind = "name" if hint_of(".".join(path)) is None and ".".join(path[:-1]) in PARTS else None
        if kind and (cure := _cure(override, config)):
            message = with_cure(message.partition(" Expected ")[0], cure)
    elif claims := [found for claim in value for found in check_grammar(claim)] if key == "expect" and is_list else []:
        message = claims[0][1]
    elif override.is_delete() and not is_set:
        message = f"{key} is null already. Expected a key with a value. Leave ~{key} out."
    elif override.is_delete():
        if value is None or value == above._get_node(last)._value():
            above._content.pop(last)
        else:
            message = f"{key} is not {value!r}. Expected its own value, or ~KEY alone. Write: ~{key}"
    else:
        try:
            other = {list: DictConfig, dict: ListConfig}.get(type(value))  # a list and a mapping do not merge
            replaces = other is not None and is_known and isinstance(above._get_node(last), other)
            OmegaConf.update(config, key, value, merge=not replaces, force_add=adds)
        except Exception:  # OmegaConf also passes on Python's exceptions for odd values
            message = f"{key} cannot be {value!r}. Expected {expected(key) or 'a value that a config can hold'}. Correct the value."
    if message:
        raise ConfigError(message, key=key, where=override.input_line, kind=kind)


def adds_argument(override: Override, config: DictConfig) -> bool:
    """Whether the override sets an argument that the target above it takes and the config does not have yet."""
    parent, _, last = override.key_or_group.rpartition(".")
    if not f"{parent}.".startswith(_OPEN) or override.is_delete() or override.is_add() or override.is_force_add():
        return False
    above, missing = _walk(config, parent.split("."))
    if missing or not isinstance(above, DictConfig) or last in above._content or "_target_" not in above._content:
        return False
    return last in arguments_of(str(above._get_node("_target_")._value()))


def _walk(config: DictConfig, parts: list[str]) -> tuple[Any, str | None]:
    """The node at these keys; or the last node on the way that exists, and the key that it does not have."""
    node: Any = config
    for number, part in enumerate(parts):
        if not isinstance(node, DictConfig) or node._is_none() or node._is_interpolation():
            return None, ".".join(parts[:number])
        if part not in node._content:
            return node, part
        node = node._get_node(part)
    usable = isinstance(node, DictConfig) and not node._is_none() and not node._is_interpolation()
    return (node if usable else None), None


def _unknown_key(node: DictConfig, name: str, override: Override, config: DictConfig) -> str:
    key, known = override.key_or_group, [str(known_key) for known_key in node]
    parts = key.split(".")
    parent = ".".join(parts[: parts.index(name)])
    target = node._get_node("_target_") if "_target_" in node._content else None
    takes = sorted(arguments_of(str(target._value()))) if target is not None else []
    add = f", or +{key}=… to pass a further argument" if f"{parent}.".startswith(_OPEN) and not takes else ""
    known += [name for name in takes if name not in known]
    found = f"There is no key {name!r}{f' in {parent}' if parent else ''}.{did_you_mean(name, known)}"
    if cure := _cure(override, config):
        return with_cure(found, cure)
    return f"{found} Expected one of: {', '.join(known) or 'none, there are none'}. Correct the name{add}."


def _cure(override: Override, config: DictConfig) -> str | None:
    if override.is_delete():
        return None
    plain: Any = OmegaConf.to_container(config)
    return cure_typed(override.key_or_group, _as_typed(override), (override.input_line or "").partition("=")[2], plain)


def quoted_form(typed: str) -> str | None:
    """An override of a text, a list of texts or `data.columns`, quoted for the shell and for Hydra; None for other keys."""
    key, _, text = typed.partition("=")
    hint = hint_of(key) or ""
    value: Any = text
    if key == "data.columns" and text.startswith("{"):
        pairs = [pair.rpartition(":") for pair in text.strip("{}").split(",")]
        return override_text(key, {name.strip(): kind.strip() for name, _, kind in pairs})
    if hint.startswith("list[str]"):
        try:
            value = yaml.load(text, yaml.BaseLoader)  # every scalar as it is written
        except yaml.YAMLError:
            return None
        return override_text(key, value) if isinstance(value, list) else None
    return override_text(key, value) if hint.startswith("str") and text else None


def _as_typed(override: Override) -> Any:
    """The value; where a text is meant, as it was typed: `010`, `1_000` and `true` are names of columns, too."""
    value, hint = override.value(), hint_of(override.key_or_group) or ""
    text = (override.input_line or "").partition("=")[2].strip()
    if hint.startswith("str") and isinstance(value, (bool, int, float)):
        return text
    if hint.startswith("list[str]") and isinstance(value, list) and not all(isinstance(item, str) for item in value):
        items = [item.strip() for item in text.strip("[]").split(",")]
        if len(items) == len(value) and not re.search(r"['\"\\(\[{$]", text.strip("[]")):
            return items
    return value


def refuse_launchers(overrides: Iterable[Override], problems: Problems) -> None:
    """A launcher, its settings or a sweeper, typed for one run, would be ignored."""
    for override in overrides:
        if override.key_or_group.startswith(("hydra/", "hydra.launcher", "hydra.sweeper")):
            said = f"{override.key_or_group} does nothing without a sweep. Expected it only with one. Leave it out, or add -m."
            problems.add([ConfigError(said, where=override.input_line)])
