"""What each setting does to the metric: a chart for each, and a heat map for two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from stackfit.reports import charts
from stackfit.reports.figures import Figure, Section, named, plain, rounded
from stackfit.reports.overview import Overview, clipped, words_of
from stackfit.reports.scales import kind_of_values
from stackfit.results.numbers import measured
from stackfit.results.selection import order
from stackfit.results.shapes import grouped

MOST_AXES = 12  # settings with a chart of their own
MOST_PAIRS = 3  # of settings with a heat map
MOST_CELLS = 400  # of a heat map
MOST_TICKS = 12  # values that an axis names itself


def effects(overview: Overview) -> Section:
    """The metric against each setting, and against two of them."""
    section = Section("settings", f"{overview.metric} by setting")
    if overview.metric is None:
        return section
    section.figures += [axis_of(overview, key) for key in overview.axes[:MOST_AXES]]
    if left := overview.axes[MOST_AXES:]:
        names = ", ".join(clipped(overview.short[key]) for key in left)
        section.said.append(f"{MOST_AXES} of {len(overview.axes)} settings have a chart. The others are: {names}.")
    section.figures += [found for pair in combinations(overview.axes, 2) if (found := heatmap_of(overview, *pair))][:MOST_PAIRS]
    return section


def axis_of(overview: Overview, key: str) -> Figure:
    """Every run, and the mean over the seeds of each value, with its interval."""
    name = overview.short[key]
    runs = overview.runs
    has = [number for number in range(len(overview.values)) if overview.values[number] is not None]
    done = runs.about["state"] == "finished"
    column = [plain(value) for value in runs.settings[key]]
    kind = kind_of_values([value for number, value in enumerate(column) if number in has or done.iloc[number]])
    places: Any = order
    if kind == "nominal":
        column, ordered = words_of(runs.settings[key])
        runs, places = replace(runs, settings=runs.settings.assign(**{key: column})), ordered.index
    frame, _ = grouped(runs.pick(done), "seed", key)
    frame = frame.sort_values(key, key=lambda cells: cells.map(places))
    x = [plain(value) for value in frame[key]]
    means = {part: [rounded(value) for value in frame[f"{overview.metric}_{part}"]] for part in ("mean", "low", "high")}
    best = _best_of(overview, means["mean"])
    n = frame["n"].tolist()
    seeds = f"mean over {n[0]} seeds" if len({*n}) == 1 and n[0] > 1 else "mean" if max(n) < 2 else f"mean over {min(n)} to {max(n)} seeds"
    interval = ", bars are its 95 % interval" if any(low is not None for low in means["low"]) else ""
    others = " The other settings are averaged." if len(overview.axes) > 1 else ""
    return Figure(
        f"{overview.metric} by {name}",
        f"{overview.metric} for {len(x)} values of {name}."
        + (f" {'Highest' if overview.direction != 'min' else 'Lowest'} mean: {means['mean'][best]} at {clipped(str(x[best]))}." if best is not None else ""),
        charts.axis(named("means"), named("points"), name, str(overview.metric), kind, x if len(x) <= MOST_TICKS else None),
        {"points": overview.rows(has, x=column, value=overview.values), "means": {"x": x, **means, "n": n}},
        f"Large dots: {seeds}{interval}. Small dots: runs.{others}",
        kind="axis",
        by=(key,),
    )


def _best_of(overview: Overview, means: Sequence[Any]) -> int | None:
    known = [number for number, value in enumerate(means) if value is not None]
    choose = min if overview.direction == "min" else max
    return choose(known, key=lambda number: means[number]) if known else None


def heatmap_of(overview: Overview, row: str, column: str) -> Figure | None:
    """The mean of each pair of values; None if there are not enough pairs, or too many."""
    words = [words_of(overview.runs.settings[key]) for key in (row, column)]
    sides = [texts for texts, _ in words]
    metric = overview.runs.metrics[overview.metric].astype(float)
    groups = metric.groupby(sides)
    mean, count = groups.mean(), groups.count()
    rows, columns = ([text for text in words[level][1] if text in mean.index.get_level_values(level)] for level in (0, 1))
    full = count.gt(0).sum() > max(len(rows), len(columns))
    if len(rows) < 2 or len(columns) < 2 or len(rows) * len(columns) > MOST_CELLS or not full:
        return None
    cells = [(a, b) for a in rows for b in columns if count.get((a, b), 0)]
    means = [float(mean[cell]) for cell in cells]
    middle = (min(means) + max(means)) / 2
    names = overview.short[row], overview.short[column]
    room = len(columns) <= 12
    return Figure(
        f"{overview.metric} by {names[0]} and {names[1]}",
        f"Mean {overview.metric} for {len(rows)} values of {names[0]} and {len(columns)} of {names[1]}, from "
        f"{min(means):.4g} to {max(means):.4g}.",
        charts.heatmap(named("cells"), *names, str(overview.metric), len(rows)),
        {
            "cells": {
                "row": [a for a, _ in cells],
                "column": [b for _, b in cells],
                "mean": [rounded(value) for value in means],
                "n": [int(count[cell]) for cell in cells],
                "text": measured(means) if room else [""] * len(cells),
                "bright": [value > middle for value in means],
            }
        },
        "Each cell is the mean of its runs.",
        wide=len(columns) > 8,
        kind="heatmap",
        by=(row, column),
    )
