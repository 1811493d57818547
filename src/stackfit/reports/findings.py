"""The parts of a page about several runs, in the order in which they answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.errors import ConfigError, RunFolderError
from stackfit.reports import charts
from stackfit.reports.effects import effects
from stackfit.reports.figures import Figure, Grid, Section, named, plain, rounded
from stackfit.reports.overview import Overview, words_of
from stackfit.reports.scales import kind_of_costs, unbeaten
from stackfit.results.comparison import compare_configurations
from stackfit.results.verdicts import UNDECIDED

if TYPE_CHECKING:
    import pandas as pd

STRONG = 20  # runs whose curves stand out
MOST_COMPARED = 30  # configurations in a chart
MOST_GROUPS = 6  # values of a setting that have colours of their own
MOST_POINTS = 40_000  # of all curves
MOST_SHOWN = 50  # runs that did not finish


def sections_of(overview: Overview) -> Iterator[Section]:
    """All parts, in the order in which they answer."""
    yield differences(overview)
    yield effects(overview)
    yield Section("runs", "All runs", has_runs=True)
    yield costs(overview)
    yield curves(overview)
    yield unfinished(overview)


def differences(overview: Overview) -> Section:
    """What `compare` says."""
    section = Section("differences", "Which differences are real")
    if overview.metric is None:
        return section
    try:
        found = compare_configurations(overview.runs, overview.metric, [], overview.direction)
    except (ConfigError, RunFolderError) as error:
        section.said = [getattr(error, "message", str(error))]
        return section
    section.said = [*sorted(found.sentences, key=lambda sentence: sentence.startswith(UNDECIDED)), *found.problems]
    (_, table), *_ = found.tables.items()
    if table["n"].max() < 2:
        return section
    frame = table.head(MOST_COMPARED)
    rows: dict[str, Sequence[Any]] = {"configuration": frame["configuration"].tolist()}
    for part in ("mean", "low", "high"):
        rows[part] = [rounded(value) for value in frame[f"{overview.metric}_{part}"]]
    best = f"the best {MOST_COMPARED} of {len(table)}" if len(frame) < len(table) else f"{len(table)}"
    section.figures.append(
        Figure(
            f"{overview.metric} of each configuration",
            f"{best} configurations with mean and 95 % interval of {overview.metric} over seeds. "
            f"First: {rows['configuration'][0]}, {rows['mean'][0]}.",
            charts.compare(named("compared"), overview.metric, len(frame)),
            {"compared": {**rows, "n": frame["n"].tolist()}},
            "Mean and 95 % interval over seeds." + ("" if len(frame) == len(table) else f" The {len(frame)} best of {len(table)}."),
            wide=True,
            kind="compare",
        )
    )
    return section


def costs(overview: Overview) -> Section:
    """The metric against parameters and seconds."""
    section = Section("cost", "What it costs")
    if overview.metric is None:
        return section
    found: dict[str, pd.Series] = {"seconds": overview.runs.about["seconds"]}
    if "parameters" in overview.runs.metrics and overview.metric != "parameters":
        found = {"parameters": overview.runs.metrics["parameters"], **found}
    for name, series in found.items():
        costs = [rounded(plain(value)) for value in series]
        has = [number for number, value in enumerate(overview.values) if value is not None and costs[number] is not None]
        if len({costs[number] for number in has}) < 2:
            continue
        chosen = [costs[number] for number in has]
        front = [False] * len(overview.values)
        if overview.direction:
            for number, is_front in zip(has, unbeaten(chosen, [overview.values[n] or 0.0 for n in has], overview.direction), strict=True):
                front[number] = is_front
        best = [overview.labels[number] for number in has if front[number]]
        section.figures.append(
            Figure(
                f"{overview.metric} against {name}",
                f"{overview.metric} of {len(has)} runs against {name}. Not beaten in both: {len(best)} runs"
                + (f", such as {best[-1]}." if best else "."),
                charts.pareto(named("costs"), name, overview.metric, kind_of_costs(chosen)),
                {"costs": overview.rows(has, cost=costs, value=overview.values, front=front)},
                "The line joins the runs that no other run beats in both." if best else "",
                kind="pareto",
                by=(name,),
            )
        )
    return section


def curves(overview: Overview) -> Section:
    """How all runs learned."""
    section = Section("curves", "Learning curves")
    name = overview.curve_metric
    if name is None:
        return section
    group = overview.asked_group or next((key for key in overview.axes if 1 < overview.runs.settings[key].nunique(dropna=False) <= MOST_GROUPS), None)
    words, values = words_of(overview.runs.settings[group]) if group else ([""] * len(overview.histories), [])
    strong = {*overview.ranks[:STRONG]} if overview.direction else {*range(STRONG)}
    step = max(1, -(-sum(map(len, overview.histories)) // MOST_POINTS))
    columns: dict[str, list[Any]] = {"run": [], "label": [], "epoch": [], "value": [], "strong": [], "group": []}
    for number in sorted(range(len(overview.histories)), key=strong.__contains__):  # what is drawn last is above the others
        history = overview.histories[number]
        for place, row in enumerate(history):
            if (place % step == 0 or place == len(history) - 1) and row.get(name) is not None:
                cells = (number, overview.labels[number], row.get("epoch"), rounded(row[name]), number in strong, words[number])
                for cell, column in zip(cells, columns.values(), strict=True):
                    column.append(cell)
    which = "The best 20 are strong, the others faint." if overview.direction else "The first 20 are strong, the others faint."
    section.figures.append(
        Figure(
            f"{name} of all runs",
            f"{name} of {len({*columns['run']})} runs over up to {max(columns['epoch'], default=0)} epochs.",
            charts.curves(named("epochs"), name, overview.short[group] if group else None, values, max(0.03, min(0.3, 20 / len(words)))),
            {"epochs": columns},
            (which if len(overview.histories) > STRONG else "") + (f" Every {step}th epoch is drawn." if step > 1 else ""),
            wide=True,
            kind="curves",
            by=(name,),
        )
    )
    return section


def unfinished(overview: Overview) -> Section:
    """The runs that did not finish, with their reasons."""
    section = Section("unfinished", "Runs that did not finish")
    about = overview.runs.about
    told = [state == "pruned" and Path(folder).parent in overview.told for state, folder in zip(about["state"], about["folder"], strict=True)]
    about = about[(about["state"] != "finished") & ~np.array(told)]
    reasons = about["reason"].astype(object).where(about["reason"].notna(), "it still trains")
    groups = about.assign(reason=reasons).groupby(["state", "reason"], sort=False)["folder"].agg(list)
    rows = []
    for (state, reason), folders in groups.items():
        more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
        rows.append((state, len(folders), reason, f"{folders[0]}{more}"))
    if rows:
        section.grids = [Grid(("state", "runs", "reason", "folder"), rows[:MOST_SHOWN], "Why runs did not finish", frozenset({1}))]
    if len(rows) > MOST_SHOWN:
        section.said = [f"{MOST_SHOWN} of {len(rows)} reasons are shown; the table of all runs has the others."]
    return section
