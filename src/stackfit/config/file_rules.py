"""The check of every YAML file in an experiment's defaults chain, before Hydra composes it.

An experiment's own `hydra:` section is powerful: `hydra.callbacks` imports and runs code while Hydra starts, and
`hydra.run.dir` writes anywhere. An experiment may set only `hydra.mode` and its sweeper with the sweeper's settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from stackfit.config import project
from stackfit.config.origins import GROUPS, ConfigFile
from stackfit.config.trust import check_resolvers
from stackfit.errors import ConfigError, did_you_mean, nearest
from stackfit.files import shown

SWEEPERS = ("cells", "search")
_ALLOWED = re.compile(r"hydra\.(mode|sweeper(\.(?!_target_).*)?)")
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
_PARENT = re.compile(r"(\./)?[\w-]+(/[\w-]+)*(\.ya?ml)?")  # whether there is such an experiment is said where it is looked for
_GROUP = re.compile(rf"((override|optional)\s+)*/?({'|'.join(GROUPS)})(/[\w-]+)*")
_SWEEPER = re.compile(r"((override|optional)\s+)*/?hydra/sweeper")
_ENTRY = re.compile(r"((override|optional)\s+)*/?(\w+|hydra/sweeper)")  # may be left out
OPTION = re.compile(r"[\w-]+(/[\w-]+)*")


@dataclass(frozen=True)
class Fault:
    """An error in a file, and what to leave out so that the rest can be composed; None if the file cannot be used."""

    error: ConfigError
    path: tuple[Any, ...] | None = None  # keys from the file's top, or `("defaults", index of the entry)`


def find_faults(file: ConfigFile) -> Iterator[Fault]:
    """Everything in one file of the chain that is not allowed, each with file and line.

    That is: a key of `hydra` that stackfit sets, a package, a resolver, a merge key, or an entry of the defaults list that
    is neither an experiment nor a group. Keys and types are checked in the composed config, by the schema.
    """
    if file.path in [folder / "config.yaml" for folder in (project.shipped("conf"), project.own("conf")) if folder]:
        return  # the root, or an equal copy in a checkout: it chooses our launcher and sweeper
    top = {str(key.value): value for key, value in file.node.value} if file.node else {}
    refused = "\0"
    for key, origin in file.items():
        parts = key.split(".")
        if f"{key}.".startswith(f"{refused}."):
            continue  # reported for the key above
        mapping = key == "hydra" and isinstance(top["hydra"], yaml.MappingNode)
        if parts[0] == "hydra" and not mapping and not _ALLOWED.fullmatch(key):
            refused = key
            message = "Expected only mode and the sweeper's settings below `hydra`. Remove the line."
            yield Fault(ConfigError(f"{key!r} is set only by stackfit. {message}", where=str(origin), key=key))
        elif "<<" in parts:
            refused = key
            message = "A merge key hides which keys it sets. Expected the keys themselves. Write them."
            yield _fault(file, origin.line, message)
    for path, node in _scalars(file.node):
        if resolver := check_resolvers(node.value):
            yield _fault(
                file,
                node.start_mark.line + 1,
                f"The resolver {resolver!r} is not allowed: a result must not depend on the machine it ran on. "
                "Expected ${key} of this config. Write the value itself.",
                None if path is None or path[0] in ("defaults", "hydra") else path,
            )
        elif node.value.count("${") > node.value.count("}"):
            message = f"The ${{ of {node.value!r} is not closed. Expected ${{KEY}}. Write }} after the key."
            yield _fault(file, node.start_mark.line + 1, message)
    text = file.path.read_text(encoding="utf-8")
    if package := _PACKAGE.search(text):
        yield _fault(
            file,
            text[: package.start(1)].count("\n") + 1,
            f"'@package {package.group(1)}' moves this file's keys elsewhere. Expected a group's file to stay in its "
            "group. Remove the line.",
        )
    if "defaults" in top:
        yield from _find_defaults(file, top["defaults"])


def _find_defaults(file: ConfigFile, defaults: yaml.Node) -> Iterator[Fault]:
    for number, entry in enumerate(defaults.value if isinstance(defaults, yaml.SequenceNode) else (None,)):
        name, allowed, path = entry, _is(entry, _PARENT), None
        if isinstance(entry, yaml.MappingNode) and len(entry.value) == 1:
            name, option = entry.value[0]
            options = option.value if isinstance(option, yaml.SequenceNode) else [option]
            known = all(_is(node, OPTION) or node.tag.endswith(":null") for node in options)
            allowed = (_is(name, _GROUP) or (not file.package and _is(name, _SWEEPER))) and known
            path = ("defaults", number) if known and _is(name, _ENTRY) else None
        if not isinstance(name, yaml.ScalarNode) or not name.tag.endswith(":str"):
            message = "`defaults` is not a list of names. Expected for example [config, override data: xor, _self_]. Correct it."
            yield _fault(file, (entry or defaults).start_mark.line + 1, message)
            return
        if not allowed:
            message, cure = f"{name.value!r} reaches beyond an experiment.", "Choose a launcher when you run: hydra/launcher=basic"
            if path:
                group = name.value.split()[-1].strip("/")
                message, cure = f"There is no group {group!r}.{did_you_mean(group, GROUPS)}", "Correct the name."
            message += f" Expected an experiment, or an option of one of the groups {', '.join(GROUPS)}. {cure}"
            yield _fault(file, name.start_mark.line + 1, message, path)
        elif not file.package and (message := _misplaced(defaults.value, number)):
            yield _fault(file, entry.start_mark.line + 1, message, ("defaults", number))
    if not any(_is(entry, re.compile("_self_")) for entry in defaults.value):
        message = "`defaults` does not say where this file's own keys are merged. Expected `_self_`. Write it last: its keys then win."
        yield _fault(file, defaults.start_mark.line + 1, message)


def _misplaced(entries: list[yaml.Node], number: int) -> str | None:
    """What is wrong with an allowed entry of an experiment's defaults list, given the others: bases first, then overrides."""
    bases = [place for place, entry in enumerate(entries) if isinstance(entry, yaml.ScalarNode) and entry.value != "_self_"]
    overrides = [place for place, entry in enumerate(entries) if isinstance(entry, yaml.MappingNode)]
    entry = entries[number]
    if number in bases and number > min(overrides, default=number):
        return f"The base {entry.value!r} comes after a choice. Expected bases first. Write {entry.value} as the first entry."
    if not isinstance(entry, yaml.MappingNode):
        return None
    name, option = entry.value[0][0].value, getattr(entry.value[0][1], "value", "")
    group = name.split()[-1].strip("/")
    if not bases:
        return f"There is no base whose {group} this could be. Expected one as the first entry. Write: config"
    if group == "hydra/sweeper" and option not in SWEEPERS:
        near = nearest(str(option), SWEEPERS) or SWEEPERS[0]
        return f"{option!r} is not a sweeper of stackfit. Expected {' or '.join(SWEEPERS)}. Write: override hydra/sweeper: {near}"
    if "override" not in name.split():
        return f"The base has a {group} already. Expected the word override. Write: override {group}: {option}"
    return None


def _is(node: yaml.Node | None, pattern: re.Pattern[str]) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str") and bool(pattern.fullmatch(node.value))


def _fault(file: ConfigFile, line: int, message: str, path: tuple[Any, ...] | None = None) -> Fault:
    return Fault(ConfigError(message, where=f"{shown(file.path)}:{line}"), path)


def _scalars(node: yaml.Node | None, path: tuple[str, ...] | None = ()) -> Iterator[tuple[Any, yaml.ScalarNode]]:
    """Every scalar with the keys above it; with None if it is itself a key, or the whole file."""
    if isinstance(node, yaml.ScalarNode):
        yield path or None, node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key, None)
            inside = isinstance(key, yaml.ScalarNode) and path is not None
            yield from _scalars(value, (*path, key.value) if inside else None)
