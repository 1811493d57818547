"""A table's cells by pandas's parser: in pieces at once where a line's end is sure to be a row's.

pandas decides for some thousand rows at a time what a column is, and may read a whole number otherwise than one among decimals:
pieces consist of whole such chunks, so that a cell's bits do not depend on how many pieces there are.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from stackfit.config.machine import cores
from stackfit.config.schema import Data
from stackfit.data.tables.numbers import parse_numbers
from stackfit.data.tables.source import Source

BLOCK = 1 << 18  # bytes
CELLS = 1 << 20  # of pandas's chunks


@dataclass(frozen=True)
class Reader:
    """pandas, with what is said about the file."""

    source: Source
    names: list[str]
    settings: Data

    def read(self, as_text: Iterable[str]) -> dict[str, np.ndarray]:
        """Columns `(rows,)` of float64, NaN where a cell is missing, or of objects: text, or None.

        Args:
            as_text: columns that stay text; others do if a cell is not a number.
        """
        forced = set(as_text) & set(self.names)
        if self.settings.thousands:
            columns = self.read_text(self.names)
        else:
            found = self._read_numbers(forced)
            words = [name for name, column in found.items() if column is None]
            texts = self.read_text(words) if words else {}
            columns = {name: texts[name] if column is None else column for name, column in found.items()}
        for name, column in columns.items():
            if column.dtype == object and name not in forced:  # pandas takes no 30 digits, and no digits of other scripts
                numbers = parse_numbers(column, self.settings)
                known = np.array([cell is not None for cell in column], bool)
                columns[name] = column if (np.isnan(numbers) & known).any() else numbers
        return columns

    def read_text(self, only: list[str]) -> dict[str, np.ndarray]:
        """Columns as they are written."""
        with self.source.open() as file:
            frame = self._parse(file, 0, dtype=str, usecols=only)
        return {name: _texts(frame.pop(name)) for name in list(frame.columns)}

    def _read_numbers(self, forced: set[str]) -> dict[str, np.ndarray | None]:
        """None for a column that has words and is not `forced` to be text."""
        dtype = dict.fromkeys(forced, str)
        ends = _find_ends(self.source, rows_at_once(len(self.names)), len(self.names), self.settings)
        if ends:
            with contextlib.suppress(Exception):  # of any kind: read as one, it has the file's line
                return _join(self._parse_pieces([(0, 0), *ends], dtype), forced)
        with self.source.open() as file:
            return _join([self._parse(file, 0, dtype=dtype)], forced)

    def _parse_pieces(self, ends: list[tuple[int, int]], dtype: dict[str, Any]) -> list[Any]:
        def parse(start: tuple[int, int], end: tuple[int, int]) -> Any:
            with self.source.path.open("rb", 0) as file:
                return self._parse(_Piece(file, start[0], end[0]), start[1], dtype=dtype)

        with ThreadPoolExecutor(len(ends) - 2) as pool:  # the parser works outside of Python's lock
            others = pool.map(parse, ends[1:-1], ends[2:])
            return [parse(ends[0], ends[1]), *others]  # one here, where memory that was freed is used again

    def _parse(self, file: Any, row: int, **options: Any) -> Any:
        """A DataFrame of a file, or of a piece of it that starts with this row."""
        import pandas as pd

        settings = self.settings
        return pd.read_csv(
            file,
            sep=self.source.separator,
            encoding=self.source.encoding,
            names=self.names,
            header=None if settings.header is False or row else 0,
            skiprows=0 if row else self.source.blank,
            index_col=False,
            decimal=settings.decimal or ".",
            keep_default_na=False,
            na_values=list({*settings.missing, ""}),
            skip_blank_lines=False,
            **options,
        )


class _Piece:
    """A file from one place to another. As it is no file of Python's, the parser takes its bytes without decoding them."""

    def __init__(self, file: IO[bytes], start: int, end: int):
        self.file, self.left = file, end - start
        file.seek(start)

    def read(self, size: int) -> bytes:
        """The next bytes."""
        block = self.file.read(min(size, self.left))
        self.left -= len(block)
        return block

    def __iter__(self) -> Iterator[bytes]:  # pandas wants one, and does not use it
        return iter(lambda: self.read(BLOCK), b"")


def rows_at_once(columns: int) -> int:
    """For how many rows pandas decides what they are."""
    return 1 << max(0, (CELLS // columns - 1).bit_length() - 1)


def _find_ends(source: Source, chunk: int, width: int, settings: Data) -> list[tuple[int, int]]:
    """Where a file's pieces end: (byte, row); none if it has one piece, or only pandas can tell its rows apart.

    A line's end is a row's in ASCII without quotes and carriage returns.
    """
    lines, size, blocks = 0, 0, []
    with source.open() as file:
        if cores() < 2 or source.encoding != "utf-8" or not isinstance(file, io.BufferedReader):  # packed
            return []
        while block := file.read(BLOCK):
            if not block.isascii() or b'"' in block or b"\r" in block:
                return []
            blocks.append((size, lines))  # where it starts, and how many lines are before
            size, lines = size + len(block), lines + block.count(b"\n")
        above = source.blank + (settings.header is not False)
        count, ends = min(cores(), (lines - above) // chunk), []
        for piece in range(1, count):
            row = (lines - above) * piece // count // chunk * chunk
            byte, before = next(start for start in reversed(blocks) if start[1] <= row + above)
            file.seek(byte)
            for _ in range(row + above - before):
                file.readline()
            ends.append((file.tell(), row))
            if file.readline().count(source.separator.encode()) != width - 1:  # pandas takes a piece's first line as its width
                return []
    return [*ends, (size, lines)] if ends else []


def _join(frames: list[Any], forced: set[str]) -> dict[str, np.ndarray | None]:
    """The columns in the file's order; None for words, and for truth values in one piece and numbers in another."""
    found: dict[str, np.ndarray | None] = {}
    for name in list(frames[0].columns):
        cells = [frame.pop(name) for frame in frames]  # one column after the other is freed
        kinds = {part.dtype.kind for part in cells}
        found[name] = None
        if name in forced:
            found[name] = _one([_texts(part) for part in cells])
        elif kinds == {"b"} or kinds <= set("iuf"):
            found[name] = _one([part.to_numpy(np.float64) for part in cells])
    return found


def _one(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _texts(column: Any) -> np.ndarray:
    cells = column.to_numpy(object)
    cells[column.isna().to_numpy()] = None
    return cells  # type: ignore[no-any-return]
