"""`metric_checks`: every Keras metric on every form of labels and output is right, refused, or warned of."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError, Problems
from stackfit.execution.progress import Reporter
from stackfit.results.frames import read_runs
from stackfit.results.run_files import read_history, read_metrics

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]

REQUIRED = {"num_classes": 10, "target_class_ids": [0], "normalizer": [1.0],
            **dict.fromkeys(("recall", "precision", "sensitivity", "specificity"), 0.5)}  # fmt: skip
# Labels, classes, width of the output, and its activation.
FORMS = {
    "class": ("class", 10, 10, "softmax"),
    "one_hot": ("one_hot", 10, 10, "softmax"),
    "sigmoid": ("class", 2, 1, "sigmoid"),
    "logit": ("class", 2, 1, "linear"),
    "value": ("value", 1, 1, "linear"),
}
SMALL = ("digits_quickstart", "model.layers.hidden.units=4", "batch_size=100")
XOR = ("xor_needs_a_hidden_layer", "hydra.mode=RUN")


def metric_classes() -> list[str]:
    import keras

    found = {name: kind for name, kind in vars(keras.metrics).items() if isinstance(kind, type)}
    return sorted(name for name, kind in found.items() if issubclass(kind, keras.metrics.Metric) and name not in ("Metric", "MeanMetricWrapper"))


def trial(name: str, form: str, **arguments: Any) -> Any:
    import keras

    from stackfit.model.metric_checks import try_metrics

    labels, classes, width, activation = FORMS[form]
    parameters = inspect.signature(getattr(keras.metrics, name)).parameters.values()
    required = {each.name: REQUIRED[each.name] for each in parameters if each.default is each.empty and each.name in REQUIRED}
    if "num_classes" in required:
        required["num_classes"] = max(2, classes)
    node = {"_target_": f"keras.metrics.{name}", **required, **arguments}
    config = {"task": {"labels": labels, "metrics": {"m": node}}, "data": {"num_classes": classes}}
    return try_metrics(config, SimpleNamespace(width=width, shape=(width,), activation=activation))["m"]


def value(name: str, form: str, **arguments: Any) -> Any:
    """What a sound metric gives for answers that are right; None if it is refused."""
    tried = trial(name, form, **arguments)
    return np.asarray(tried.results[0]) if tried.sound else None


def test_values_of_right_answers_by_hand():
    log = np.log
    assert value("SparseCategoricalAccuracy", "class") == value("CategoricalAccuracy", "one_hot") == 1
    assert value("BinaryAccuracy", "sigmoid") == value("AUC", "sigmoid") == value("Recall", "sigmoid") == 1
    assert np.array_equal(value("F1Score", "one_hot"), np.ones(10))
    # Two of 16 labels are 1, with the output 0.9; the others have 0.1.
    assert value("BinaryCrossentropy", "sigmoid") == pytest.approx(-log(0.9))
    assert value("Hinge", "sigmoid") == pytest.approx((2 * (1 - 0.9) + 14 * (1 + 0.1)) / 16)
    assert value("SquaredHinge", "sigmoid") == pytest.approx((2 * (1 - 0.9) ** 2 + 14 * (1 + 0.1) ** 2) / 16)
    assert value("KLDivergence", "sigmoid") == pytest.approx(2 * log(1 / 0.9) / 16, rel=1e-3)
    assert value("Poisson", "sigmoid") == pytest.approx((2 * (0.9 - log(0.9)) + 14 * 0.1) / 16, rel=1e-3)
    labels = np.linspace(0.1, 0.9, 9)
    assert value("Poisson", "value") == pytest.approx(np.mean(labels + 0.01 - labels * log(labels + 0.01)), rel=1e-3)
    assert value("MeanAbsoluteError", "value") == pytest.approx(0.01, rel=1e-3)


def test_metrics_that_compare_each_label_with_every_output_get_columns_and_no_others():
    from stackfit.execution.fingerprint import BROADCAST

    plain = ("MeanAbsoluteError", "BinaryAccuracy", "AUC", "R2Score", "BinaryIoU")
    assert not any(trial(name, "sigmoid").column for name in plain)
    assert all(trial(name, "sigmoid").column for name in ("BinaryCrossentropy", "F1Score"))  # they refuse (n,)
    for name in BROADCAST:  # wrong until then, so in the fingerprint
        tried = trial(name.rpartition(".")[2], "sigmoid")
        assert tried.column and not isinstance(tried.plain[0], BaseException)


@pytest.mark.slow
def test_what_changed_its_numbers_is_in_the_fingerprint_and_every_metric_is_judged_by_both_answers():
    from stackfit.execution.fingerprint import BROADCAST

    changed = set()
    for name in metric_classes():
        for form in FORMS:
            tried = trial(name, form)
            right, wrong = tried.results
            direction = tried.direction
            if tried.sound and direction:
                better = np.mean(right) > np.mean(wrong) if direction == "up" else np.mean(right) < np.mean(wrong)
                assert better or name == "CosineSimilarity", (name, form, right, wrong)
            if tried.sound and tried.column and not isinstance(tried.plain[0], BaseException):
                changed.add(f"keras.metrics.{name}")
    assert changed == BROADCAST


REFUSED = [
    # Experiment and task, metric, what is said, and what to type.
    (SMALL, "MeanIoU, num_classes: 10", "MeanIoU refuses", "Write: sparse_y_pred: false, or type task.metrics.m.sparse_y_pred=false"),
    (SMALL, "OneHotIoU, num_classes: 10, target_class_ids: [0]", "right and for wrong", "task=classification_one_hot"),
    (SMALL, "F1Score", "FBetaScore expects 2D", "task=classification_one_hot"),
    (SMALL, "Mean", "would take the outputs for weights", "keras.metrics.SparseCategoricalAccuracy"),
    (SMALL, "SparseTopKCategoricalAccuracy, k: 10", "is 1 for right and for wrong", "keras.metrics.SparseCategoricalAccuracy"),
    ((*SMALL, "task=classification_one_hot"), "MeanIoU, num_classes: 10", "is 0.45 for right",
     "task.metrics.m.sparse_y_true=false task.metrics.m.sparse_y_pred=false"),
    ((*SMALL, "task=classification_one_hot"), "SparseCategoricalAccuracy", "Incompatible shapes", "task=classification"),
    (XOR, "MeanIoU, num_classes: 2", "right and for wrong", "keras.metrics.BinaryAccuracy"),
    (XOR, "IoU, num_classes: 2, target_class_ids: [1]", "right and for wrong", "keras.metrics.BinaryAccuracy"),
    (XOR, "F1Score", "right and for wrong", "Write: threshold: 0.5"),
    (XOR, "PearsonCorrelation", "is nan for right", "Write: axis: 0"),
    (XOR, "SparseCategoricalAccuracy", "is 0.875 for right", "keras.metrics.BinaryAccuracy"),
]  # fmt: skip


def test_what_tells_nothing_is_refused_before_training_with_what_to_type(compose):
    from stackfit.execution.members import build_model

    for (experiment, *overrides), metric, said, cure in REFUSED:
        typed = [each for each in overrides if not each.startswith("hydra.")]
        cell = compose(experiment, *typed, "+task.metrics.m={_target_: keras.metrics." + metric + "}")
        problems = Problems()
        build_model(cell, tuple(cell.config["data"]["input_shape"]), problems)
        (error,) = problems.errors
        assert said in error.message and cure in error.message, error.message
        assert "{{" not in error.message and error.key == "task.metrics.m._target_"


def test_a_metric_for_probabilities_on_logits_is_a_warning_and_one_that_is_meant_is_silenced(compose):
    from stackfit.execution.members import build_model

    def found(*overrides: str) -> Problems:
        cell, problems = compose(XOR[0], *overrides), Problems()
        build_model(cell, (2,), problems)
        return problems

    logits = ("model.layers.output.activation=null", "task.loss.from_logits=true")
    (warning,) = found(*logits).warnings
    assert "BinaryAccuracy reads probabilities" in warning.message and "activation=sigmoid" in warning.message
    for metric in ("Precision", "F1Score, threshold: 0.5", "FalseNegatives"):
        more = f"+task.metrics.m={{_target_: keras.metrics.{metric}}}"
        assert [each.key for each in found(*logits, more).warnings] == ["task.metrics.accuracy._target_", "task.metrics.m._target_"]
    iou = "+task.metrics.m={_target_: keras.metrics.MeanIoU, num_classes: 2}"
    assert found(iou).errors and not found(iou, "silence=[metric_meaning]").errors


def test_a_vector_is_a_value_a_class_everywhere_and_only_the_cell_with_a_bad_metric_fails(lab, cli):
    f1 = "+task.metrics.f1={_target_: keras.metrics.F1Score}"
    stop = "+callbacks.stop={_target_: keras.callbacks.EarlyStopping, monitor: f1_3, mode: max, patience: 5}"
    answer = cli("run", *SMALL, "epochs=2", f1, stop, "-m", "task=classification,classification_one_hot")
    assert answer.code == 1 and "FBetaScore expects 2D" in answer.err and "stackfit itself" not in answer.err
    runs, _ = read_runs(())
    (folder,) = map(Path, runs.about["folder"][runs.about["state"] == "finished"])
    names = [f"f1_{number}" for number in range(10)]
    assert {*names} <= {*read_history(folder)[0]} and {f"test_{name}" for name in names} <= {*read_metrics(folder)}
    assert runs.directions[runs.about["state"] == "finished"].iloc[0]["f1_9"] == "max"
    assert "Write: callbacks.stop.mode=max" in cli("plan", *SMALL, "task=classification_one_hot", f1, stop.replace("mode: max, ", "")).err
    assert "one array" in cli("eject", str(folder)).err
    verified = cli("verify", str(folder))
    assert "bit-equal" in verified.out


def test_values_whose_names_are_taken_are_refused(cli):
    f1 = "={_target_: keras.metrics.F1Score}"
    one_hot = (*SMALL, "task=classification_one_hot")
    taken = "+task.metrics.f1_0={_target_: keras.metrics.F1Score, average: macro}"
    assert "as 'f1_0' has too" in cli("plan", *one_hot, f"+task.metrics.f1{f1}", taken).err
    assert "Write: my_test" in cli("plan", *one_hot, f"+task.metrics.test{f1}").err
    assert "Write: my_val" in cli("plan", *one_hot, f"+task.metrics.val{f1}").err


def test_one_sigmoid_output_has_an_f1_that_the_ejected_script_has_too(lab, cli):
    import keras

    metrics = ["+task.metrics.f1={_target_: keras.metrics.F1Score, threshold: 0.5, average: micro}",
               "+task.metrics.each={_target_: keras.metrics.F1Score, threshold: 0.5}"]  # fmt: skip
    run = stackfit.run(*XOR, "epochs=3", *metrics, "optimizer.learning_rate=0.1", reporter=Reporter(0))
    scores = np.load(run.folder / "predictions.npz")["scores"]
    f1 = keras.metrics.F1Score(threshold=0.5, average="micro")
    f1.update_state(np.array([[0.0], [1], [1], [0]]), scores)
    assert run.metrics["test_f1"] == run.metrics["test_each"] == pytest.approx(float(f1.result()))
    script = cli("eject", str(run.folder)).out
    assert "y_train = y_train[:, None]" in script and "np.round(value, 4)" in script


def test_a_metric_of_the_users_own_is_not_judged_but_must_take_the_labels(lab, write):
    write("own_metric.py", '''
import keras


class Spread(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.std(y_pred))


class Picky(Spread):
    def update_state(self, y_true, y_pred, sample_weight=None):
        if len(y_true.shape) != 3:
            raise ValueError("labels have three axes")


class Both(Spread):
    def result(self):
        return {"up": self.total, "down": -self.total}
''')  # fmt: skip
    options = {"trust": ["own_metric"], "reporter": Reporter(0)}
    run = stackfit.run(*SMALL, "epochs=1", "+task.metrics.s._target_=own_metric.Spread", "+task.metrics.b._target_=own_metric.Both", **options)
    assert run.metrics["s"] > 0 and run.metrics["test_b_up"] == -run.metrics["test_b_down"] > 0
    with pytest.raises(ConfigError, match="Picky refuses these labels and outputs: labels have three axes"):
        stackfit.run(*SMALL, "+task.metrics.s._target_=own_metric.Picky", **options)
