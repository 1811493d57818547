"""Class weights by number, by name, and balanced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from stackfit.config import class_weights as weights
from stackfit.data.labels import balanced_weights
from stackfit.errors import ConfigError


def config(given, names=("lily", "rose"), classes=None):
    return {"task": {"class_weight": given}, "data": {"class_names": [*names], "num_classes": classes or len(names)}}


def test_a_name_or_a_number_is_a_class_and_names_go_first():
    assert weights.numbered(config({"rose": 2.0, "0": 3.0})) == {1: 2.0, 0: 3.0}
    assert weights.numbered(config({1: 2.0, 3: 5.0}, names=("1", "2", "3"))) == {0: 2.0, 2: 5.0}
    assert weights.numbered(config("balanced")) == "balanced" and weights.numbered(config(None)) is None


def test_only_a_name_that_is_another_number_has_changed_its_meaning():
    assert weights.means_names(config({1: 2.0}, names=("1", "2", "3")))
    assert not weights.means_names(config({1: 2.0}, names=("0", "1", "2")))
    assert not weights.means_names(config({1: 2.0})) and not weights.means_names(config(None))


def test_balanced_is_scikit_learns():
    labels = np.random.default_rng(0).choice(4, 300, p=[0.6, 0.3, 0.05, 0.05])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    assert list(balanced_weights(labels, 4).values()) == expected.tolist()
    assert balanced_weights(np.array([0, 0, 2]), 3)[1] == 1.0


@pytest.mark.parametrize(
    ("given", "parts"),
    [("{9: 1.0}", ["Expected balanced, or class numbers from 0 to 1, or names (lily, rose)"]), ("{rsoe: 2.0}", ["'rose'?"]), ("even", ["balanced"])],
)  # fmt: skip
def test_other_keys_are_refused(compose, flowers, given, parts):
    with pytest.raises(ConfigError) as caught:
        compose("digits_quickstart", *flowers, f"task.class_weight={given}")
    assert caught.value.key == "task.class_weight"
    assert [part for part in parts if part not in caught.value.message] == [], caught.value.message


@pytest.fixture
def flowers(lab):
    rows = "".join(f"{row},{'rose' if row % 4 else 'lily'}\n" for row in range(40))
    Path("f.csv").write_text(f"a,kind\n{rows}", encoding="utf-8")
    return ["data=csv", "data.path=f.csv", "data.label=kind"]


@pytest.mark.tf
def test_balanced_trains_as_the_weights_that_it_means(keras, flowers):
    import stackfit
    from stackfit.execution.progress import Reporter
    from stackfit.results import run_files

    def digest(given):
        typed = [*flowers, "epochs=1", "save=[]", f"task.class_weight={given}"]
        return run_files.read_metrics(stackfit.run("digits_quickstart", *typed, reporter=Reporter(0)).folder)[
            "weights_sha256"
        ]

    balanced = digest("balanced")  # 8 lilies and 24 roses train
    assert balanced == digest("{lily: 2.0, rose: 0.6666666666666666}") != digest("null")
