"""Whether more of a metric is better. Its class says so, never its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stackfit.errors import ConfigError, did_you_mean
from stackfit.keys import without_number

if TYPE_CHECKING:
    from stackfit.results.frames import Runs

DIRECTIONS = ("max", "min")
# Keras's own classes by what their objects have as `_direction`, for runs that did not record it. A test holds them
# against Keras. What is not here (FalsePositives, Mean) does not say.
HIGHER = (
    "AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation CosineSimilarity F1Score "
    "FBetaScore IoU MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation Precision PrecisionAtRecall R2Score Recall "
    "RecallAtPrecision SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
    "SpecificityAtSensitivity TopKCategoricalAccuracy"
)
LOWER = (
    "BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge KLDivergence LogCoshError MeanAbsoluteError "
    "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson RootMeanSquaredError "
    "SparseCategoricalCrossentropy SquaredHinge"
)
BY_CLASS = {
    f"keras.metrics.{name}": direction
    for direction, names in zip(DIRECTIONS, (HIGHER, LOWER), strict=True)
    for name in names.split()
}


def direction_of(runs: Runs, metric: str) -> str | None:
    """`max` or `min` if all runs with this metric say the same; None if one does not say, or they disagree.

    A run says what it recorded when it trained, or what its settings name. A loss is always `min`.
    """
    has = runs.metrics[metric].notna()
    names = _measures(metric)
    classes = runs.settings.reindex(columns=[f"task.metrics.{name}._target_" for name in names])[has]
    found: set[str | None] = set()
    for recorded, targets in zip(runs.directions[has], classes.itertuples(index=False), strict=True):
        if not isinstance(recorded, dict):
            recorded = {name: BY_CLASS.get(target) for name, target in zip(names, targets, strict=True)}
        known = {**recorded, "loss": "min"}
        found.add(next((known[name] for name in names if known.get(name) in DIRECTIONS), None))
    return found.pop() if len(found) == 1 else None


def _measures(metric: str) -> list[str]:
    """The names under `task.metrics` that it may come from: `val_gap` and `test_gap` are measured by `gap`."""
    names = [metric, metric.removeprefix("test_"), metric.removeprefix("val_")]
    return [*dict.fromkeys([*names, *map(without_number, names)])]


def check_direction(direction: str | None) -> None:
    """Raise a ConfigError if it is given and neither `max` nor `min`."""
    if direction is not None and direction not in DIRECTIONS:
        raise ConfigError(
            f"There is no direction {direction!r}.{did_you_mean(direction, DIRECTIONS)} Expected max (more is better) or "
            "min (less is better). Try: --direction min",
            where="--direction",
        )


def undirected(metric: str) -> str:
    """Why it is not known whether more is better, and how to say it."""
    return (
        f"Whether more {metric} is better is not known: no class of a metric says it for all of these runs. Say it with "
        "--direction max or --direction min."
    )


def find_mixture(runs: Runs, metric: str) -> list[str]:
    """A sentence if runs measured a metric of this name, or the loss, with different classes; else nothing."""
    names = _measures(metric)
    keys = ["task.loss._target_"] if "loss" in names else [f"task.metrics.{name}._target_" for name in names]
    known = [key for key in keys if key in runs.settings][:1]
    found = runs.settings.loc[runs.metrics[metric].notna(), known]
    classes = sorted({str(value) for key in found for value in found[key].dropna()})
    return [f"{metric} is not the same measure in all runs: {' or '.join(classes)}."] if len(classes) > 1 else []
