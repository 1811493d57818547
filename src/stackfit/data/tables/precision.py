"""Columns of which float32 does not hold what tells their rows apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from stackfit.config.override_text import override_text
from stackfit.data.rounding import EXACT as EXACT32
from stackfit.data.rounding import ROWS, are_merged
from stackfit.data.tables.encoding import Encoding
from stackfit.data.tables.table import Table
from stackfit.errors import DataError, counted

EXACT64 = 2**53  # up to here, float64 holds every whole number
_WHOLE = re.compile(r"[+-]?\d+")


def find_lost(
    table: Table, test: Table | None, encoding: Encoding, coarse: Sequence[str] = (), target: str | None = None
) -> Iterator[DataError]:
    """A warning for each column whose values are made equal, or nearly so.

    Args:
        table: of a training file, or new rows for a trained model.
        test: of a test file; its numbers and those of the table are told apart too.
        coarse: columns whose values differ by little more than float32 rounds.
        target: the label's column, if labels are values.
    """
    for name in coarse:
        yield _warning(
            f"Column {name!r} of {table.name} loses its differences in float32, which holds 7 digits. Expected numbers whose first 7 "
            "digits tell them apart. Type data.scale=standardize: then differences are taken before; or subtract an offset in the file"
        )
    bases = {column.name: column.base for column in encoding.columns if column.kind == "number" and column.name not in coarse}
    for name, base in [*bases.items(), *((name, 0.0) for name in [target] if name)]:
        pairs, files = _merged([table], name, base), table.name
        if test and not pairs:
            pairs, files = _merged([table, test], name, base), f"{table.name} and {test.name}"
        if pairs:
            (first, second), count = pairs[0], len(pairs)
            more = f", and {counted(count - 1, 'more pair')}" if count > 1 else ""
            yield _warning(
                f"Column {name!r} of {files} has different whole numbers that are one in float32, such as {first} and "
                f"{second}{more}. Expected whole numbers up to {EXACT32:,}. {_cure(table, name, target, whole=True)}"
            )
            continue
        for one in [each for each in (table, test) if each and not each.is_text(name)]:
            values = one.columns[name][:ROWS]
            if are_merged(values - base, len(bases)):
                yield _warning(
                    f"Column {name!r} of {one.name} loses most of its differences in float32, which holds 7 digits: {np.nanmin(values):.15g} "
                    f"to {np.nanmax(values):.15g}. Expected numbers whose first 7 digits tell them apart. "
                    f"{_cure(table, name, target, whole=False)}"
                )


def _cure(table: Table, name: str, target: str | None, whole: bool) -> str:
    if not table.key:
        return "The model's answers to such rows are the same"
    if name == target or not whole:
        return "Subtract an offset, or scale them, in the file"
    return f"If it names the rows, type {override_text('data.columns', {name: 'drop'})}; if it names kinds, category for drop"


def _merged(tables: Sequence[Table], name: str, base: float) -> list[tuple[int, int]]:
    """Neighbouring whole numbers of a column that are one as float32; none for decimals, whose last digits are noise."""
    if any(table.is_text(name) for table in tables):
        return []
    columns = [table.columns[name] for table in tables]
    largest = 0.0
    for table, column in zip(tables, columns, strict=True):
        known = column if name in table.sound else column[~np.isnan(column)]
        low, high = table.sound.get(name) or (known.min(initial=0), known.max(initial=0))
        largest = max(largest, -low, high)
    if largest <= EXACT32:
        return []
    values = np.unique(np.concatenate([column[~np.isnan(column)] for column in columns]))
    if (values % 1).any():
        return []
    whole = [*map(int, values)]
    if largest > EXACT64:  # float64 has made some of them one
        cells = [cell for table in tables for cell in table.texts(name) if cell is not None]
        whole = sorted({int(cell) for cell in cells if _WHOLE.fullmatch(cell.strip())})
    seen = (np.array(whole, np.float64) - base).astype(np.float32)
    return [(whole[at], whole[at + 1]) for at in np.flatnonzero(seen[1:] == seen[:-1])]


def _warning(sentences: str) -> DataError:
    return DataError(sentences, key="data.path", kind="lost_digits")
