"""A config value as Python source: a `_target_` becomes a call, broken over lines where one would be too long."""

from __future__ import annotations

import json
import keyword
import math
from collections.abc import Mapping
from typing import Any

from stackfit.errors import ConfigError

WIDTH = 100


class Code(str):
    """Source that is used as it is."""


def statement(target: str, value: Any, suffix: str = "") -> str:
    """`target = value`, as one line or as several; `suffix` follows the value, such as `(x)` after a layer."""
    head = f"{target} = " if target else ""
    return head + render(value, len(head), len(suffix)) + suffix


def render(value: Any, column: int = 0, after: int = 0, indent: int = 0) -> str:
    """The source of a value that starts in `column` and is followed by `after` characters.

    Raises:
        ConfigError: a name in it is not a Python name.
    """
    flat = _flat(value)
    if column + len(flat) + after <= WIDTH and "\n" not in flat:
        return flat
    opening, parts, closing = _parts(value)
    if not parts:
        return flat
    inner = indent + 4
    lines = [" " * inner + name + render(part, inner + len(name), 1, inner) + "," for name, part in parts]
    return "\n".join([opening, *lines, " " * indent + closing])


def call(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A node that renders as `name(argument=value, …)`."""
    return {"_target_": Code(name), **arguments}


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """The source before, between and after the commas."""
    if isinstance(value, Mapping) and "_target_" in value:
        arguments = [(f"{identifier(key)}=", item) for key, item in value.items() if key != "_target_"]
        return f"{target_name(value['_target_'])}(", arguments, ")"
    if isinstance(value, Mapping):
        return "{", [(f"{_flat(key)}: ", item) for key, item in value.items()], "}"
    if isinstance(value, (list, tuple)):
        return "[", [("", item) for item in value], "]"
    return "", [], ""


def _flat(value: Any) -> str:
    if isinstance(value, Code):
        return value
    if isinstance(value, (Mapping, list, tuple)):
        opening, parts, closing = _parts(value)
        return opening + ", ".join(name + _flat(part) for name, part in parts) + closing
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def target_name(target: str) -> str:
    """How a script names a target: Keras's classes in full, others by their class, whose source is in the script.

    Raises:
        ConfigError: it is not a dotted name, and so would be code.
    """
    if isinstance(target, Code):
        return target
    parts = [identifier(part) for part in str(target).split(".")]
    return ".".join(parts) if parts[0] == "keras" else parts[-1]


def identifier(name: Any) -> str:
    if not (isinstance(name, str) and name.isidentifier()) or keyword.iskeyword(name):
        raise ConfigError(f"{name!r} is not a name in Python. Expected letters, digits and '_'. Correct the config.")
    return name
