"""Keras's targets as JSON Schema: which a role may name, with their arguments, types, choices and descriptions.

A type comes from the default and from what the docstring says first; where neither says anything, any value may stand.
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
_WORDS = {
    "integer": r"\bints?\b|\bintegers?\b",
    "number": r"\bfloats?\b|\bscalars?\b|fraction|floating|\bnumbers? between",
    "boolean": r"\bbool(ean)?s?\b|whether|`?true`?",
    "string": r"\bstr(ing)?s?\b|\bnames?\b|\bpath\b",
    "array": r"\blists?\b|\btuples?\b|\barrays?\b|\btensors?\b|\bshapes?\b|sequence|iterable",
    "object": r"\bdict|mapping|instance|callable|function|schedule|\blayers?\b|initializer|regularizer|constraint",
    "null": r"\bnone\b|\boptional\b",
}
# A docstring that begins with a type means it; one that mentions a type later may not.
_BEGINS = re.compile(
    r"((an?|the|one|python|positive|non-negative|optional|initial|tuple|list) )*(of )?`?(int|float|bool|str|tuple|list|dict|whether|one of)",
    re.IGNORECASE,
)
_OF_DEFAULT = {bool: "boolean", int: "integer", float: "number", str: "string", tuple: "array", list: "array"}
_OF_DEFAULT |= {dict: "object", type(None): "null"}


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
    found = {}
    for module in modules:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            full = f"{module}.{name}"
            kind = (
                isinstance(value, type)
                and issubclass(value, bases)
                and value.__module__.split(".")[0] == module.split(".")[0]
            )
            if not name.startswith("_") and name not in REFUSED and (kind or full in OWN_FUNCTIONS):
                found[full] = value
    return found


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
    kinds = _kinds(parameter, said)
    if not kinds:
        return nested
    schema: Schema = {"type": [kind for kind in (*_WORDS,) if kind in kinds]}
    if "string" not in kinds:  # a pattern looks at strings only: they may be references
        wanted = " or ".join([*schema["type"], "${KEY}"])
        schema |= {"type": [*schema["type"], "string"], "pattern": REFERENCE["pattern"]}
        schema["patternErrorMessage"] = f"Expected {wanted}."  # what VS Code says in place of the pattern
    return {**schema, **nested} if kinds & {"array", "object"} else schema


def _kinds(parameter: inspect.Parameter, said: str) -> set[str]:
    """The JSON types that an argument takes; empty: not known."""
    name, default = parameter.name, parameter.default
    if name in ("name", "dtype"):
        return {"string", "null"} | ({"object"} if name == "dtype" else set())
    if name in ("trainable", "autocast"):
        return {"boolean", "null"}
    if isinstance(parameter.annotation, str) and "units" in name:  # our own functions say it in the signature
        return {"integer", "array"}
    first = re.split(r"\.\s|\n\n|: ?\n", f"{said.removeprefix('(Optional)').removeprefix('Optional.').strip()}. ")[0]
    kinds = {kind for kind, words in _WORDS.items() if re.search(words, first, re.IGNORECASE)}
    if default is parameter.empty or default is None:
        if not _BEGINS.match(first):
            return set()
        return kinds | {"null"} if default is None else kinds - {"null"}
    own = _OF_DEFAULT[type(default)]
    if own == "boolean":
        return {"boolean"} | kinds & {"null"}
    if own == "integer" and "integer" not in kinds:
        own = "number"  # `min_delta: 0` takes 0.001 too
    if own == "array":
        kinds |= {"integer", "number"}
    return (kinds - {"boolean"}) | {own} | ({"array"} if not said and own in ("integer", "number") else set())


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
    lines = iter((inspect.getdoc(target) or "").splitlines())
    found: dict[str, str] = {}
    inside, name = False, ""
    for line in lines:
        if re.match(r"(Args|Arguments):\s*$", line):
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (entry := re.match(r" {4}(`?\w+`?(?:, `?\w+`?)*): ?(.*)", line)):
            name = entry.group(1)
            for one in re.findall(r"\w+", name):
                found[one] = entry.group(2)
            names = re.findall(r"\w+", name)
        elif inside and name:
            for one in names:
                found[one] += f"\n{line.strip()}"
    return {key: text.strip() for key, text in found.items()}


def _short(text: str) -> str:
    """Whole sentences up to about 200 characters."""
    text = " ".join(text.split("\n\n")[0].split())
    if len(text) <= 200:
        return text
    end = text.rfind(". ", 0, 200)
    return text[: end + 1] if end > 40 else text[:197].rstrip() + "..."
