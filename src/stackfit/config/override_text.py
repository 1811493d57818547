"""Overrides written so that they can be pasted into a shell: quoted for Hydra's grammar and for the shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from stackfit.errors import ConfigError

_PLAIN = re.compile(r"(?!\.\d)[A-Za-z_./][\w./-]*", re.ASCII)  # not read as a number, a list or an interpolation
_KEY = re.compile(r"([A-Za-z_+][\w./%@?|+ :=()\[\]{},\\-]*|0|[1-9]\d*)", re.ASCII)
_ESCAPED = re.compile(r"[:=()\[\]{},\\]")
_WORDS = ("true", "false", "null", "nan", "inf")


def override_text(key: str, value: Any) -> str:
    """`KEY=VALUE` for the command line: `'data.columns={city:category}'`.

    A mapping with a name that Hydra's grammar does not take becomes a text, which `data.columns` reads as the mapping.
    """
    return shlex.quote(f"{key}={_value(value)}")


def override_lines(overrides: Iterable[Any], axes: bool = False) -> list[str]:
    """Overrides in Hydra's grammar, from texts, mappings of keys to Python values, and lists of both.

    Args:
        axes: a list, tuple or range in a mapping holds the values of an axis, not one value.

    Raises:
        ConfigError: a value cannot stand in a config.
    """
    lines: list[str] = []
    for given in overrides:
        if isinstance(given, str):
            lines.append(given)
        elif isinstance(given, Mapping):
            lines += [_line(str(key), value, axes) for key, value in given.items()]
        elif isinstance(given, (list, tuple)):
            lines += override_lines(given, axes)
        else:
            raise ConfigError(
                f"{given!r} is not an override. Expected a text or a mapping. Write: 'epochs=3', or {{'epochs': 3}}"
            )
    return lines


def _line(key: str, value: Any, axes: bool) -> str:
    value = _plain(key, value)
    if not axes or not isinstance(value, list):
        return f"{key}={_value(value)}"
    if not value:
        raise ConfigError(f"{key} has no values. Expected at least one. Write for example: {{{key!r}: [1, 2]}}")
    return f"{key}={','.join(map(_value, value))}"


def _plain(key: str, value: Any) -> Any:
    """The value as YAML would hold it; of numpy's numbers and arrays, the Python ones."""
    if hasattr(value, "tolist"):
        plain = value.tolist()
        if isinstance(plain, list):
            return [_plain(key, item) for item in value]
        value = float(str(value)) if isinstance(plain, float) else plain  # a float32 of 0.1 is meant as 0.1
    if isinstance(value, Mapping):
        return {str(name): _plain(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(key, item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ConfigError(
        f"The value is {value!r}. Expected a text, a number, True, False, None, or lists and mappings of them; an object is "
        "named by its class. Write for example: {'optimizer': {'_target_': 'keras.optimizers.SGD', 'learning_rate': 0.1}}",
        key=key,
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if all(_KEY.fullmatch(str(name)) and str(name).lower() not in _WORDS for name in value):
            return "{" + ",".join(f"{_escaped(str(name))}:{_value(item)}" for name, item in value.items()) + "}"
        return _quoted(json.dumps(dict(value), ensure_ascii=False))
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_value, value)) + "]"
    if not isinstance(value, str):
        return repr(value) if isinstance(value, float) else json.dumps(value)
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value[-1] != "."
    return value if is_plain else _quoted(value)


def _escaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: "\\" + found.group(), name)


def _quoted(text: str) -> str:
    """In double quotes; a backslash counts only before a quote and at the end."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'
