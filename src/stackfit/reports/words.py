"""Measures in the words of a page."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """`42 s`, `3.5 min`, `1.2 h`."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
