"""Which columns a table of runs has room for: the least important are left out first."""

from __future__ import annotations

from collections.abc import Collection

from stackfit.results.frames import COUNTS
from stackfit.results.layout import GAP, LEAST

FEW = 2  # settings that stay when the folder has to go
LONG = 32  # characters; a longer setting is no help at a glance
WHOLE = 40  # characters of a folder that training and validation metrics make room for
PART = 24  # characters that a folder or a reason keeps before it has to go
WORDY = ("reason", "verified", "metrics_of")

Cells = dict[str, list[str]]


def natural(name: str, cells: Cells) -> int:
    """How wide the column is if nothing is folded."""
    return max(map(len, [name, *cells[name]]))


def width_of(cells: Cells) -> int:
    """How wide the table is if nothing is folded."""
    return sum(natural(name, cells) for name in cells) + GAP * (len(cells) - 1)


def leave_out(cells: Cells, width: int, texts: Collection[str], in_turn: bool = False, decisive: Collection[str] = ()) -> list[str]:
    """Remove columns, the least important first, until the rest fits; their names.

    Args:
        texts: the columns that can be folded or shortened.
        in_turn: from the last column to the first, whatever is in them.
        decisive: the metrics that stay; if the table has none of them, that is `test_accuracy`, or the first of the test set.
    """
    order = [*cells]
    tests = [name for name in cells if name.startswith("test_")]
    validations = [name for name in cells if name.startswith("val_")]
    twins = [name for name in cells if f"val_{name}" in cells or f"test_{name}" in cells]  # training's
    kept = ["experiment"] if len({*cells.get("experiment", ())}) > 1 else []
    kept += ["state"] if {*cells.get("state", ())} - {"finished"} else []
    usual = ["test_accuracy"] if "test_accuracy" in tests else tests[:1]
    kept += ["n", "epoch", *WORDY, *([name for name in decisive if name in cells] or usual)]
    about = {"members", "cohort_seconds", "state", "experiment", "seconds", "folder", "folders"}
    wide = [name for name in cells if natural(name, cells) > LONG and name not in (*about, *kept)]
    settings = [name for name in cells if name not in {*twins, *validations, *tests, *kept, *COUNTS, *about}][::-1]
    early = ["members", "cohort_seconds", *wide, "state", "experiment", "seconds", *COUNTS, *twins, *validations]
    many = settings[:-FEW]  # of many settings the folder says more, and the next command needs it
    last = [*settings[:-1], *WORDY[::-1], "epoch", *order[:0:-1]]
    stages = [(early, WHOLE, kept), ([*tests, *many, "folder", "folders"], PART, kept), (last, LEAST, [])]
    removed: dict[str, list[str]] = {}
    for names, least, spared in [(order[:0:-1], LEAST, [])] if in_turn else stages:
        narrow = {*texts} if least == LEAST else {"folder", "folders", *WORDY}
        for name in names:
            if name in cells and name not in spared and _needed(cells, narrow, least) > width:
                removed[name] = cells.pop(name)
    for name in [*removed][::-1]:  # a later one may have made more room than was needed
        if not in_turn and _needed({**cells, name: removed[name]}, {"folder", "folders", *WORDY}, WHOLE) <= width:
            cells[name] = removed.pop(name)
    for name in order:
        if name in cells:
            cells[name] = cells.pop(name)
    return [*removed]


def _needed(cells: Cells, narrow: Collection[str], least: int) -> int:
    """The narrowest that the table can be, with `least` characters of what can be made narrow."""
    widths = [natural(name, cells) for name in cells]
    widths = [min(wide, least) if name in narrow else wide for name, wide in zip(cells, widths, strict=True)]
    return sum(widths) + GAP * (len(widths) - 1)
