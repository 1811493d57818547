"""Is it real? Two trained models on one test set, or configurations over several seeds."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, RunFolderError, counted, printable
from stackfit.results.dependence import following
from stackfit.results.differences import choose_metric, columns_of, differing, of_last_epoch
from stackfit.results.directions import check_direction, find_mixture, undirected
from stackfit.results.formats import render
from stackfit.results.frames import COUNTS, SHOWN, Paths, Runs, as_paths, read_runs
from stackfit.results.grouping import with_groups
from stackfit.results.items import check_same_items
from stackfit.results.layout import fold
from stackfit.results.numbers import measured
from stackfit.results.run_files import read_predictions
from stackfit.results.run_folder import RunFolder
from stackfit.results.search_lines import render_search
from stackfit.results.search_rank import ranking_of
from stackfit.results.search_summary import summary_of
from stackfit.results.selection import no_match, rows_where
from stackfit.results.shapes import grouped, in_words, unlike_in
from stackfit.results.statistics import compare_groups, mcnemar
from stackfit.results.verdicts import DIFFERENT, UNTESTED, say_best, say_models, say_pairs, verdict_of
from stackfit.waiting import doing

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_PAIRS = 16  # 120 pairs; of more configurations, only the best is held against each of the others
MOST_SENTENCES = 15  # six configurations; of more, the sentences are about the best
WIDTH = 120  # where Python shows it
BIASED = (
    "Not compared: {} of the search itself, by which the settings that were trained again with new seeds were chosen; so they look "
    "better than they are. Those alone: stackfit compare {}"
)
SHORT = 20  # characters of a configuration's name; longer ones have a number in the table of pairs


@dataclass(frozen=True, repr=False)
class Comparison:
    """Tables by their heading, what they show in sentences, and what was not compared."""

    tables: dict[str, pd.DataFrame]
    sentences: list[str]
    problems: list[str] = field(default_factory=list)
    search: dict[str, Any] | None = None  # of a search's folder: what `search_summary` says of it

    def __repr__(self) -> str:
        return self.render(width=WIDTH).rstrip()

    def _repr_html_(self) -> str:
        """For a notebook; what stands in the runs is escaped."""
        parts = [f"<p>{escape(name)}</p>{table.to_html(index=False, border=0, na_rep='')}" for name, table in self.tables.items()]
        return "".join([*parts, *(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)])

    def render(self, format: str = "text", width: int | None = None) -> str:
        """All of it as text, Markdown or JSON; as CSV the last table alone."""
        if format == "csv":
            return render([*self.tables.values()][-1], "csv")
        if format == "json":
            tables = {name: json.loads(render(table, "json")) for name, table in self.tables.items()}
            found = {"search": self.search} if self.search else {}
            return json.dumps({"sentences": self.sentences, **tables, **found}, indent=1, ensure_ascii=False) + "\n"
        tables = _numbered(self.tables) if format == "text" else self.tables
        parts = [f"{fold(name, width) if width else name}\n\n{render(table, format, width)}" for name, table in tables.items()]
        sentences = [fold(sentence, width) if width else sentence for sentence in map(printable, self.sentences)]
        return "\n".join([*parts, "\n\n".join(sentences)]) + "\n" + render_search(self.search, format, width or WIDTH)


def compare(
    paths: Paths,
    metric: str | None = None,
    filter: str | None = None,
    direction: str | None = None,
    by: str | None = None,
) -> Comparison:
    """Two run folders: compare the trained models, by all metrics. Anything else: the configurations found there.

    Args:
        filter: a query that picks the configurations' runs, as in `tables.build_table`.
        direction: `max` or `min`, whether more of the metric is better; if not given, the metric's class says it.
        by: a setting or `part`, as in `tables.build_table`: its groups are compared, whatever else differs in them.

    Raises:
        RunFolderError: a path holds no run, the runs were measured on different items, or of two runs one is not finished.
        ConfigError: fewer than two configurations, no such metric, direction or column.
    """
    check_direction(direction)
    search, paths = summary_of(paths), as_paths(paths)
    runs, problems = read_runs(paths, whole=True)
    folders = {os.path.abspath(folder) for folder in runs.about["folder"]}
    if problems and len(paths) == 2 and len(folders) < 2:
        raise RunFolderError("\n".join(problems))
    if by is None and len(paths) == 2 and len({os.path.abspath(path) for path in paths} | folders) == 1:
        raise ConfigError(
            f"Both are the same run, {runs.about['folder'].iloc[0]}. Expected two. Give another one; for those of its experiment "
            f"type: stackfit table {runs.settings['experiment'].iloc[0]}"
        )
    if by is None and len(paths) == len(folders) == 2 and folders == {os.path.abspath(path) for path in paths}:
        for name, value in (("--metric", metric), ("--filter", filter), ("--direction", direction)):
            if value is not None:
                raise ConfigError(f"{name} does nothing between two runs: all their metrics are shown. Expected more runs. Leave it out.")
        return replace(compare_runs(runs), problems=problems)
    if filter is not None:
        runs = runs.pick(rows_where(columns_of(runs), filter).index)
        if runs.about.empty:
            raise ConfigError(no_match(filter))
    return replace(compare_configurations(runs, metric, problems, direction, by), search=search)


@doing("Comparing")
def compare_runs(runs: Runs) -> Comparison:
    """What differs between two runs, their metrics, and McNemar's test on their test predictions."""
    import numpy as np
    import pandas as pd

    from stackfit.results.answers import read_answers, task_of

    for run in runs.about.fillna({"reason": "it still trains"}).itertuples():
        if run.state != "finished":
            raise RunFolderError(
                f"{run.folder} is {run.state}: {run.reason}. Expected two finished runs. "
                "Run it to its end, or choose another: stackfit table"
            )
    problems = check_same_items(runs)
    whole = [name for name in COUNTS if name in runs.metrics]
    names = [*dict.fromkeys(["experiment", *(key for key in differing(runs) if key not in following(runs))])]
    last = [name for name in SHOWN if runs.about[name].notna().any()]
    numbers = runs.metrics[whole].join(runs.about[["seconds"]])
    numbers = numbers.apply(lambda column: measured(column.astype(object).where(column.notna(), None).tolist(), 1))
    about = [runs.about[["folder"]], runs.settings[names], numbers, runs.about[last]]
    about = pd.concat([part.astype(object).where(part.notna(), "").astype(str) for part in about], axis=1)
    metrics = runs.metrics.drop(columns=whole).astype(float)
    tables = {
        "What differs": about.set_axis(["A", "B"]).T.rename_axis("setting").reset_index(),
        "Metrics": metrics.set_axis(["A", "B"]).T.rename_axis("metric").reset_index(),
    }
    tables["Metrics"]["A - B"] = tables["Metrics"]["A"] - tables["Metrics"]["B"]
    a, b = runs.about["folder"]
    tested = []
    for folder, settings in zip((a, b), runs.settings.to_dict("records"), strict=True):
        task = task_of({key: value for key, value in settings.items() if isinstance(value, (str, bool)) and value != "null"})
        saved = task["labels"] != "value" and RunFolder(Path(folder)).predictions.exists()
        scores, labels = read_predictions(Path(folder)) if saved else (np.empty(0), np.empty(0))
        if labels.ndim != 1 or scores.shape[:-1] != labels.shape:
            return Comparison(tables, [f"No test: {folder} has no predictions of classes for its test data."], problems)
        tested.append((read_answers(task, scores).predicted, labels))
    (class_a, labels_a), (class_b, labels_b) = tested
    if not np.array_equal(labels_a, labels_b):
        raise RunFolderError(
            f"{a} and {b} were tested on the same items in different orders (data.order). Expected one order, to compare "
            f"item by item. Their metrics stand next to each other in: stackfit table {a} {b}"
        )
    counts, p = mcnemar(class_a == labels_a, class_b == labels_b)
    items = {"": ["A right", "A wrong"], "B right": counts[:, 0], "B wrong": counts[:, 1]}
    tables["Test items"] = pd.DataFrame(items)
    return Comparison(tables, [say_models(f"A ({a})", f"B ({b})", counts, p)], problems)


@doing("Comparing")
def compare_configurations(
    runs: Runs, metric: str | None, problems: list[str], direction: str | None = None, by: str | None = None
) -> Comparison:
    """Hold pairs of groups of finished runs against each other; in a group only the seed differs.

    Every pair; of more than `MOST_IN_PAIRS` configurations, the best that has at least two runs against each other one.
    """
    import numpy as np

    finished = runs.about["state"] == "finished"
    if not finished.all():
        aside = runs.about["state"][~finished].value_counts().items()
        counts = ", ".join(f"{count} {state}" for state, count in aside)
        problems = [*problems, f"Not compared, as only finished runs count: {counts}."]
    name, direction, _ = choose_metric(runs, metric, "--metric", direction)
    runs = runs.pick(finished)
    if by is None and (ranking := ranking_of(runs)) and ranking.chosen_in:
        own = runs.about["folder"].map(lambda folder: Path(folder).parent == ranking.chosen_in)
        if own.any() and len({*(ranking.settings or {}).values()}) > 1:  # else nothing is left to compare
            problems = [*problems, BIASED.format(counted(int(own.sum()), "finished run"), ranking.chosen_in)]
            runs = runs.pick(~own)
    problems = [*problems, *of_last_epoch(runs, name)]
    runs, key = with_groups(runs, by)
    frame, seeds = grouped(runs, "seed", key)
    if key:
        unlike = unlike_in(runs, [runs.settings[key]], {key})
        problems += [f"The values of a seed are means over runs that also differ in {unlike}."] if unlike else []
    if len(frame) < 2:
        raise ConfigError(
            f"There are finished runs of {len(frame)} {'group' if key else 'configuration'}{'' if len(frame) == 1 else 's'}. "
            f"Expected at least 2, which differ in {by or 'more than the seed'}. Give more runs: stackfit compare outputs/EXPERIMENT outputs/OTHER"
        )
    if f"{name}_mean" not in frame:
        raise ConfigError(
            f"{name} follows from the settings alone, so seeds say nothing about it. Expected a metric that is measured. "
            "Its values stand in: stackfit table",
            where="--metric",
        )
    problems = [*problems, *check_same_items(runs, name), *find_mixture(runs, name)]
    frame.insert(0, "configuration", _labels(frame, key))
    frame["values"] = seeds[name].groupby(level=0).agg(lambda values: values[np.isfinite(values)].tolist()).tolist()
    frame = frame.sort_values(f"{name}_mean", ascending=direction == "min", kind="stable", ignore_index=True)
    groups = dict(zip(frame["configuration"], frame["values"], strict=True))
    many = len(groups) > MOST_IN_PAIRS
    if many:
        groups = dict(sorted(groups.items(), key=lambda group: len(group[1]) < 2))  # one that can be tested comes first
    pairs = compare_groups(groups, first_alone=many)
    records = pairs.to_dict("records")
    numbers = [f"{name}_{part}" for part in ("mean", "sd", "low", "high")]
    shown = [column for column in SHOWN if column in frame]
    tables = {
        f"{name}, mean ± half the 95 % interval": frame[["configuration", "n", *numbers, *shown, "folders"]],
        _heading(many, records): pairs[["A", "B", "A - B", "low", "high", "p (corrected)"]],
    }
    if many:
        sentences = [*say_best(records, name, direction)]
    else:
        best = next((pair["A"] for pair in records if verdict_of(pair) != UNTESTED), records[0]["A"])
        spoken = records if len(records) <= MOST_SENTENCES else [pair for pair in records if pair["A"] == best]
        sentences = [*say_pairs(spoken, name, direction)]
    if direction is None and (many or any(verdict_of(pair) == DIFFERENT for pair in records)):
        sentences.append(undirected(name))
    return Comparison(tables, sentences, problems)


def _heading(many: bool, pairs: list[dict[str, Any]]) -> str:
    tests = pairs[0]["tests"]
    corrected = f"; 95 % intervals and p are corrected for {tests} tests" if tests > 1 else ""
    return ("The best and each other one" if many else "Every pair") + corrected


def _numbered(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The same, with numbers for the configurations in the table of pairs, if their names are long."""
    (first, means), *others = tables.items()
    names = [*means.get("configuration", [])]
    if max(map(len, names), default=0) <= SHORT:
        return tables
    numbers = {name: str(number) for number, name in enumerate(names, 1)}
    pairs = {heading: pairs.assign(A=pairs["A"].map(numbers), B=pairs["B"].map(numbers)) for heading, pairs in others}
    return {first: means.assign(number=[*numbers.values()])[["number", *means]], **pairs}


def _labels(frame: pd.DataFrame, by: str | None = None) -> list[str]:
    """What sets each row apart: the experiment if there are several, and the settings that differ within it; or `by` alone."""
    settings = frame.loc[:, :"n"].iloc[:, :-1].drop(columns=frame.attrs["aside"], errors="ignore")
    settings = settings.rename(columns=frame.attrs["short"])
    if by:
        name = frame.attrs["short"].get(by, by)
        return in_words(frame[by]).map(lambda value: f"{name}={value}").tolist()
    several = settings["experiment"].nunique() > 1
    labels: dict[int, str] = {}
    for experiment, rows in settings.groupby("experiment", sort=False):
        rows = rows.loc[:, rows.nunique(dropna=False) > 1].astype(object)
        for number, row in zip(rows.index, rows.where(rows.notna(), None).to_dict("records"), strict=True):
            words = [str(experiment)][: int(several)]
            words += [f"{name}={value}" for name, value in row.items() if value is not None]
            label = " ".join(words) or f"without {', '.join(row)}"
            labels[number] = label if label not in labels.values() else f"{label} ({number})"  # 1 and the text '1'
    return [labels[number] for number in settings.index]
