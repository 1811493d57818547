"""`items`: runs are compared only where they were measured on the same items."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_runs import make_run

from stackfit.errors import RunFolderError
from stackfit.results.comparison import compare
from stackfit.results.frames import read_runs
from stackfit.results.items import check_same_items

UNITS = "model.layers.hidden.units"


def make(run, kind: str = "digits", fingerprint: str | None = "f", labels=(0, 1, 2), metrics=None, **data):
    """A finished run on data with this fingerprint; `labels` of its test items, or None for streamed data."""
    settings = {"data.kind": kind, "data.name": None, **{f"data.{key}": value for key, value in data.items()}}
    seed = settings.pop("data.seed", 0)
    make_run(run, {**settings, UNITS: data.get("units", 64), "seed": seed}, metrics, experiment=run.parent.name)
    if fingerprint:
        (run / "environment.json").write_text(json.dumps({"data_fingerprint": fingerprint}))
    if labels is not None:
        np.savez(run / "predictions.npz", scores=np.eye(3)[np.array(labels) % 3], labels=np.array(labels))
    return run


def check(path, metric: str | None = "test_accuracy") -> list[str]:
    return check_same_items(read_runs(path)[0], metric)


def test_sweeps_on_two_data_sets_are_refused_as_two_runs_are(tmp_path):
    for kind, count in (("digits", 3), ("fashion_mnist", 6)):
        for seed in range(3):
            score = {"test_accuracy": 0.9 - count / 100 + seed / 1000, "accuracy": 0.5}
            make(tmp_path / kind / str(seed), kind, kind, [*range(count)], score, seed=seed)
    said = r"tested on different items: \S+digits/0 on digits \(3 items\); \S+fashion_mnist/0 on fashion_mnist \(6 items\)\. "
    for chosen in (tmp_path, [tmp_path / "digits", tmp_path / "fashion_mnist"]):
        with pytest.raises(RunFolderError, match=said + r".* --filter '`data\.kind` == \"digits\"'.*stackfit table"):
            compare(chosen)
    with pytest.raises(RunFolderError, match=said):
        compare(tmp_path, "accuracy")
    with pytest.raises(RunFolderError, match=said + "Expected the same test items"):
        compare([tmp_path / "digits" / "0", tmp_path / "fashion_mnist" / "0"])
    # The cure works: one data set, here one configuration.
    assert check(tmp_path / "digits") == []


def test_two_runs_without_predictions_are_refused_by_their_data_too(tmp_path):
    for kind in ("mnist", "digits"):
        make(tmp_path / kind, kind, kind, labels=None)
    with pytest.raises(RunFolderError, match=r"\S+mnist on mnist; "):
        compare([tmp_path / "mnist", tmp_path / "digits"])


def test_more_than_sixteen_configurations_on_two_data_sets_are_refused(tmp_path):
    for units in range(20):
        kind = "digits" if units else "xor"
        make(tmp_path / str(units), kind, kind, [*range(3 + units % 2)], units=units)
    with pytest.raises(RunFolderError, match="different items"):
        compare(tmp_path)


def test_scaling_and_the_size_of_the_training_part_may_differ_for_test_metrics_alone(tmp_path):
    names = {"accuracy": 1, "val_accuracy": 1, "test_accuracy": 1, "parameters": 1}
    make(tmp_path / "a", metrics=names, scale="unit", validation_split=0.1)
    make(tmp_path / "b", metrics=names, scale="none", validation_split=0.1)
    assert [check(tmp_path, metric) for metric in names] == [[]] * 4
    make(tmp_path / "c", metrics=names, scale="unit", validation_split=0.2)
    assert check(tmp_path, "test_accuracy") == check(tmp_path, "parameters") == []
    for metric in ("accuracy", "val_accuracy"):
        with pytest.raises(RunFolderError, match=rf"^{metric} was measured on different items: data\.validation_split"):
            check(tmp_path, metric)


def test_streamed_data_are_the_same_where_their_test_split_is(tmp_path):
    whole = make(tmp_path / "a", "tfds", "f1", None, name="emnist", **{"splits.train": "train", "splits.test": "test"})
    part = make(tmp_path / "b", "tfds", "f2", None, name="emnist", **{"splits.train": "train[:50%]", "splits.test": "test"})
    other = make(tmp_path / "c", "tfds", "f3", None, name="emnist", **{"splits.train": "train", "splits.test": "test[:50%]"})
    assert check([whole, part]) == []
    for pair in ([whole, other], [part, other]):
        with pytest.raises(RunFolderError, match=r"a on emnist; \S+c on|b on emnist; \S+c on"):
            check(pair)
    with pytest.raises(RunFolderError, match="the training data do"):
        check([whole, part], "accuracy")


def test_the_same_items_in_another_order_compare_as_configurations_and_not_item_by_item(tmp_path):
    a = make(tmp_path / "a", "fashion_mnist", "f1", [0, 1, 2, 2], order="tfds")
    b = make(tmp_path / "b", "fashion_mnist", "f2", [2, 1, 0, 2], order="keras")
    assert check(tmp_path) == []
    with pytest.raises(RunFolderError, match=r"in different orders \(data\.order\)"):
        compare([a, b])
    make(tmp_path / "c", "fashion_mnist", "f3", [2, 1, 0, 1], order="keras")
    with pytest.raises(RunFolderError, match="different items"):
        check(tmp_path)


def test_equal_labels_of_other_data_are_compared_but_named(tmp_path):
    a = make(tmp_path / "a", "csv", "f1", path="wine.csv")
    columns = make(tmp_path / "b", "csv", "f2", path="wine_with_more_columns.csv")
    changed = make(tmp_path / "c", "csv", "f3", path="wine.csv")
    for pair, name in (([a, columns], "wine_with_more_columns.csv"), ([a, changed], "wine.csv")):
        (said,) = check(pair)
        assert said.startswith("The test items have the same labels, but come from different data: ")
        assert "a on wine.csv (3 items); " in said and f"{name} (3 items)." in said
    # With a test file of its own, the training file is free.
    for name in ("d", "e"):
        make(tmp_path / name, "csv", name, path=f"{name}.csv", test_path="test.csv")
    assert check([tmp_path / "d", tmp_path / "e"]) == []


def test_runs_that_recorded_no_fingerprint_are_held_against_each_other_by_their_labels(tmp_path):
    make(tmp_path / "a", fingerprint=None)
    make(tmp_path / "b", fingerprint=None)
    make(tmp_path / "c")
    assert check(tmp_path) == []
    make(tmp_path / "d", fingerprint=None, labels=(0, 1))
    with pytest.raises(RunFolderError, match=r"a on digits \(3 items\); \S+d on digits \(2 items\)"):
        check(tmp_path)


def test_predictions_that_are_damaged_count_as_unknown(tmp_path):
    make(tmp_path / "a")
    np.savez(make(tmp_path / "b", fingerprint="g") / "predictions.npz", scores=np.array(1.0), labels=np.array(3))
    (make(tmp_path / "c", fingerprint="h") / "predictions.npz").write_text("garbage")
    assert len(check(tmp_path)) == 1  # the same settings gave other arrays
