"""`best`: the folder of the best finished run."""

from __future__ import annotations

import json

import pytest
from made_runs import make_run
from test_naming import started

from stackfit.errors import ConfigError
from stackfit.results.best import find_best

UNITS = "model.layers.hidden.units"


@pytest.fixture
def runs(lab):
    """Runs with two metrics, blanks among them; the best by accuracy is `b`."""
    base = lab / "outputs" / "base"
    values = {"a": (0.8, 0.5), "b": (0.9, 0.7), "c": (None, 0.9), "d": (float("nan"), float("inf")), "e": (0.9, 0.4)}
    for number, (name, (accuracy, loss)) in enumerate(values.items()):
        metrics = {"loss": loss, "test_loss": loss, "test_accuracy": accuracy, "test_gap": accuracy}
        started(make_run(base / name, {UNITS: number}, metrics), f"1{number}:00:00")
    make_run(base / "failed", failed="loss is NaN")
    return base


def test_the_best_is_the_highest_accuracy_or_the_lowest_loss_and_of_equal_runs_the_oldest(runs):
    folder, said, problems = find_best(runs)
    assert (folder, problems) == ("outputs/base/b", [])
    assert said == "test_accuracy 0.9, the highest of 3 runs; 2 runs have it, and this is the oldest"
    assert find_best("base", "test_loss")[:2] == ("outputs/base/e", "test_loss 0.4, the lowest of 4 runs")
    assert find_best((), "test_loss", direction="max")[0] == "outputs/base/c"
    assert find_best((), filter="units < 1")[0] == "outputs/base/a"


def test_a_run_whose_files_have_changed_is_never_the_best_and_is_named(runs):
    status = runs / "a" / "status.json"
    status.write_text(status.read_text().replace("0.8", "0.99"))
    folder, _, problems = find_best(runs)
    assert folder == "outputs/base/b"
    assert len(problems) == 1 and "outputs/base/a: changed since it was written: status.json" in problems[0]


def test_a_name_that_does_not_exist_or_a_metric_that_nobody_has_is_an_error(runs):
    with pytest.raises(ConfigError, match=r"no column 'test_acuracy'\. Did you mean 'test_accuracy'"):
        find_best(runs, "test_acuracy")
    with pytest.raises(ConfigError, match=r"No run has a value of test_accuracy\. Expected"):
        find_best(runs / "d", "test_accuracy")
    with pytest.raises(ConfigError, match="no direction 'up'"):
        find_best(runs, direction="up")


def test_where_the_direction_is_not_known_there_is_no_best_until_you_say_it(runs, cli):
    answer = cli("best", "base", "--metric", "test_gap")
    assert (answer.code, answer.out) == (2, "") and "--direction max or --direction min" in answer.err
    answer = cli("best", "base", "--metric", "test_gap", "--direction", "min")
    assert (answer.code, answer.out) == (0, "outputs/base/a\n") and "test_gap 0.8, the lowest of 3 runs" in answer.err


def test_runs_on_different_data_are_ranked_with_a_warning(runs, lab, cli):
    other = make_run(lab / "outputs" / "other" / "a", {"data.kind": "digits"}, {"test_accuracy": 0.99})
    started(other, "19:00:00")
    (other / "environment.json").write_text(json.dumps({"data_fingerprint": "digits"}))
    answer = cli("best")
    assert answer.out == "outputs/other/a\n"
    assert answer.err.startswith("warning: The runs were tested on different items: outputs/base/a on fashion_mnist; ")
