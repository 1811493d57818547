"""`answers`: the task decides what scores say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stackfit.keys import flatten
from stackfit.results.answers import read_answers, task_of


def task(loss: str, labels: str = "class", **arguments: Any) -> dict[str, Any]:
    return {"labels": labels, "loss": {"_target_": f"keras.losses.{loss}", **arguments}}


SPARSE, BINARY = task("SparseCategoricalCrossentropy"), task("BinaryCrossentropy")
SPARSE_LOGITS, BINARY_LOGITS = (
    task(f"{kind}Crossentropy", from_logits=True) for kind in ("SparseCategorical", "Binary")
)
ONE_HOT, EACH = task("CategoricalCrossentropy", "one_hot"), task("BinaryCrossentropy", "one_hot")


@pytest.mark.parametrize(
    "config, scores, predicted, shares",
    [
        (SPARSE, [0.25, 0.75], 1, [0.25, 0.75]),
        (ONE_HOT, [0.75, 0.25, 0.0], 0, [0.75, 0.25, 0.0]),
        (BINARY, [0.75], 1, [0.25, 0.75]),
        (BINARY, [0.5], 0, [0.5, 0.5]),  # as keras.metrics.BinaryAccuracy counts it
        (BINARY_LOGITS, [0.0], 0, [0.5, 0.5]),
        (BINARY_LOGITS, [0.4], 1, [1 / (1 + np.exp(0.4)), 1 / (1 + np.exp(-0.4))]),  # a logit below 0.5
        (BINARY_LOGITS, [-1000.0], 0, [1.0, 0.0]),
        (SPARSE_LOGITS, [0.0, np.log(3.0)], 1, [0.25, 0.75]),
        (SPARSE_LOGITS, [1000.0, 1000.0], 0, [0.5, 0.5]),
        (EACH, [0.9, 0.8], 0, [0.9, 0.8]),  # each by itself: they do not add up to one
        (task("BinaryCrossentropy", "one_hot", from_logits=True), [0.0, np.log(3.0)], 1, [0.5, 0.75]),
        (task("MeanSquaredError"), [0.7], 1, [0.3, 0.7]),
        (task("MeanSquaredError"), [13.187], 1, None),  # 1318.7 % of what?
        (task("Hinge"), [-0.2], 0, None),
        (task("Hinge"), [0.2], 1, None),
        (task("CategoricalHinge", "one_hot"), [-3.0, 2.0], 1, None),
    ],
)
def test_classes_and_their_shares(config, scores, predicted, shares):
    answers = read_answers(config, np.array([scores]))
    assert answers.predicted.tolist() == [predicted]
    if shares is None:
        assert answers.shares is None
    else:
        np.testing.assert_allclose(answers.shares, [shares], atol=1e-12)


def test_values_are_values_one_or_several():
    regression = task("MeanSquaredError", "value")
    one = read_answers(regression, np.array([[13.25], [-2.0]], np.float32))
    assert one.predicted.tolist() == [13.25, -2.0] and one.shares is None
    several = read_answers(regression, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert several.predicted.tolist() == [[1, 2], [3, 4]]


def test_scores_without_an_axis_of_outputs_are_one_output():
    assert read_answers(BINARY, np.array([0.9, 0.1])).predicted.tolist() == [1, 0]


@pytest.mark.parametrize("config", [SPARSE, BINARY_LOGITS, task("MeanSquaredError", "value")])
def test_flat_settings_say_the_same_as_the_config(config):
    flat = flatten({"task": config})
    scores = np.array([[0.4]])
    assert read_answers(task_of(flat), scores).predicted.tolist() == read_answers(config, scores).predicted.tolist()
