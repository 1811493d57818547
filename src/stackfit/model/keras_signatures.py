"""Keras's targets as JSON Schema: which a role may name, with their arguments, types, choices and descriptions.

A type comes from the default: Keras's signatures have no others. Where it says nothing, any value may stand.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from stackfit.config.trust import NESTED, REFUSED, ROLES
from stackfit.model.building import BASES, NESTED_BASES, OWN_FUNCTIONS, accepted_arguments

Schema = dict[str, Any]

REFERENCE = {"type": "string", "pattern": r"\$\{.+\}|^\?\?\?$"}
"""`${…}`, or `???` for a value that is still missing."""
_REFERENCE = {"$ref": "#/$defs/reference"}

OWN_TARGET = (
    r"^(?!(keras|tensorflow|stackfit|os|sys|subprocess|builtins|shutil|importlib)\.)[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
)
"""A class of the user's own module; whether it is trusted is decided when it is run."""

_NAMED = (  # arguments that take an object by its name
    (re.compile(r"(.*_)?activation"), keras.activations),
    (re.compile(r".*_?initializer"), keras.initializers),
    (re.compile(r".*_regularizer"), keras.regularizers),
    (re.compile(r".*_constraint"), keras.constraints),
)
_CHOICES: dict[tuple[str, Any], list[Any]] = {
    ("padding", "valid"): ["valid", "same", "causal"],
    ("data_format", None): ["channels_last", "channels_first", None],
    ("mode", "auto"): ["auto", "min", "max"],
    ("mode", "max"): ["max", "min"],
    ("reduction", "sum_over_batch_size"): [
        "sum_over_batch_size",
        "sum",
        "mean",
        "mean_with_sample_weight",
        "none",
        None,
    ],
}


def target_schemas() -> Schema:
    """`$defs` of every role, of what may stand inside its arguments, and of every target, by name."""
    definitions: Schema = {}
    for role, modules in ROLES.items():
        inside = {"$ref": f"#/$defs/in-{role}"}
        chosen = _choice(_names(modules, BASES[role]), definitions, role)
        nested = _choice(_names(NESTED[role], NESTED_BASES), definitions, role)
        definitions[role] = {**chosen, "additionalProperties": inside}
        definitions[f"in-{role}"] = {**nested, "additionalProperties": inside, "items": inside}
    return _shared(definitions) | named_schemas() | {"reference": REFERENCE}


def _shared(definitions: Schema) -> Schema:
    """The same with every argument that several targets describe in the same words written once, as `argument-N`."""
    uses: dict[str, list[tuple[Schema, str]]] = {}
    for schema in definitions.values():
        for name, argument in schema.get("properties", {}).items():
            if len(text := json.dumps(argument)) > 60:
                uses.setdefault(text, []).append((schema["properties"], name))
    shared = {}
    for places in (places for places in uses.values() if len(places) > 1):
        label = f"argument-{len(shared) + 1}"
        shared[label] = places[0][0][places[0][1]]
        for properties, name in places:
            properties[name] = {"$ref": f"#/$defs/{label}"}
    return definitions | shared


def _names(modules: tuple[str, ...], bases: tuple[type, ...]) -> dict[str, Any]:
    targets = {}
    for module in modules:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            full = f"{module}.{name}"
            kind = (
                isinstance(value, type)
                and issubclass(value, bases)
                and value.__module__.split(".")[0] == module.split(".")[0]
            )
            if not name.startswith("_") and name not in REFUSED and (kind or full in OWN_FUNCTIONS):
                targets[full] = value
    return targets


def _choice(targets: Mapping[str, Any], definitions: Schema, role: str) -> Schema:
    """What holds where one of `targets` may stand: by its `_target_` its arguments, and no others."""
    first: dict[Any, str] = {}
    for name, target in targets.items():
        same = first.setdefault(target, name)  # `keras.layers.MaxPool2D` is `keras.layers.MaxPooling2D`
        if name not in definitions:
            definitions[name] = _target(target, role) if same == name else {"$ref": f"#/$defs/{same}"}
    named = [{"enum": list(targets)}] if targets else []
    known = {"anyOf": [*named, {"type": "string", "pattern": OWN_TARGET}, _REFERENCE]}
    chosen = [
        {
            "if": {"type": "object", "required": ["_target_"], "properties": {"_target_": {"const": name}}},
            "then": {"$ref": f"#/$defs/{name}"},
        }
        for name in targets
    ]
    schema = {"properties": {"_target_": known}, "propertyNames": {"pattern": "^(_target_$|[^_])"}}
    return {**schema, "allOf": chosen} if chosen else schema


def _target(target: Any, role: str) -> Schema:
    arguments, takes_more = accepted_arguments(target)
    said = {**_said(keras.layers.Dense), **_said(target)} if target.__name__ == "dense_stack" else _said(target)
    properties = {
        name: _argument(parameter, said.get(name, ""), role)
        for name, parameter in arguments.items()
        if not name.startswith("_")
    }
    if role == "layers":
        properties |= {"after": {"$ref": "#/$defs/after"}, "inputs": {"$ref": "#/$defs/inputs"}}
    doc = inspect.getdoc(target) or ""
    said_first = {"description": _short(doc.partition("\n\n")[0])}
    schema = {**said_first, "properties": {"_target_": said_first, **properties}}
    return schema if takes_more else {**schema, "additionalProperties": False}


def _argument(parameter: inspect.Parameter, said: str, role: str) -> Schema:
    schema = _type(parameter, said, role)
    return {**schema, "description": _short(said)} if said else schema


def _type(parameter: inspect.Parameter, said: str, role: str) -> Schema:
    name, default = parameter.name, None if parameter.default is parameter.empty else parameter.default
    nested = {"$ref": f"#/$defs/in-{role}"}
    for pattern, module in _NAMED:
        if pattern.fullmatch(name) and (default is None or isinstance(default, str)):
            return {"anyOf": [{"$ref": f"#/$defs/{module.__name__.rpartition('.')[2]}"}, {"type": "object", **nested}]}
    if isinstance(default, (str, type(None))) and (name, default) in _CHOICES:
        names = [choice for choice in _CHOICES[name, default] if choice != "causal" or "causal" in said]
        return {"anyOf": [{"enum": names}, _REFERENCE]}
    if name == "trainable" or isinstance(default, bool):
        return _typed(["boolean", "null"] if default is None else ["boolean"])
    if isinstance(parameter.annotation, str) and "units" in name:  # our own functions say it in the signature
        return {**_typed(["integer", "array"]), **nested}
    if isinstance(default, (int, float, tuple)):  # an object may stand for a number: a schedule for a rate
        numbers = {"anyOf": [{"type": ["number", "array"]}, _REFERENCE]}
        return {**_typed(["number", "array", "object", "null"]), "items": numbers, "required": ["_target_"], **nested}
    return nested


def _typed(kinds: list[str]) -> Schema:
    """A value of these types, or a reference; a pattern looks at strings only."""
    said = f"Expected {' or '.join([*kinds, '${KEY}'])}."  # what VS Code says in place of the pattern
    return {"type": [*kinds, "string"], "pattern": REFERENCE["pattern"], "patternErrorMessage": said}


def named_schemas() -> Schema:
    """`$defs` of the names that stand for activations, initializers, regularizers and constraints."""
    return {
        module.__name__.rpartition(".")[2]: {"anyOf": [{"enum": [*_registered(module), None]}, _REFERENCE]}
        for _, module in _NAMED
    }


def _registered(module: Any) -> Iterator[str]:
    for name in sorted(module.get.__globals__["ALL_OBJECTS_DICT"]):
        try:
            module.get(name)
        except (ValueError, TypeError, KeyError):  # an abstract class, or one whose arguments have no defaults
            continue
        yield name


def _said(target: Any) -> dict[str, str]:
    """What the docstring says of each argument."""
    said: dict[str, str] = {}
    inside = False
    names: list[str] = []
    for line in (inspect.getdoc(target) or "").splitlines():
        if re.match(r"(Args|Arguments):\s*$", line):
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (entry := re.match(r" {4}(`?\w+`?(?:, `?\w+`?)*): ?(.*)", line)):
            names = re.findall(r"\w+", entry.group(1))
            said |= dict.fromkeys(names, entry.group(2))
        else:
            for name in names:
                said[name] += f"\n{line.strip()}"
    return {name: text.strip() for name, text in said.items()}


def _short(text: str) -> str:
    """Whole sentences up to about 200 characters."""
    text = " ".join(text.split("\n\n")[0].split())
    if len(text) <= 200:
        return text
    end = text.rfind(". ", 0, 200)
    return text[: end + 1] if end > 40 else text[:197].rstrip() + "..."
