"""Numbers as they are written in a table, with its decimal sign and its grouping of thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.settings import wrong


def check_signs(settings: Data) -> None:
    """Refuse signs that could not be told from each other or from a number's digits.

    Raises:
        DataError: see above.
    """
    for key in ("decimal", "thousands"):
        sign = getattr(settings, key)
        if sign is not None and (len(sign) != 1 or sign.isalnum() or sign in "+-\"\r\n"):
            raise wrong(key, f"data.{key} is {sign!r}.", "one character that is no digit, letter, quote or sign", "Type 'data.decimal=\",\"'")
    if settings.thousands and settings.thousands == settings.decimal:
        found = f"data.decimal and data.thousands are both {settings.decimal!r}."
        raise wrong("thousands", found, "two signs", "Leave one out")


def parse_numbers(cells: np.ndarray, settings: Data) -> np.ndarray:
    """`(rows,)` float64 of text; NaN where a cell is missing, or not a number that is written as the settings say.

    Thousands are grouped by three, or not at all: with dots for thousands, `1.5` is not a number.
    """
    import pandas as pd

    decimal = settings.decimal or ("," if settings.thousands == "." else ".")
    point, group = re.escape(decimal), re.escape(settings.thousands or "")
    grouped = rf"|\d{{1,3}}({group}\d{{3}})+" if group else ""
    pattern = rf"[+-]?((\d+{grouped})({point}\d*)?|{point}\d+)([eE][+-]?\d+)?"
    numbers = np.full(len(cells), np.nan)
    known = pd.Series(cells, dtype=object).dropna().str.strip()
    known = known[known.str.fullmatch(pattern)] if len(known) else known
    if settings.thousands:
        known = known.str.replace(settings.thousands, "", regex=False)
    if decimal != ".":
        known = known.str.replace(decimal, ".", regex=False)
    numbers[known.index] = known.astype(np.float64)
    return numbers


def has_sign(cells: Iterable[str | None], sign: str) -> bool:
    """Whether a column is one of numbers whose decimal sign this is: in all its fractions, and not only before three digits."""
    other = {",": ".", ".": ","}[sign]
    texts = [cell.strip() for cell in cells if cell is not None and (sign in cell or other in cell)]
    fraction = re.compile(rf"[+-]?\d*{re.escape(sign)}\d+([eE][+-]?\d+)?")
    thousands = re.compile(rf"[+-]?[1-9]\d{{0,2}}{re.escape(sign)}\d{{3}}")
    return bool(texts) and all(map(fraction.fullmatch, texts)) and not all(map(thousands.fullmatch, texts))
