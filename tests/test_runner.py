"""`runner`: from a cell to a finished, a failed or an interrupted run folder."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import processes
import pytest
import yaml

import stackfit
from stackfit.config.schema import LATER
from stackfit.errors import ConfigError, TrainingError
from stackfit.execution.progress import Reporter
from stackfit.keys import flatten
from stackfit.results.manifest import read_manifest
from stackfit.results.run import Run
from stackfit.results.run_files import RunFiles

pytestmark = [
    pytest.mark.tf,
    # Keras's ReduceLROnPlateau makes an array of a TensorFlow variable in a way that NumPy 2 calls old.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SMALL = ("epochs=2", "model.layers.hidden.units=4", "batch_size=100")
QUIET = Reporter(0)


def run(*overrides: str, **options) -> stackfit.Run:
    return stackfit.run("digits_quickstart", *SMALL, *overrides, reporter=QUIET, **options)


def only_folder(lab: Path) -> Path:
    (folder,) = (lab / "outputs" / "digits_quickstart").iterdir()
    return folder


def status_of(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text())


def history_of(folder: Path) -> list[dict[str, str]]:
    rows = csv.DictReader((folder / "history.csv").read_text().splitlines())
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of one finished run."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("finished"))
    try:
        return run("data.validation_split=0.1", "save=[keras,h5]").folder
    finally:
        os.chdir(before)


# ---- the contract


def test_a_finished_folder_holds_the_files_of_the_contract_and_nothing_else(finished):
    assert {path.name for path in finished.iterdir()} == {
        *("config.yaml", "status.json", "environment.json", "history.csv", "metrics.json"),
        *("predictions.npz", "model.keras", "model.h5", "log.txt", "scaling.json", "layers.json", "manifest.json"),
    }


def test_the_layers_stand_in_a_file_of_the_manifest(finished):
    layers = Run(finished).layers
    assert layers.to_dict("list") == {
        "name": [layers["name"][0], "flatten", "hidden", "output"],
        "class": ["InputLayer", "Flatten", "Dense", "Dense"],
        "output_shape": [[8, 8, 1], [64], [4], [10]],
        "parameters": [0, 0, 64 * 4 + 4, 4 * 10 + 10],
    }
    assert "layers.json" in (read_manifest(RunFiles(finished)) or {})


def test_the_history_has_a_row_an_epoch_from_1(finished):
    rows = list(csv.DictReader((finished / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert next(iter(rows[0])) == "epoch" and list(rows[0])[-2:] == ["seconds", "members"]
    assert set(rows[0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "members"}
    assert [row["members"] for row in rows] == ["1", "1"]


def test_the_metrics_are_the_last_epochs_the_tests_and_the_digest(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics) == {
        *("loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy"),
        *("results_format", "stopped_epoch", "parameters", "weights_sha256"),
    }
    last = history_of(finished)[-1]
    assert all(
        metrics[name] == float(last[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")
    )
    assert metrics["stopped_epoch"] == 2 and metrics["parameters"] == (64 * 4 + 4) + (4 * 10 + 10)


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_the_digest_is_that_of_the_saved_models_weights(finished, form):
    import hashlib

    import keras

    digest = hashlib.sha256()
    for weight in keras.models.load_model(finished / f"model.{form}").get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape}".encode() + weight.tobytes())
    assert digest.hexdigest() == json.loads((finished / "metrics.json").read_text())["weights_sha256"]


def test_the_predictions_are_the_saved_models_and_give_the_test_accuracy(finished):
    from stackfit.data import load_dataset

    stored = np.load(finished / "predictions.npz")
    dataset = load_dataset(yaml.safe_load((finished / "config.yaml").read_text())["data"])
    model = stackfit.load_model(finished)
    expected = model.predict(dataset.scaling.apply(dataset.test.x), batch_size=100, verbose=0)
    assert np.array_equal(stored["scores"], expected) and np.array_equal(stored["labels"], dataset.test.y)
    metrics = json.loads((finished / "metrics.json").read_text())
    assert (expected.argmax(1) == dataset.test.y).mean() == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    loss, accuracy = model.evaluate(
        dataset.scaling.apply(dataset.test.x), dataset.test.y, batch_size=100, verbose=0
    )
    assert (loss, accuracy) == (metrics["test_loss"], metrics["test_accuracy"])


def test_the_status_holds_what_tables_need(finished):
    status = status_of(finished)
    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert (
        status["status"] == "finished" and status["experiment"] == "digits_quickstart" and status["seed"] == 0
    )
    assert (
        status["overrides"] == [*SMALL, "data.validation_split=0.1", "save=[keras,h5]"]
        and status["axes"] == {}
    )
    assert re.fullmatch(r"[0-9a-f]{64}", status["fingerprint"]) and status["seconds"] > 0
    assert status["reason"] is None and status["traceback"] is None
    shown = {
        key: value for key, value in config.items() if key not in ("about", "expect", "save", "verbosity", "silence")
    }
    assert status["settings"] == {key: value for key, value in flatten(shown).items() if LATER.get(key, ...) != value}
    metrics = json.loads((finished / "metrics.json").read_text())
    assert status["metrics"] == {key: value for key, value in metrics.items() if key not in ("results_format", "weights_sha256")}


def test_the_environment_says_with_what_and_on_what(finished):
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["versions"].keys() >= {"keras", "tensorflow", "numpy", "stackfit"}
    assert {
        "python",
        "data_fingerprint",
        "git_commit",
        "git_clean",
        "cores",
        "threads",
        "platform",
        "devices",
    } <= environment.keys()


def test_the_config_is_enough_to_run_again(finished):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert config["model"]["layers"]["output"]["units"] == 10  # resolved: no ${…} is left
    assert "${" not in (finished / "config.yaml").read_text() and "hydra" not in config


def test_the_log_holds_what_was_printed(cli, lab):
    answer = cli("run", "digits_quickstart", *SMALL)
    log = (only_folder(lab) / "log.txt").read_text()
    assert (
        answer.code == 0
        and answer.out.splitlines()[-1] == f"outputs/digits_quickstart/{only_folder(lab).name}"
    )
    assert [line for line in log.splitlines() if line] == [line for line in answer.err.splitlines() if line]
    assert "epoch 2/2" in log and "64 -> 4 -> 10" in log and "test  loss" in log


def test_the_same_config_twice_gives_the_same_bits(lab):
    first, second = run("seed=3"), run("seed=3")
    assert first.folder != second.folder
    assert history_of(first.folder) == history_of(second.folder)
    digests = {
        json.loads((one.folder / "metrics.json").read_text())["weights_sha256"] for one in (first, second)
    }
    assert len(digests) == 1
    assert run("seed=4").metrics["test_loss"] != first.metrics["test_loss"]


def test_nothing_is_saved_where_nothing_is_asked_for(lab):
    assert not [path for path in run("save=[]").folder.iterdir() if path.name.startswith("model")]


# ---- a failed run is a result too


def test_a_loss_that_is_not_finite_fails_the_run_and_names_the_epoch(lab):
    with pytest.raises(TrainingError, match=r"loss is nan in epoch 1\.") as error:
        run("optimizer=sgd", "optimizer.learning_rate=1e30")
    status = status_of(only_folder(lab))
    assert error.value.exit_code == 1 and status["status"] == "failed"
    assert status["reason"].startswith("loss is nan in epoch 1. Expected a finite number.")
    assert "failed: loss is nan in epoch 1." in (only_folder(lab) / "log.txt").read_text()
    assert not (only_folder(lab) / "metrics.json").exists()


OWN_CALLBACK = """
import sys
import keras

class Mine(keras.callbacks.Callback):
    def __init__(self, what="print"):
        super().__init__()
        self.what = what

    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch + 1, "says hello")
        if self.what == "raise":
            raise ValueError("I had enough.")
        if self.what == "exit":
            sys.exit("bye")
"""


def run_own(write, name: str, what: str) -> stackfit.Run:
    write(f"{name}.py", OWN_CALLBACK)
    return run(f"+callbacks.own={{_target_: {name}.Mine, what: {what}}}", trust=(name,))


def test_what_a_callback_of_the_users_prints_is_in_the_log(write):
    log = (run_own(write, "own_printing", "print").folder / "log.txt").read_text()
    assert "epoch 1 says hello\n" in log and "epoch 2 says hello\n" in log


@pytest.mark.parametrize(
    "what, reason",
    [("raise", "ValueError in epoch 1: I had enough."), ("exit", "SystemExit in epoch 1: bye")],
)
def test_a_callback_that_raises_or_exits_is_a_failed_run_with_its_traceback(write, lab, what, reason):
    with pytest.raises(TrainingError, match=re.escape(reason)):
        run_own(write, f"own_{what}", what)
    status = status_of(only_folder(lab))
    assert status["status"] == "failed" and re.fullmatch(
        rf"{re.escape(reason)} \(own_{what}\.py:\d+, in on_epoch_end; logs hold loss, accuracy\)", status["reason"]
    )
    assert f"own_{what}.py" in status["traceback"] and "on_epoch_end" in status["traceback"]
    assert "Traceback" in (only_folder(lab) / "log.txt").read_text()
    assert [row["epoch"] for row in history_of(only_folder(lab))] == ["1"]


def test_a_callback_that_refuses_its_arguments_is_a_config_error_and_leaves_no_folder(lab):
    with pytest.raises(ConfigError, match=r"There is no mode 'wrong'. Expected one of: max, min."):
        run("callbacks=stop_at", "callbacks.stop_at.mode=wrong")
    assert not (lab / "outputs" / "digits_quickstart").exists()


def test_a_model_that_does_not_fit_its_data_is_a_config_error_and_leaves_no_folder(lab):
    with pytest.raises(ConfigError, match=r"labels 5, .* have none"):
        run("model.layers.output.units=5")
    assert not (lab / "outputs").exists()


def test_a_single_run_builds_one_model_which_is_checked_and_then_trained(lab, monkeypatch):
    from stackfit.execution import members

    built = []
    build = members.build_model
    monkeypatch.setattr(members, "build_model", lambda *words: built.append(words) or build(*words))
    assert run("epochs=1").state == "finished" and len(built) == 1


DRAWING = """
import random
import keras
import numpy as np

class Draws(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.drawn = random.random(), np.random.random(), keras.random.SeedGenerator().state.numpy().tolist()

    def on_train_begin(self, logs=None):
        print("drawn", *self.drawn)
"""


def test_the_shape_of_an_example_may_be_left_to_the_data(lab):
    stated, left_open = (run(*words).folder / "metrics.json" for words in ((), ("data.input_shape=[]",)))
    assert json.loads(stated.read_text()) == json.loads(left_open.read_text())


@pytest.mark.parametrize("value", ["1.5", "true", "accuracy"])
def test_a_metric_that_is_not_a_mapping_is_a_config_error(lab, value):
    with pytest.raises(ConfigError, match="Expected a mapping with `_target_`, or null to remove it"):
        run(f"task.metrics.accuracy={value}")


def test_what_a_callback_draws_at_random_does_not_depend_on_how_its_run_was_checked(write, lab):
    """The callbacks of a single run are made twice, on the same model; a cell of a sweep has its model built again."""
    write("own_drawing.py", DRAWING)
    words = ("+callbacks.draws={_target_: own_drawing.Draws}", "seed=3")
    single = run(*words, trust=["own_drawing"]).folder
    sweep = ("digits_quickstart", *SMALL, *words, "hydra.mode=MULTIRUN")
    stackfit.sweep(*sweep, trust=["own_drawing"], reporter=QUIET)
    (cell,) = (lab / "outputs" / "digits_quickstart").glob("sweep-*/*/log.txt")
    logs = [path.read_text().splitlines() for path in (single / "log.txt", cell)]
    drawn = [[line for line in log if line.startswith("drawn")] for log in logs]
    assert len(drawn[0]) == 1 and drawn[0] == drawn[1]


def test_callbacks_with_files_write_into_the_run_folder(lab):
    folder = run(
        "callbacks=checkpoint_best",
        "callbacks.checkpoint_best.monitor=loss",
        "+callbacks.table={_target_: keras.callbacks.CSVLogger, filename: mine.csv}",
    ).folder
    assert (folder / "best.keras").is_file() and (folder / "mine.csv").is_file()
    assert not list(lab.glob("*.keras")) and "best.keras" in (folder / "config.yaml").read_text()


@pytest.mark.parametrize("option", ["early_stopping", "reduce_on_plateau", "schedule", "stop_at"])
def test_every_shipped_callback_trains(lab, option):
    assert run(f"callbacks={option}", "data.validation_split=0.1").state == "finished"


# ---- the disk


def test_outputs_that_cannot_be_written_are_said_and_nothing_is_trained(cli, write):
    write("outputs", "a file in the place of the folder")
    answer = cli("run", "digits_quickstart", *SMALL)
    assert answer.code == 2 and "cannot be written" in answer.err and "epoch" not in answer.err


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_while_saving_makes_the_run_failed_and_keeps_the_earlier_files(cli, lab):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # the weights take 170,000 bytes
    try:
        answer = cli("run", "digits_quickstart", "epochs=1", "model.layers.hidden.units=600")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    folder = only_folder(lab)
    assert answer.code == 1, answer.err
    assert status_of(folder)["status"] == "failed" and "File too large" in status_of(folder)["reason"]
    assert [row["epoch"] for row in history_of(folder)] == ["1"]
    assert yaml.safe_load((folder / "config.yaml").read_text())["epochs"] == 1
    assert {path.name for path in folder.iterdir()} == {
        *("config.yaml", "status.json", "environment.json", "history.csv", "log.txt", "layers.json")
    }  # no half model, no temporary file
    assert "File too large" in answer.err and "Traceback" not in answer.err


DELETES = """
import shutil
import keras

class Deletes(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            shutil.rmtree(self.path.rpartition("/")[0])
"""


def test_a_folder_that_cannot_be_written_any_more_while_training_is_a_failed_run(write, lab, capsys):
    write("own_deletes.py", DELETES)
    with pytest.raises(TrainingError, match="cannot be written: No such file") as error:
        run("+callbacks.own={_target_: own_deletes.Deletes, path: x}", trust=("own_deletes",))
    assert error.value.exit_code == 1
    assert "its status could not be written either" in capsys.readouterr().err


def test_a_test_split_that_the_graph_refuses_is_a_failed_run(write, lab):
    """The embedding knows the training values only; TensorFlow finds that out while it tests.

    A layer before it hides from the check of indices that it reads the inputs.
    """
    x = np.zeros((20, 3), np.float32)
    np.savez(lab / "mine.npz", x_train=x, y_train=np.arange(20) % 2, x_test=x + 9, y_test=np.arange(20) % 2)
    data = ["data=npz", "data.path=mine.npz", "data.input_shape=[3]", "data.num_classes=2", "data.scale=none"]
    embedding = (
        "+model.layers.embed={_target_: keras.layers.Embedding, input_dim: 4, output_dim: 2, after: same}"
    )
    same = "+model.layers.same={_target_: keras.layers.Rescaling, scale: 1.0, after: input}"
    with pytest.raises(TrainingError, match=r"TensorFlow stopped: indices.* is not in \[0, 4\)"):
        run(*data, same, embedding)
    assert status_of(only_folder(lab))["status"] == "failed"
    assert [row["epoch"] for row in history_of(only_folder(lab))] == ["1", "2"]


# ---- stopping and going on


@pytest.mark.slow  # test_faults kills a few
def test_a_killed_run_goes_on_in_its_folder_and_ctrl_c_makes_it_interrupted(lab):
    """kill -9, then the same command and Ctrl-C: two processes, one folder."""
    words = ("run", "digits_quickstart", "epochs=1000000", "model.layers.hidden.units=4")

    def training() -> list[Path]:
        return list((lab / "outputs").glob("digits_quickstart/*/history.csv"))

    killed = processes.start(lab, *words)
    processes.wait_until(training, killed)
    killed.kill()
    processes.finish(killed)
    folder = only_folder(lab)
    assert status_of(folder)["status"] == "running"
    (folder / "history.csv").unlink()

    again = processes.start(lab, *words)
    processes.wait_until(training, again)
    began = time.monotonic()
    again.send_signal(signal.SIGINT)
    code, out, err = processes.finish(again)
    assert code == 130 and time.monotonic() - began < 5 and out == ""
    assert f"outputs/digits_quickstart/{folder.name} was interrupted: resuming there" in err
    assert err.endswith("Interrupted. Run the same command again to resume.\n") and "Traceback" not in err
    assert_interrupted(only_folder(lab))


def assert_interrupted(folder: Path) -> None:
    status = status_of(folder)
    assert status["status"] == "interrupted" and re.match(r"Interrupted in epoch \d+\.", status["reason"])


def test_sigterm_as_a_batch_system_sends_it_ends_a_run_like_ctrl_c(cli, write, lab):
    write("own_term.py", TERMINATED)
    answer = cli(
        "run", "digits_quickstart", *SMALL, "+callbacks.own={_target_: own_term.Ends}", "--trust", "own_term"
    )
    assert answer.code == 130 and answer.err.endswith("Interrupted. Run the same command again to resume.\n")
    assert_interrupted(only_folder(lab))


TERMINATED = """
import os, signal
import keras

class Ends(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_run_that_was_interrupted_goes_on_in_its_folder_and_says_so(lab, capsys):
    from stackfit.results.run_folder import RunFolder

    first = run()
    folder = RunFolder(first.folder)
    folder._status = status_of(first.folder)
    folder.fail("Interrupted in epoch 2.", status="interrupted")
    again = stackfit.run("digits_quickstart", *SMALL, reporter=Reporter(1))
    assert again.folder == first.folder and again.state == "finished"
    assert (
        f"{first.folder.relative_to(lab)} was interrupted: resuming there" in capsys.readouterr().err
    )
    assert [row["epoch"] for row in history_of(first.folder)] == ["1", "2"]
