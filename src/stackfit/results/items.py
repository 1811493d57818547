"""Whether runs were measured on the same items. If not, their numbers must not be held against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError
from stackfit.results.frames import COUNTS, Runs
from stackfit.results.run_files import read_environment, read_predictions

# The settings that say where the test items come from; `path` only where there is no `test_path`.
SOURCE = ("kind", "name", "label", "test_path", "splits.test", "path", "test_split", "split_seed")
LATE = ("scale", "validation_split", "max_memory_bytes")  # about data that are read already


@dataclass(frozen=True)
class Data:
    """What one run was trained and tested on."""

    folder: str
    settings: Mapping[str, Any]  # those below `data.`, without this prefix
    fingerprint: str | None  # of all stored arrays; None if the run did not record it
    labels: Any  # of the test items in stored order, an array; None for streamed data

    @property
    def source(self) -> dict[str, Any]:
        """The settings that say where the test items come from."""
        names = SOURCE[:5] if self.settings.get("test_path") else SOURCE
        return {name: self.settings.get(name) for name in names}

    def __str__(self) -> str:
        name = self.settings.get("name") or Path(self.settings.get("path") or "").name or self.settings.get("kind")
        size = "" if self.labels is None else f" ({len(self.labels):,} items)"
        return f"{self.folder} on {name or 'unknown data'}{size}"

    def was_changed_since(self, other: Data) -> bool:
        """Whether the same settings gave other arrays."""
        mine, theirs = ({k: v for k, v in each.settings.items() if k not in LATE} for each in (self, other))
        return mine == theirs and None not in (self.fingerprint, other.fingerprint)

    def has_test_items_of(self, other: Data) -> bool:
        """Same labels in the same order; the same labels in Fashion-MNIST's other order; or, unknown, one source."""
        import numpy as np

        if self.labels is None or other.labels is None:
            return self.source == other.source
        reordered = self.source == other.source and self.settings.get("order") != other.settings.get("order")
        mine, theirs = (np.sort(each.labels) if reordered else each.labels for each in (self, other))
        return bool(np.array_equal(mine, theirs))


def check_same_items(runs: Runs, metric: str | None = None) -> list[str]:
    """Refuse to compare finished runs that were tested on different items, or whose `metric` was measured on different ones.

    Other data settings (`scale`, the size of the training part) may differ, unless the metric is one of training or
    validation: these need the same data and the same `validation_split`.

    Returns:
        A sentence if the test items are the same only by their labels, such as those of a table that was changed.

    Raises:
        RunFolderError: names two runs and their data.
    """
    first, *others = _distinct(runs)
    for other in others:
        if not first.has_test_items_of(other):
            raise RunFolderError(
                f"The runs were tested on different items: {first}; {other}. Expected the same test items in all: which "
                f"one is better cannot be told from different items. {_how(first, other) if metric else ''}"
                "The numbers of all stand next to each other in: stackfit table"
            )
    if metric and not metric.startswith("test_") and metric not in COUNTS:
        splits = runs.settings.filter(["data.validation_split"]).nunique(dropna=False)
        if others or (splits > 1).any():
            raise RunFolderError(
                f"{metric} was measured on different items: data.validation_split differs, or the training data do. "
                "Expected the same training and validation items in all runs. Compare by a test metric, such as: "
                "--metric test_accuracy"
            )
    unproven = [each for each in others if each.source != first.source or each.was_changed_since(first)]
    if not unproven:
        return []
    return [f"The test items have the same labels, but come from different data: {first}; {unproven[0]}."]


def _distinct(runs: Runs) -> list[Data]:
    """One entry for each data set: runs with the same fingerprint have the same."""
    found: dict[str, Data] = {}
    columns = {key: key.removeprefix("data.") for key in runs.settings if key.startswith("data.")}
    settings = runs.settings[[*columns]].astype(object).rename(columns=columns)
    rows = settings.where(settings.notna() & (settings != "null"), None).to_dict("records")
    for folder, row in zip(runs.about["folder"], rows, strict=True):
        fingerprint = read_environment(Path(folder)).get("data_fingerprint")
        if fingerprint is None or fingerprint not in found:
            data = Data(folder, row, fingerprint, _labels(Path(folder)))
            unnamed = [data.source, row.get("order"), data.labels is not None and data.labels.tolist()]
            found.setdefault(fingerprint or repr(unnamed), data)
    return [*found.values()]


def _labels(folder: Path) -> Any:
    try:
        labels = read_predictions(folder)[1]
    except RunFolderError:
        return None
    return labels if labels.ndim else None


def _how(first: Data, other: Data) -> str:
    """A filter that keeps the runs of the first."""
    for name, value in first.source.items():
        if value is not None and value != other.source.get(name):
            return f"Choose runs: --filter '`data.{name}` == {json.dumps(value, default=str)}'. "
    return ""
