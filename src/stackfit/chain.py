"""The check of every YAML file in an experiment's defaults chain, before Hydra composes it.

An experiment's own `hydra:` section is powerful: `hydra.callbacks` imports and runs code while Hydra starts, and
`hydra.run.dir` writes anywhere. Of `hydra`, an experiment may set its mode and its sweeper's parameters.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import yaml

from stackfit import places, schema
from stackfit.errors import ConfigError, did_you_mean
from stackfit.origins import GROUPS, ConfigFile
from stackfit.trust import check_resolvers

_ALLOWED = re.compile(r"hydra\.(mode|sweeper(\.(params|union)(\..*)?)?)")
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
_PARENT = re.compile(r"[\w-]+")
_GROUP = re.compile(rf"((override|optional)\s+)*/?({'|'.join(GROUPS)})(/[\w-]+)*")
OPTION = re.compile(r"[\w-]+(/[\w-]+)*")


def check_file(file: ConfigFile) -> None:
    """Check one file of the chain.

    Raises:
        ConfigError: it sets more of `hydra` than it may, uses a package, a resolver or a merge key, or its defaults
            list names more than experiments and groups; with file and line.
    """
    if file.path in [folder / "config.yaml" for folder in (places.shipped("conf"), places.own("conf")) if folder]:
        return  # the root, or a checkout's equal copy: it chooses our launcher and sweeper
    top = {str(key.value): value for key, value in file.node.value} if file.node else {}
    for key, origin in file.items():
        parts = key.split(".")
        mapping = key == "hydra" and isinstance(top["hydra"], yaml.MappingNode)
        if parts[0] == "hydra" and not mapping and not _ALLOWED.fullmatch(key):
            raise ConfigError(
                f"{key!r} is set by stackfit alone. Expected below `hydra` only mode and sweeper.params. Remove the line.",
                where=str(origin),
                key=key,
            )
        if "<<" in parts:
            raise _refuse(
                file, origin.line, "A merge key hides which keys it sets. Expected the keys themselves. Write them."
            )
    for node in _scalars(file.node):
        if resolver := check_resolvers(node.value):
            raise _refuse(
                file,
                node.start_mark.line + 1,
                f"The resolver {resolver!r} is not allowed: a result must not depend on the machine it ran on. "
                "Expected ${key} of this config. Write the value itself.",
            )
    text = file.path.read_text(encoding="utf-8")
    if found := _PACKAGE.search(text):
        raise _refuse(
            file,
            text[: found.start(1)].count("\n") + 1,
            f"'@package {found.group(1)}' moves this file's keys elsewhere. Expected a group's file to stay in its "
            "group. Remove the line.",
        )
    if "defaults" in top:
        _check_defaults(file, top["defaults"])
    _check_keys(file, file.node, file.package)


def _check_defaults(file: ConfigFile, defaults: yaml.Node) -> None:
    for entry in defaults.value if isinstance(defaults, yaml.SequenceNode) else (None,):
        name, allowed = entry, _is(entry, _PARENT)
        if isinstance(entry, yaml.MappingNode) and len(entry.value) == 1:
            name, option = entry.value[0]
            options = option.value if isinstance(option, yaml.SequenceNode) else [option]
            allowed = _is(name, _GROUP) and all(_is(one, OPTION) or one.tag.endswith(":null") for one in options)
        if not isinstance(name, yaml.ScalarNode) or not name.tag.endswith(":str"):
            raise _refuse(
                file,
                (entry or defaults).start_mark.line + 1,
                "`defaults` is no list of names. Expected for example [config, override data: xor, _self_]. Correct it.",
            )
        if not allowed:
            raise _refuse(
                file,
                name.start_mark.line + 1,
                f"{name.value!r} reaches beyond an experiment. Expected an experiment, or an option of one of the groups "
                f"{', '.join(GROUPS)}. Choose a launcher when you run: hydra/launcher=basic",
            )
    if not any(_is(entry, re.compile("_self_")) for entry in defaults.value):
        raise _refuse(
            file,
            defaults.start_mark.line + 1,
            "`defaults` does not say where this file's own keys come in. Expected `_self_`. Write it last: they then win.",
        )


def _check_keys(file: ConfigFile, node: yaml.Node | None, part: str) -> None:
    """Hold keys against the schema, and mappings and lists against what belongs there; scalars are OmegaConf's part."""
    kind = schema.PARTS.get(part)
    if kind is None or not isinstance(node, yaml.MappingNode):
        return
    hints = {field.name: str(field.type) for field in dataclasses.fields(kind)}
    for key_node, value in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or (not part and key_node.value in ("defaults", "hydra")):
            continue
        name = key_node.value
        key = f"{part}.{name}" if part else name
        message = None
        if name not in hints:
            message = (
                f"There is no key {name!r}{f' in {part}' if part else ''}.{did_you_mean(name, hints)} "
                f"Expected one of: {', '.join(hints)}. Correct the name."
            )
        elif value.tag.endswith(":null"):
            message = (
                None
                if "None" in hints[name] or hints[name] == "Any"
                else f"{key} is null. Expected a value. Write one."
            )
        elif (key in schema.PARTS or hints[name].startswith("dict")) and not isinstance(value, yaml.MappingNode):
            message = f"{key} is {value.value!r}. Expected a mapping. Write its keys below it."
        elif hints[name].startswith("list") and not isinstance(value, yaml.SequenceNode) and value.value != "???":
            message = f"{key} is {value.value!r}. Expected a list. Write: {name}: [{value.value}]"
        if message:
            raise ConfigError(message, key=key, where=f"{places.shown(file.path)}:{key_node.start_mark.line + 1}")
        _check_keys(file, value, key)


def _is(node: yaml.Node | None, pattern: re.Pattern[str]) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str") and bool(pattern.fullmatch(node.value))


def _refuse(file: ConfigFile, line: int, message: str) -> ConfigError:
    return ConfigError(message, where=f"{places.shown(file.path)}:{line}")


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key)
            yield from _scalars(value)
