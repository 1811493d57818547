"""The table of runs in a page: what `stackfit table` shows, a row a run, with what a row opens."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stackfit.reports.figures import plain, rounded
from stackfit.reports.overview import Overview
from stackfit.results import run_files
from stackfit.results.formats import texts_of
from stackfit.results.frames import COUNTS
from stackfit.results.layout import shorten
from stackfit.results.search_summary import declares_sweep
from stackfit.results.tables import build_table

MOST_SETTINGS = 10  # columns that are open from the start
LONGEST = 48  # characters of a cell
MOST_POINTS = 40_000  # of all curves that rows open
MOST_WORDS = 400  # characters of a command


@dataclass(frozen=True)
class Column:
    """A column.

    Args:
        key: the setting's dotted key, or the metric.
        values: as `table --csv` has them.
        texts: as `table` prints them.
        shown: from the start.
    """

    key: str
    name: str
    values: Sequence[Any]
    texts: Sequence[str]
    is_number: bool
    shown: bool


def columns_of_page(overview: Overview) -> list[Column]:
    """The columns in which runs differ, then the metrics; settings that follow from others are left out."""
    frame = build_table(overview.runs, overview.problems)
    short, settings, aside = (frame.attrs.get(name, ()) for name in ("short", "settings", "aside"))
    found: list[Column] = []
    count = 0
    for key in frame:
        values = [plain(value) for value in frame[key]]
        if key in aside or all(value is None for value in values):
            continue
        is_setting = key in settings
        constant = len(values) > 1 and len({repr(value) for value in values}) == 1
        if constant and (key in COUNTS or key == "metrics_of"):
            continue
        count += is_setting
        hidden = (constant and key in ("experiment", "state")) or (is_setting and count > MOST_SETTINGS)
        texts = [shorten(text, LONGEST) for text in texts_of(key, values, is_setting)]
        is_number = all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
        found.append(Column(key, dict(short).get(key, key), values, texts, is_number, not hidden))
    return found


def addresses(folders: Sequence[str], page: Path) -> list[str]:
    """Where a link in the page leads to find each folder."""
    below = page.resolve().parent
    return [address(folder, below) for folder in folders]


def address(folder: str, below: Path) -> str:
    """The folder as a link in a page that lies in `below`."""
    return quote(f"./{Path(os.path.relpath(Path(folder).resolve(), below)).as_posix()}/")


def commands(folders: Sequence[str]) -> list[str]:
    """What repeats each run."""
    declared: dict[str, bool] = {}
    return [command_of(run_files.read_status(Path(folder), damaged_is_empty=True), declared) for folder in folders]


def command_of(status: dict[str, Any], declared: dict[str, bool] | None = None) -> str:
    """`stackfit run NAME override…`, as it was typed or as the sweep composed it: then the cell alone, whatever the experiment's
    file declares.

    Args:
        declared: which experiments declare a sweep, as far as it is known; gets this run's.
    """
    experiment, words = str(status.get("experiment")), [*map(str, status.get("overrides") or ())]
    if status.get("sweep"):
        declared = {} if declared is None else declared
        if experiment not in declared:
            declared[experiment] = declares_sweep(experiment)
        words = ["hydra.mode=RUN", *words] if declared[experiment] else words
    words = [experiment, *words]
    text = shlex.join(["stackfit", "run", *words])
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]} …"


def opened(overview: Overview) -> tuple[dict[str, list[Any]], list[dict[str, str]]]:
    """What rows open: the values of each epoch, and which of them make a chart: the metric, then the loss."""
    recorded = dict.fromkeys(name for history in overview.histories for row in history for name in row)
    base = (overview.curve_metric or "loss").removeprefix("val_")
    pairs = [{"metric": name, "training": name, "validation": f"val_{name}"} for name in dict.fromkeys([base, "loss"])]
    pairs = [pair for pair in pairs if {pair["training"], pair["validation"]} & {*recorded}]
    names = [name for pair in pairs for name in (pair["training"], pair["validation"]) if name in recorded]
    step = max(1, -(-sum(map(len, overview.histories)) // MOST_POINTS))
    columns: dict[str, list[Any]] = {"run": [], "epoch": [], **{name: [] for name in names}}
    for number, history in enumerate(overview.histories):
        for place, row in enumerate(history):
            if place % step == 0 or place == len(history) - 1:
                columns["run"].append(number)
                columns["epoch"].append(row.get("epoch"))
                for name in names:
                    columns[name].append(rounded(row.get(name)))
    return columns, pairs
