"""Numbers of a column as texts: one precision for all of them, thousands separated by commas. Settings stay as they are typed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

DIGITS = 6  # that a measured value shows at most where it is 1 or more, such as 26,123.4
DECIMALS = 4  # enough for an accuracy of 10,000 test items
SMALLEST = 1e-8  # below it, decimals would say less than an exponent
LARGEST = 1e12
LONG = 12  # characters; a search draws numbers that are longer
SIGNIFICANT = 4  # digits of a drawn number at least


def measured(values: Sequence[Any], most: int = DECIMALS) -> list[str]:
    """Measurements and counts as texts: as many decimals as the column needs, at most `most`; more where these would show 0.

    What is no number stays as `str` has it, and None is an empty text.
    """
    sizes = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value) and value]
    digits = 1 + math.floor(math.log10(max(sizes))) if sizes and max(sizes) >= 1 else 0
    decimals = min(most, max(0, DIGITS - digits))
    small = min(sizes, default=1.0)
    if SMALLEST <= small < 5 * 10**-DECIMALS and digits <= 1 and most == DECIMALS:
        decimals = 1 - math.floor(math.log10(small))  # two digits of the smallest
    needed = [len(f"{size:.{decimals}f}".rstrip("0").partition(".")[2]) for size in sizes if size < LARGEST]
    decimals = min(decimals, max([1, *needed])) if sizes else 1
    return [_measured(value, decimals) for value in values]


def _measured(value: Any, decimals: int) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value):
        tiny = 0 < abs(value) < SMALLEST or abs(value) >= LARGEST
        return f"{value:.1e}" if tiny else f"{value:,.{decimals}f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def as_typed(values: Sequence[Any]) -> list[str]:
    """Settings as texts: with every digit, and as many decimals in all of the column; without a sign between thousands."""
    texts = [repr(value) for value in values if isinstance(value, float)]
    aligned = bool(texts) and all(text.replace(".", "", 1).lstrip("-").isdecimal() for text in texts)
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [
        "" if value is None else f"{value:.{decimals}f}" if aligned and isinstance(value, float) else str(value)
        for value in values
    ]


def at_a_glance(values: Sequence[Any]) -> list[str]:
    """As `as_typed`, but numbers that are too long to have been typed only with the decimals that tell them apart."""
    texts = as_typed(values)
    sizes = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value) and value]
    long = any(len(text) > LONG for value, text in zip(values, texts, strict=True) if isinstance(value, float))
    if not long or min(sizes, default=0.0) < SMALLEST:
        return texts
    first = max(1, SIGNIFICANT - 1 - math.floor(math.log10(min(sizes))))
    for decimals in range(first, LONG):
        short = [f"{value:.{decimals}f}" if isinstance(value, float) else text for value, text in zip(values, texts, strict=True)]
        if len({*short}) == len({*texts}):
            return short
    return texts
