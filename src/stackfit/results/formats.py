"""Data frames as text for people, Markdown, JSON or CSV."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.results.frames import COUNTS
from stackfit.results.layout import GAP, fold, lay_out, limits, shorten
from stackfit.results.numbers import at_a_glance, measured
from stackfit.results.room import PART, leave_out, natural, width_of

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "md", "json", "csv")
MOST_NAMED = 12  # columns that did not fit

Cells = dict[str, list[str]]


def render(frame: pd.DataFrame, format: str = "text", width: int | None = None) -> str:
    """The table as one text that ends with a line end. JSON and CSV have every column, and these and Markdown every digit.

    Args:
        frame: from `tables.build_table`. In its `attrs`, `short` has the headings of settings for people (text, Markdown),
            `aside` the columns that people are not shown, `chosen` is true if they named the columns themselves, and
            `decisive` has the metrics of a search, which stay where there is little room.
        format: one of `FORMATS`.
        width: characters of a line, for `text`; None: of any length. What does not fit is left out by importance, and
            named below the table.
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
    short = frame.attrs.get("short", {})
    shown = [name for name in frame if name not in frame.attrs.get("aside", ())]
    columns = {name: plain[name].tolist() for name in shown}
    words = {name for name in shown if frame[name].dtype.kind not in "iuf"}
    if format == "text":
        chosen = frame.attrs.get("chosen", False)
        cells = _cells(columns, short, {*frame.attrs.get("settings", ())})
        return _text(cells, words, short, width, chosen, frame.attrs.get("decisive", ()))
    texts = ([_words(value).replace("|", r"\|") for value in values] for values in columns.values())
    rules = [":--" if name in words else "--:" for name in columns]
    heads = [_words(short.get(name, name)) for name in columns]
    return "".join(f"| {' | '.join(row)} |\n" for row in [heads, rules, *zip(*texts, strict=True)])


def _words(value: Any) -> str:
    """On one line and without control characters: a reason or a name must not draw on the terminal."""
    if value is None:
        return ""
    text = ";".join(value) if isinstance(value, list) else str(value)
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _text(
    cells: Cells, words: set[str], short: dict[str, str], width: int | None, chosen: bool, decisive: Sequence[str]
) -> str:
    sides = {short.get(name, name): "l" for name in words}
    notes = []
    if not chosen:
        cells = _in_order(cells)
    if width is None:
        return _lines(cells, sides, [])
    folders = cells.get("folder", [])
    common = _common(folders) if width_of(cells) > width else ""  # whole ones can be copied into the next command
    if common and common not in folders:
        cells["folder"] = [os.path.relpath(folder, common) for folder in folders]
    is_runs = "experiment" in cells or chosen
    left_out = leave_out(cells, width, sides, chosen, decisive) if is_runs else []
    if common and common not in folders and "folder" in cells:
        notes.append(f"Folders are below {common}")
    if left_out:
        more = f" and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
        notes.append(f"No room for {', '.join(left_out[:MOST_NAMED])}{more}: --csv FILE has every column.")
    notes = [fold(note, width) for note in notes]
    parts = [cells] if is_runs else _parts(cells, sides, width)
    return "\n".join(_lines(_folded(part, sides, width), sides, notes) for part in parts)


def _lines(cells: Cells, sides: dict[str, str], notes: list[str]) -> str:
    names = [name.split("\n")[0] for name in cells]
    rows = [[*cells], *zip(*cells.values(), strict=True)]
    return "\n".join([*lay_out(rows, "".join(sides.get(name, "r") for name in names)), *notes]) + "\n"


def _folded(cells: Cells, sides: dict[str, str], width: int) -> Cells:
    """The same cells in columns that fit; a folder stays on one line."""
    names = [*cells]
    wide = [natural(name, cells) for name in names]
    found = limits(wide, [sides.get(name) == "l" for name in names], width)
    found = limits(found, [True] * len(found), width, 1)  # a line of 30 characters
    folded: Cells = {}
    for name, limit in zip(names, found, strict=True):
        how = shorten if name in ("folder", "folders") else fold
        folded[name] = [how(text, limit) for text in cells[name]]
        if len(name) > limit:  # a heading must stay one that is told from others
            head = shorten(name, limit)
            folded[head] = folded.pop(name)
            sides[head] = sides.get(name, "r")
    return folded


def _parts(cells: Cells, sides: dict[str, str], width: int) -> list[Cells]:
    """A table that is wider than the line, its texts folded, as several, each with the first column."""
    (first, labels), *others = cells.items()
    room = width - min(natural(first, cells), width // 3)
    parts: list[Cells] = [{first: labels}]
    left = room
    for name, texts in others:
        need = min(natural(name, cells), room - GAP, PART if name in sides else width) + GAP
        if need > left and len(parts[-1]) > 1:
            parts.append({first: labels})
            left = room
        parts[-1][name] = texts
        left -= need
    return parts


def _in_order(cells: Cells) -> Cells:
    """The experiment of all of several rows does not tell one from another: it goes to the state, the folder last."""
    names = [name for name in cells if name not in ("folder", "folders")]
    if len(cells.get("experiment", ())) > 1 == len({*cells["experiment"]}):
        names.remove("experiment")
        names.insert(names.index("state") if "state" in names else len(names), "experiment")
    return {name: cells[name] for name in [*names, *(name for name in cells if name not in names)]}


def _cells(columns: dict[str, list[Any]], short: dict[str, str], settings: set[str]) -> Cells:
    """Cells as text; `x_mean, x_sd, x_low, x_high` as `x`: mean ± half the interval; `x, x_n` in one column."""
    cells = {}
    for name, values in columns.items():
        stem, _, part = name.rpartition("_")
        shown_in = {"n": stem, "sd": f"{stem}_mean", "low": f"{stem}_mean", "high": f"{stem}_mean"}.get(part)
        if shown_in in columns:
            continue
        texts = texts_of(name, values, name in settings)
        if name == "folders" and "n" in columns:  # runs with one seed are one value
            alike = [0 < n < len(paths) for n, paths in zip(columns["n"], values, strict=True)]
            texts = [f"{text[:-1]}, {n} different)" if some else text for text, n, some in zip(texts, columns["n"], alike, strict=True)]
        if part == "mean" and f"{stem}_high" in columns:
            name, pairs = stem, zip(values, columns[f"{stem}_high"], strict=True)
            halves = [None if high is None else high - mean for mean, high in pairs]
            texts = texts_of(stem, [*values, *halves], False)
            pairs = zip(texts[: len(values)], texts[len(values) :], strict=True)
            texts = [f"{mean} ± {half}" if half else mean for mean, half in pairs]
        elif f"{name}_n" in columns:
            texts = [f"{text} (n={n})" for text, n in zip(texts, columns[f"{name}_n"], strict=True)]
        if name not in COUNTS or name == "weights_epoch" or len(texts) < 2 or len({*texts} - {""}) > 1:
            cells[_words(short.get(name, name))] = texts
    return cells


def texts_of(name: str, values: list[Any], is_setting: bool) -> list[str]:
    """A column's cells; of folders what they share, of classes the last word where that tells them apart."""
    if name == "folders":
        counts = [f" ({len(paths)} runs)" if len(paths) > 1 else "" for paths in values]
        return [f"{_common(paths) or 'different folders'}{count}" for paths, count in zip(values, counts, strict=True)]
    plain = [value if isinstance(value, (int, float)) or value is None else _words(value) for value in values]
    if not is_setting:
        return measured(plain, 1 if name.startswith(("seconds", "cohort_seconds")) else 4)
    texts = at_a_glance(plain)
    last = [text.rpartition(".")[2] for text in texts]
    return last if name.endswith("_target_") and len({*last}) == len({*texts}) else texts


def _common(paths: Sequence[str]) -> str:
    """The folder that all are in, or an empty text: some are relative and others are not."""
    return os.path.commonpath(paths) if len({*map(os.path.isabs, paths)}) == 1 else ""
