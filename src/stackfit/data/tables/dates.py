"""Dates as they are written in tables, and what a model gets of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

FORMS = (
    "ISO8601",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%Y%m%d",
)
PARTS = ("day", "month", "weekday", "seconds")  # weekday: Monday is 0; seconds: since the first of the training part
SAMPLE = 1000
_COMPACT = re.compile(r"(19|20)\d{6}")
_OFFSET = re.compile(r"\d:\d\d[\d:.]* ?[+-]\d\d(:?\d\d)?$")
_UTC = re.compile(r"\d:\d\d[\d:.]* ?([Zz]|[+-]00(:?00)?)$")
_NUMBER = re.compile(r"[+-]?\d*[.,]?\d*")


def have_offsets(words: Iterable[str]) -> bool | None:
    """Whether times say how far they are from UTC; None if some do and some do not. Those in UTC go with either."""
    found = {bool(_OFFSET.search(word)) for word in words if not _UTC.search(word)}
    return found.pop() if len(found) == 1 else None


def date_forms(words: Sequence[str]) -> list[str]:
    """Every form in which all words are dates: two where the day may be the month."""
    forms = [form for form in FORMS if form != "%Y%m%d"]
    if words and all(_COMPACT.fullmatch(word) for word in words):
        forms = ["%Y%m%d"]
    elif not words or any(_NUMBER.fullmatch(word) for word in words[:SAMPLE]):
        return []
    likely = [form for form in forms if _times(words[:SAMPLE], form).notna().all()]
    return [form for form in likely if len(words) <= SAMPLE or _times(words, form).notna().all()]


def date_parts(cells: np.ndarray, form: str) -> np.ndarray:
    """`(rows, 4)` float64: day, month, weekday, seconds since 1970 in UTC; NaN where a cell is not a date of this form."""
    import pandas as pd

    times = _times(cells, form)
    epoch = pd.Timestamp(0, tz="UTC")
    try:
        since = (times - epoch).dt.total_seconds()
    except ValueError:  # nanoseconds hold the years 1678 to 2262 only
        since = (times - epoch.as_unit("s")).dt.total_seconds()
    return np.stack(
        [np.asarray(part, np.float64) for part in (times.dt.day, times.dt.month, times.dt.day_of_week, since)], 1
    )


def _times(cells: Sequence[Any] | np.ndarray, form: str) -> Any:
    import pandas as pd

    return pd.to_datetime(pd.Series(cells, dtype=object), format=form, utc=True, errors="coerce")
