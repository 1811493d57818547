"""What a run's final metrics are of: of its saved weights, or in runs of earlier versions of its last epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

RESULTS_FORMAT = 2  # all of the saved weights; runs without a number: `test_*` of these, the others of the last epoch
CLOCK = ("seconds", "members")  # columns of a history that are not results
LAST_EPOCH = "last epoch"
# Callbacks by module that set no weights, but for `restore_best_weights` and this one of the lab's exercises.
OURS = ("keras.callbacks.", "stackfit.callbacks.", "experiments.lab_callbacks.")
RESTORES = "experiments.lab_callbacks.StopAtSmallestLoss"


def metrics_of(status: Mapping[str, Any]) -> str | None:
    """`last epoch` where the final metrics may be of other weights than the saved ones: of a run of an earlier version
    with a callback that may have restored weights, or with averaged ones."""
    if status.get("status") != "finished" or status.get("results_format") is not None:
        return None
    for key, value in (status.get("settings") or {}).items():
        restores = key.endswith((".restore_best_weights", ".use_ema")) and value
        callback = re.fullmatch(r"callbacks\.[^.]+\._target_", key)
        own = callback and (value == RESTORES or not str(value).startswith(OURS))
        if restores or own:
            return LAST_EPOCH
    return None


def as_of_last_epoch(metrics: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A run's metrics as an earlier version would have given them: those of the last epoch's row of its history.

    Args:
        epochs: the rows.
    """
    last = {name: value for name, value in (epochs[-1] if epochs else {}).items() if name in metrics}
    return {name: value for name, value in {**metrics, **last}.items() if name not in ("results_format", "weights_epoch")}
