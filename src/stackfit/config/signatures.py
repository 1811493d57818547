"""Targets and their arguments held against the shipped schema: what Keras would refuse, known before Keras is imported.

It knows the names, and the kinds that a default or a list of names tells; the rest is known when the object is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackfit.config.targets import ROLES, definition, is_current, is_ours, names_in
from stackfit.errors import ConfigError, did_you_mean, nearest

_NAMES = {"activations": "activation", "initializers": "initializer", "regularizers": "regularizer", "constraints": "constraint"}
_WORDS = {"number": "a number", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "a mapping"}


def no_argument(label: str, name: str, known: Sequence[str], key: str) -> ConfigError:
    """The error of an argument that a target does not take."""
    cure = (
        f"Expected some of: {', '.join(known)}. If it was left over by a change of _target_, set the old layer to null and add a "
        "new name."
    )
    if near := nearest(name, known):
        cure = f"Expected an argument that it takes. Write: {near}"
    return ConfigError(
        f"{label} has no argument {name!r}.{did_you_mean(name, known)} {cure}",
        among=(f"{key}.{name}", f"{key}._target_"),
        kind="name",
    )


def no_name(what: str, value: str, names: Sequence[str], key: str) -> ConfigError:
    """The error of `activation: rlu`."""
    near = nearest(value, names)
    among = " Expected a name that Keras knows." if near else f" Expected one of: {', '.join(names)}."
    cure = f"Write: {key.rpartition('.')[2]}: {near or names[0]}"
    return ConfigError(f"There is no {what} {value!r}.{did_you_mean(value, names)}{among} {cure}", key=key, kind="name")


def check_signatures(config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """An error for each name and value of a resolved config that no target of the installed Keras takes."""
    if not is_current():
        return
    single = {"optimizer": config["optimizer"], "loss": config["task"]["loss"]}
    many = {"layers": config["model"]["layers"], "metrics": config["task"]["metrics"], "callbacks": config["callbacks"]}
    prefix = {"layers": "model.", "metrics": "task.", "loss": "task."}
    nodes = [(role, role, node) for role, node in single.items()]
    nodes += [(role, f"{role}.{name}", node) for role, part in many.items() for name, node in (part or {}).items()]
    for role, name, node in nodes:
        target = str(node.get("_target_")) if isinstance(node, Mapping) else ""
        if target.rpartition(".")[0] in ROLES[role]:  # else it is not trusted, or yours
            yield from _check(node, f"{prefix.get(role, '')}{name}", top=True)


def _check(node: Any, key: str, top: bool = False) -> Iterator[ConfigError]:
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from _check(item, key)
    if not isinstance(node, Mapping):
        return
    target = str(node.get("_target_"))
    module, _, label = target.rpartition(".")
    known = definition(target)
    if known is None and top and not is_ours(target):
        names = [name.rpartition(".")[2] for name in names_in([module])]
        if near := nearest(label, names):
            yield ConfigError(
                f"There is no {label!r} in {module}. Did you mean {near!r}? Expected a class of Keras. Write: _target_: {module}.{near}",
                key=f"{key}._target_",
                kind="name",
            )
    for name, value in node.items():
        here = f"{key}.{name}"
        arguments = (known or {}).get("properties", {})
        if known and name not in arguments and known.get("additionalProperties") is False and not str(name).startswith("_"):
            yield no_argument(label, str(name), [argument for argument in arguments if argument != "_target_"], key)
            continue
        if name in arguments and name != "_target_":
            yield from _check_value(label, str(name), value, arguments[name], here)
        yield from _check(value, here)


def _check_value(label: str, name: str, value: Any, schema: Mapping[str, Any], key: str) -> Iterator[ConfigError]:
    """The value against the kinds or the names that the schema of its argument lists."""
    while "type" not in schema and set(schema) <= {"$ref", "description"} and "$ref" in schema:
        schema = definition(schema["$ref"].rpartition("/")[2]) or {}
    kinds = [kind for kind in schema.get("type", ()) if kind in _WORDS]
    if isinstance(value, str):
        wrong = "pattern" in schema and not re.search(schema["pattern"], value)
        names, what = _names_of(schema)
        if names and value not in names:
            yield no_name(what or name, value, names, key)
    else:
        wrong = bool(kinds) and (
            (isinstance(value, (list, tuple)) and "array" not in kinds)
            or (isinstance(value, Mapping) and "object" not in kinds)
            or (isinstance(value, float) and "number" not in kinds)
        )
    if wrong and kinds:
        words = " or ".join(_WORDS[kind] for kind in kinds if kind not in ("array", "object") or len(kinds) < 3)
        yield ConfigError(f"{label}'s argument {name!r} is {value!r}. Expected {words}. Correct the value.", key=key, kind="name")


def _names_of(schema: Mapping[str, Any]) -> tuple[list[str], str]:
    """The names that a text must be one of, and what they name; none where other texts are allowed."""
    for choice in schema.get("anyOf", ()):
        named = choice.get("$ref", "").rpartition("/")[2]
        if "enum" in choice or named in _NAMES:
            enum = choice["enum"] if "enum" in choice else definition(named)["anyOf"][0]["enum"]  # type: ignore[index]
            return [name for name in enum if name], _NAMES.get(named, "")
    return [], ""
