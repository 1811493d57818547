"""The check of every YAML file in an experiment's defaults chain, before Hydra composes it.

An experiment's own `hydra:` section is powerful: `hydra.callbacks` imports and runs code while Hydra starts, and
`hydra.run.dir` writes anywhere. Of `hydra`, an experiment may set its mode and its sweeper's parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from stackfit import places
from stackfit.errors import ConfigError
from stackfit.origins import ConfigFile
from stackfit.trust import check_resolvers

_ALLOWED = re.compile(r"hydra(\.mode|\.sweeper(\.(params|union)(\..*)?)?)?$")
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)


def check_file(file: ConfigFile) -> None:
    """Check one file of the chain.

    Raises:
        ConfigError: it sets more of `hydra` than it may, uses a package header or a package in its defaults list,
            a resolver, or a YAML alias; with file and line.
    """
    if file.path.is_relative_to(places.shipped("conf")) and file.path.name == "config.yaml":
        return  # the root: it chooses our launcher and sweeper
    for key, origin in file.keys():
        if (key == "hydra" or key.startswith("hydra.")) and not _ALLOWED.fullmatch(key):
            raise ConfigError(
                f"{key!r} is set by stackfit alone. Expected below `hydra` only mode and sweeper.params. Remove the line.",
                where=str(origin),
                key=key,
            )
    for node in _scalars(file.node):
        where = f"{places.shown(file.path)}:{node.start_mark.line + 1}"
        if resolver := check_resolvers(node.value):
            raise ConfigError(
                f"The resolver {resolver!r} is not allowed: a result must not depend on the machine it ran on. "
                "Expected ${key} of this config. Write the value itself.",
                where=where,
            )
    if found := _PACKAGE.search(file.path.read_text(encoding="utf-8")):
        raise ConfigError(
            f"'@package {found.group(1)}' moves this file's keys elsewhere. Expected a group's file to stay in its "
            "group. Remove the line.",
            where=f"{places.shown(file.path)}:{file.path.read_text(encoding='utf-8')[: found.start(1)].count(chr(10)) + 1}",
        )
    for node in _defaults_scalars(file):
        if "@" in node.value or node.value.removeprefix("override").strip().lstrip("/").startswith("hydra"):
            raise ConfigError(
                f"{node.value!r} reaches beyond an experiment. Expected groups of stackfit: "
                "data, model, optimizer, task, callbacks. Choose a launcher when you run: hydra/launcher=basic",
                where=f"{places.shown(file.path)}:{node.start_mark.line + 1}",
            )


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


def _defaults_scalars(file: ConfigFile) -> Iterator[yaml.ScalarNode]:
    for key, value in file.node.value if file.node else ():
        if key.value == "defaults":
            yield from _scalars(value)
