"""What a model's scores say. Whether they are classes or values, and shares or logits, the task decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answers:
    """The answers to `n` examples.

    `predicted`: class numbers `(n,)`; of values float64 `(n,)`, or `(n, outputs)` where there are several.
    `shares`: float64 `(n, classes)`, each class's probability; None where the scores are none.
    """

    predicted: np.ndarray
    shares: np.ndarray | None = None


def read_answers(task: Mapping[str, Any], scores: np.ndarray) -> Answers:
    """The answers in `scores` `(n, outputs)`.

    Args:
        task: the config's section, with `labels` and `loss`.
    """
    scores = np.asarray(scores, np.float64).reshape(len(scores), -1)
    if task["labels"] == "value":
        return Answers(scores[:, 0] if scores.shape[1] == 1 else scores)
    loss = task["loss"]
    name, logits = str(loss["_target_"]).rpartition(".")[2], bool(loss.get("from_logits"))
    each = scores.shape[1] == 1 or name.startswith("Binary")  # else they are shares of one whole
    margin = name in ("Hinge", "SquaredHinge")  # the sign decides
    if scores.shape[1] > 1:
        predicted = scores.argmax(axis=1)
    else:
        predicted = (scores[:, 0] > (0 if logits or margin else 0.5)).astype(np.int64)
    if logits and each:
        shares = np.exp(-np.logaddexp(0, -scores))  # sigmoid, without an overflow
    elif logits:
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = raised / raised.sum(axis=1, keepdims=True)
    else:
        shares = scores
    known = not margin and ((shares >= 0) & (shares <= 1)).all()
    if scores.shape[1] == 1:
        shares = np.concatenate([1 - shares, shares], axis=1)
    return Answers(predicted, shares if known else None)


def task_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config's `task` section that decides, from the flat settings of a `status.json`."""
    loss = {"_target_": settings.get("task.loss._target_"), "from_logits": settings.get("task.loss.from_logits")}
    return {"labels": settings.get("task.labels"), "loss": loss}
