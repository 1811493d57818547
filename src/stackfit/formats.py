"""A DataFrame as text for the terminal, Markdown, JSON or CSV. The last three keep every digit."""

from __future__ import annotations

import io
import json
import os
import textwrap
from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.results import cell_value

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "json", "csv")
DIGITS = 4


def render(frame: pd.DataFrame, format: str = "text", width: int | None = None) -> str:
    """The table as one text, ended by a line end.

    Args:
        frame: from `tables.build_table`.
        format: one of `FORMATS`.
        width: of the terminal, for `text`; None for a pipe or a file, where nothing is folded or left out.
            What does not fit a terminal is left out by importance, and named below the table.

    Raises:
        ConfigError: there is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(
            f"There is no format {format!r}.{did_you_mean(format, FORMATS)} Expected {', '.join(FORMATS)}. "
            "Try: --format md",
            where="--format",
        )
    if format == "text":
        return _text(frame, width)
    columns = {name: [cell_value(value) for value in frame[name].tolist()] for name in frame}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if format == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    if format == "csv":
        return _csv(columns, rows)
    return _markdown(columns)


def _words(value: Any) -> str:
    """A cell with full precision: a list of folders with `;` between them (a folder's name has none)."""
    return "" if value is None else ";".join(map(str, value)) if isinstance(value, list) else str(value)


def _csv(columns: dict[str, list[Any]], rows: list[dict[str, Any]]) -> str:
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_words(value) for value in row.values()] for row in rows)
    return stream.getvalue()


def _markdown(columns: dict[str, list[Any]]) -> str:
    from tabulate import tabulate

    cells = [
        [_one_line(_words(value)).replace("|", r"\|") for value in values] for values in columns.values()
    ]
    align = ["right" if _is_number(values) else "left" for values in columns.values()]
    rows = list(zip(*cells, strict=True))
    text = tabulate(
        rows, list(columns), tablefmt="pipe", disable_numparse=True, colalign=align if rows else None
    )
    return f"{text}\n"


def _is_number(values: list[Any]) -> bool:
    return all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values
    )


def _one_line(text: str) -> str:
    """Without line ends and control characters: a reason or a name must not draw on the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


# ---- text


def _text(frame: pd.DataFrame, width: int | None) -> str:
    columns = {name: [cell_value(value) for value in frame[name].tolist()] for name in frame}
    right = {name for name, values in columns.items() if _is_number(values)}
    cells = _folded(columns)
    notes = []
    if width is not None:
        notes += _shorten_folders(cells)
        if left_out := _leave_out(cells, width):
            notes.append(f"No room for {', '.join(left_out)}: --csv FILE has every column.")
    return "\n".join([*_lines(cells, right, _widths(cells, width)), *notes]) + "\n"


def _lines(cells: dict[str, list[str]], right: set[str], widths: dict[str, int]) -> Iterable[str]:
    """Not rich: it takes 2 s for 2,000 rows, and this 10 ms."""

    def line(row: Iterable[str]) -> str:
        adjusted = (
            text.rjust(width) if name in right else text.ljust(width)
            for text, (name, width) in zip(row, widths.items(), strict=True)
        )
        return (" " * GAP).join(adjusted).rstrip()

    yield line(cells)
    yield line("─" * width for width in widths.values())
    for row in zip(*cells.values(), strict=True):
        if any(len(text) > width for text, width in zip(row, widths.values(), strict=True)):
            folded = (textwrap.wrap(text, width) for text, width in zip(row, widths.values(), strict=True))
            yield from map(line, zip_longest(*folded, fillvalue=""))
        else:
            yield line(row)


def _folded(columns: dict[str, list[Any]]) -> dict[str, list[str]]:
    """Cells as text; `x_mean, x_low, x_high` become `mean ± half the interval`, `x` and `x_n` one column."""
    cells = {}
    for name, values in columns.items():
        stem, _, part = name.rpartition("_")
        if part in ("low", "high") and f"{stem}_mean" in columns:
            continue
        if part == "n" and stem in columns:
            continue
        if part == "mean" and f"{stem}_high" in columns:
            pairs = zip(values, columns[f"{stem}_high"], strict=True)
            cells[stem] = ["" if mean is None else _with_half(mean, high) for mean, high in pairs]
        elif f"{name}_n" in columns:
            pairs = zip(_aligned(values), columns[f"{name}_n"], strict=True)
            cells[name] = [f"{text} (n={n})" if text else "" for text, n in pairs]
        elif name == "folders":
            cells[name] = [_common(folders) for folders in values]
        elif name.startswith("seconds"):
            cells[name] = ["" if value is None else f"{value:.1f}" for value in values]
        else:
            cells[name] = _aligned(values) if _is_number(values) else [_cell(value) for value in values]
    return cells


def _with_half(mean: float, high: float | None) -> str:
    return f"{mean:.{DIGITS}f}" if high is None else f"{mean:.{DIGITS}f} ± {high - mean:.{DIGITS}f}"


def _cell(value: Any) -> str:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else _one_line(_words(value))


def _aligned(values: list[float | None]) -> list[str]:
    """Numbers with the decimals that the column needs, at most four; four digits where that would show 0."""
    numbers = [abs(value) for value in values if isinstance(value, float)]
    needed = max((len(f"{value:.{DIGITS}f}".rstrip("0").partition(".")[2]) for value in numbers), default=0)
    extreme = any(0 < value < 0.0005 or value >= 1e9 for value in numbers)
    form = f".{DIGITS}g" if extreme else f".{needed}f"
    return [
        "" if value is None else format(value, form) if isinstance(value, float) else str(value)
        for value in values
    ]


def _common(folders: list[str]) -> str:
    """Where several folders are, in few words; CSV, JSON and Markdown name them all."""
    return folders[0] if len(folders) == 1 else f"{os.path.commonpath(folders)} ({len(folders)} runs)"


def _shorten_folders(cells: dict[str, list[str]]) -> list[str]:
    """Cut what all folders share; say it below the table."""
    folders = cells.get("folder", [])
    common = (
        os.path.commonpath(folders)
        if len(set(folders)) > 1 and len({*map(os.path.isabs, folders)}) == 1
        else ""
    )
    if not common or common in folders:
        return []
    cells["folder"] = [os.path.relpath(folder, common) for folder in folders]
    return [f"Folders are below {common}"]


GAP = 2  # blanks between columns
KEPT = 9
LONG = 32  # from here on a setting is no help at a glance
LEAST = 12  # letters to which a text may be folded


def _size(name: str, values: list[str]) -> int:
    return max(map(len, [name, *values])) + GAP


def _leave_out(cells: dict[str, list[str]], width: int) -> list[str]:
    """Keep the columns that fit, the most important first; the names of the others, which are removed."""
    sizes = {
        name: min(_size(name, values), 30) if name == "reason" else _size(name, values)
        for name, values in cells.items()
    }
    ranks = {name: _importance(name, cells, sizes[name]) for name in cells}
    used = -GAP
    left_out = set()
    for name in sorted(cells, key=lambda name: -ranks[name]):
        if ranks[name] < KEPT and used + sizes[name] > width:
            left_out.add(name)
        else:
            used += sizes[name]
    removed = [name for name in cells if name in left_out]
    for name in removed:
        del cells[name]
    return removed


def _importance(name: str, cells: dict[str, list[str]], size: int) -> int:
    """The higher, the sooner a column gets its room: the test metric, then settings, but no long ones."""
    if name.endswith("_sd") or name == "members" or (name in ("folder", "folders") and size > 42):
        return 0
    if name in ("state", "experiment") and len(set(cells[name])) == 1:
        return 1
    if name in ("seconds", "parameters", "stopped_epoch"):
        return 2
    if f"val_{name}" in cells or f"test_{name}" in cells:  # the training split's
        return 3
    if name.startswith("val_"):
        return 4
    if name.startswith("test_") and name != "test_accuracy" and "test_accuracy" in cells:
        return 5
    if name in ("folder", "folders"):
        return 6
    if "experiment" not in cells or name in ("n", "epoch", "reason") or name.startswith("test_"):
        return KEPT
    return 8 if size <= LONG else 2


def _widths(cells: dict[str, list[str]], width: int | None) -> dict[str, int]:
    """The columns' widths; where what was kept is still too wide, the widest are folded."""
    widths = {name: _size(name, values) - GAP for name, values in cells.items()}
    while width is not None and (excess := sum(widths.values()) + GAP * (len(widths) - 1) - width) > 0:
        widest = max(widths, key=widths.__getitem__)
        narrower = max(LEAST, len(widest), widths[widest] - excess)
        if narrower == widths[widest]:
            break
        widths[widest] = narrower
    return widths
