"""A table's cells by pandas's parser: in pieces at once where a line's end is sure to be a row's.

pandas decides for some thousand rows at a time what a column is, and may read a whole number otherwise than one among decimals:
pieces consist of whole such chunks, so that a cell's bits do not depend on how many pieces there are.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from stackfit.config.machine import cores
from stackfit.config.schema import Data
from stackfit.data.tables.numbers import parse_numbers
from stackfit.data.tables.source import Source

BLOCK = 1 << 18  # bytes
CELLS = 1 << 20  # of pandas's chunks
FREED = 31 << 20  # bytes; of smaller blocks than 32 MB, glibc learns what to keep
Ends = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Reader:
    """pandas, with what is said about the file."""

    source: Source
    names: list[str]
    settings: Data
    ends: Ends = field(default_factory=dict)  # the lowest and the highest cell of columns of numbers, where they are known

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
        chunk = rows_at_once(len(self.names))
        ends = _find_ends(self.source, chunk, len(self.names), self.settings)
        if ends:
            with contextlib.suppress(Exception):  # of any kind: read as one, it has the file's line
                return self._parse_pieces([(0, 0), *ends], chunk, dtype)
        with self.source.open() as file:
            return _columns(self._parse(file, 0, dtype=dtype), forced)

    def _parse_pieces(
        self, ends: list[tuple[int, int]], chunk: int, dtype: dict[str, Any]
    ) -> dict[str, np.ndarray | None]:
        """A thread for each piece; every chunk is placed where it belongs while it is in the processor's cache."""
        np.empty(FREED, np.uint8)  # freed at once: glibc then keeps what each chunk frees; fresh memory costs a fifth of the time
        numbers = np.empty((len(self.names), ends[-1][1]))
        texts = {name: np.empty(numbers.shape[1], object) for name in dtype}
        columns = dict(zip(self.names, numbers, strict=True)) | texts
        kinds: dict[str, set[str]] = {name: set() for name in self.names}
        lows_and_highs: dict[str, list[tuple[float, float]]] = {name: [] for name in self.names}

        def parse(start: tuple[int, int], end: tuple[int, int]) -> None:
            row = start[1]
            with self.source.path.open("rb", 0) as file:
                for frame in self._parse(_Piece(file, start[0], end[0]), row, dtype=dtype, chunksize=chunk, low_memory=False):
                    for name, cells in frame.items():
                        place = columns[name][row : row + len(frame)]
                        kinds[name].add(cells.dtype.kind)
                        if name in texts:
                            place[:] = _texts(cells)
                        elif cells.dtype.kind in "biuf":
                            place[:] = cells.to_numpy()
                            lows_and_highs[name].append((place.min(), place.max()))
                    row += len(frame)
            if row != end[1]:
                raise ValueError("a line is not a row")

        with ThreadPoolExecutor(len(ends) - 2) as pool:  # the parser works outside of Python's lock
            others = [pool.submit(parse, *piece) for piece in itertools.pairwise(ends[1:])]
            parse(ends[0], ends[1])  # one here, where memory that was freed is used again
            for other in others:
                other.result()
        for name, pairs in lows_and_highs.items():
            if name not in texts and _are_numbers(kinds[name]):
                lows, highs = zip(*pairs, strict=True)
                self.ends[name] = np.min(lows), np.max(highs)  # NaN with a gap
        return {name: cells if name in texts or name in self.ends else None for name, cells in columns.items()}

    def _parse(self, file: Any, row: int, **options: Any) -> Any:
        """A DataFrame of a file, or several of a piece of it that starts with this row."""
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
    with source.open() as file:
        if cores() < 2 or source.encoding != "utf-8" or not isinstance(file, io.BufferedReader):  # packed
            return []
        found = _count_lines(source.path)
        if found is None:
            return []
        counts, size = found
        before = np.concatenate([[0], np.cumsum(counts)])  # how many lines are before each block
        above = source.blank + (settings.header is not False)
        file.seek(size - 1)
        rows = int(before[-1]) - above + (file.read(1) != b"\n")
        count, ends = min(cores(), rows // chunk), []
        for piece in range(1, count):
            row = rows * piece // count // chunk * chunk
            block = int(np.searchsorted(before, row + above)) - 1  # the last one that starts in a line above
            file.seek(block * BLOCK)
            for _ in range(row + above - int(before[block])):
                file.readline()
            ends.append((file.tell(), row))
            if file.readline().count(source.separator.encode()) != width - 1:  # pandas takes a piece's first line as its width
                return []
    return [*ends, (size, rows)] if ends else []


def _count_lines(path: Path) -> tuple[np.ndarray, int] | None:
    """How many lines end in each block of a file, and its size in bytes; None if it has more than ASCII, quotes or carriage returns."""
    size = path.stat().st_size
    counts = np.zeros(-(-size // BLOCK), np.int64)
    odd: list[int] = []

    def count(blocks: range) -> None:
        buffer = bytearray(BLOCK)
        with path.open("rb", 0) as file:
            file.seek(blocks.start * BLOCK)
            for number in blocks:
                length = file.readinto(buffer)
                block = np.frombuffer(buffer, np.uint8)[:length]
                is_whole = length == min(BLOCK, size - number * BLOCK)
                is_odd = block.max() > 127 or any(buffer.find(mark, 0, length) >= 0 for mark in (b'"', b"\r"))
                if odd or is_odd or not is_whole:
                    odd.append(number)
                    return
                counts[number] = np.count_nonzero(block == ord("\n"))

    share = max(16, -(-len(counts) // cores()))
    with ThreadPoolExecutor(cores()) as pool:  # NumPy looks at bytes outside of Python's lock
        deque(pool.map(count, [range(first, min(first + share, len(counts))) for first in range(0, len(counts), share)]))
    return None if odd else (counts, size)


def _columns(frame: Any, forced: set[str]) -> dict[str, np.ndarray | None]:
    """The columns in the file's order; None for words."""
    found: dict[str, np.ndarray | None] = {}
    for name, cells in frame.items():  # taking columns out is quadratic
        is_number = name not in forced and _are_numbers({cells.dtype.kind})
        found[name] = cells.to_numpy(np.float64) if is_number else _texts(cells) if name in forced else None
    return found


def _are_numbers(kinds: set[str]) -> bool:
    """Whether chunks of these types are a column of numbers; not truth values in one and numbers in another."""
    return kinds == {"b"} or kinds <= set("iuf")


def _texts(column: Any) -> np.ndarray:
    cells = column.to_numpy(object)
    cells[column.isna().to_numpy()] = None
    return cells  # type: ignore[no-any-return]
