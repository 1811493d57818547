"""Columns become rows: float32, in the order of the parts that train, validate and test."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stackfit.config.machine import cores

CELLS = 1 << 20  # that one thread places in no time, and that fit into the processor's cache


def place_rows(columns: Sequence[np.ndarray], parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """`(rows, columns)` float32 of each part.

    Args:
        columns: each `(rows,)`, of numbers or truth values.
        parts: the positions of their rows, in order; together each row once.
    """
    size, width = len(columns[0]), len(columns)
    placed = np.empty((size, width), np.float32)
    places = np.empty(size, np.intp)
    places[np.concatenate(parts)] = np.arange(size)
    at_once = max(1, CELLS // width)
    threads = min(cores(), 1 + size // at_once)

    def place(firsts: range) -> None:
        rows = np.empty((min(at_once, size), width), np.float32)
        for first in firsts:
            block = slice(first, min(first + at_once, size))
            filled = rows[: block.stop - first]
            for number, values in enumerate(columns):
                filled[:, number] = values[block]
            _whole(placed)[places[block]] = _whole(filled)

    with ThreadPoolExecutor(threads) as pool:  # NumPy copies outside of Python's lock
        deque(pool.map(place, [range(first * at_once, size, threads * at_once) for first in range(threads)]))
    return np.split(placed, np.cumsum([len(part) for part in parts])[:-1])


def _whole(array: np.ndarray) -> np.ndarray:
    """`(rows,)`, each row one value of all its bytes: NumPy moves it at once."""
    return array.view(np.dtype((np.void, array.shape[1] * array.itemsize)))[:, 0]
