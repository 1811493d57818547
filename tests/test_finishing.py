"""`finishing`: the final metrics are those of the saved weights, whoever chose them, and the log says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stackfit
from stackfit.data import load_dataset
from stackfit.execution.progress import Reporter
from stackfit.results.run import Run
from stackfit.results.run_files import RunFiles, read_history, read_metrics
from stackfit.training.checkpoint import Checkpoint

pytestmark = [
    pytest.mark.tf,
    pytest.mark.usefixtures("keras"),
    # Keras's ReduceLROnPlateau makes an array of a TensorFlow variable in a way that NumPy 2 calls old.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SMALL = ("digits_quickstart", "model.layers.hidden.units=4", "batch_size=100")
VALIDATED = (*SMALL, "data.validation_split=0.2")
EARLY = ("callbacks=early_stopping", "callbacks.early_stopping.patience=2", "optimizer.learning_rate=0.1", "epochs=30")
EMA = ("optimizer=sgd", "+optimizer.use_ema=true", "epochs=3")
OWN = '''
import keras


class Keeps(keras.callbacks.Callback):
    """Ends with the weights of one epoch, or with zeros."""

    def __init__(self, epoch=1, zeros=False):
        super().__init__()
        self.epoch, self.zeros, self.kept = epoch, zeros, None

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            self.kept = self.model.get_weights()

    def on_train_end(self, logs=None):
        self.model.set_weights([0 * weight for weight in self.kept] if self.zeros else self.kept)


class Stops(keras.callbacks.Callback):
    """Stops in the third batch of the second epoch, or at its end."""

    def __init__(self, at_batch=False):
        super().__init__()
        self.at_batch, self.epoch = at_batch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.at_batch and (self.epoch, batch) == (1, 2):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        print("sees", sorted(logs))
        if epoch == 1:
            self.model.stop_training = True
'''


@pytest.fixture
def own(write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> str:
    """The module `own_ends`, trusted."""
    write("own_ends.py", OWN)
    monkeypatch.delitem(sys.modules, "own_ends", raising=False)
    return "own_ends"


def run(*words: str, trust: tuple[str, ...] = ("own_ends",)) -> Run:
    return stackfit.run(*words, trust=trust, reporter=Reporter(0))


def log_of(run: Run) -> list[str]:
    return RunFiles(run.folder).log.read_text().splitlines()


def training_and_validation(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


def evaluated(run: Run) -> dict[str, float]:
    """Keras's own evaluation of the saved model on the validation data."""
    dataset = load_dataset(run.config["data"])
    model = stackfit.load_model(run, trust=["own_ends"])
    values = model.evaluate(dataset.scaling.apply(dataset.validation.x), dataset.validation.y, verbose=0, return_dict=True)
    return {f"val_{name}": value for name, value in values.items()}


def check_epoch(run: Run, epoch: int) -> None:
    """All final metrics are of this epoch, not the last one."""
    metrics = read_metrics(run.folder)
    assert training_and_validation(metrics) == training_and_validation(read_history(run.folder)[epoch - 1])
    assert metrics["weights_epoch"] == epoch < metrics["stopped_epoch"] and metrics["results_format"] == 2
    assert run.status["metrics"] == {k: v for k, v in metrics.items() if k not in ("results_format", "weights_sha256")}
    assert run.status["results_format"] == 2
    again = {name: metrics[name] for name in ("val_loss", "val_accuracy")}
    assert evaluated(run) == pytest.approx(again, abs=1e-5)


def check_of_no_epoch(run: Run) -> None:
    """The training's metrics are not known; the validation's are measured on the saved weights."""
    metrics = read_metrics(run.folder)
    assert metrics["loss"] is metrics["accuracy"] is metrics["weights_epoch"] is None
    again = {name: metrics[name] for name in ("val_loss", "val_accuracy")}
    assert evaluated(run) == pytest.approx(again, abs=1e-5)
    assert "the final weights are of no epoch" in RunFiles(run.folder).log.read_text()


def test_after_early_stopping_every_final_metric_is_of_the_restored_epoch(lab):
    stopped = run(*VALIDATED, *EARLY)
    losses = [row["val_loss"] for row in read_history(stopped.folder)]
    best, last = 1 + losses.index(min(losses)), len(losses)
    assert last == best + 2 < 30
    check_epoch(stopped, best)
    assert log_of(stopped)[-2] == f"stopped after epoch {last}: no better val_loss for 2 epochs; weights of epoch {best}"


def test_a_run_that_keeps_its_last_weights_says_no_epoch_and_logs_nothing_more(lab):
    plain = run(*VALIDATED, "epochs=2")
    assert "weights_epoch" not in plain.metrics and plain.metrics["loss"] == read_history(plain.folder)[-1]["loss"]
    assert [line.partition(" ")[0] for line in log_of(plain)] == ["digits_quickstart:", "epoch", "epoch", "test"]


def test_early_stopping_that_never_stops_restores_its_best_epoch_all_the_same(lab):
    whole = run(*VALIDATED, *EARLY, "callbacks.early_stopping.patience=29", "epochs=6")
    losses = [row["val_loss"] for row in read_history(whole.folder)]
    best = 1 + losses.index(min(losses))
    assert len(losses) == 6 > best
    check_epoch(whole, best)
    assert f"the final weights are those of epoch {best}" in log_of(whole)


def test_a_callback_of_ones_own_may_choose_the_epoch(lab, own):
    check_epoch(run(*VALIDATED, "epochs=3", "+callbacks.keep={_target_: own_ends.Keeps, epoch: 2}"), 2)


def test_weights_of_no_epoch_leave_the_trainings_metrics_blank(lab, own):
    check_of_no_epoch(run(*VALIDATED, "epochs=2", "+callbacks.keep={_target_: own_ends.Keeps, zeros: true}"))


def test_weights_of_no_epoch_without_validation_data_leave_only_the_tests(lab, own):
    zeros = run(*SMALL, "epochs=1", "+callbacks.keep={_target_: own_ends.Keeps, zeros: true}")
    assert {name for name, value in zeros.metrics.items() if value is None} == {"loss", "accuracy", "weights_epoch"}
    assert zeros.metrics["test_loss"] == pytest.approx(np.log(10), abs=1e-4)


@pytest.mark.parametrize("swapped", [(), ("+callbacks.swap={_target_: keras.callbacks.SwapEMAWeights, swap_on_epoch: true}",)])
def test_averaged_weights_are_of_no_epoch(lab, swapped):
    check_of_no_epoch(run(*VALIDATED, *EMA, *swapped))


def test_of_epochs_with_equal_weights_the_last_one_counts(lab, own):
    still = run(*SMALL, "epochs=3", "optimizer=sgd", "optimizer.learning_rate=1e-60",
                "+callbacks.keep={_target_: own_ends.Keeps}")  # fmt: skip
    assert "weights_epoch" not in still.metrics


@pytest.mark.parametrize("changes", [(*EARLY, "epochs=9"), EMA], ids=["early stopping", "moving averages"])
def test_cells_of_a_fused_sweep_end_like_single_runs(lab, changes):
    table = stackfit.sweep(*VALIDATED, *changes, "seed=0,1", reporter=Reporter(0))
    folders = sorted(lab.glob("outputs/*/sweep-*/*/status.json"))
    assert len(folders) == len(table) == 2
    for file in folders:
        cell = Run(file.parent)
        single = run(*VALIDATED, *changes, f"seed={cell.config['seed']}")
        assert read_metrics(cell.folder) == read_metrics(single.folder)
        assert log_of(cell)[-2:] == log_of(single)[-2:]
        rows = [[{**row, "seconds": 0, "members": 0} for row in read_history(each.folder)] for each in (cell, single)]
        assert rows[0] == rows[1]


class Interrupts(Reporter):
    def epoch(self, member: int, epoch: int, logs: Any) -> None:
        if epoch == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("old", [False, True], ids=["with digests", "of an earlier version"])
def test_a_checkpoint_without_digests_leaves_the_epochs_before_it_unknown(lab, own, old):
    words = (*VALIDATED, "epochs=5", "+callbacks.keep={_target_: own_ends.Keeps, epoch: 2}")
    with pytest.raises(KeyboardInterrupt):
        stackfit.run(*words, trust=("own_ends",), reporter=Interrupts(0))
    (path,) = lab.glob("outputs/*/*/checkpoint.npz")
    checkpoint = Checkpoint.read(path)
    assert len(checkpoint.digests) == checkpoint.epoch == 3
    if old:
        checkpoint.digests = []
        checkpoint.write(path, checkpoint.seconds)
    resumed = run(*words)
    assert resumed.status["resumed_after"] == [3]
    (check_of_no_epoch if old else lambda run: check_epoch(run, 2))(resumed)


def test_a_run_killed_after_it_stopped_ends_with_the_same_epoch_and_reason(lab, monkeypatch):
    from stackfit.execution import finishing

    whole = run(*VALIDATED, *EARLY)
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "_save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(*VALIDATED, *EARLY)
    resumed = run(*VALIDATED, *EARLY)
    assert resumed.status["resumed_after"] == [whole.metrics["stopped_epoch"]]
    assert read_metrics(resumed.folder) == read_metrics(whole.folder)
    assert log_of(resumed)[-2:] == log_of(whole)[-2:]


# ---- why it stopped


@pytest.mark.parametrize(
    "at_batch, said",
    [
        ("false", "stopped after epoch 2 by callbacks.mine; weights of epoch 2"),
        ("true", "stopped in epoch 2, after 3 batches by callbacks.mine; weights of epoch 2"),
    ],
)
def test_the_log_names_the_callback_that_stopped_the_training(lab, own, at_batch, said):
    callbacks = (
        "+callbacks.idle={_target_: keras.callbacks.EarlyStopping, monitor: loss, patience: 9}",
        f"+callbacks.mine={{_target_: own_ends.Stops, at_batch: {at_batch}}}",
        "+callbacks.other={_target_: keras.callbacks.TerminateOnNaN}",
    )
    stopped = run(*SMALL, "epochs=4", *callbacks)
    assert log_of(stopped)[-2] == said
    assert "sees ['accuracy', 'loss']" in log_of(stopped)  # the learning rate is for the history, as in Keras


# ---- the learning rate


def rates(run: Run) -> list[float]:
    return [row.get("learning_rate") for row in read_history(run.folder)]


def test_the_history_has_the_learning_rate_after_the_metrics(lab):
    plain = run(*SMALL, "epochs=2", "optimizer.learning_rate=0.01")
    assert list(read_history(plain.folder)[0]) == ["epoch", "loss", "accuracy", "learning_rate", "seconds", "members"]
    assert rates(plain) == pytest.approx([0.01, 0.01])


def test_the_learning_rate_is_that_of_the_schedule_after_the_epochs_steps(lab):
    decay = "optimizer=sgd_exponential", "optimizer.learning_rate.decay_steps=15", "epochs=2"  # 15 steps an epoch
    assert rates(run(*SMALL, *decay)) == pytest.approx([0.1 * 0.9, 0.1 * 0.9**2])


def test_the_learning_rate_is_the_one_before_callbacks_change_it_as_in_kerass_own_logs(lab):
    slower = "+callbacks.slower={_target_: keras.callbacks.ReduceLROnPlateau, monitor: loss, min_delta: 100, patience: 1, factor: 0.5}"
    logged = "+callbacks.log={_target_: keras.callbacks.CSVLogger, filename: log.csv}"
    slowed = run(*SMALL, "epochs=4", slower, logged)
    lines = (slowed.folder / "log.csv").read_text().splitlines()
    keras_own = [float(line.split(",")[lines[0].split(",").index("learning_rate")]) for line in lines[1:]]
    assert rates(slowed) == keras_own and rates(slowed)[0] > rates(slowed)[-1]


def test_metrics_do_not_count_the_learning_rate(lab):
    assert "learning_rate" not in json.loads((run(*SMALL, "epochs=1").folder / "metrics.json").read_text())


SWAP = ("+callbacks.swap={_target_: keras.callbacks.SwapEMAWeights}", "+optimizer.use_ema=true", "data.validation_split=0.2", "epochs=3")


def test_averaged_weights_are_swapped_in_for_validation_as_in_fit_and_eject_agrees_to_the_bit(lab, cli):
    run = stackfit.run("digits_quickstart", *SWAP, reporter=Reporter(0))
    assert [round(row["val_loss"], 4) for row in read_history(run.folder)] == [3.2580, 1.3866, 0.6510]  # from a plain fit
    assert "bit-equal" in cli("verify", str(run.folder)).out
    script = lab / "script.py"
    cli("eject", str(run.folder), "--out", str(script))
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    assert f"weights SHA-256 {read_metrics(run.folder)['weights_sha256']}" in printed


@pytest.mark.slow
def test_averaged_weights_are_the_same_alone_together_and_resumed(lab):
    seeds = stackfit.sweep("digits_quickstart", *SWAP, "seed=0,1,2", reporter=Reporter(0))
    alone = stackfit.run("digits_quickstart", *SWAP, "seed=1", fresh=True, reporter=Reporter(0))
    assert read_metrics(alone.folder)["weights_sha256"] in str([read_metrics(Path(folder)) for folder in seeds["folder"]])


BAD_METRIC = '''
import keras


class Odd(keras.metrics.Mean):
    """NaN in training, and infinite where examples are few."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.log(-keras.ops.abs(y_pred)))


class Dots(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(".", end="")

    def on_epoch_end(self, epoch, logs=None):
        print("|", end="" if epoch else "\\n")


class Compares(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get("acc") > 0.84:
            self.model.stop_training = True
'''


def test_a_metric_that_is_nan_is_a_blank_and_a_warning_and_what_waits_for_its_rest_is_one_line(lab, write, cli):
    write("own_odd.py", BAD_METRIC)
    options = {"trust": ["own_odd"], "reporter": Reporter(0)}
    odd = ("+task.metrics.odd._target_=own_odd.Odd", "+callbacks.dots._target_=own_odd.Dots")
    run = stackfit.run(*VALIDATED, "epochs=2", *odd, **options)
    rows = read_history(run.folder)
    assert [(row["odd"], row["val_odd"]) for row in rows] == [(None, None)] * 2 and all(row["loss"] > 0 for row in rows)
    stored = json.loads((run.folder / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert stored["odd"] is stored["test_odd"] is None and stored["test_accuracy"] > 0
    log = (run.folder / "log.txt").read_text().splitlines()
    warnings = [line for line in log if line.startswith("warning")]
    assert [line.split()[1] for line in warnings] == ["odd", "val_odd", "test_odd"] and "in epoch 1" in warnings[0]
    steps = -(-round(1437 * 0.8) // 100)
    assert [line for line in log if set(line) <= set(".|") and line] == ["." * steps + "|", "." * steps + "|"]
    answer = cli("table", str(run.folder))
    assert answer.code == 0 and "odd" not in answer.out.splitlines()[0] + answer.err
    verified = cli("verify", "--trust", "own_odd", str(run.folder))
    assert "bit-equal" in verified.out, verified


def test_poisson_of_a_linear_output_below_zero_does_not_end_the_run(lab):
    poisson = "+task.metrics.p={_target_: keras.metrics.Poisson}"
    line = ("xor_needs_a_hidden_layer", "hydra.mode=RUN", "model.layers.output.activation=null", "task.loss.from_logits=true")
    run = stackfit.run(*line, "epochs=2", poisson, reporter=Reporter(0))
    assert run.metrics["p"] is run.metrics["test_p"] is None and run.metrics["loss"] > 0


def test_an_exception_of_a_users_callback_has_its_place_and_the_names_in_logs(lab, write, cli):
    write("own_odd.py", BAD_METRIC)
    answer = cli("run", *SMALL, "epochs=2", "+callbacks.c._target_=own_odd.Compares", "--trust", "own_odd")
    place = BAD_METRIC.splitlines().index("        if logs.get(\"acc\") > 0.84:") + 1
    assert f"(own_odd.py:{place}, in on_epoch_end; logs hold loss, accuracy)" in answer.err
