"""Which sweep a `sweep.json` is of, without its list of cells, which may be long."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from stackfit.results.bounds import check_size

ROOM = 1_000_000  # bytes: what was typed, and the first cells
# As keys: within a text, the quotes are escaped.
_CELLS = re.compile(rb'"cells":\s*\[')
_SEARCH = re.compile(rb'"trial":\s*\d|"study":\s*\{')


@dataclass(frozen=True)
class Head:
    """What the file says before its cells, and whether it is a search's: the first cell is a trial, or the study is near."""

    experiment: str
    overrides: tuple[str, ...]
    axes: tuple[str, ...]
    is_search: bool


def read_head(index: Path) -> Head | None:
    """Of a `sweep.json`; None if there is none, or it is damaged."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        check_size(index, 0)
        with index.open("rb") as file:
            start = file.read(ROOM)
        if cells := _CELLS.search(start):
            head = json.loads(start[: cells.start()].rstrip(b", \n") + b"}")
            is_search = _SEARCH.search(start, cells.end()) is not None
            return Head(head["experiment"], tuple(head["overrides"]), tuple(head["axes"]), is_search)
    return None


def is_search(index: Path) -> bool:
    """Whether a `sweep.json` is a search's."""
    head = read_head(index)
    return head is not None and head.is_search
