"""`results.mlflow_log` and the callback: runs in a real MLflow store, read again with MLflow's own client."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import datetime
from pathlib import Path

import pytest

import stackfit
from stackfit.execution.progress import Reporter

pytestmark = [
    pytest.mark.tf,
    pytest.mark.usefixtures("keras"),
    pytest.mark.filterwarnings("ignore::Warning"),  # of MLflow and what it imports
]
extra = pytest.mark.extra
CALLBACK = "callbacks=[mlflow]"


@pytest.fixture
def store(lab, monkeypatch):
    """The client of a store in the working folder."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{lab}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return MlflowClient(uri)


def runs_in(store):
    experiment = store.get_experiment_by_name("digits_quickstart")
    return {run.info.run_name: run for run in store.search_runs([experiment.experiment_id])}


def curve(store, run, metric):
    return [(point.step, point.value) for point in sorted(store.get_metric_history(run.info.run_id, metric), key=lambda point: point.step)]


@extra
def test_a_sweep_has_a_run_with_its_cells_below_and_the_numbers_of_their_folders(lab, store):
    stackfit.sweep("digits_quickstart", "epochs=2", CALLBACK, "model.layers.hidden.units=4,8", reporter=Reporter(0))
    runs = runs_in(store)
    (sweep,) = [name for name in runs if name.startswith("sweep-")]
    assert runs.keys() == {sweep, "units=4", "units=8"}
    for folder in sorted(Path("outputs/digits_quickstart", sweep).glob("*/status.json")):
        kept = stackfit.Run(folder.parent)
        run = runs[kept.status["cell"]]
        assert run.data.tags["mlflow.parentRunId"] == runs[sweep].info.run_id
        assert run.data.params["model.layers.hidden.units"] == kept.status["cell"].partition("=")[2]
        assert run.info.status == "FINISHED"
        assert curve(store, run, "loss") == [(row.epoch, pytest.approx(row.loss)) for row in kept.history.itertuples()]
        assert run.data.metrics["test_accuracy"] == pytest.approx(kept.metrics["test_accuracy"])
        assert {each.path for each in store.list_artifacts(run.info.run_id)} >= {"model.keras", "config.yaml", "manifest.json"}
        assert not [each.path for each in store.list_artifacts(run.info.run_id) if "pkl" in each.path]


@extra
def test_finished_runs_are_logged_once_with_the_same_numbers_as_while_they_trained(lab, store, cli, finished):
    shutil.copytree(finished, lab / "outputs" / "digits_quickstart" / "one")
    first = cli("log-to", "mlflow", "digits_quickstart")
    (run,) = runs_in(store).values()
    assert (first.code, first.out) == (0, f"{run.info.run_id}\n")
    kept = stackfit.Run("outputs/digits_quickstart/one")
    assert curve(store, run, "accuracy") == [(1, pytest.approx(kept.metrics["accuracy"]))]
    assert run.info.start_time // 1000 == int(datetime.fromisoformat(kept.status["started"]).timestamp())
    second = cli("log-to", "mlflow", "digits_quickstart")
    assert (second.code, second.out) == (0, "")
    assert "was logged there before" in second.err
    store.delete_run(run.info.run_id)
    assert stackfit.log_to_mlflow("digits_quickstart") != [run.info.run_id]
    assert cli("table", "--strict").code == 0  # the record that it leaves is not a change of the run


@extra
def test_a_run_that_fails_and_one_that_goes_on_have_one_entry_each(lab, store, write):
    write("experiments/stopping.yaml", "defaults: [digits_quickstart, _self_]\nepochs: 3\n")
    write("stop_once.py", "import keras, pathlib\nclass Stop(keras.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
          "        if epoch == 1 and not pathlib.Path('once').exists():\n            pathlib.Path('once').touch()\n            raise KeyboardInterrupt\n")  # fmt: skip
    words = ("stopping", CALLBACK, "+callbacks.stop={_target_: stop_once.Stop}")
    with pytest.raises(KeyboardInterrupt):
        stackfit.run(*words, trust="stop_once", reporter=Reporter(0))
    experiment = store.get_experiment_by_name("stopping")
    (run,) = store.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    kept = stackfit.run(*words, trust="stop_once", reporter=Reporter(0))
    (run,) = store.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert dict(curve(store, run, "loss")) == {row.epoch: pytest.approx(row.loss) for row in kept.history.itertuples()}


@extra
def test_a_server_that_does_not_answer_costs_a_warning_and_not_the_run(lab, monkeypatch, capsys, cli):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for quiet in ([], ["-q"]):
        answer = cli("run", "digits_quickstart", "epochs=1", CALLBACK, *quiet)
        assert answer.code == 0
        assert answer.err.count("warning: MLflow does not take this run") == 1
        (log,) = lab.glob("outputs/digits_quickstart/*/log.txt") if not quiet else [lab / answer.out.splitlines()[-1] / "log.txt"]
        assert log.read_text().count("warning: MLflow does not take this run") == 1
    assert "stackfit log-to mlflow outputs/digits_quickstart/" in answer.err
    refused = cli("log-to", "mlflow")
    assert refused.code == 2
    assert "MLflow at http://127.0.0.1:9 does not answer" in refused.err


@extra
def test_a_run_that_is_verified_is_not_logged_again(lab, store, cli):
    stackfit.run("digits_quickstart", "epochs=1", CALLBACK, reporter=Reporter(0))
    assert cli("verify", "digits_quickstart").code == 0
    assert len(runs_in(store)) == 1


def test_a_missing_extra_is_one_line_before_anything_is_trained(lab, cli, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "mlflow" else real(name, *rest))
    answer = cli("run", "digits_quickstart", "epochs=1", CALLBACK)
    assert answer.code == 2
    assert "MLflow needs mlflow, which is not installed" in answer.err
    assert "pip install 'stackfit[mlflow]'" in answer.err
    assert not list(lab.glob("outputs/*/*"))


def test_the_callback_changes_no_bit_and_shares_a_graph(compose):
    from stackfit.execution.members import trains_alone

    assert trains_alone(compose("digits_quickstart", CALLBACK)) is None
