"""JSON Schema (draft 2020-12) of experiment files, for editors: the dataclasses, the claims, and Keras's signatures."""

from __future__ import annotations

import importlib.metadata
import json
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from stackfit.config import checks, claims, declarations, project, schema
from stackfit.config.file_rules import GROUPS, SWEEPERS
from stackfit.config.hydra.search_settings import PRUNERS, SAMPLERS
from stackfit.config.hydra.sweeper_keys import settings_of
from stackfit.errors import ConfigError
from stackfit.files import write_text

_REFERENCE = {"$ref": "#/$defs/reference"}
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
# What the dataclasses leave to a target: which mapping of targets, or which one.
_ROLES = {
    "model.layers": ("layers", True),
    "task.metrics": ("metrics", True),
    "callbacks": ("callbacks", True),
    "task.loss": ("loss", False),
    "optimizer": ("optimizer", False),
}
_LISTED = {"save": checks.SAVE_FORMS, "silence": schema.SILENCEABLE}
_KEYS = "|".join(schema.keys_of(schema.Experiment))


def generate() -> dict[str, Any]:
    """The schema, from the Keras that is installed; imports it. Whoever wants TensorFlow quiet has started it before."""
    from stackfit.model.keras_signatures import target_schemas

    definitions = target_schemas()
    for part, kind in list(schema.PARTS.items())[1:]:
        definitions[part] = _dataclass(kind, partial(_field, part=part))
    definitions |= {"claim": _claim(), "after": _AFTER, "inputs": _INPUTS, "defaults": _defaults(), "hydra": _hydra()}
    root = _dataclass(schema.Experiment, _field)
    root["properties"] = {
        "defaults": {"$ref": "#/$defs/defaults"},
        **root["properties"],
        "hydra": {"$ref": "#/$defs/hydra"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"keras {importlib.metadata.version('keras')}",
        "title": "A stackfit experiment",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def group_schema(experiment: dict[str, Any], group: str) -> dict[str, Any]:
    """The schema of a group's files, which hold what stands below the group's key: `conf/model/mine.yaml`.

    Raises:
        ConfigError: there is no such group.
    """
    if group not in GROUPS:
        raise ConfigError(f"There is no group {group!r}. Expected one of: {', '.join(GROUPS)}. Try: stackfit schema")
    content = experiment["properties"][group]
    content = experiment["$defs"][content["$ref"].rpartition("/")[2]] if "$ref" in content else content
    properties = {"defaults": {"$ref": "#/$defs/defaults"}, **content.get("properties", {})}
    head = {key: experiment[key] for key in ("$schema", "$comment")}
    title = f"An option of stackfit's group {group}"
    return {**head, "title": title, **content, "properties": properties, "$defs": experiment["$defs"]}


def shipped_text() -> str:
    """The file inside the package, as it was generated."""
    return project.EXPERIMENT_SCHEMA.read_text(encoding="utf-8")


def text_of(value: dict[str, Any]) -> str:
    """Compact JSON, a line for each definition, so that a change shows in a diff."""
    lines = [f"{json.dumps(name)}:{_compact(definition)}" for name, definition in value["$defs"].items()]
    head = _compact({key: part for key, part in value.items() if key != "$defs"})
    return head[:-1] + ',"$defs":{\n' + ",\n".join(lines) + "\n}}\n"


def shipped_schema() -> dict[str, Any] | None:
    """The shipped schema, or None where it was made with another Keras than the installed one."""
    shipped = json.loads(shipped_text())
    return shipped if shipped.get("$comment") == f"keras {importlib.metadata.version('keras')}" else None


def place_beside(folder: Path) -> Path:
    """A copy of the shipped schema as `.schema.json` in `folder`, written again when it is another one."""
    path = folder / ".schema.json"
    if not path.is_file() or path.read_text(encoding="utf-8") != shipped_text():
        write_text(path, shipped_text())
    return path


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _dataclass(kind: type, schema_of: Callable[[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """A dataclass, each of its fields by `schema_of(name, hint)` and with the comment that stands at it."""
    hints, lines, properties = typing.get_type_hints(kind), declarations.lines_of(kind), {}
    for field in fields(kind):
        said = lines[field.name][1]
        properties[field.name] = schema_of(field.name, hints[field.name]) | ({"description": said} if said else {})
    doc = " ".join((kind.__doc__ or "").split())
    return {"description": doc, "type": "object", "properties": properties, "additionalProperties": False}


def _field(name: str, hint: Any, part: str = "") -> dict[str, Any]:
    key = f"{part}.{name}" if part else name
    if key in schema.PARTS:
        return {"$ref": f"#/$defs/{key}"}
    if key in _ROLES:
        role, many = _ROLES[key]
        target = {"$ref": f"#/$defs/{role}"}
        if not many:
            return {"type": "object", **target}
        return {"type": "object", "additionalProperties": {"type": ["object", "null"], **target}}
    if key == "expect":
        return {"type": "array", "items": {"$ref": "#/$defs/claim"}}
    if key in _LISTED:
        return {"type": "array", "items": {"enum": list(_LISTED[key])}}
    if key == "task.class_weight":
        weight = {"type": "number", "minimum": 0}
        return {"anyOf": [{"enum": ["balanced"]}, {"type": ["object", "null"], "additionalProperties": weight}]}
    if key == "data.columns":
        return {"anyOf": [{"enum": ["auto", None]}, {"type": "object", "additionalProperties": {"enum": [*checks.COLUMN_KINDS]}}]}
    if key in checks.CHOICES:
        empty = [None] if types.NoneType in typing.get_args(hint) else []
        return {"anyOf": [{"enum": [*checks.CHOICES[key], *empty]}, _REFERENCE]}
    value = _hinted(hint)
    if key in checks.RANGES:
        low, high = checks.RANGES[key]
        value |= {"minimum": low, "maximum": high}
    if key in ("data.validation_split", "data.test_split"):
        value |= {"minimum": 0, "exclusiveMaximum": 1}
    return value if value.get("type") == "string" else {"anyOf": [value, _REFERENCE]}


def _hinted(hint: Any) -> dict[str, Any]:
    """A type hint of the dataclasses as JSON Schema."""
    if hint is Any:
        return {}
    if hint in _TYPES:
        return {"type": _TYPES[hint]}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return {"type": "array", "items": _hinted(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _hinted(arguments[1])}
    kinds = [_hinted(argument) for argument in arguments]
    if all(set(kind) == {"type"} for kind in kinds):
        return {"type": [kind["type"] for kind in kinds]}
    return {"anyOf": kinds}


def _claim() -> dict[str, Any]:
    return {
        **_dataclass(claims.Claim, lambda name, hint: _hinted(hint)),
        "oneOf": [{"required": [subject]} for subject in claims.SUBJECTS],
        "if": {"required": ["metric"]},
        "then": {"oneOf": [{"required": [rule]} for rule in claims.RULES]},
    }


def _defaults() -> dict[str, Any]:
    option = {"type": ["string", "null", "array"], "pattern": r"^[\w-]+(/[\w-]+)*$"}
    properties = {}
    for group in GROUPS:
        shipped = sorted(path.stem for path in (project.shipped("conf") / group).glob("*.yaml"))
        for name in (group, f"override {group}"):
            properties[name] = {"anyOf": [{"enum": shipped}, option]}  # which editors offer
    properties["override hydra/sweeper"] = {"enum": [*SWEEPERS]}
    return {
        "description": "What this file starts from, in order; `_self_` is where its own keys come in.",
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "string", "pattern": r"^[\w-]+$"},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "properties": properties,
                    "propertyNames": {"pattern": rf"^((override|optional)\s+)*/?({'|'.join(GROUPS)})(/[\w-]+)*$|^override /?hydra/sweeper$"},
                    "additionalProperties": option,
                },
            ]
        },
        "contains": {"const": "_self_"},
    }


_AFTER = {"description": "The layer after which this one runs.", "type": ["string", "null"]}
_INPUTS = {
    "description": "The layers that this one reads: a list for branches and skips, a mapping for a layer with several arguments.",
    "type": ["array", "string", "object", "null"],
    "items": {"type": "string"},
    "additionalProperties": {"type": ["array", "string"], "items": {"type": "string"}},
    "pattern": r"\$\{.+\}",
}
_AXES = {
    "type": "object",
    "propertyNames": {"pattern": rf"^\+*({_KEYS})([./@].+)?$"},
    "additionalProperties": {"type": ["string", "number", "boolean", "null", "array"]},
}
_SWEEPER = {
    "params": {"description": "Axes: a key and its values, such as `32,64,128`; of a search also `interval(0,1)`.", **_AXES},
    "union": {"description": "Several grids, each added to params.", "type": "array", "items": _AXES},
}


def _hydra() -> dict[str, Any]:
    listed = {"sampler": SAMPLERS, "pruner": PRUNERS}
    settings = {name: _hinted(hint) for name, hint in settings_of("search").items() if name not in _SWEEPER}
    settings |= {name: {"enum": [*names]} for name, names in listed.items()}
    sweeper = {"type": "object", "properties": {**_SWEEPER, **settings}, "additionalProperties": False}
    return {
        "description": "Of Hydra's settings an experiment may set these: its own sweep or search.",
        "type": "object",
        "properties": {"mode": {"enum": ["RUN", "MULTIRUN"]}, "sweeper": sweeper},
        "additionalProperties": False,
    }
