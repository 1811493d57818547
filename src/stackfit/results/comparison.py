"""Is it real? Two trained models on one test set, or configurations over several seeds."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackfit.errors import ConfigError, RunFolderError, printable
from stackfit.results.differences import choose_metric, columns_of, differing, of_last_epoch
from stackfit.results.formats import render
from stackfit.results.frames import COUNTS, SHOWN, Paths, Runs, as_paths, read_runs
from stackfit.results.run_files import read_predictions
from stackfit.results.run_folder import RunFolder
from stackfit.results.selection import rows_where
from stackfit.results.statistics import compare_groups, mcnemar
from stackfit.results.tables import grouped
from stackfit.results.verdicts import higher_is_better, say_configurations, say_models

if TYPE_CHECKING:
    import pandas as pd

MOST_CONFIGURATIONS = 16  # 120 pairs: nobody reads more, and the correction leaves nothing to find
MOST_SENTENCES = 15  # six configurations; of more, only the best is held against each of the others


@dataclass(frozen=True)
class Comparison:
    """Tables by their heading, what they show in sentences, and what was not compared."""

    tables: dict[str, pd.DataFrame]
    sentences: list[str]
    problems: list[str] = field(default_factory=list)

    def render(self, format: str = "text", width: int | None = None) -> str:
        """All of it as text, Markdown or JSON; as CSV the last table alone."""
        if format == "csv":
            return render([*self.tables.values()][-1], "csv")
        if format == "json":
            tables = {name: json.loads(render(table, "json")) for name, table in self.tables.items()}
            return json.dumps({"sentences": self.sentences, **tables}, indent=1, ensure_ascii=False) + "\n"
        parts = [f"{name}\n\n{render(table, format, width)}" for name, table in self.tables.items()]
        return "\n".join([*parts, printable("\n\n".join(self.sentences))]) + "\n"


def compare(paths: Paths, metric: str | None = None, filter: str | None = None) -> Comparison:
    """Two run folders: compare the trained models, by all metrics. Anything else: the configurations found there.

    `filter` is a query that picks the configurations' runs, as in `tables.build_table`.

    Raises:
        RunFolderError: a path holds no run, or of two runs one is not finished or has another test set.
        ConfigError: fewer than two configurations or too many, no such metric, or no such column.
    """
    paths = as_paths(paths)
    runs, problems = read_runs(paths, whole=True)
    folders = {os.path.abspath(folder) for folder in runs.about["folder"]}
    if problems and len(paths) == 2 and len(folders) < 2:
        raise RunFolderError("\n".join(problems))
    if len(paths) == len(folders) == 2 and folders == {os.path.abspath(path) for path in paths}:
        return replace(compare_runs(runs), problems=problems)
    if filter is not None:
        runs = runs.pick(rows_where(columns_of(runs), filter).index)
    return compare_configurations(runs, metric, problems)


def compare_runs(runs: Runs) -> Comparison:
    """What differs between two runs, their metrics, and McNemar's test on their test predictions."""
    import numpy as np
    import pandas as pd

    for run in runs.about.fillna({"reason": "it still trains"}).itertuples():
        if run.state != "finished":
            raise RunFolderError(
                f"{run.folder} is {run.state}: {run.reason}. Expected two finished runs. "
                "Run it to its end, or choose another: stackfit table"
            )
    whole = [name for name in COUNTS if name in runs.metrics]
    names = [*dict.fromkeys(["experiment", *differing(runs)])]
    last = ["seconds", *(name for name in SHOWN if runs.about[name].notna().any())]
    about = [runs.about[["folder"]], runs.settings[names], runs.metrics[whole], runs.about[last]]
    about = pd.concat([part.astype(object).where(part.notna(), "").astype(str) for part in about], axis=1)
    metrics = runs.metrics.drop(columns=whole).astype(float)
    tables = {
        "What differs": about.set_axis(["A", "B"]).T.rename_axis("setting").reset_index(),
        "Metrics": metrics.set_axis(["A", "B"]).T.rename_axis("metric").reset_index(),
    }
    tables["Metrics"]["A - B"] = tables["Metrics"]["A"] - tables["Metrics"]["B"]
    a, b = runs.about["folder"]
    tested = []
    for folder, kind in zip((a, b), runs.settings.get("task.labels", ("", "")), strict=True):
        saved = kind != "value" and RunFolder(Path(folder)).predictions.exists()
        scores, labels = read_predictions(Path(folder)) if saved else (np.empty(0), np.empty(0))
        if labels.ndim != 1 or scores.shape[:-1] != labels.shape:
            return Comparison(tables, [f"No test: {folder} has no predictions of classes for its test data."])
        # One column is one sigmoid: the probability of class 1.
        tested.append((scores[:, 0] > 0.5 if scores.shape[1] == 1 else scores.argmax(axis=1), labels))
    (class_a, labels_a), (class_b, labels_b) = tested
    if not np.array_equal(labels_a, labels_b):
        raise RunFolderError(
            f"{a} and {b} were tested on different items: {len(labels_a)} and {len(labels_b)}, with other labels. "
            "Expected the same test split in the same order. Their metrics stand side by side in: "
            f"stackfit table {a} {b}"
        )
    counts, p = mcnemar(class_a == labels_a, class_b == labels_b)
    items = {"": ["A right", "A wrong"], "B right": counts[:, 0], "B wrong": counts[:, 1]}
    tables["Test items"] = pd.DataFrame(items)
    return Comparison(tables, [say_models(f"A ({a})", f"B ({b})", counts, p)])


def compare_configurations(runs: Runs, metric: str | None, problems: list[str]) -> Comparison:
    """Hold every pair of groups of finished runs against each other; in a group only the seed differs."""
    finished = runs.about["state"] == "finished"
    if not finished.all():
        aside = runs.about["state"][~finished].value_counts().items()
        counts = ", ".join(f"{count} {state}" for state, count in aside)
        problems = [*problems, f"Not compared, as only finished runs count: {counts}."]
    name = choose_metric(runs, metric, "--metric")
    problems = [*problems, *of_last_epoch(runs.pick(finished), name)]
    frame, seeds = grouped(runs.pick(finished), "seed")
    if not 2 <= len(frame) <= MOST_CONFIGURATIONS:
        raise ConfigError(
            f"There are finished runs of {len(frame)} configuration{'' if len(frame) == 1 else 's'}. Expected 2 to {MOST_CONFIGURATIONS}, "
            "which differ in more than the seed. Give more runs, or name fewer: stackfit compare outputs/EXPERIMENT, or --filter."
        )
    frame.insert(0, "configuration", _labels(frame))
    frame["values"] = seeds[name].groupby(level=0).agg(lambda values: [*values.dropna()]).tolist()
    rising = not higher_is_better(name)
    frame = frame.sort_values(f"{name}_mean", ascending=rising, kind="stable", ignore_index=True)
    pairs = compare_groups(dict(zip(frame["configuration"], frame["values"], strict=True)))
    means = [f"{name}_{part}" for part in ("mean", "sd", "low", "high")]
    shown = [column for column in SHOWN if column in frame]
    tables = {
        f"{name}, mean ± half the 95 % interval": frame[["configuration", "n", *means, *shown, "folders"]],
        "Every pair": pairs[["A", "B", "A - B", "low", "high", "p", "p (Holm)"]],
    }
    spoken = pairs if len(pairs) <= MOST_SENTENCES else pairs[pairs["A"] == pairs["A"].iloc[0]]
    untested = spoken["p (Holm)"].isna()
    sentences = [say_configurations(pair, name) for pair in spoken[~untested].to_dict("records")]
    if untested.sum() > 1:
        sentences.append(
            f"Not enough runs: {untested.sum()} pairs have a side with fewer than 2 values of {name}; each needs at least 2, "
            "better 5, so train them with more seeds, such as 'seed=range(5)'."
        )
    elif untested.any():
        sentences += [say_configurations(pair, name) for pair in spoken[untested].to_dict("records")]
    return Comparison(tables, sentences, problems)


def _labels(frame: pd.DataFrame) -> list[str]:
    """What sets each row apart: the experiment if there are several, and the settings that differ."""
    settings = frame.loc[:, :"n"].iloc[:, :-1].drop(columns=frame.attrs["follows"])
    several = settings["experiment"].nunique() > 1
    labels = []
    for row in settings.astype(object).where(settings.notna(), None).to_dict("records"):
        words = [row.pop("experiment")][: int(several)]
        words += [f"{name}={value}" for name, value in row.items() if value is not None]
        labels.append(" ".join(words) or f"without {', '.join(row)}")
    return labels
