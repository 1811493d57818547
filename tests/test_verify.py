"""`verify`: runs executed again from their folders alone, and what is said where they part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_runs import make_run

import stackfit
from stackfit import files
from stackfit.errors import ConfigError, ConfigErrors, RunFolderError, TrustError
from stackfit.execution.progress import Reporter
from stackfit.proof import evidence
from stackfit.proof.evidence import Difference, Scores
from stackfit.proof.rerun import read_cell
from stackfit.results import run_files
from stackfit.results.certificate import Standing
from stackfit.results.final_metrics import as_of_last_epoch
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder
from stackfit.results.sealing import read_sealed

QUIET = Reporter(0)
DROPOUT = "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.5, after: hidden}"


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory, keras) -> Path:
    """A finished run of digits, two epochs. To read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("two_epochs"))
        return stackfit.run("digits_quickstart", "epochs=2", "model.layers.hidden.units=8", reporter=QUIET).folder


@pytest.fixture
def copied(lab: Path, two_epochs: Path) -> Path:
    """A copy of that run, to damage."""
    return Path(shutil.copytree(two_epochs, lab / "outputs" / "run"))


def edit_history(folder: Path, epoch: int, **by: float) -> None:
    rows = run_files.read_history(folder)
    for name, amount in by.items():
        rows[epoch - 1][name] += amount
    RunFolder(folder).history.write_text(files.csv_text(rows))


def make_older(folder: Path) -> None:
    """As an earlier stackfit left it."""
    RunFolder(folder).manifest.unlink()
    edit_json(RunFolder(folder).status, manifest=None)


def standing(folder: Path) -> Standing:
    return Standing.of(folder, run_files.read_status(folder), whole=True)


def edit_json(path: Path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def edit_config(folder: Path, **fields) -> None:
    RunFolder(folder).config.write_text(yaml.safe_dump(run_files.read_config(folder) | fields, sort_keys=False))


# ---- with training


@pytest.mark.tf
def test_cells_that_trained_together_verify_bit_equal_alone(lab, cli):
    words = ("model.layers.hidden.units=8,16", "epochs=2", "batch_size=50", DROPOUT)
    frame = stackfit.sweep("digits_quickstart", *words, "data.validation_split=0.1", reporter=QUIET)
    assert "verified" not in frame
    folders = [Path(folder) for folder in frame["folder"]]
    assert [row["members"] for row in run_files.read_history(folders[0])] == [2, 2]
    before = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    code, out, err = cli("verify", "outputs", "--quiet")
    assert (code, err) == (0, "")
    expected = [f"bit-equal         {folder}  2 epochs, weights, 360 predictions, model.keras" for folder in sorted(folders)]
    assert out.splitlines() == [*expected, "2 bit-equal"]
    assert {path: path.read_bytes() for path in before} == before
    certificate = read_sealed(RunFolder(folders[0]).certificate).record
    assert certificate["weights_sha256"] == run_files.read_metrics(folders[0])["weights_sha256"]
    assert set(certificate["environment"]["was"]) == set(certificate["environment"]["now"]) >= {"versions", "code"}
    assert list(stackfit.table("outputs")["verified"]) == ["bit-equal", "bit-equal"]


@pytest.mark.tf
def test_another_history_diverges_with_the_first_epoch_and_the_file_is_named(copied, cli):
    was = run_files.read_history(copied)[1]
    edit_history(copied, 2, accuracy=0.25)
    code, out, err = cli("verify", str(copied), "-q")
    assert (code, err) == (1, "warning: outputs/run: changed since it was written: history.csv\n")
    first, where, file = out.splitlines()
    assert first.startswith("diverged          outputs/run")
    assert "largest difference 0.25 (accuracy, epoch 2), equal weights, 0 of 360 predictions differ" in first
    old, new = float(was["accuracy"]) + 0.25, float(was["accuracy"])
    assert where == f"  first epoch 2: accuracy {old:.9g} -> {new:.9g}"
    assert file == "  changed since it was written: history.csv"
    assert standing(copied).text == "changed: history.csv; diverged"


def as_of_an_earlier_version(folder: Path) -> None:
    """Make a finished run what a version before `results_format` would have left."""
    run = RunFolder(folder)
    rows = run_files.read_history(folder)
    old = as_of_last_epoch(run_files.read_metrics(folder), rows)
    run.history.write_text(files.csv_text([{k: v for k, v in row.items() if k != "learning_rate"} for row in rows]))
    run.metrics.write_text(json.dumps(old))
    status = run_files.read_status(folder) | {"metrics": {k: v for k, v in old.items() if k != "weights_sha256"}}
    del status["results_format"]
    run.status.write_text(json.dumps(status))
    make_older(folder)


@pytest.mark.tf
def test_a_run_of_an_earlier_version_is_verified_by_its_own_rule(lab, cli):
    words = ("data.validation_split=0.2", "callbacks=early_stopping", "callbacks.early_stopping.patience=1",
             "optimizer.learning_rate=0.1", "model.layers.hidden.units=4", "epochs=20", "save=[]")  # fmt: skip
    run = stackfit.run("digits_quickstart", *words, reporter=QUIET)
    assert "weights_epoch" in run.metrics
    edited = lab / "outputs" / "edited"
    shutil.copytree(run.folder, edited)
    as_of_an_earlier_version(run.folder)
    assert run_files.read_metrics(run.folder)["val_loss"] == run_files.read_history(run.folder)[-1]["val_loss"]
    last = {name: run_files.read_metrics(run.folder)[name] for name in ("loss", "val_loss")}
    edit_json(RunFolder(edited).metrics, **last)  # of the last epoch, and said to be of the saved weights
    code, out, _ = cli("verify", str(run.folder), "-q")
    assert code == 0 and out.startswith("bit-equal")
    assert stackfit.table(run.folder)["metrics_of"].tolist() == ["last epoch"]
    code, out, _ = cli("verify", str(edited), "-q")
    assert code == 1 and "  first at the end: loss" in out


def test_a_recorded_learning_rate_is_compared_and_one_that_was_not_recorded_is_not(copied, tmp_path):
    other = Path(shutil.copytree(copied, tmp_path / "other"))
    edit_history(other, 2, learning_rate=0.5)
    was, now = evidence.Record.read(copied), evidence.Record.read(other)
    assert [(found.epoch, found.metric) for found in evidence.differences(was, now)] == [(2, "learning_rate")]
    for row in was.epochs:
        del row["learning_rate"]
    assert list(evidence.differences(was, now)) == []


@pytest.mark.tf
def test_an_edit_of_an_older_run_diverges_and_it_is_said_that_nothing_recorded_changed(copied, cli):
    make_older(copied)
    edit_history(copied, 1, loss=2e-6)  # equal weights have no tolerance
    code, out, err = cli("verify", str(copied), "-q")
    assert (code, err) == (1, "")
    first, where, why, cause = out.splitlines()
    assert first.startswith("diverged          outputs/run  largest difference 2e-06 (loss, epoch 1)")
    assert first.endswith(", no manifest") and where.startswith("  first epoch 1: loss")
    assert why.startswith("  nothing that is recorded has changed since: versions")
    assert cause.startswith("  the cause is not known")
    assert standing(copied).text == "diverged"


NUDGE = """
import keras

class Nudge(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.set_weights([weight + {by} for weight in self.model.get_weights()])
"""


@pytest.mark.tf
def test_only_a_rerun_with_other_weights_is_within_tolerance_and_its_scores_are_those_of_the_saved_model(
    lab, write, cli, keras
):
    write("experiments/nudge.py", NUDGE.format(by=0))
    callback = "+callbacks.nudge={_target_: experiments.nudge.Nudge}"
    words = ("digits_quickstart", "epochs=1", "model.layers.hidden.units=8", callback)
    folder = stackfit.run(*words, trust=["experiments.nudge"], reporter=QUIET).folder
    write("experiments/nudge.py", NUDGE.format(by=1e-5))
    verify = ("verify", str(folder), "-q", "--trust", "experiments.nudge")
    code, out, _ = cli(*verify)
    assert code == 0 and out.startswith("within tolerance") and "other weights" in out, out
    assert "code of experiments.nudge" in out and standing(folder).text == "within tolerance"
    assert cli(*verify, "--tolerance", "1e-9").code == 1
    make_older(folder)
    files = RunFolder(folder)
    scores, labels = run_files.read_predictions(folder)
    for model in (True, False):
        np.savez(files.predictions, scores=scores, labels=labels)
        assert cli(*verify).out.startswith("within tolerance")
        np.savez(files.predictions, scores=scores[:, ::-1], labels=labels)
        code, out, _ = cli(*verify)
        assert code == 1 and "  predictions.npz holds other scores than the run's weights give\n" in out, model
        np.savez(files.predictions, scores=scores, labels=labels[::-1])
        assert cli(*verify).code == 1
        files.model().unlink(missing_ok=True)


@pytest.mark.tf
def test_a_config_with_another_seed_diverges_and_the_seed_is_named_old_and_new(copied, cli):
    edit_config(copied, seed=3)
    code, out, _ = cli("verify", str(copied), "-q")
    assert code == 1 and "first epoch 1: loss" in out and "other weights" in out
    assert "  status.json says seed 0, config.yaml 3\n" in out and "what has changed since: seed 0 -> 3\n" in out
    assert "  changed since it was written: config.yaml\n" in out


CALLBACK = """
import keras

class Slower(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = {rate}
"""


@pytest.mark.tf
def test_changed_code_and_changed_data_diverge_and_are_named_by_their_digests(lab, write, cli, keras):
    def arrays(seed: int) -> None:
        noise = np.random.default_rng(seed)
        np.savez(lab / "mine.npz", x=noise.normal(size=(60, 3)).astype(np.float32), y=np.arange(60) % 2)

    write("experiments/slower.py", CALLBACK.format(rate=0.5))
    arrays(0)
    callback = "+callbacks.slower={_target_: experiments.slower.Slower}"
    words = ("data=npz", "data.path=mine.npz", "data.scale=none", "epochs=2", "batch_size=8", callback)
    run = stackfit.run("digits_quickstart", *words, trust=["experiments.slower"], reporter=QUIET)
    assert cli("verify", str(run.folder), "-q").code == 2  # nobody trusts it in this folder
    verify = ("verify", str(run.folder), "-q", "--trust", "experiments.slower")
    assert cli(*verify).out.startswith("bit-equal")
    write("experiments/slower.py", CALLBACK.format(rate=0.0625))
    code, out, _ = cli(*verify)
    assert code == 1 and "  what has changed since: code of experiments.slower " in out and "data " not in out
    arrays(1)
    code, out, _ = cli(*verify)
    assert code == 1 and "; code of experiments.slower" in out and "  what has changed since: data " in out
    write("experiments/slower.py", CALLBACK.format(rate="1 / epoch"))
    code, out, _ = cli(*verify)
    assert code == 1 and "  first epoch 1: failure none -> ZeroDivisionError" in out
    (lab / "mine.npz").unlink()
    assert cli(*verify).code == 2


# ---- what cannot be verified


def test_an_unfinished_run_cannot_be_verified_and_is_passed_over_below_a_folder(copied, cli):
    edit_json(RunFolder(copied).status, status="failed", reason="NaN in epoch 2.")
    code, out, err = cli("verify", str(copied))
    assert (code, out) == (2, "")
    assert "outputs/run is failed (NaN in epoch 2). Expected a finished run. Run the experiment again" in err
    code, out, err = cli("verify", "outputs")
    assert (code, out) == (2, "")
    assert "outputs/run is failed: not verified." in err and "outputs has no finished run in it. Expected one." in err


def test_a_folder_that_is_not_a_run_and_a_bad_tolerance_are_named(lab, cli):
    assert "nowhere does not exist. Expected a run folder" in cli("verify", "nowhere").err
    assert cli("verify", "nowhere", "--tolerance", "-1").code == 2


@pytest.mark.parametrize(
    "file, said",
    [
        ("history.csv", "history.csv has 0 epochs, but the run's metrics are of epoch 2. Expected a row for every"),
        ("metrics.json", "metrics.json is missing or damaged. Expected the metrics of a finished run"),
        ("config.yaml", "config.yaml cannot be read"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_trained(copied, cli, file, said):
    (copied / file).unlink()
    code, out, err = cli("verify", str(copied))
    assert (code, out) == (2, "") and said in err


def test_a_foreign_config_is_held_to_the_rules_of_every_config(copied):
    layers = run_files.read_config(copied)["model"]["layers"]
    evil = {**layers, "hidden": {**layers["hidden"], "_target_": "os.system"}}
    for fields, error, said in [
        ({"model": {"layers": evil}}, TrustError, "os.system is not allowed as part of layers"),
        ({"epochs": "${oc.env:HOME}"}, ConfigError, r"it holds a \$\{…\} that is not resolved"),
        ({"epochs": "many"}, ConfigError, "Expected the resolved config that stackfit wrote"),
        ({"epocs": 3}, ConfigError, "epocs"),
        ({"batch_size": 0, "seed": -1}, ConfigErrors, "batch_size is 0"),
    ]:
        shutil.copy(copied / "config.yaml", copied / "kept")
        edit_config(copied, **fields)
        with pytest.raises(error, match=said) as caught:
            read_cell(Run(copied))
        assert "outputs/run/config.yaml" in str(caught.value)
        shutil.move(copied / "kept", copied / "config.yaml")


def test_an_escaped_interpolation_is_seen_too(copied):
    text = (copied / "config.yaml").read_text()
    (copied / "config.yaml").write_text(text.replace("activation: relu", r'activation: "\x24{oc.env:HOME}"'))
    with pytest.raises(ConfigError, match="not resolved"):
        read_cell(Run(copied))


def test_a_cell_comes_back_as_it_was(copied):
    cell, status = read_cell(Run(copied)), run_files.read_status(copied)
    assert cell.config == run_files.read_config(copied)
    assert (cell.experiment, list(cell.overrides)) == ("digits_quickstart", status["overrides"])
    assert json.loads(json.dumps(cell.settings)) == status["settings"]


# ---- comparing


def record(epochs: list[dict], **metrics) -> evidence.Record:
    return evidence.Record(epochs, metrics, Path())


def test_the_clock_is_not_a_result_and_a_missing_epoch_is_a_difference():
    was = record([{"epoch": 1, "loss": 0.5, "seconds": 1.0, "members": 8}, {"epoch": 2, "loss": 0.25}], test_loss=1.0)
    now = record([{"epoch": 1, "loss": 0.5, "seconds": 9.0, "members": 1}], test_loss=1.5)
    found = list(evidence.differences(was, now))
    assert found == [
        Difference(2, "epoch", 2, None),
        Difference(2, "loss", 0.25, None),
        Difference(None, "test_loss", 1.0, 1.5),
    ]
    assert [one.size for one in found] == [float("inf"), float("inf"), 0.5]


def test_scores_are_compared_bit_for_bit_and_counted_by_example(lab):
    def store(name: str, scores) -> Path:
        folder = RunFolder(lab / name)
        folder.path.mkdir()
        np.savez(folder.predictions, scores=scores, labels=np.arange(len(scores)))
        return folder.path

    scores = np.eye(3, dtype=np.float32)
    other = scores.copy()
    other[1, 2] = np.float32(0.125)
    one, two, wide = store("one", scores), store("two", other), store("wide", np.eye(4, dtype=np.float32))
    assert evidence.compare_scores(one, one) == Scores(3)
    assert evidence.compare_scores(one, two) == Scores(3, 1, 0.125)
    assert evidence.compare_scores(one, wide) == Scores(3, 3, float("inf"))
    assert evidence.compare_scores(lab, lab) is None
    with pytest.raises(RunFolderError, match=r"predictions.npz cannot be read"):
        evidence.compare_scores(lab, one)


def test_factors_are_old_and_new_and_what_was_not_recorded_is_not_a_factor():
    was = {"versions": {"keras": "3.14", "numpy": "2.4"}, "variables": {"OMP_NUM_THREADS": "1"}, "code": {}}
    now = {"versions": {"keras": "3.15", "numpy": "2.4", "new": "1"}, "variables": {}, "code": {"m": "a"}, "cores": 2}
    found, unknown = evidence.factors(was, now)
    assert [(one.metric, one.was, one.now) for one in found] == [
        ("versions.keras", "3.14", "3.15"),
        ("code.m", None, "a"),
        ("variables.OMP_NUM_THREADS", "1", None),
    ]
    assert "cores" in unknown and "versions" not in unknown


@pytest.mark.parametrize(
    "text, value, same",
    [
        *(("32", 32, True), ("1e-3", 0.001, True), ("0.10", 0.1, True), ("[64,64]", [64, 64], True), ("[1e-3]", [0.001], True)),
        *(("'relu'", "relu", True), ("null", None, True), ("True", True, True), ("[]", [], True), ("[[1],[2]]", [[1], [2]], True)),
        *(("33", 32, False), ("[64]", [64, 64], False), ("relu", "tanh", False), ("x", 3, False), ("false", True, False)),
    ],
)
def test_an_axis_stands_for_the_value_as_it_was_typed(lab, text, value, same):
    run = Run(make_run(lab / "run", axes={"a.b": text}))
    said = [*evidence.unlike_status(run, {"a.b": value})]
    assert said == ([] if same else [f"status.json says a.b {text}, config.yaml {value}"])
