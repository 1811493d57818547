"""What may be chosen and set: groups, their options, and keys with type, default and one line each. Imports no engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from stackfit.config import project, schema
from stackfit.config.declarations import default_of, lines_of
from stackfit.config.forms import options_of
from stackfit.config.origins import GROUPS
from stackfit.config.targets import definition
from stackfit.errors import ConfigError, did_you_mean

LAUNCHER = "hydra/launcher"  # of a sweep; not part of an experiment
_TYPED = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}


@dataclass(frozen=True)
class Setting:
    """A key with its default; `kind` says what it takes, in words, where that is known."""

    key: str
    default: Any
    kind: str
    about: str
    is_set: bool = True  # else the target's own default applies


@dataclass(frozen=True)
class Choice:
    """An option of a group; `about` is the first comment of its file."""

    name: str
    about: str
    own: bool  # from ./conf
    settings: list[Setting] = field(default_factory=list)


def groups() -> dict[str, list[str]]:
    """The groups with the names of their options; last the launchers."""
    return {**{group: list(options_of(group)) for group in GROUPS}, LAUNCHER: [choice.name for choice in _launchers()]}


def top_settings() -> list[Setting]:
    """The keys that belong to no group."""
    return [setting for setting in _declared("") if setting.key not in (*GROUPS, "about", "expect")]


def settings_of_group(group: str) -> list[Setting]:
    """The keys that every option of a group has."""
    _check_group(group)
    return list(_declared(group)) if group in ("data", "task") else []


def choices_of(group: str) -> list[Choice]:
    """The options of a group.

    Raises:
        ConfigError: there is no such group.
    """
    _check_group(group)
    if group == LAUNCHER:
        return list(_launchers())
    return [_read(group, name, content) for name, content in options_of(group).items()]


def find_choice(group: str, name: str) -> Choice:
    """One option with its keys: those that its file sets, then the further arguments of its target.

    Raises:
        ConfigError: there is no such group, or no such option.
    """
    _check_group(group)
    launchers = {choice.name: choice for choice in (_launchers() if group == LAUNCHER else ())}
    options = launchers or options_of(group)
    if name not in options:
        raise ConfigError(
            f"{name!r} is not an option of the group {group!r}.{did_you_mean(name, options)} Expected one of: "
            f"{', '.join(options)}. Try: stackfit options {group}"
        )
    if launchers:
        return launchers[name]
    choice = _read(group, name, options[name])
    return Choice(choice.name, choice.about, choice.own, list(_settings(options[name], group)))


def _check_group(group: str) -> None:
    if group not in (known := (*GROUPS, LAUNCHER)):
        raise ConfigError(
            f"There is no group {group!r}.{did_you_mean(group, known)} Expected one of: {', '.join(known)}. Try: stackfit options"
        )


def _launchers() -> Iterator[Choice]:
    """Each launcher with its settings: the project's own value, else the default."""
    from hydra_plugins.stackfit_launcher import OPTIONS
    from stackfit.config.hydra.launcher_keys import hints_of, words_of

    yield Choice("basic", "In this process, one cell after another", False)
    given = options_of(LAUNCHER)
    for name, kind in OPTIONS.items():
        comments, own = lines_of(kind), given.get(name)
        own = own if isinstance(own, Mapping) else {}
        settings = [
            Setting(f"hydra.launcher.{key}", own.get(key, default_of(kind, key)), words_of(hint), comments[key][1])
            for key, hint in hints_of(name).items()
        ]
        yield Choice(name, str(kind.__doc__).rstrip("."), name in given, settings)


def _read(group: str, name: str, content: Any) -> Choice:
    own = project.own("conf")
    path = own / group / f"{name}.yaml" if own else None
    is_own = bool(path and path.is_file())
    file = path if path and is_own else project.shipped("conf") / group / f"{name}.yaml"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    said = []
    for line in lines:
        if not line.startswith("#"):
            break
        said.append(line.lstrip("# "))
    about = " ".join(said).split(". ")[0].rstrip(".")
    targets = list(dict.fromkeys(str(target).rpartition(".")[2] for target in _targets(content)))
    return Choice(name, about or ", ".join(targets) or "nothing", is_own)


def _targets(content: Any) -> Iterator[Any]:
    if isinstance(content, Mapping):
        if "_target_" in content:
            yield content["_target_"]
        for value in content.values():
            yield from _targets(value)


def _settings(content: Any, above: str) -> Iterator[Setting]:
    """The values of a group's file, each with what the schema says of it; then the arguments that it leaves at Keras's default."""
    if not isinstance(content, Mapping):
        return
    arguments = (definition(str(content.get("_target_"))) or {}).get("properties", {})
    for name, value in content.items():
        key = f"{above}.{name}"
        if isinstance(value, Mapping) and value and name != "defaults":
            yield from _settings(value, key)
        elif name == "_target_":
            yield Setting(key, value, "", arguments.get("_target_", {}).get("description", ""))
        elif name != "defaults":
            yield Setting(key, value, *_said(key, arguments.get(name)))
    for name in arguments:
        if name not in content and above in ("optimizer", "task.loss") and name != "_target_":
            yield Setting(f"{above}.{name}", None, *_said(f"{above}.{name}", arguments[name]), is_set=False)


def _said(key: str, argument: Mapping[str, Any] | None) -> tuple[str, str]:
    """What a key takes, and what it is."""
    parent, _, name = key.rpartition(".")
    if parent in schema.PARTS and schema.hint_of(key):
        return schema.expected(key) or "", lines_of(schema.PARTS[parent]).get(name, (0, ""))[1]
    described = str((argument or {}).get("description", ""))
    while argument and "type" not in argument and "$ref" in argument:
        argument = definition(argument["$ref"].rpartition("/")[2])
        described = described or str((argument or {}).get("description", ""))
    kinds = [_TYPED[kind] for kind in (argument or {}).get("type", ()) if kind in _TYPED and isinstance((argument or {})["type"], list)]
    return (kinds[0] if kinds else ""), re.sub(r"`+", "", described).split(". ")[0].rstrip(".")


def _declared(part: str) -> Iterator[Setting]:
    """The keys of one of the schema's dataclasses."""
    kind = schema.PARTS[part]
    comments = lines_of(kind)
    for declared in fields(kind):
        key = f"{part}.{declared.name}" if part else declared.name
        if key not in schema.PARTS:
            yield Setting(key, _plain(default_of(kind, declared.name)), schema.expected(key) or "", comments[declared.name][1])


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, list, dict)) or value is None else "???"
