"""Data frames as text for the terminal, Markdown, JSON or CSV."""

from __future__ import annotations

import json
import math
import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.results.frames import COUNTS
from stackfit.results.layout import lay_out

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "json", "csv")
FOLDS = (100, 60, 40, 30, 20, 12)  # characters to which a terminal's cells are folded: the first that fits
MOST_NAMED = 12  # columns that did not fit
FEW = 2  # settings that stay when the folder has to go
LONG = 32  # characters; a longer setting is no help at a glance

Cells = dict[str, list[str]]


def render(frame: pd.DataFrame, format: str = "text", width: int | None = None) -> str:
    """The table as one text that ends with a line end. Markdown, JSON and CSV keep every column and digit.

    Args:
        frame: from `tables.build_table`; `frame.attrs["follows"]` names columns that text leaves out.
        format: one of `FORMATS`.
        width: of the terminal, for `text`; None for a pipe or a file, where nothing is folded or cut.
            What does not fit a terminal is left out by importance, and named below the table.
    """
    if format not in FORMATS:
        raise ConfigError(
            f"There is no format {format!r}.{did_you_mean(format, FORMATS)} Expected {', '.join(FORMATS)}. "
            "Try: --format md",
            where="--format",
        )
    plain = frame.astype(object).where(frame.notna(), None)
    if format == "json":
        finite = plain.where(~frame.isin([math.inf, -math.inf]), None)  # JSON has no infinity
        return json.dumps(finite.to_dict("records"), indent=1, ensure_ascii=False) + "\n"
    if format == "csv":
        lists = {"folders": frame["folders"].str.join(";")} if "folders" in frame else {}
        return str(frame.assign(**lists).to_csv(index=False, lineterminator="\n"))
    columns = {name: plain[name].tolist() for name in plain}
    words = {name for name in frame if frame[name].dtype.kind not in "iuf"}
    if format == "text":
        return _text(columns, words, frame.attrs.get("follows", []), width)
    cells = ([_words(value).replace("|", r"\|") for value in values] for values in columns.values())
    rules = [":--" if name in words else "--:" for name in columns]
    return "".join(f"| {' | '.join(row)} |\n" for row in [map(_words, columns), rules, *zip(*cells, strict=True)])


def _words(value: Any) -> str:
    """On one line and without control characters: a reason or a name must not draw on the terminal."""
    if value is None:
        return ""
    text = ";".join(value) if isinstance(value, list) else str(value)
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _text(columns: dict[str, list[Any]], words: set[str], follows: list[str], width: int | None) -> str:
    cells = _cells(columns, follows)
    notes = []
    if width is not None:
        folders = cells.get("folder", [])
        common = _common(folders)
        if common and common not in folders:
            cells["folder"] = [os.path.relpath(folder, common) for folder in folders]
        left_out = _leave_out(cells, width) if "experiment" in cells else []
        if common and common not in folders and "folder" in cells:
            notes.append(f"Folders are below {common}")
        if left_out:
            more = f" and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
            notes.append(f"No room for {', '.join(left_out[:MOST_NAMED])}{more}: --csv FILE has every column.")
        fold = next((fold for fold in FOLDS if _width(cells, fold) <= width), FOLDS[-1])
        for name, texts in cells.items():
            cells[name] = ["\n".join(textwrap.wrap(text, fold)) if len(text) > fold else text for text in texts]
    rows = [[*map(_words, cells)], *zip(*cells.values(), strict=True)]
    sides = "".join("l" if name in words else "r" for name in cells)
    return "\n".join([*lay_out(rows, sides), *notes]) + "\n"


def _cells(columns: dict[str, list[Any]], follows: list[str]) -> Cells:
    """Cells as text; `x_mean, x_sd, x_low, x_high` as `x`: mean ± half the interval; `x, x_n` in one column."""
    cells = {}
    for name, values in columns.items():
        stem, _, part = name.rpartition("_")
        shown_in = {"n": stem, "sd": f"{stem}_mean", "low": f"{stem}_mean", "high": f"{stem}_mean"}.get(part)
        if name in follows or shown_in in columns:
            continue
        texts = _texts(name, values)
        if part == "mean" and f"{stem}_high" in columns:
            name, pairs = stem, zip(values, columns[f"{stem}_high"], strict=True)
            halves = [None if high is None else high - mean for mean, high in pairs]
            texts = _texts(stem, [*values, *halves])
            pairs = zip(texts[: len(values)], texts[len(values) :], strict=True)
            texts = [f"{mean} ± {half}" if half else mean for mean, half in pairs]
        elif f"{name}_n" in columns:
            texts = [f"{text} (n={n})" for text, n in zip(texts, columns[f"{name}_n"], strict=True)]
        if name not in COUNTS or name == "weights_epoch" or len(texts) < 2 or len({*texts} - {""}) > 1:
            cells[name] = texts
    return cells


def _texts(name: str, values: list[Any]) -> list[str]:
    """As many decimals as the column needs, at most four; four digits where that would show 0; of folders what they share."""
    if name == "folders":
        counts = [f" ({len(paths)} runs)" if len(paths) > 1 else "" for paths in values]
        return [f"{_common(paths) or 'different folders'}{count}" for paths, count in zip(values, counts, strict=True)]
    floats = [abs(value) for value in values if isinstance(value, float)]
    decimals = max((len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in floats), default=0)
    form = ".4g" if any(0 < value < 0.0005 or value >= 1e9 for value in floats) else f".{decimals}f"
    form = ".1f" if name.startswith("seconds") else form
    return [format(value, form) if isinstance(value, float) else _words(value) for value in values]


def _common(paths: Sequence[str]) -> str:
    """The folder that all are in, or an empty text: some are relative and others are not."""
    return os.path.commonpath(paths) if len({*map(os.path.isabs, paths)}) == 1 else ""


def _width(cells: Cells, fold: int) -> int:
    """The width of the table with cells folded to so many characters."""
    return sum(max(len(name), min(fold, max(map(len, texts), default=0))) + 2 for name, texts in cells.items()) - 2


def _leave_out(cells: Cells, width: int) -> list[str]:
    """Remove columns, the least important first, until the rest fits; their names."""
    tests = [name for name in cells if name.startswith("test_")]
    validations = [name for name in cells if name.startswith("val_")]
    twins = [name for name in cells if f"val_{name}" in cells or f"test_{name}" in cells]  # training's
    kept = [name for name in ("state", "experiment") if len({*cells.get(name, ())}) > 1]
    kept += ["n", "epoch", "reason", "verified", "metrics_of", "test_accuracy" if "test_accuracy" in tests else "".join(tests[:1])]
    wide = [name for name in cells if max(map(len, [name, *cells[name]])) > LONG and name not in ("folder", "folders")]
    known = {*twins, *validations, *tests, *kept, *COUNTS, "members", "state", "experiment", "seconds", "folder", "folders"}
    settings = [name for name in cells if name not in known][::-1]
    many = settings[:-FEW]  # of many settings the folder says more, and the next command needs it
    last = [*twins, *validations, *tests, *many, "folder", "folders", *[*cells][::-1]]
    left_out: list[str] = []
    for name in ["members", *wide, "state", "experiment", "seconds", *COUNTS, *last]:
        if name in cells and name not in kept and _width(cells, FOLDS[3]) > width:
            left_out.append(name)
            del cells[name]
    return left_out
