"""`api` and `runs`: what `import stackfit` offers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError, RunFolderError, TrainingError, TrustError
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
    assert list(frame["model.layers.hidden.units"]) == [3, 4] and list(frame["parameters"]) == [
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


XOR = "xor_needs_a_hidden_layer"
ONE = {"epochs": 1}


def test_overrides_are_texts_mappings_and_lists_of_both(lab):
    mapping = {"epochs": 2, "model.layers.hidden.units": [8, 4], "optimizer": "sgd", "seed": np.int64(3)}
    words = ["epochs=2", "model.layers.hidden.units=[8,4]", "optimizer=sgd", "seed=3"]
    config = stackfit.show("digits_quickstart", *words)
    assert config == stackfit.show("digits_quickstart", mapping) == stackfit.show("digits_quickstart", [words[0], mapping])
    assert config["model"]["layers"]["hidden"]["units"] == [8, 4] and config["optimizer"]["_target_"].endswith("SGD")
    assert repr(config).startswith("about:\n") and "\nepochs: 2\n" in repr(config)


def test_experiments_and_explanations_are_shown(lab):
    listed = stackfit.experiments("digits")
    assert "digits_quickstart" in [*listed["name"]] and not listed["own"].any() and listed["question"].str.len().min() > 10
    assert "* experiment" in repr(stackfit.explain(XOR, "optimizer.learning_rate"))
    assert repr(stackfit.explain(XOR, "optimizer", ONE)).startswith("optimizer._target_ = keras.optimizers.Adam")


def test_an_error_has_one_frame_of_ours_and_no_cause(lab):
    with pytest.raises(ConfigError, match=r"Try: stackfit\.experiments\(\)") as caught:
        stackfit.run("nothing_like_this")
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [Path(frame.filename).name for frame in frames] == ["test_api.py", "wording.py"]
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert caught.value._render_traceback_() == [f"ConfigError: {caught.value}"]


def test_debug_shows_every_frame(lab, monkeypatch):
    monkeypatch.setattr(stackfit, "debug", True)
    with pytest.raises(ConfigError) as caught:
        stackfit.run("nothing_like_this")
    assert len(traceback.extract_tb(caught.value.__traceback__)) > 3
    assert "find_experiment" in "".join(caught.value._render_traceback_())
    code = "import stackfit; print(stackfit.debug)"
    for value, said in (("1", "True\n"), ("0", "False\n")):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "STACKFIT_DEBUG": value})
        assert done.stdout == said


def test_an_unknown_argument_says_what_there_is(lab):
    with pytest.raises(TypeError, match=r"run\(\) has no argument 'epochs'.*is an override: \{'epochs': 2\}"):
        stackfit.run(XOR, epochs=2)
    with pytest.raises(TypeError, match=r"no argument 'oer'. Did you mean 'over'\? Expected: over, .*columns\.$"):
        stackfit.table(oer="seed")


def test_help_shows_every_function_and_importing_stays_cheap(lab):
    code = (
        "import stackfit, pydoc, sys; assert set(stackfit.__all__) <= set(dir(stackfit));"
        "assert not {'hydra', 'pandas', 'tensorflow', 'rich'} & set(sys.modules);"
        "text = pydoc.render_doc(stackfit, renderer=pydoc.plaintext);"
        "assert 'tensorflow' not in sys.modules;"
        "print(all(f' {name}(' in text for name in stackfit.__all__), 'class Run' in text)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: stackfit.run(XOR, "epochs=1", 3), "3 is not an override"),
        (lambda: stackfit.run(XOR, {"optimizer": object}), "an object is named by its class"),
        (lambda: stackfit.run(XOR, {"seed": {1, 2}}), r"The value is \{1, 2\}"),
        (lambda: stackfit.sweep(XOR, {"seed": []}), "seed has no values"),
        (lambda: stackfit.run(XOR, callbacks=["stop_at"]), r"an override: 'callbacks=\[stop_at\]'"),
        (lambda: stackfit.run(XOR, {"+callbacks.x": {"_target_": "mine.X"}}), "add trust='mine'"),
        (lambda: stackfit.check(XOR, max_epochs=0), "max_epochs is 0.*max_epochs=20"),
        (lambda: stackfit.check(), r"Try: stackfit.check\('gsp631_base'\)"),
        (lambda: stackfit.check("xor_needs_a_hidden_layr"), f"Did you mean '{XOR}'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_pythons_words(lab, call, message):
    with pytest.raises(ConfigError, match=message):
        call()
    assert not (lab / "outputs").exists()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: stackfit.evaluate(XOR), rf"Try: stackfit.run\('{XOR}'\)"),
        (lambda: stackfit.table(), r"Try: stackfit.table\(\), for all .* stackfit.experiments\(\)"),
        (lambda: stackfit.best("nothing"), "nothing does not exist"),
        (lambda: stackfit.Run("."), r"a folder that `stackfit.run` printed. Try: stackfit.table\(\)"),
    ],
)
def test_a_run_that_is_not_there_is_named_in_pythons_words(lab, call, message):
    with pytest.raises(RunFolderError, match=message):
        call()


@pytest.fixture(scope="module")
def history_class(keras):
    class LossHistory(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.losses = []

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["loss"])

    return LossHistory


@pytest.mark.tf
def test_a_callbacks_class_is_known_by_its_code(lab, cli, history_class):
    first = stackfit.run(XOR, {"epochs": 2}, callbacks=[history_class], reporter=QUIET)
    assert first.callbacks[0].losses == first.callbacks["loss_history"].losses == [*first.history["loss"]]
    assert isinstance(first.callbacks[0], history_class) and len(first.callbacks) == 1
    with pytest.raises(KeyError, match=r"There is no callback 'los_history'\. Did you mean 'loss_history'"):
        _ = first.callbacks["los_history"]
    assert stackfit.Run(first.folder).callbacks == []

    mark(first, "interrupted")
    again = stackfit.run(XOR, {"epochs": 2}, callbacks={"loss_history": history_class}, reporter=QUIET)
    assert again.folder == first.folder and again.status["fingerprint"] == first.status["fingerprint"]

    class Other(history_class):
        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["accuracy"])

    other = stackfit.run(XOR, {"epochs": 2}, callbacks={"loss_history": Other}, reporter=QUIET)
    plain = stackfit.run(XOR, {"epochs": 2}, reporter=QUIET)
    assert len({run.status["fingerprint"] for run in (first, other, plain)}) == 3
    assert len({run.status["metrics"]["loss"] for run in (first, other, plain)}) == 1

    certificate = stackfit.verify(first, callbacks=[history_class], reporter=QUIET)
    assert certificate["verdict"] == "bit-equal" and repr(certificate).startswith("bit-equal  ")
    with pytest.raises(ConfigError, match=r"The run has no callback 'los'. Expected those of the run: loss_history\."):
        stackfit.verify(first, callbacks={"los": history_class}, reporter=QUIET)
    with pytest.raises(ConfigError, match=r"tolerance is -1\. .*Try: tolerance=0.001"):
        stackfit.verify(first, callbacks=[history_class], tolerance=-1, reporter=QUIET)
    changed = stackfit.verify(first, callbacks={"loss_history": Other}, reporter=QUIET)
    assert [each["metric"] for each in changed["factors"]] == ["code.<class>.loss_history"]
    with pytest.raises(TrustError, match=r"stackfit.verify\(RUN, callbacks=\{'loss_history': LossHistory\}\)"):
        stackfit.verify(first, reporter=QUIET)
    with pytest.raises(TrustError, match="not part of the run's folder"):
        stackfit.eject(first)
    assert "LossHistory was given by a Python program" in cli("verify", str(first.folder)).err
    assert len(stackfit.evaluate(first)) == 3 and cli("predict", str(first.folder)).code == 0  # these need no callback


def mark(run, state):
    status = json.loads((run.folder / "status.json").read_text())
    (run.folder / "status.json").write_text(json.dumps(status | {"status": state}))


@pytest.mark.tf
def test_a_callbacks_object_is_used_as_it_is_and_its_run_is_like_no_other(lab, cli, history_class, keras):
    given = [history_class(), keras.callbacks.EarlyStopping(monitor="loss", min_delta=10, patience=1)]
    first = stackfit.run(XOR, {"epochs": 4}, callbacks=given, reporter=QUIET)
    assert [*first.callbacks] == given and given[0].losses == [*first.history["loss"]] and len(first.history) < 4
    mark(first, "interrupted")
    again = stackfit.run(XOR, {"epochs": 4}, callbacks=given, reporter=QUIET)
    assert again.folder != first.folder and again.status["fingerprint"] != first.status["fingerprint"]
    with pytest.raises(ConfigError, match="Give the class instead of an object"):
        stackfit.verify(again, callbacks=[history_class, keras.callbacks.EarlyStopping], reporter=QUIET)
    with pytest.raises(ConfigError, match="a run is repeated with a callback that has seen nothing yet"):
        stackfit.verify(again, callbacks=given, reporter=QUIET)
    for command in ("verify", "eject"):
        done = cli(command, str(again.folder))
        assert done.code == 2 and done.err.count("was given by a Python program") == len(given) and "Traceback" not in done.err
    with pytest.raises(ConfigError, match="every cell of a sweep makes its own"):
        stackfit.sweep(XOR, {"seed": [0, 1]}, callbacks=given[0])
    with pytest.raises(ConfigError, match=r"watches 'losss'.*Did you mean 'loss'"):
        stackfit.run(XOR, ONE, callbacks=keras.callbacks.EarlyStopping(monitor="losss"), reporter=QUIET)
    with pytest.raises(ConfigError, match=r"has a callback 'stop_at' already.*callbacks=\{'my_stop_at'"):
        stackfit.run(XOR, ONE, {"callbacks": ["stop_at"]}, callbacks={"stop_at": given[0]}, reporter=QUIET)


@pytest.mark.tf
def test_an_object_that_looks_at_every_batch_is_called_at_every_batch(lab, keras):
    class Count(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1

    run = stackfit.run("digits_quickstart", {"epochs": 2, "batch_size": 500}, callbacks=Count(), reporter=QUIET)
    assert run.callbacks[0].steps == 2 * 3  # 1,437 examples


@pytest.mark.tf
def test_each_cell_of_a_sweep_makes_its_own_callback_and_equal_code_is_not_trained_again(lab, history_class, monkeypatch, capsys):
    axes = {**ONE, "seed": range(2)}

    class Count(history_class):
        made = 0

        def __init__(self):
            super().__init__()
            Count.made += 1

    frame = stackfit.sweep("digits_quickstart", axes, callbacks=[history_class], reporter=QUIET)
    assert [*frame["seed"]] == [0, 1] and {*frame["state"]} == {"finished"}
    stackfit.sweep("digits_quickstart", axes, callbacks=[history_class])
    assert "2 cells: 2 finished, 0 to run" in capsys.readouterr().err
    stackfit.sweep("digits_quickstart", axes, callbacks={"loss_history": Count})
    assert "changed since it ran: its config, data, versions or code" in capsys.readouterr().err and Count.made >= 2

    class Elsewhere:
        is_here = False
        max_members = None

    monkeypatch.setattr("stackfit.execution.sweep.executor_of", lambda launcher, trust: Elsewhere())
    with pytest.raises(ConfigError, match="callbacks has loss_history, which only this process knows"):
        stackfit.sweep("digits_quickstart", axes, callbacks=[history_class], reporter=QUIET)


@pytest.mark.tf
def test_runs_are_taken_and_handed_out_as_objects(lab, capsys):
    small = {"epochs": 1, "batch_size": 500, "model.layers.hidden.units": 4}
    one, two = (stackfit.run("digits_quickstart", small, {"seed": seed}, reporter=QUIET) for seed in (0, 1))
    assert re.match(r"Run outputs/digits_quickstart/\S+  finished  test_loss \d\.\d{4}  test_accuracy", repr(one))
    comparison = stackfit.compare(one, two)
    assert "What differs" in repr(comparison) and list(comparison.tables) == ["What differs", "Metrics", "Test items"]
    ranked = sorted((one, two), key=lambda run: run.metrics["test_loss"])
    assert stackfit.best(one, two.folder, metric="test_loss") == stackfit.best([one, str(two.folder)], metric="test_loss") == ranked[0]
    assert len(stackfit.table(one)) == 1 and len(stackfit.table([one, two])) == len(stackfit.table("digits_quickstart")) == 2
    assert [*stackfit.table(over="seed")["n"]] == [2]
    assert [*stackfit.evaluate(one)["split"]] == ["train", "test", "test - train"]
    items = stackfit.predict("digits_quickstart")
    assert len(items) == 360 and items["right"].mean() == pytest.approx(two.metrics["test_accuracy"])
    assert len(stackfit.predict(one, np.zeros((3, 8, 8, 1)))) == 3
    assert "keras.Sequential" in stackfit.eject(one) or "keras.Input" in stackfit.eject(one)
    assert not [*lab.glob("*.py")] and stackfit.eject(one, out="train.py") == (lab / "train.py").read_text()
    capsys.readouterr()
    stackfit.run("digits_quickstart", small, {"silence": []})
    assert "epoch 1/1" in capsys.readouterr().err  # plain lines where nobody can see a display

    plan = stackfit.plan("digits_quickstart", small)
    assert plan["model"]["parameters"] == one.metrics["parameters"] and "hidden   Dense" in repr(plan)
    assert "error: epochs=0  epochs" in repr(stackfit.plan("digits_quickstart", "epochs=0"))
    cells = stackfit.plan("digits_quickstart", small, {"seed": range(3)}, multirun=True)
    assert len(cells["cells"]) == 3 and "3 cells, 0 finished" in repr(cells)
    verdicts = stackfit.check(XOR, reporter=QUIET)
    assert {*verdicts["state"]} == {"passed"} and [*verdicts.columns][:4] == ["item", "claim", "state", "value"]


@pytest.mark.slow
def test_a_program_that_uses_the_api_is_checked_by_mypy(lab, write):
    pytest.importorskip("mypy")
    write(
        "program.py",
        "import stackfit\n"
        "run = stackfit.run('xor', {'epochs': 1}, callbacks=[])\n"
        "stackfit.compare(run, 'other').sentences[0].upper()\n"
        "stackfit.run(3)\n"
        "stackfit.table(run, ovr='seed')\n"
        "run.metrix\n",
    )
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "program.py"], capture_output=True, text=True)
    assert re.findall(r"program.py:(\d): error: .* \[(.*)\]", done.stdout) == [("4", "arg-type"), ("5", "call-arg"), ("6", "attr-defined")]


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


@pytest.mark.tf
def test_a_sweep_by_processes_has_the_bits_of_a_fused_one(lab):
    words = ({"epochs": 1, "seed": [0, 1]},)
    here = stackfit.sweep(XOR, *words)
    there = stackfit.sweep(XOR, *words, launcher="processes", workers=2, fresh=True)
    assert list(there["loss"]) == list(here["loss"]) and (there["state"] == "finished").all()
    with pytest.raises(ConfigError, match="The launcher fused has no setting 'workers'"):
        stackfit.sweep(XOR, *words, workers=2)
