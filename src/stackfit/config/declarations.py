"""What a dataclass of settings says about its fields in its own source: the line, and the comment after it."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from stackfit.config.project import PACKAGE

_FIELD = re.compile(r"    (\w+)\s*:[^#]*(?:#\s*(.*))?$")


@functools.cache
def lines_of(kind: type) -> dict[str, tuple[int, str]]:
    """For each field its line in the file, from 1, and its comment."""
    source, first = inspect.getsourcelines(kind)
    names = {field.name for field in fields(kind)}
    lines: dict[str, tuple[int, str]] = {}
    for number, text in enumerate(source, start=first):
        match = _FIELD.match(text.rstrip())
        if match and match.group(1) in names - set(lines):
            lines[match.group(1)] = (number, match.group(2) or "")
    return lines


def place_of(kind: type, name: str) -> str:
    """`stackfit/config/schema.py:72`: where the package declares a field."""
    return f"stackfit/{Path(inspect.getfile(kind)).relative_to(PACKAGE)}:{lines_of(kind)[name][0]}"


def default_of(kind: type, name: str) -> Any:
    """A field's default."""
    field = next(field for field in fields(kind) if field.name == name)
    return field.default if field.default_factory is MISSING else field.default_factory()
