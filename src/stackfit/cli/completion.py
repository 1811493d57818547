"""What may stand next in an override: keys, options of groups, values. Reads YAML and the shipped JSON Schema only.

Composing an experiment takes half a second, too long for a TAB. The files of its chain are read as they stand instead,
which takes milliseconds and, unlike a kept list of keys, is never out of date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stackfit.config import project
from stackfit.config.origins import GROUPS, ConfigFile, Origins, is_choice, override_key, read_config_file
from stackfit.errors import ConfigError


def experiment_names() -> list[str]:
    """Every file's name in ./experiments and among the shipped ones, whether it is right or not."""
    return sorted({path.stem for folder in _folders("experiments") for path in folder.glob("*.yaml")})


def options(group: str) -> list[str]:
    """The options of a group: the user's and the shipped ones."""
    return sorted({path.stem for folder in _folders("conf") for path in (folder / group).glob("*.yaml")})


def _folders(name: str) -> list[Path]:
    return [folder for folder in (project.own(name), project.shipped(name)) if folder]


class Keys:
    """The keys of one experiment as its files and the overrides typed so far set them, without composing it."""

    def __init__(self, experiment: str, typed: Iterable[str] = ()):
        self.choices: dict[str, list[str]] = {}
        typed = tuple(typed)
        for override in typed:
            if is_choice(override) and "=" in override:
                self.choices[override_key(override)] = _list(override.partition("=")[2])
        self.chain: list[ConfigFile] = []
        self._read(experiment, set())
        self.values: dict[str, Any] = {}
        for key, place in Origins(self.chain, tuple(o for o in typed if not is_choice(o))).settings:
            self._set(key, place.value, gone=str(place).startswith("~"))

    def complete(self, text: str) -> list[str]:
        """The next steps from an unfinished override; one that is finished ends in a space."""
        body = text.lstrip("+~")
        sign = text[: len(text) - len(body)]
        if "=" in body:
            key, _, value = body.partition("=")
            head = value[: value.rfind(",") + 1]
            found = [one for one in self.choices_of(key) if one.startswith(value[len(head) :])]
            return [f"{sign}{key}={head}{one} " for one in found]
        if sign == "~":
            return [f"~{name} " for name in self._removable() if name.startswith(body)]
        return [sign + step for step in _steps(list(self._keys(sign)), body)]

    def plain(self, text: str) -> list[str]:
        """The next steps from an unfinished key, such as `explain` takes."""
        names = [key.removesuffix("=") for key in self._keys("")]
        return [step if step.endswith(".") else f"{step} " for step in _steps(names, text)]

    def choices_of(self, key: str) -> list[str]:
        """The values that are known for a key: options of its group, names of an enumeration, true and false."""
        return options(key) if key in GROUPS else sorted(_values(self._schema, self._at(key)))

    def _keys(self, sign: str) -> Iterator[str]:
        """`key=` for every value that may be set; with + for those that are not there yet, with ++ for both."""
        if sign != "+":
            yield from (f"{group}=" for group in GROUPS)
            yield from (f"{key}=" for key in self.values if not self._has_below(key))
        for part in ("", *(part for part in ("about", "data", "task") if sign != "+")):
            node = self._at(part) if part else self._schema
            for name, value in node.get("properties", {}).items() if sign != "+" else ():
                if name not in ("defaults", "hydra", "expect", *GROUPS) and _resolve(self._schema, value) is not None:
                    key = f"{part}.{name}" if part else name
                    if not self._has_below(key) and key not in ("task.loss", "task.metrics", "about"):
                        yield f"{key}="
        if sign in ("+", "++"):
            yield from ("model.layers.", "callbacks.", "task.metrics.")
            for key in [key for key in self.values if key.endswith("._target_")]:
                node = key.removesuffix("._target_")
                for name in self._at(node).get("properties", {}):
                    if f"{node}.{name}" not in self.values:
                        yield f"{node}.{name}="

    def _removable(self) -> list[str]:
        names = {key.rpartition(".")[0] for key in self.values if key.endswith("._target_")} - {
            "optimizer",
            "task.loss",
        }
        arguments = (key for key in self.values if not key.endswith("._target_"))
        return sorted({*names, *(key for key in arguments if key.rpartition(".")[0] in names)})

    def _has_below(self, key: str) -> bool:
        return any(name.startswith(f"{key}.") for name in self.values)

    @cached_property
    def _schema(self) -> dict[str, Any]:
        try:
            return json.loads(project.EXPERIMENT_SCHEMA.read_bytes())
        except (OSError, ValueError):
            return {"properties": {}, "$defs": {}}

    def _at(self, key: str) -> dict[str, Any]:
        """The schema of a key; below a target, that of its argument."""
        node, path = self._schema, ""
        for part in key.split("."):
            path = f"{path}.{part}" if path else part
            below = {**node.get("properties", {})}
            node = _resolve(self._schema, below.get(part, node.get("additionalProperties")))
            target = self.values.get(f"{path}._target_")
            if isinstance(target, str) and key != f"{path}._target_" and target in self._schema["$defs"]:
                node = _resolve(self._schema, {"$ref": f"#/$defs/{target}"})
        return node

    def _read(self, experiment: str, seen: set[str]) -> None:
        """Add the files of an experiment to the chain, parents first; the outermost choice of a group wins."""
        path = next(
            (file for folder in _folders("experiments") if (file := folder / f"{experiment}.yaml").is_file()), None
        )
        path = project.shipped("conf") / "config.yaml" if experiment == "config" else path
        file = _file(path) if path else None
        if file is None or experiment in seen:
            return
        parents = []
        for entry in _defaults(file):
            if isinstance(entry, yaml.MappingNode) and entry.value:
                name, option = entry.value[0]
                chosen = (
                    [one.value for one in option.value] if isinstance(option, yaml.SequenceNode) else [option.value]
                )
                self.choices.setdefault(str(name.value).split()[-1].lstrip("/"), chosen)
            elif entry.value != "_self_":
                parents.append(str(entry.value))
        for parent in parents:
            self._read(parent, {*seen, experiment})
        if experiment == "config":
            for group in GROUPS:
                self.chain += filter(None, (_option(group, option) for option in self.choices.get(group, ())))
        self.chain.append(file)

    def _set(self, key: str, value: Any, gone: bool) -> None:
        if key.startswith(("hydra", "about", "expect")) or isinstance(value, dict):
            return
        self.values = {name: one for name, one in self.values.items() if not f"{name}.".startswith(f"{key}.")}
        if not gone:
            self.values[key] = value


def _steps(keys: list[str], body: str) -> list[str]:
    """The keys that begin with `body`, each up to its next dot; a level with one way on is passed through."""
    found = {key[: at + 1] if (at := key.find(".", len(body))) >= 0 else key for key in keys if key.startswith(body)}
    found -= {body}
    if len(found) == 1 and (only := found.copy().pop()).endswith("."):
        return _steps(keys, only) or [only]
    return sorted(found)


def _resolve(schema: dict[str, Any], node: Any) -> dict[str, Any]:
    while isinstance(node, dict) and "$ref" in node:
        node = {
            **schema["$defs"].get(node["$ref"].rpartition("/")[2], {}),
            **{k: v for k, v in node.items() if k != "$ref"},
        }
    return node if isinstance(node, dict) else {}


def _values(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[str]:
    for name in node.get("enum", ()):
        yield "null" if name is None else str(name)
    if "boolean" in (kinds := node.get("type", ())) or kinds == "boolean":
        yield from ("true", "false")
    for one in node.get("anyOf", ()):
        if not set(one) >= {"type", "$ref"}:  # an object by its target, whose names are no names of the argument
            yield from _values(schema, _resolve(schema, one))


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.strip("[]' \"").split(",") if one.strip()]


def _file(path: Path, package: str = "") -> ConfigFile | None:
    try:
        return read_config_file(path, package)
    except ConfigError:
        return None


def _option(group: str, option: str) -> ConfigFile | None:
    return next(
        (_file(path, group) for folder in _folders("conf") if (path := folder / group / f"{option}.yaml").is_file()),
        None,
    )


def _defaults(file: ConfigFile) -> list[Any]:
    """The entries of a file's defaults list."""
    for key, value in file.node.value if file.node else ():
        if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
            return [one for one in value.value if isinstance(one, (yaml.ScalarNode, yaml.MappingNode))]
    return []
