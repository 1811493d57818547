"""Overrides written so that they can be pasted into a shell: quoted for Hydra's grammar and for the shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*", re.ASCII)  # not read as a number, a list or an interpolation
_KEY = re.compile(r"([A-Za-z_][\w./%@?|+ :=()\[\]{},\\-]*|0|[1-9]\d*)", re.ASCII)
_ESCAPED = re.compile(r"[:=()\[\]{},\\]")
_WORDS = ("true", "false", "null", "nan", "inf")


def override_text(key: str, value: Any) -> str:
    """`KEY=VALUE` for the command line: `'data.columns={city:category}'`.

    A mapping with a name that Hydra's grammar does not take becomes a text, which `data.columns` reads as the mapping.
    """
    return shlex.quote(f"{key}={_value(value)}")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if all(_KEY.fullmatch(str(name)) and str(name).lower() not in _WORDS for name in value):
            return "{" + ",".join(f"{_escaped(str(name))}:{_value(item)}" for name, item in value.items()) + "}"
        return _quoted(json.dumps(dict(value), ensure_ascii=False))
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_value, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value[-1] != "."
    return value if is_plain else _quoted(value)


def _escaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: "\\" + found.group(), name)


def _quoted(text: str) -> str:
    """In double quotes; a backslash counts only before a quote and at the end."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'
