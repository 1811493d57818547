"""The parts of a page about several runs: which differences are real, what each setting does, what it costs, how they learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, RunFolderError
from stackfit.reports import charts
from stackfit.reports.figures import Columns, Figure, Grid, Section, named, plain, rounded
from stackfit.reports.scales import kind_of_costs, kind_of_values, unbeaten
from stackfit.results.comparison import compare_configurations
from stackfit.results.dependence import following
from stackfit.results.differences import choose_metric, differing
from stackfit.results.directions import direction_of
from stackfit.results.frames import Runs
from stackfit.results.numbers import as_typed, measured
from stackfit.results.run_files import read_history
from stackfit.results.selection import order
from stackfit.results.shapes import grouped, in_words

if TYPE_CHECKING:
    import pandas as pd

STRONG = 20  # runs whose curves stand out
MOST_AXES = 12  # settings with a chart of their own
MOST_PAIRS = 3  # of settings with a heat map
MOST_CELLS = 400  # of a heat map
MOST_COMPARED = 30  # configurations in a chart
MOST_GROUPS = 6  # values of a setting that have colours of their own
MOST_TICKS = 12  # values that an axis names itself
MOST_POINTS = 40_000  # of all curves
MOST_SHOWN = 50  # runs that did not finish


@dataclass
class Overview:
    """Several runs, and the metric by which they are held against each other; None if no run has one."""

    runs: Runs  # in the order of the page's table
    problems: list[str]
    metric: str | None
    asked_direction: str | None = None
    histories: list[list[dict[str, Any]]] = field(default_factory=list)
    asked_group: str | None = None  # the setting whose values have colours of their own among the curves

    @classmethod
    def of(cls, runs: Runs, problems: list[str], metric: str | None, direction: str | None) -> Overview:
        """Raises ConfigError if there is no such metric; damaged histories go to the problems."""
        chosen = None if metric is None and runs.metrics.empty else choose_metric(runs, metric, "--metric")
        histories = []
        for folder in runs.about["folder"]:
            try:
                histories.append(read_history(Path(folder)))
            except RunFolderError as error:
                problems.append(str(error))
                histories.append([])
        return cls(runs, problems, chosen, direction, histories)

    @cached_property
    def direction(self) -> str | None:
        """Whether more of the metric is better."""
        return self.asked_direction or (self.metric and direction_of(self.runs, self.metric)) or None

    @cached_property
    def short(self) -> dict[str, str]:
        """The settings that differ and that no other one determines, by key: what people are shown of them."""
        follow = following(self.runs)
        return {key: name for key, name in differing(self.runs).items() if key not in follow}

    @cached_property
    def axes(self) -> list[str]:
        """Those of them whose effect is shown: all but the seed and what equals it."""
        settings = self.runs.settings
        if "seed" not in settings:
            return []
        return [key for key in self.short if key != "seed" and not settings[key].equals(settings["seed"])]

    @cached_property
    def labels(self) -> list[str]:
        """What each run is called in a chart: what differs, by short names."""
        texts = {name: as_typed([plain(value) for value in self.runs.settings[key]]) for key, name in self.short.items()}
        words = [
            ", ".join(f"{name}={_short(text)}" for name, text in zip(texts, row, strict=True) if text)
            for row in zip(*texts.values(), strict=True)
        ]
        names = [Path(folder).name for folder in self.runs.about["folder"]]
        return [word or name for word, name in zip(words or names, names, strict=True)]

    @cached_property
    def values(self) -> list[float | None]:
        """The metric of each run."""
        return [rounded(plain(value)) for value in self.runs.metrics[self.metric]] if self.metric else []

    @cached_property
    def ranks(self) -> list[int]:
        """The numbers of the runs that have the metric, the best first; in their order if it is not known what is best."""
        known = [number for number, value in enumerate(self.values) if value is not None]
        sign = {"max": -1, "min": 1}.get(self.direction or "", 0)
        return sorted(known, key=lambda number: sign * (self.values[number] or 0))

    def rows(self, numbers: Sequence[int], **columns: Sequence[Any]) -> Columns:
        """Columns of these runs: their number, their label, and others."""
        return {
            "run": list(numbers),
            "label": [self.labels[number] for number in numbers],
            **{name: [values[number] for number in numbers] for name, values in columns.items()},
        }

    def sections(self) -> Iterator[Section]:
        """All parts, in the order in which they answer."""
        yield self.differences()
        yield self.effects()
        yield Section("runs", "All runs", has_runs=True)
        yield self.costs()
        yield self.curves()
        yield self.unfinished()

    def differences(self) -> Section:
        """What `compare` says."""
        section = Section("differences", "Which differences are real")
        if self.metric is None:
            return section
        try:
            found = compare_configurations(self.runs, self.metric, [], self.direction)
        except (ConfigError, RunFolderError) as error:
            section.said = [getattr(error, "message", str(error))]
            return section
        section.said = [*found.sentences, *found.problems]
        (_, table), *_ = found.tables.items()
        if table["n"].max() < 2:
            return section
        frame = table.head(MOST_COMPARED)
        rows: dict[str, Sequence[Any]] = {"configuration": frame["configuration"].tolist()}
        for part in ("mean", "low", "high"):
            rows[part] = [rounded(value) for value in frame[f"{self.metric}_{part}"]]
        best = f"the best {MOST_COMPARED} of {len(table)}" if len(frame) < len(table) else f"{len(table)}"
        section.figures.append(
            Figure(
                f"{self.metric} of each configuration",
                f"{best} configurations with mean and 95 % interval of {self.metric} over seeds. "
                f"First: {rows['configuration'][0]}, {rows['mean'][0]}.",
                charts.compare(named("compared"), self.metric, len(frame)),
                {"compared": {**rows, "n": frame["n"].tolist()}},
                "Mean and 95 % interval over seeds." + ("" if len(frame) == len(table) else f" The {len(frame)} best of {len(table)}."),
                wide=True,
                kind="compare",
            )
        )
        return section

    def effects(self) -> Section:
        """The metric against each setting, and against two of them."""
        section = Section("settings", f"{self.metric} by setting")
        if self.metric is None:
            return section
        section.figures += [self._axis(key) for key in self.axes[:MOST_AXES]]
        if left := self.axes[MOST_AXES:]:
            names = ", ".join(_short(self.short[key]) for key in left)
            section.said.append(f"{MOST_AXES} of {len(self.axes)} settings have a chart. The others are: {names}.")
        section.figures += [found for pair in combinations(self.axes, 2) if (found := self._heatmap(*pair))][:MOST_PAIRS]
        return section

    def _axis(self, key: str) -> Figure:
        name = self.short[key]
        finished = self.runs.pick(self.runs.about["state"] == "finished")
        has = [number for number in range(len(self.values)) if self.values[number] is not None]
        column = [plain(value) for value in self.runs.settings[key]]
        kind = kind_of_values([column[number] for number in has])
        frame, _ = grouped(finished, "seed", key)
        frame = frame.sort_values(key, key=lambda cells: cells.map(order))
        x = [plain(value) for value in frame[key]]
        if kind == "nominal":
            x, column = [_word(value) for value in x], [_word(value) for value in column]
        means = {part: [rounded(value) for value in frame[f"{self.metric}_{part}"]] for part in ("mean", "low", "high")}
        best = self._best_of(means["mean"])
        n = frame["n"].tolist()
        seeds = f"mean over {n[0]} seeds" if len({*n}) == 1 and n[0] > 1 else "mean" if max(n) < 2 else f"mean over {min(n)} to {max(n)} seeds"
        interval = ", bars are its 95 % interval" if any(low is not None for low in means["low"]) else ""
        others = " The other settings are averaged." if len(self.axes) > 1 else ""
        return Figure(
            f"{self.metric} by {name}",
            f"{self.metric} for {len(x)} values of {name}."
            + (f" {'Highest' if self.direction != 'min' else 'Lowest'} mean: {means['mean'][best]} at {_short(str(x[best]))}." if best is not None else ""),
            charts.axis(named("means"), named("points"), name, str(self.metric), kind, x if len(x) <= MOST_TICKS else None),
            {"points": self.rows(has, x=column, value=self.values), "means": {"x": x, **means, "n": n}},
            f"Large dots: {seeds}{interval}. Small dots: runs.{others}",
            kind="axis",
            by=(key,),
        )

    def _best_of(self, means: Sequence[Any]) -> int | None:
        known = [number for number, value in enumerate(means) if value is not None]
        choose = min if self.direction == "min" else max
        return choose(known, key=lambda number: means[number]) if known else None

    def _heatmap(self, row: str, column: str) -> Figure | None:
        settings = self.runs.settings
        sides = [in_words(settings[key]) for key in (row, column)]
        metric = self.runs.metrics[self.metric].astype(float)
        groups = metric.groupby(sides)
        mean, count = groups.mean(), groups.count()
        rows, columns = (sorted({*mean.index.get_level_values(level)}, key=order) for level in (0, 1))
        full = count.gt(0).sum() > max(len(rows), len(columns))
        if len(rows) < 2 or len(columns) < 2 or len(rows) * len(columns) > MOST_CELLS or not full:
            return None
        cells = [(a, b) for a in rows for b in columns if count.get((a, b), 0)]
        means = [float(mean[cell]) for cell in cells]
        middle = (min(means) + max(means)) / 2
        names = self.short[row], self.short[column]
        room = len(columns) <= 12
        return Figure(
            f"{self.metric} by {names[0]} and {names[1]}",
            f"Mean {self.metric} for {len(rows)} values of {names[0]} and {len(columns)} of {names[1]}, from "
            f"{min(means):.4g} to {max(means):.4g}.",
            charts.heatmap(named("cells"), *names, str(self.metric), len(rows)),
            {
                "cells": {
                    "row": [_word(a) for a, _ in cells],
                    "column": [_word(b) for _, b in cells],
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

    def costs(self) -> Section:
        """The metric against parameters and seconds."""
        section = Section("cost", "What it costs")
        if self.metric is None:
            return section
        found: dict[str, pd.Series] = {"seconds": self.runs.about["seconds"]}
        if "parameters" in self.runs.metrics and self.metric != "parameters":
            found = {"parameters": self.runs.metrics["parameters"], **found}
        for name, series in found.items():
            costs = [rounded(plain(value)) for value in series]
            has = [number for number, value in enumerate(self.values) if value is not None and costs[number] is not None]
            if len({costs[number] for number in has}) < 2:
                continue
            chosen = [costs[number] for number in has]
            front = [False] * len(self.values)
            if self.direction:
                for number, is_front in zip(has, unbeaten(chosen, [self.values[n] or 0.0 for n in has], self.direction), strict=True):
                    front[number] = is_front
            best = [self.labels[number] for number in has if front[number]]
            section.figures.append(
                Figure(
                    f"{self.metric} against {name}",
                    f"{self.metric} of {len(has)} runs against {name}. Not beaten in both: {len(best)} runs"
                    + (f", such as {best[-1]}." if best else "."),
                    charts.pareto(named("costs"), name, self.metric, kind_of_costs(chosen)),
                    {"costs": self.rows(has, cost=costs, value=self.values, front=front)},
                    "The line joins the runs that no other run beats in both." if best else "",
                    kind="pareto",
                    by=(name,),
                )
            )
        return section

    def curves(self) -> Section:
        """How all runs learned."""
        section = Section("curves", "Learning curves")
        name = self.curve_metric
        if name is None:
            return section
        group = self.asked_group or next((key for key in self.axes if 1 < self.runs.settings[key].nunique(dropna=False) <= MOST_GROUPS), None)
        words = [_word(plain(value)) for value in self.runs.settings[group]] if group else [""] * len(self.histories)
        values = [_word(value) for value in sorted({*self.runs.settings[group].map(plain)}, key=order)] if group else []
        strong = {*self.ranks[:STRONG]} if self.direction else {*range(STRONG)}
        step = max(1, -(-sum(map(len, self.histories)) // MOST_POINTS))
        columns: dict[str, list[Any]] = {"run": [], "label": [], "epoch": [], "value": [], "strong": [], "group": []}
        for number in sorted(range(len(self.histories)), key=strong.__contains__):  # what is drawn last is above the others
            history = self.histories[number]
            for place, row in enumerate(history):
                if (place % step == 0 or place == len(history) - 1) and row.get(name) is not None:
                    cells = (number, self.labels[number], row.get("epoch"), rounded(row[name]), number in strong, words[number])
                    for cell, column in zip(cells, columns.values(), strict=True):
                        column.append(cell)
        which = "The best 20 are strong, the others faint." if self.direction else "The first 20 are strong, the others faint."
        section.figures.append(
            Figure(
                f"{name} of all runs",
                f"{name} of {len({*columns['run']})} runs over up to {max(columns['epoch'], default=0)} epochs.",
                charts.curves(named("epochs"), name, self.short[group] if group else None, values, max(0.03, min(0.3, 20 / len(words)))),
                {"epochs": columns},
                (which if len(self.histories) > STRONG else "") + (f" Every {step}th epoch is drawn." if step > 1 else ""),
                wide=True,
                kind="curves",
                by=(name,),
            )
        )
        return section

    @cached_property
    def curve_metric(self) -> str | None:
        """The metric's values on the validation part in each epoch, or on the training part; else a loss."""
        recorded = {name for history in self.histories for row in history for name, value in row.items() if value is not None}
        base = (self.metric or "loss").removeprefix("test_").removeprefix("val_")
        return next((name for name in (f"val_{base}", base, "val_loss", "loss") if name in recorded), None)

    def unfinished(self) -> Section:
        """The runs that did not finish, with their reasons."""
        section = Section("unfinished", "Runs that did not finish")
        about = self.runs.about[self.runs.about["state"] != "finished"]
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


def _word(value: Any) -> str:
    return "none" if value is None else _short(str(value))


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
