"""Is it real? Two trained models on one test set, or configurations over several seeds."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackfit.differences import (
    choose_metric,
    differing,
    filtered,
    group,
    independent,
    metrics_of,
    shown_values,
    value_of,
)
from stackfit.errors import ConfigError, RunFolderError
from stackfit.formats import render
from stackfit.results import Paths, Run, as_paths, frame_of, read_predictions, read_records
from stackfit.statistics import compare_groups, mcnemar, summarize
from stackfit.verdicts import higher_is_better, say_configurations, say_models

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CONFIGURATIONS = (
    40  # 780 pairs: beyond this nobody reads them, and the correction leaves nothing to find
)
PAIR_COLUMNS = ("A", "B", "A - B", "low", "high", "p", "p (Holm)")
MOST_SENTENCES = 15  # six configurations; of more, only the best is held against each of the others


@dataclass(frozen=True)
class Comparison:
    """Tables by their heading, what they show in sentences, and what was left aside."""

    tables: dict[str, pd.DataFrame]
    sentences: list[str]
    problems: list[str] = field(default_factory=list)

    def render(self, format: str = "text", width: int | None = None) -> str:
        """All of it as text, Markdown or JSON.

        Raises:
            ConfigError: another format; one CSV cannot hold several tables.
        """
        if format not in ("text", "md", "json"):
            raise ConfigError(
                f"A comparison cannot be written as {format!r}. Expected text, md or json. Try: --format md",
                where="--format",
            )
        if format == "json":
            tables = {name: json.loads(render(table, "json")) for name, table in self.tables.items()}
            return json.dumps({"sentences": self.sentences, **tables}, indent=1, ensure_ascii=False) + "\n"
        parts = [f"{name}\n\n{render(table, format, width)}" for name, table in self.tables.items()]
        return "\n".join([*parts, "\n\n".join(self.sentences)]) + "\n"


def compare(paths: Paths, metric: str | None = None, filter: str | None = None) -> Comparison:
    """Two run folders: compare the trained models. Anything else: compare the configurations found there.

    Args:
        paths: run folders, sweep folders, or any folders with runs below them.
        metric: of configurations, `test_accuracy` if not given; of two runs all are shown.
        filter: a query that picks the configurations' runs, as in `tables.build_table`.

    Raises:
        RunFolderError: a path holds no run, or of two runs one is not finished or has another test set.
        ConfigError: fewer than two configurations or too many, no such metric, or no such column in the
            filter.
    """
    paths = as_paths(paths)
    runs, problems = read_records(paths)
    if problems and len(paths) == 2 and len(runs) < 2:
        raise RunFolderError("\n".join(problems))
    given = {os.path.abspath(path) for path in paths}
    if len(paths) == len(runs) == 2 and given == {os.path.abspath(run.folder) for run in runs}:
        return compare_runs(*runs)
    return compare_configurations(filtered(runs, filter) if filter else runs, metric, problems)


# ---- two trained models


def compare_runs(a: Run, b: Run) -> Comparison:
    """What differs between two finished runs, their metrics, and McNemar's test on their test predictions.

    Raises:
        RunFolderError: one is not finished, or they were tested on different items.
    """
    for run in (a, b):
        if run.state != "finished":
            raise RunFolderError(
                f"{run.folder} is {run.state}: {run.reason or 'it still trains'}. Expected two finished "
                "runs. Run it to its end, or choose another: stackfit table"
            )
    differ = differing([a, b])
    about: dict[str, list[Any]] = {"folder": [a.folder, b.folder], "experiment": [a.experiment, b.experiment]}
    about |= {key: shown_values([value_of(run, key) for run in (a, b)]) for key in differ}
    names = metrics_of([a, b])
    counts = [name for name in ("parameters", "stopped_epoch") if name in names]
    about |= {name: [run.metrics.get(name) for run in (a, b)] for name in counts}
    about["seconds"] = [a.seconds, b.seconds]
    measured = [name for name in names if name not in counts]
    tables = {
        "What differs": frame_of(
            {
                "setting": list(about),
                **{side: [_text(values[i]) for values in about.values()] for i, side in enumerate("AB")},
            }
        ),
        "Metrics": frame_of(
            {
                "metric": measured,
                "A": [a.metrics.get(name) for name in measured],
                "B": [b.metrics.get(name) for name in measured],
                "A - B": [_minus(a.metrics.get(name), b.metrics.get(name)) for name in measured],
            }
        ),
    }
    right_a, right_b = _right(a, b)
    if right_a is None or right_b is None:
        without = a.folder if right_a is None else b.folder
        return Comparison(tables, [f"No test: {without} has no predictions of classes for its test split."])
    test = mcnemar(right_a, right_b)
    tables["Test items"] = frame_of(
        {
            "": ["A right", "A wrong"],
            "B right": [test.both_right, test.only_b],
            "B wrong": [test.only_a, test.both_wrong],
        }
    )
    return Comparison(tables, [say_models(f"A ({a.folder})", f"B ({b.folder})", test)])


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _right(a: Run, b: Run) -> tuple[np.ndarray | None, np.ndarray | None]:
    """For each test item whether the run's model is right, shape (items,); None without predicted classes."""
    import numpy as np

    found = [read_predictions(run) for run in (a, b)]
    if found[0] and found[1] and not np.array_equal(found[0][1], found[1][1]):
        raise RunFolderError(
            f"{a.folder} and {b.folder} were tested on different items: {len(found[0][1])} and "
            f"{len(found[1][1])}, with other labels. Expected the same test split in the same order. "
            f"Their metrics stand side by side in: stackfit table {a.folder} {b.folder}"
        )
    right: list[np.ndarray | None] = []
    for run, predictions in zip((a, b), found, strict=True):
        if predictions is None or run.settings.get("task.labels") == "value":
            right.append(None)
            continue
        scores, labels = predictions
        # One column is one sigmoid: the probability of class 1.
        right.append((scores[:, 0] > 0.5 if scores.shape[1] == 1 else scores.argmax(axis=1)) == labels)
    return right[0], right[1]


# ---- configurations


def compare_configurations(
    runs: list[Run], metric: str | None = None, problems: list[str] | None = None
) -> Comparison:
    """Hold every pair of groups against each other; a group's finished runs differ in nothing but the seed.

    Raises:
        ConfigError: fewer than two configurations or too many, or no such metric.
    """
    problems = list(problems or [])
    if aside := Counter(run.state for run in runs if run.state != "finished"):
        counts = ", ".join(f"{count} {state}" for state, count in aside.items())
        problems.append(f"Left aside, as only finished runs count: {counts}.")
    name = choose_metric(runs, metric, "--metric")
    differ, groups = group([run for run in runs if run.state == "finished"], "seed")
    if not 2 <= len(groups) <= MOST_CONFIGURATIONS:
        raise ConfigError(
            f"There are finished runs of {len(groups)} configurations. Expected 2 to {MOST_CONFIGURATIONS}, "
            "which differ in more than the seed. Give more runs, or choose some with --filter."
        )
    labels = _labels(groups, differ)
    values = {
        label: independent(members, name, "seed") for label, members in zip(labels, groups, strict=True)
    }
    summaries = {label: summarize(numbers) for label, numbers in values.items()}
    sign = -1 if higher_is_better(name) else 1
    best_first = sorted(values, key=lambda label: sign * (summaries[label].mean or 0.0))
    pairs = compare_groups({label: values[label] for label in best_first})
    folders = {label: [run.folder for run in members] for label, members in zip(labels, groups, strict=True)}
    columns: dict[str, list[Any]] = {
        "configuration": best_first,
        "n": [summaries[label].n for label in best_first],
        **{
            f"{name}_{part}": [getattr(summaries[label], part) for label in best_first]
            for part in ("mean", "sd", "low", "high")
        },
        "folders": [folders[label] for label in best_first],
    }
    parts = dict(zip(PAIR_COLUMNS, ("a", "b", "effect", "low", "high", "p", "adjusted"), strict=True))
    tables = {
        f"{name}, mean ± half the 95 % interval": frame_of(columns),
        "Every pair": frame_of(
            {head: [getattr(pair, part) for pair in pairs] for head, part in parts.items()}
        ),
    }
    spoken = pairs if len(pairs) <= MOST_SENTENCES else [pair for pair in pairs if pair.a == best_first[0]]
    return Comparison(tables, [say_configurations(pair, name) for pair in spoken], problems)


def _labels(groups: list[list[Run]], differ: dict[str, str]) -> list[str]:
    """What sets each group apart: the experiment if there are several, and the settings that differ."""
    first = [members[0] for members in groups]
    several = len({run.experiment for run in first}) > 1
    labels = [[run.experiment] if several else [] for run in first]
    for key, name in differ.items():
        for label, value in zip(labels, shown_values([value_of(run, key) for run in first]), strict=True):
            label += [] if value is None else [f"{name}={value}"]
    return [" ".join(label) or f"without {', '.join(differ.values())}" for label in labels]
