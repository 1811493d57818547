"""`api` and `runs`: what `import stackfit` offers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError, RunFolderError, TrainingError
from stackfit.execution.progress import Reporter
from stackfit.results.run import Run

SMALL = ("epochs=2", "model.layers.hidden.units=4", "batch_size=100")
QUIET = Reporter(0)


def test_the_module_offers_its_functions_and_loads_no_tensorflow():
    code = (
        "import sys, stackfit; stackfit.run, stackfit.sweep, stackfit.table, stackfit.load_model;"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False False\n"


@pytest.mark.tf
def test_a_run_is_handed_back_with_what_its_folder_holds(lab):
    run = stackfit.run("digits_quickstart", *SMALL, reporter=QUIET)
    assert run.state == "finished" and run.reason is None
    assert run.folder.parent == lab / "outputs" / "digits_quickstart"
    assert run.config["epochs"] == 2 and run.config["model"]["layers"]["hidden"]["units"] == 4
    assert list(run.history["epoch"]) == [1, 2] and run.history["loss"].dtype == np.float64
    assert run.metrics["stopped_epoch"] == 2 and run.metrics["loss"] == run.history["loss"].iloc[-1]
    assert Run(str(run.folder)) == run


@pytest.mark.tf
def test_its_model_is_loaded_from_the_run_or_its_path(lab):
    run = stackfit.run("digits_quickstart", *SMALL, reporter=QUIET)
    for source in (run, run.folder, str(run.folder)):
        assert (
            stackfit.load_model(source).count_params()
            == run.metrics["parameters"]
            == 64 * 4 + 4 + 4 * 10 + 10
        )


@pytest.mark.tf
def test_a_sweep_is_handed_back_as_a_table(lab):
    frame = stackfit.sweep(
        "digits_quickstart", *SMALL[:1], "batch_size=100", "model.layers.hidden.units=3,4", reporter=QUIET
    )
    assert list(frame["units"]) == [3, 4] and list(frame["parameters"]) == [
        64 * units + units + units * 10 + 10 for units in (3, 4)
    ]
    assert set(frame["state"]) == {"finished"} and frame["test_accuracy"].between(0, 1).all()
    assert len(stackfit.table("outputs")) == 2


@pytest.mark.tf
def test_fresh_makes_a_new_folder_where_an_interrupted_one_waits(lab):
    first = stackfit.run("digits_quickstart", *SMALL, reporter=QUIET)
    status = json.loads((first.folder / "status.json").read_text())
    (first.folder / "status.json").write_text(json.dumps(status | {"status": "interrupted"}))
    fresh = stackfit.run("digits_quickstart", *SMALL, fresh=True, reporter=QUIET)
    assert fresh.folder != first.folder and Run(first.folder).state == "interrupted"


@pytest.mark.tf
def test_a_failed_run_raises_and_its_folder_stays(lab):
    with pytest.raises(TrainingError, match="The run failed: loss is nan"):
        stackfit.run(
            "digits_quickstart", *SMALL, "optimizer=sgd", "optimizer.learning_rate=1e30", reporter=QUIET
        )
    (folder,) = (lab / "outputs" / "digits_quickstart").iterdir()
    assert Run(folder).state == "failed" and "loss is nan in epoch 1" in Run(folder).reason
    assert len(Run(folder).history) == 0


@pytest.mark.parametrize(
    "experiment, overrides, message",
    [
        ("digits_quickstar", [], "Did you mean 'digits_quickstart'?"),
        ("digits_quickstart", ["epochz=1"], "Did you mean 'epochs'?"),
        ("digits_quickstart", ["epochs=many"], "epochs"),
        ("digits_quickstart", ["epochs=1,2"], "Call stackfit.sweep to sweep over them"),
    ],
)
def test_what_is_wrong_raises_before_anything_is_trained(lab, experiment, overrides, message):
    with pytest.raises(ConfigError) as error:
        stackfit.run(experiment, *overrides, reporter=QUIET)
    assert message in str(error.value) and not (lab / "outputs").exists()


def test_a_path_that_is_not_a_run_is_an_error(lab):
    with pytest.raises(RunFolderError, match="is not a run folder"):
        Run(lab)


@pytest.mark.tf
def test_runs_in_two_threads_have_the_bits_of_each_alone_and_the_programs_streams_stay(lab, write, capsys):
    import sys
    import threading
    import time

    from stackfit.results.run_files import read_metrics

    write("experiments/talk.py", "import keras\nclass Talk(keras.callbacks.Callback):\n"
          "    def on_epoch_end(self, epoch, logs=None):\n        import time; print('callback'); time.sleep(0.05)\n")  # fmt: skip
    write("pyproject.toml", "[tool.stackfit]\ntrust = ['experiments.talk']\n")
    words = [*SMALL, "epochs=8", "+callbacks.talk={_target_: experiments.talk.Talk}"]

    def train(seed):
        runs[seed] = stackfit.run("digits_quickstart", *words, f"seed={seed}", fresh=True, reporter=QUIET)

    runs: dict[int, Run] = {}
    digests = []
    for together in (False, True):
        streams = sys.stdout, sys.stderr
        threads = [threading.Thread(target=train, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
            while not together and thread.is_alive():
                print("main thread")
                time.sleep(0.01)
        for thread in threads:
            thread.join()
        assert (sys.stdout, sys.stderr) == streams
        digests.append([read_metrics(runs[seed].folder)["weights_sha256"] for seed in (1, 2)])
        logs = [(runs[seed].folder / "log.txt").read_text() for seed in (1, 2)]
        assert all(log.count("callback") == 8 and "main thread" not in log for log in logs)
    assert digests[0] == digests[1] and digests[0][0] != digests[0][1]
    assert "main thread" in capsys.readouterr().out
