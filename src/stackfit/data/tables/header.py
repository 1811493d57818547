"""The names of a table's columns, and whether its first lines are what a table starts with."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from stackfit.config.schema import Data
from stackfit.data.settings import wrong
from stackfit.data.tables.source import Source
from stackfit.errors import counted
from stackfit.files import shown

SAMPLE = 1000  # lines that are read to judge the first one
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"\d+")


def read_names(source: Source, settings: Data, key: str) -> list[str]:
    """The columns' names, without blanks around them; their positions if `data.header` is false.

    Raises:
        DataError: the first line holds data, a name stands twice, or a line has another number of cells.
    """
    names = [plain(cell) for cell in source.first]
    sample = list(itertools.islice(source.records(), source.blank, source.blank + SAMPLE))
    below = [record for record in sample[1:] if record]
    if settings.header is None and _looks_like_data(names, below):
        label = names.index(settings.label) if settings.label in names else len(names) - 1
        found = (
            f"The first line of {shown(source.path)} looks like data, not like names: {', '.join(source.first)[:100]}."
        )
        cure = "Add them as the first line"
        if key:
            cure += f", or type data.header=false data.label={label}; if they are names, data.header=true"
        raise wrong(key, found, "the columns' names", cure)
    check_widths(source, settings, key, sample)
    if settings.header is False:
        return [str(number) for number in range(len(names))]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        places = [str(number) for number, name in enumerate(names, 1) if name == twice[0]]
        found = (
            f"The column {twice[0]!r} stands twice in the header of {shown(source.path)}: columns {', '.join(places)}."
        )
        raise wrong(key, found, "each name once", "Rename one of them, or remove the column")
    return [name or f"Unnamed: {number}" for number, name in enumerate(names)]  # as pandas calls them


def plain(name: str) -> str:
    """A name without blanks around it, in Unicode's composed form: as the same name is typed on any system."""
    return unicodedata.normalize("NFC", name).strip()


def check_widths(source: Source, settings: Data, key: str, records: Sequence[list[str]] | None = None) -> None:
    """Refuse a line with more or fewer cells than the first; `records` are the lines to look at, None for the whole file.

    Raises:
        DataError: names the line of the file.
    """
    width, first = len(source.first), "header" if settings.header is not False else "first line"
    lines = itertools.islice(source.records(), source.blank, None) if records is None else records
    bad = [(number, record) for number, record in enumerate(lines, source.blank + 1) if record and len(record) != width]
    if bad:
        number, record = bad[0]
        found = f"Line {number} of {shown(source.path)} has {counted(len(record), 'value')}, the {first} has {width}: {', '.join(record)[:80]}."
        more = f" {counted(len(bad), 'line')} are like this." if len(bad) > 1 else ""
        cure = "Correct the line: a comma inside a cell needs quotes around the cell"
        if len(record) == width + 1 and all(len(line) == width + 1 for _, line in bad) and len(bad) > 1:
            cure = "Give every column a name in the header, or remove the last value of the lines"
        if width == 1:
            cure = f"If the first line is not the header, remove it: {source.first[0][:80]!r}"
        elif source.separator == " ":
            cure = "Write one blank between two cells: two in a row are an empty cell"
        raise wrong(key, found + more, "as many values in each line", cure)


def _looks_like_data(names: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first line holds values: numbers that are no count of columns or of years, or words of its own column."""
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    words = [(number, name) for number, name in enumerate(names) if name and not _NUMBER.fullmatch(name)]
    again = 0
    for number, word in words:
        again += any(len(record) > number and record[number].strip() == word for record in below)
    if not numbers:
        return len(words) > 1 and again > len(words) / 2
    values = [float(number.replace(",", ".")) for number in numbers]
    steps = {b - a for a, b in itertools.pairwise(values)}
    rises = all(step > 0 for step in steps)
    counts = all(_WHOLE.fullmatch(number) for number in numbers) and rises and (len(steps) < 2 or bool(words))
    return again > 0 or not (counts or (rises and len(numbers) > 4))
