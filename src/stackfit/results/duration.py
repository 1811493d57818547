"""How long a run took: its share of the time that cells trained in together, next to that time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError
from stackfit.results.run_files import read_history


def trained_seconds(rows: Iterable[Mapping[str, Any]]) -> float:
    """A run's share of its epochs' time; `rows` of `history.csv`."""
    return sum(time / members for time, members in _times(rows))


def _times(rows: Iterable[Mapping[str, Any]]) -> list[tuple[float, int]]:
    return [(row["seconds"], max(1, row["members"] or 1)) for row in rows if row.get("seconds") and "members" in row]


def share_of(seconds: float, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`members` and `own_seconds` for the status: each epoch's time divided by those who shared it, the rest alike.

    The shares of a cohort that starts and ends together add up to its time.

    Args:
        seconds: from start to end.
        rows: of `history.csv`.
    """
    times = _times(rows)
    trained = sum(time for time, _ in times)
    part = sum(time / members for time, members in times) / trained if trained else 1.0
    return {"members": max((members for _, members in times), default=1), "own_seconds": round(seconds * part, 3)}


def times_of(folder: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    """`seconds` of the run itself, `members` of its largest cohort, and `cohort_seconds` if it was not alone; None: not known.

    Runs of earlier versions have no share in their status: it is computed from their history.
    """
    seconds = status.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return {"seconds": None, "cohort_seconds": None, "members": None}
    if "members" not in status:
        try:
            status = share_of(seconds, read_history(folder))
        except RunFolderError:  # damaged: who reads histories names it
            return {"seconds": None, "cohort_seconds": seconds, "members": None}
    own, members = status.get("own_seconds"), status.get("members")
    shared = isinstance(members, int) and members > 1
    return {"seconds": own, "cohort_seconds": seconds if shared else None, "members": members}
