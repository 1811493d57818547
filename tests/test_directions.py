"""`directions`: a metric's class says whether more of it is better; its name never does."""

from __future__ import annotations

import inspect
from functools import partial

import pytest
from made_runs import make_run

import stackfit
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter
from stackfit.results.comparison import compare
from stackfit.results.directions import BY_CLASS, check_direction, direction_of, find_mixture
from stackfit.results.frames import read_runs
from stackfit.results.run_files import read_status

UNITS = "model.layers.hidden.units"
GAP = "task.metrics.gap._target_"


def directions(path, *metrics: str) -> list[str | None]:
    runs, _ = read_runs(path)
    return [direction_of(runs, metric) for metric in metrics]


def make_gaps(path, target: str, name: str = "gap") -> None:
    """Two configurations with three seeds each; the one with 32 units has the lower values."""
    for units, value in {32: 0.1, 64: 0.5}.items():
        for seed in range(3):
            settings = {UNITS: units, "seed": seed, f"task.metrics.{name}._target_": target}
            make_run(path / f"{units}-{seed}", settings, {f"test_{name}": value + 0.01 * seed})


def test_a_lower_gap_is_better_where_its_class_is_an_error_and_worse_where_it_is_a_score(tmp_path):
    make_gaps(tmp_path / "error", "keras.metrics.MeanAbsoluteError")
    make_gaps(tmp_path / "score", "keras.metrics.R2Score")
    make_gaps(tmp_path / "named", "keras.metrics.R2Score", "error")  # its name says nothing
    assert compare(tmp_path / "error").sentences[0].startswith("units=32 is better than units=64: test_gap differs by")
    assert compare(tmp_path / "score").sentences[0].startswith("units=64 is better than units=32: ")
    assert compare(tmp_path / "named").sentences[0].startswith("units=64 is better than units=32: test_error differs")


def test_where_no_class_says_it_nothing_is_called_better_until_you_say_it(tmp_path):
    make_gaps(tmp_path, "my_metrics.Gap")
    seen, hint = compare(tmp_path).sentences
    assert seen.startswith("units=64 has a higher test_gap than units=32: test_gap differs by 0.4000")
    assert hint.startswith("Whether more test_gap is better is not known: ") and "--direction max or" in hint
    (said,) = compare(tmp_path, direction="min").sentences
    assert said.startswith("units=32 is better than units=64")
    with pytest.raises(ConfigError, match=r"no direction 'mn'\. Did you mean 'min'\? Expected max"):
        compare(tmp_path, direction="mn")
    assert check_direction(None) is None


def test_validation_and_test_values_follow_their_metric_and_every_loss_wants_less(tmp_path):
    gap, values = {GAP: "keras.metrics.Hinge"}, dict.fromkeys(["gap", "val_gap", "test_gap", "test_loss", "stopped_epoch"], 1)
    make_run(tmp_path, gap, values)
    assert directions(tmp_path, *values) == ["min", "min", "min", "min", None]
    # A key may begin like a prefix.
    make_run(tmp_path / "b", {"task.metrics.test_gap._target_": "keras.metrics.AUC"}, {"test_test_gap": 1})
    assert directions(tmp_path / "b", "test_test_gap") == ["max"]


def test_runs_that_disagree_or_of_which_one_does_not_say_have_no_direction(tmp_path):
    make_run(tmp_path / "a", {GAP: "keras.metrics.Hinge"}, {"gap": 1})
    make_run(tmp_path / "b", {GAP: "keras.metrics.AUC"}, {"gap": 1})
    make_run(tmp_path / "c", {GAP: "mine.Gap"}, {"gap": 1})
    make_run(tmp_path / "d", {}, {"accuracy": 1})
    assert directions([tmp_path / "a", tmp_path / "d"], "gap", "accuracy") == ["min", "max"]
    assert directions([tmp_path / "a", tmp_path / "b"], "gap") == [None]
    assert directions([tmp_path / "a", tmp_path / "c"], "gap") == [None]
    runs, _ = read_runs([tmp_path / name for name in "abd"])
    (mixture,) = find_mixture(runs, "gap")
    assert mixture == "gap is not the same measure in all runs: keras.metrics.AUC or keras.metrics.Hinge."
    assert find_mixture(runs, "accuracy") == []


def test_two_losses_under_one_name_are_named(tmp_path):
    for units, loss in {32: "MeanSquaredError", 64: "MeanAbsoluteError"}.items():
        for seed in range(2):
            settings = {UNITS: units, "seed": seed, "task.loss._target_": f"keras.losses.{loss}"}
            make_run(tmp_path / f"{units}-{seed}", settings, {"test_loss": units + seed})
    (problem,) = compare(tmp_path).problems
    assert problem == "test_loss is not the same measure in all runs: keras.losses.MeanAbsoluteError or keras.losses.MeanSquaredError."


def test_a_recorded_direction_that_is_damaged_is_not_known(tmp_path):
    make_run(tmp_path, {}, {"gap": 1, "accuracy": 1})
    status = tmp_path / "status.json"
    for damage in ('{"gap": ["min"], "accuracy": "up"}', '"min"', "null"):
        status.write_text(status.read_text().replace('"directions": null', f'"directions": {damage}'))
        known = "max" if not damage.startswith("{") else None  # without a mapping, as a run that recorded none
        assert directions(tmp_path, "gap", "accuracy") == [None, known]
        status.write_text(status.read_text().replace(f'"directions": {damage}', '"directions": null'))


@pytest.mark.tf
def test_the_table_of_keras_classes_is_what_keras_says(keras):
    arguments = {
        "IoU": {"num_classes": 2, "target_class_ids": [0]},
        "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
        "MeanIoU": {"num_classes": 2},
        "OneHotMeanIoU": {"num_classes": 2},
        "MeanMetricWrapper": {"fn": abs},
        "SensitivityAtSpecificity": {"specificity": 0.5},
        "SpecificityAtSensitivity": {"sensitivity": 0.5},
        "PrecisionAtRecall": {"recall": 0.5},
        "RecallAtPrecision": {"precision": 0.5},
    }
    is_metric = partial(lambda base, value: inspect.isclass(value) and issubclass(value, base), keras.metrics.Metric)
    says = {}
    for name, kind in inspect.getmembers(keras.metrics, is_metric):
        if kind is not keras.metrics.Metric:
            says[f"keras.metrics.{name}"] = getattr(kind(**arguments.get(name, {})), "_direction", None)
    assert {name: {"up": "max", "down": "min"}[says] for name, says in says.items() if says} == BY_CLASS


@pytest.mark.tf
def test_a_run_records_the_directions_of_its_metrics_own_ones_too(lab, write, keras):
    write(
        "own_gap.py",
        "import keras\n"
        "class Gap(keras.metrics.SparseCategoricalCrossentropy):\n"  # inherits what that says
        "    pass\n"
        "class Silent(keras.metrics.Mean):\n"
        "    def update_state(self, y_true, y_pred, sample_weight=None):\n"
        "        return super().update_state(y_pred)\n"
        "class Ends(Silent):\n"
        "    _direction = 'up'\n",
    )
    own = [f"+task.metrics.{name.lower()}._target_=own_gap.{name}" for name in ("Gap", "Silent", "Ends")]
    words = ["epochs=1", "model.layers.hidden.units=2", "save=[]", *own]
    run = stackfit.run("digits_quickstart", *words, trust=["own_gap"], reporter=Reporter(0))
    status = read_status(run.folder)
    assert status["directions"] == {"loss": "min", "accuracy": "max", "gap": "min", "ends": "max"}
    names = ("test_loss", "test_accuracy", "test_gap", "test_silent", "test_ends")
    assert directions(run.folder, *names) == ["min", "max", "min", None, "max"]


def test_one_of_several_values_of_a_metric_has_the_metrics_direction_and_classes(tmp_path):
    for folder, target in {"a": "keras.metrics.F1Score", "b": "keras.metrics.FBetaScore"}.items():
        make_run(tmp_path / folder, {"task.metrics.f1._target_": target}, {"test_f1_0": 1})
    assert directions(tmp_path, "test_f1_0") == ["max"]
    runs, _ = read_runs([tmp_path])
    assert find_mixture(runs, "test_f1_0") == [
        "test_f1_0 is not the same measure in all runs: keras.metrics.F1Score or keras.metrics.FBetaScore."
    ]
