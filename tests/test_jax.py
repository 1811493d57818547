"""The JAX engine, in processes of its own (Keras has one backend a process) where TensorFlow cannot be imported."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from stackfit.data.dataset import Scaling, StreamedDataset
from stackfit.errors import ConfigError, DataError, TrainingError
from stackfit.results.run_files import read_environment, read_history, read_metrics, read_status

pytestmark = [pytest.mark.extra, pytest.mark.tf]

HERE = Path(__file__).parent
SMALL = "digits_quickstart engine=jax epochs=2 model.layers.hidden.units=8"
OWN = """
import keras
import numpy as np
class Plain(keras.callbacks.Callback):
    pass
class Listener(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.steps = 0
    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
    def on_train_end(self, logs=None):
        print("steps:", self.steps, "rate:", round(float(self.model.optimizer.learning_rate), 4))
class Setter(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([0 * weight for weight in self.model.get_weights()])
class Peeks(keras.callbacks.Callback):
    def on_test_begin(self, logs=None):
        self.kept = self.model.get_weights()
        self.model.set_weights([0 * weight for weight in self.kept])
    def on_test_end(self, logs=None):
        self.model.set_weights(self.kept)
class Largest(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("largest:", max(float(abs(weight).max()) for weight in self.model.get_weights()))
class PeeksAtBatches(keras.callbacks.Callback):
    def on_test_batch_begin(self, batch, logs=None):
        self.kept = self.model.get_weights()
        self.model.set_weights([0 * weight for weight in self.kept])
    def on_test_batch_end(self, batch, logs=None):
        self.model.set_weights(self.kept)
class Clips(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.set_weights([np.clip(weight, -0.05, 0.05) for weight in self.model.get_weights()])
class Halver(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate / 2
class Quitter(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1
class Reader(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        from stackfit.training.weights import weights_digest
        print("read:", epoch, weights_digest(self.model), self.model.predict(np.ones((1, 8, 8, 1)), verbose=0).shape)
class Faulty(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("on purpose")
class Quick(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.001 / (batch + 1)
        self.model.stop_training = batch == 6
class Values(keras.layers.Layer):
    def call(self, x):
        return keras.ops.convert_to_tensor(np.tanh(x))
class Branch(keras.layers.Layer):
    def call(self, x):
        return -x if keras.ops.sum(x) > 0 else x
class WithTensorFlow(keras.losses.Loss):
    def call(self, y_true, y_pred):
        import tensorflow as tf
        return tf.reduce_mean(y_pred)
class Counts(keras.losses.Loss):
    def __init__(self):
        super().__init__()
        self.steps = keras.Variable(0.0, name="steps")
    def call(self, y_true, y_pred):
        self.steps.assign(self.steps + 1)
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * self.steps
class Watches(keras.layers.Layer):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.mean = keras.metrics.Mean(name="inside")
    def call(self, x):
        self.mean.update_state(keras.ops.mean(x))
        return x
class Weighted(keras.losses.Loss):
    def __init__(self):
        super().__init__()
        self.beta = keras.Variable(1.0, name="beta")
    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * self.beta
class Anneals(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            self.model.loss.beta.assign(0.5)
class Float(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(float(keras.ops.mean(y_pred)))
"""
WITHOUT_FORM = {  # of a user's classes, with what is said of each
    "+model.layers.mine={_target_: mine.Values, after: input}": "Layer 'mine', Values, has no form for JAX: it asks for the values",
    "+model.layers.mine={_target_: mine.Branch, after: input}": "Layer 'mine', Branch, has no form for JAX: it asks for the values",
    "task.loss={_target_: mine.WithTensorFlow}": "The loss, a metric or a layer has no form for JAX: it imports TensorFlow (mine.py:",
    "+task.metrics.mine={_target_: mine.Float}": "The loss, a metric or a layer has no form for JAX: it asks for the values",
}
LOST = {  # what sets or reads a variable that Keras's steps for JAX do not give back, with the variable
    "+model.layers.norm={_target_: keras.layers.SpectralNormalization, layer: {_target_: keras.layers.Dense, units: 3}, after: hidden}":
        "sets the variable 'norm/dense/kernel'",
    "task.loss={_target_: mine.Counts}": "sets the variable 'steps'",
    "+model.layers.mine={_target_: mine.Watches, after: hidden}": "reads the variable 'inside/total'",
}  # fmt: skip
# By what it does: a callback of each kind, all in one cohort; what it does is decided by no number that engines differ in.
CALLBACKS = {
    "nothing": "mine.Plain",
    "keeps the first epoch": "keras.callbacks.EarlyStopping, monitor: val_loss, min_delta: 9.0, patience: 1, restore_best_weights: true",
    "lowers the rate": "keras.callbacks.ReduceLROnPlateau, monitor: loss, min_delta: 9.0, patience: 1, factor: 0.1",
    "schedules the rate": "stackfit.callbacks.EpochSchedule, learning_rates: {1: 0.01, 3: 0.002}",
    "stops at a threshold": "stackfit.callbacks.StopAt, monitor: loss, value: 99.0, mode: min",
    "writes checkpoints": "keras.callbacks.ModelCheckpoint, filepath: 'at-{epoch}.weights.h5', save_weights_only: true",
    "halves the rate": "mine.Halver",
    "stops": "mine.Quitter",
    "reads": "mine.Reader",
    "raises": "mine.Faulty",
    "listens to batches": "mine.Quick",
}
WITH_CALLBACKS = [
    *("run", "digits_quickstart", "epochs=4", "model.layers.hidden.units=8", "data.validation_split=0.2", "save=[]"),
    *("--trust", "mine", "-m", "+callbacks.mine=" + ",".join(f"{{_target_: {each}}}" for each in CALLBACKS.values())),
]
AVERAGED = f"run {SMALL} stack=2 data.validation_split=0.2 +optimizer.use_ema=true +optimizer.ema_momentum=0.7"
RESTORED = {  # callbacks that set weights for the validation, and set them back
    "swapped": "+callbacks.mine={_target_: keras.callbacks.SwapEMAWeights}",
    "peeked": "+callbacks.mine={_target_: mine.Peeks}",
    "peeked at batches": "+callbacks.mine={_target_: mine.PeeksAtBatches}",
}
TENSORBOARD = "+callbacks.board={_target_: keras.callbacks.TensorBoard, log_dir: logs}"
NORMALIZATION = "+model.layers.norm={_target_: keras.layers.Normalization, after: input}"


@dataclass
class Answer:
    code: int
    out: str
    err: str
    imports: list[str]

    @property
    def folder(self) -> Path:
        return Path(self.out.splitlines()[-1])


def python(script: str, *words: str, cwd: Path, given: str = "", **environment: str) -> list[Any]:
    """What a script of this folder prints, one JSON value a line."""
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, "PYTHONPATH": paths, "STACKFIT_CACHE": str(cwd / "cache"), "COLUMNS": "80", **environment}
    variables["MALLOC_MMAP_THRESHOLD_"] = "1000000"  # large arrays that are freed go back to the system at once
    command = [sys.executable, "-W", "error::UserWarning", str(HERE / script), *words]
    done = subprocess.run(command, cwd=cwd, env=variables, input=given, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


COMMANDS = {
    "run": f"run {SMALL} save=[keras,h5]",
    "verify": "verify digits_quickstart",
    "evaluate": "evaluate digits_quickstart",
    "predict": "predict digits_quickstart",
    "eject": "eject digits_quickstart",
    "plan": f"plan {SMALL} --probe",
    "plan one": f"plan {SMALL} stack=4 --json",
    "plan stacked": f"plan {SMALL} stack=4 -m 'seed=range(3)' model.layers.hidden.units=8,9",
    "plan many": f"plan {SMALL} model.layers.hidden.units=20000 stack=65536 --json",
    "stacked": f"run {SMALL} stack=4 -m 'seed=range(3)' model.layers.hidden.units=8,9",
    "verify stacked": "verify {stacked}",
    "again": f"run {SMALL} stack=4 -m 'seed=range(3)' model.layers.hidden.units=8,9",
    "alone": f"run {SMALL} stack=4 seed=1",
    "listened": f"run {SMALL} stack=4 seed=1 '+callbacks.mine={{_target_: mine.Listener}}' --trust mine",
    "set": f"run {SMALL} data.validation_split=0.2 '+callbacks.mine={{_target_: mine.Setter}}' --trust mine",
    "clipped": f"run {SMALL} '+callbacks.mine={{_target_: mine.Clips}}' '+callbacks.reads={{_target_: mine.Largest}}' --trust mine",
    "averaged": AVERAGED,
    **{name: f"{AVERAGED} '{callback}' --trust mine" for name, callback in RESTORED.items()},
    "schedule": f"run {SMALL} optimizer=adam_cosine",
    "adapted": f"run {SMALL} '{NORMALIZATION}'",
    "verify adapted": "verify {adapted}",
    "not finite": f"run {SMALL} optimizer=sgd optimizer.learning_rate=1e38",
    "board": f"run {SMALL} '{TENSORBOARD}'",
    "texts": f"run {SMALL} '+model.layers.words={{_target_: keras.layers.TextVectorization, after: input}}'",
    "hashes": f"run {SMALL} '+model.layers.hash={{_target_: keras.layers.Hashing, num_bins: 9, after: input}}'",
    "lookup": f"run {SMALL} '+model.layers.look={{_target_: keras.layers.IntegerLookup, after: input}}'",
    "many": f"run {SMALL} model.layers.hidden.units=20000 stack=65536",
    "absurd": f"run {SMALL} model.layers.hidden.units=[100000000000]",
    **{each: f"run {SMALL} --trust mine '{each}'" for each in [*WITHOUT_FORM, *LOST]},
    "weighted": f"run {SMALL} 'task.loss={{_target_: mine.Weighted}}' --trust mine",
    "annealed": f"run {SMALL} 'task.loss={{_target_: mine.Weighted}}' '+callbacks.mine={{_target_: mine.Anneals}}' --trust mine",
    "check": "check xor_needs_a_hidden_layer --engine jax",
    "table": "table {stacked}",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jax")


@pytest.fixture(scope="module")
def answers(home: Path) -> dict[str, Answer]:
    """What each command said, in order; `{name}` stands for the folder that an earlier one printed."""
    (home / "mine.py").write_text(OWN)
    found = python("jax_commands.py", cwd=home, given=json.dumps(COMMANDS))
    return {name: Answer(**each) for name, each in zip(COMMANDS, found, strict=True)}


def metrics(home: Path, answer: Answer) -> dict[str, Any]:
    return read_metrics(home / answer.folder)


def test_nothing_that_a_command_does_imports_tensorflow(answers):
    ours = {name: answer.imports for name, answer in answers.items() if not any("mine.py" in each for each in answer.imports)}
    assert {name: imports for name, imports in ours.items() if imports} == {}


def test_a_run_is_verified_evaluated_and_predicted_by_its_own_engine(answers, home):
    assert [answers[name].code for name in ("run", "verify", "evaluate", "predict", "plan", "check")] == [0] * 6, answers
    assert "bit-equal" in answers["verify"].out and "model.keras, model.h5" in answers["verify"].out
    config = yaml.safe_load((home / answers["run"].folder / "config.yaml").read_text())
    assert (config["engine"], config["stack"]) == ("jax", 1)
    environment = read_environment(home / answers["run"].folder)
    assert {"jax", "jaxlib", "keras"} <= environment["versions"].keys() and "tensorflow" not in environment["versions"]
    assert environment["devices"] == ["CPU"] and environment["determinism"]["stack"] == 1
    said = metrics(home, answers["run"])["test_accuracy"]
    assert f"{said:.4f}" in answers["evaluate"].out


def test_eject_says_why_not(answers):
    assert answers["eject"].code == 2 and "engine is jax: stackfit lets XLA compile many steps as one program" in answers["eject"].err


def test_plan_measures_the_speed_and_counts(answers):
    # Products, biases, relu, and softmax, which here also holds its maximum against -inf.
    flops = (2 * 64 * 8 + 8 + 8) + (2 * 8 * 10 + 10 + 5 * 10 + 1)
    assert f"{flops:,}" in answers["plan"].out
    assert "time    about" in answers["plan"].out, answers["plan"].out


def test_cells_of_one_shape_share_a_stack_and_have_the_bits_that_each_has_alone(answers, home):
    assert answers["stacked"].code == answers["verify stacked"].code == answers["again"].code == 0
    assert answers["verify stacked"].out.endswith("6 bit-equal\n")
    assert "6 finished, 0 to run" in answers["again"].err
    sweep = home / answers["stacked"].folder
    index = json.loads((sweep / "sweep.json").read_text())
    assert {(cell["engine"], cell["stack"]) for cell in index["cells"]} == {("jax", 4)}
    by_axes = {(cell["axes"]["seed"], cell["axes"]["model.layers.hidden.units"]): sweep / cell["folder"] for cell in index["cells"]}
    assert {read_history(folder)[0]["members"] for folder in by_axes.values()} == {3}
    shas = {axes: read_metrics(folder)["weights_sha256"] for axes, folder in by_axes.items()}
    assert len({*shas.values()}) == 6 and shas["1", "8"] == metrics(home, answers["alone"])["weights_sha256"]


def test_a_callback_that_listens_to_batches_is_called_at_each_and_changes_no_bit(answers, home):
    assert "steps: 90 rate: 0.001" in answers["listened"].err
    assert metrics(home, answers["listened"])["weights_sha256"] == metrics(home, answers["alone"])["weights_sha256"]


def what_callbacks_did(folders: list[Path]) -> dict[str, Any]:
    """By what its callback does: how each cell ended, the learning rates, what it said, and the callback's files."""
    found = {}
    for folder in folders:
        status = read_status(folder)
        name = next(name for name, each in CALLBACKS.items() if each.partition(",")[0] in status["axes"]["callbacks.mine"])
        rates = [row["learning_rate"] for row in read_history(folder)]
        said = re.findall(r"^(stopped.*|read:.*|.*on purpose.*\))$", (folder / "log.txt").read_text(), re.MULTILINE)
        ended = {key: (status["metrics"] or {}).get(key) for key in ("stopped_epoch", "weights_epoch")}
        said = [re.sub("[0-9a-f]{64}", "", line) for line in said]
        found[name] = [status["status"], ended, rates, said, sorted(path.name for path in folder.glob("at-*"))]
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's callbacks with NumPy 2
def test_callbacks_act_on_their_member_as_they_do_on_tensorflow(home, lab, cli):
    for folder in (home, lab):
        (folder / "mine.py").write_text(OWN)
    command = shlex.join([*WITH_CALLBACKS, "engine=jax", "stack=8"])
    on_the_other = Answer(**python("jax_commands.py", cwd=home, given=json.dumps({"callbacks": command}))[0])
    done = cli(*WITH_CALLBACKS)
    assert (done.code, on_the_other.code) == (1, 1), on_the_other.err  # one of them raises
    there, here = home / on_the_other.folder, Path(done.out.splitlines()[-1])
    folders = [sorted(path.parent for path in sweep.glob("*/status.json")) for sweep in (there, here)]
    on_jax, on_tensorflow = map(what_callbacks_did, folders)
    assert on_jax == on_tensorflow and on_jax.keys() == CALLBACKS.keys()
    half = [0.001, 0.0005, 0.00025, 0.000125]
    assert on_jax["halves the rate"][2] == pytest.approx(half) and on_jax["nothing"][2] == pytest.approx([0.001] * 4)
    assert on_jax["keeps the first epoch"][1] == {"stopped_epoch": 2, "weights_epoch": 1}
    assert [on_jax[name][1]["stopped_epoch"] for name in ("stops at a threshold", "stops", "listens to batches")] == [1, 2, 1]
    assert [len(read_history(folder)) for folder in folders[0]] == [len(read_history(folder)) for folder in folders[1]]
    assert [read_history(folder)[0]["members"] for folder in folders[0]].count(1) == 1  # what listens to batches



def test_weights_that_a_callback_sets_are_those_of_the_run_and_of_its_scores(answers, home):
    found = metrics(home, answers["set"])
    assert answers["set"].code == 0 and found["loss"] is None  # of no epoch
    assert found["test_loss"] == pytest.approx(2.302585, abs=1e-4) and found["val_loss"] == pytest.approx(2.302585, abs=1e-4)


@pytest.mark.parametrize("name", RESTORED)
def test_weights_that_a_callback_sets_for_the_validation_and_sets_back_change_no_training(answers, home, name):
    assert answers[name].code == 0, answers[name].err
    assert metrics(home, answers[name])["weights_sha256"] == metrics(home, answers["averaged"])["weights_sha256"]
    ours, plain = (read_history(home / answers[each].folder) for each in (name, "averaged"))
    assert [row["loss"] for row in ours] == [row["loss"] for row in plain]
    assert [row["val_loss"] for row in ours] != [row["val_loss"] for row in plain]


def test_weights_that_a_callback_sets_after_the_last_batch_are_those_of_the_epoch(answers):
    assert answers["clipped"].code == 0 and re.findall(r"largest: (\S+)", answers["clipped"].err) == [str(float(np.float32(0.05)))] * 2


def test_the_learning_rate_of_a_schedule_is_in_the_history(answers, home):
    rates = [row["learning_rate"] for row in read_history(home / answers["schedule"].folder)]
    assert rates[0] == pytest.approx(0.0005, rel=0.05) and rates[1] == pytest.approx(0.0, abs=1e-6)


def test_a_layer_is_adapted_to_the_data_and_verified(answers):
    assert "norm: adapted to the 1,437 training examples" in answers["adapted"].err
    assert answers["adapted"].code == answers["verify adapted"].code == 0 and "bit-equal" in answers["verify adapted"].out


def test_a_loss_that_is_not_finite_fails_with_its_epoch(answers):
    assert answers["not finite"].code == 1 and "loss is inf in epoch 1. Expected a finite number." in answers["not finite"].err


@pytest.mark.parametrize(
    "name, what", [("board", "TensorBoard"), ("texts", "TextVectorization"), ("hashes", "Hashing"), ("lookup", "IntegerLookup")]
)
def test_what_needs_tensorflow_itself_is_refused_by_name_before_anything_is_trained(answers, name, what):
    assert (answers[name].code, answers[name].out) == (2, "")
    assert what in answers[name].err and "engine=tensorflow" in answers[name].err and "epoch" not in answers[name].err


@pytest.mark.parametrize("override", WITHOUT_FORM)
def test_code_that_has_no_form_for_jax_is_named_with_its_place_before_anything_is_trained(answers, override):
    assert (answers[override].code, answers[override].out) == (2, "")
    said = answers[override].err
    assert WITHOUT_FORM[override] in said and "(mine.py:" in said and "engine=tensorflow" in said and "epoch" not in said


@pytest.mark.parametrize("override", LOST)
def test_a_variable_that_a_step_sets_and_jax_would_lose_is_named_before_anything_is_trained(answers, override):
    assert (answers[override].code, answers[override].out) == (2, "")
    said = answers[override].err
    assert f"The training step {LOST[override]}, whose" in said and "engine=tensorflow" in said and "epoch" not in said


def test_a_variable_of_no_layer_may_be_read_until_something_sets_it(answers):
    assert answers["weighted"].code == 0 and answers["annealed"].code == 1
    assert "The variable 'beta' was set after the step had been compiled" in answers["annealed"].err


FOREIGN = {  # what a user may have exported for other programs
    **{"JAX_ENABLE_X64": "1", "JAX_NUMPY_RANK_PROMOTION": "raise", "JAX_TRANSFER_GUARD": "disallow", "JAX_DEBUG_NANS": "1"},
    **{"JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16", "KERAS_NNX_ENABLED": "1", "KERAS_BACKEND": "torch"},
}


def test_what_is_exported_for_other_programs_changes_no_bit(answers, home):
    (found,) = python("jax_commands.py", cwd=home, given=json.dumps({"run": f"run {SMALL} --fresh"}), **FOREIGN)
    assert found["code"] == 0, found["err"]
    assert metrics(home, Answer(**found))["weights_sha256"] == metrics(home, answers["run"])["weights_sha256"]


def test_a_device_that_is_not_here_is_one_error(home):
    (found,) = python("jax_commands.py", cwd=home, given=json.dumps({"run": f"run {SMALL}"}), JAX_PLATFORMS="gpu")
    assert found["code"] == 2 and found["err"].count("error: ") == 1
    assert "JAX has no device with JAX_PLATFORMS=gpu: Unable to initialize" in found["err"] and "Unset JAX_PLATFORMS" in found["err"]


def test_a_sweeps_table_shows_its_cells(answers):
    assert answers["table"].code == 0 and answers["table"].out.count("bit-equal") == 6


def test_a_device_without_memory_for_the_stack_is_said_with_a_smaller_one():
    pytest.importorskip("jax")
    import jax

    from stackfit.training.jax.program import stopping

    for size, cure in ((64, "Write: stack=32"), (1, "Lower batch_size")):
        with pytest.raises(TrainingError, match=r"^JAX stopped: RESOURCE_EXHAUSTED: .* the device's memory") as caught, stopping(size):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 80 GB.\nmore")
        assert str(caught.value).endswith(cure)
    with pytest.raises(ConfigError, match=r"^JAX stopped: INTERNAL: no.$"), stopping(1, ConfigError):
        raise jax.errors.JaxRuntimeError("INTERNAL: no")


def test_determinism_is_a_flag_of_xla_that_replaces_an_inherited_one():
    from stackfit.training.jax.runtime import DETERMINISTIC, xla_flags

    assert xla_flags("--xla_a=1", True) == xla_flags(f"{DETERMINISTIC} --xla_a=1", True) == f"--xla_a=1 {DETERMINISTIC}"
    assert xla_flags(f"--xla_a=1 {DETERMINISTIC}", False) == xla_flags("--xla_a=1", False) == "--xla_a=1"


def test_streamed_data_are_refused_with_what_to_raise():
    pytest.importorskip("jax")
    from stackfit.training.jax.pipeline import Feeds

    streamed = StreamedDataset("big", {"train": 9}, (2,), (), Scaling(), "f", None)
    with pytest.raises(DataError, match=r"streamed, which takes TensorFlow.*Raise data.max_memory_bytes, or write: engine=tensorflow"):
        Feeds(streamed)


BIG = "run xor_needs_a_hidden_layer engine=jax epochs=2 save=[] verbosity=0 model.layers.hidden.units=[%s]"  # 48 bytes a unit
SHORT = {
    "start": BIG % 3 + " hydra.mode=RUN",
    "short": BIG % 2_000_000 + " -m 'seed=range(8)' --fresh",
    "free": BIG % 2_000_000 + " -m 'seed=range(8)' --fresh",
}


@pytest.mark.slow
def test_cells_that_do_not_fit_into_memory_together_train_in_halves_and_lose_nothing(home):
    found = [Answer(**each) for each in python("little_memory.py", "1200", cwd=home, given=json.dumps(SHORT))]
    assert [answer.code for answer in found] == [0, 0, 0], found[1].err
    assert "Memory ran out for 8 cells together: 4 and 4 of them train again." in found[1].err and "Memory" not in found[2].err
    shas = [sorted(read_metrics(home / answer.folder / name)["weights_sha256"] for name in os.listdir(home / answer.folder)
                   if name.startswith("seed")) for answer in found[1:]]  # fmt: skip
    assert shas[0] == shas[1] and len({*shas[0]}) == 8


def test_a_layer_that_does_not_fit_into_memory_is_named_before_anything_is_trained(answers):
    assert (answers["absurd"].code, answers["absurd"].out) == (2, "")
    assert "Layer 'hidden', Dense, does not fit into memory: RESOURCE_EXHAUSTED" in answers["absurd"].err


def test_a_stack_that_cannot_fit_is_refused_with_the_memory_that_it_takes_and_one_that_fits(answers):
    variables = 3 * (64 * 20_000 + 20_000 + 20_000 * 10 + 10)  # weights, and Adam's two of each; a few single numbers more
    takes = 65_536 * 4 * (2 * variables + variables // 3) / 1e9
    memory = json.loads(answers["plan many"].out)["memory"]
    assert takes == pytest.approx(sum(memory[name] for name in ("weights", "gradients", "optimizer", "new values")) / 1e9, rel=1e-5)
    assert (answers["many"].code, answers["many"].out) == (2, "")
    assert f"A stack of 65,536 members of this model takes at least {takes:,.1f} GB" in answers["many"].err
    fitting = int(re.search(r"Write: stack=(\d+)", answers["many"].err).group(1))
    assert 1 <= fitting < 65_536 and fitting & (fitting - 1) == 0


def test_the_plan_shows_the_memory_of_the_whole_stack(answers):
    plan = json.loads(answers["plan one"].out)
    weights, batch = 4 * (65 * 8 + 9 * 10), 32 * 4 * (64 + 64 + 8 + 10)
    adam = 2 * weights + 4 + 4  # two moments, the step, the learning rate
    each = {"weights": weights, "gradients": weights, "optimizer": adam, "new values": weights + adam, "activations": batch}
    assert plan["memory"] == {**{name: 4 * size for name, size in each.items()}, "data": plan["data"]["bytes"]} and plan["stack"] == 4
    sweep = answers["plan stacked"].out
    assert "memory  cohort 2, a stack of 4: weights 11.0 kB, gradients 11.0 kB, " in sweep  # of 9 units, 3 cells in 4 rows
    assert max(map(len, sweep.splitlines())) <= 80


# ---- exactness


def test_members_of_a_stack_start_as_keras_starts_each_alone_and_a_hundred_take_less_than_a_second(home):
    found = python("jax_start.py", cwd=home)[0]
    assert found["unlike"] == [] and min(found["variables"].values()) >= 18 and found["distinct"] == 4
    assert found["seconds"] < 3  # about 0.6 on a quiet machine


def unlike(first: int, last: int, cwd: Path) -> list[Any]:
    """What differs between members of random mixes trained together, alone, and resumed after an epoch."""
    mixes = python("jax_mixes.py", str(first), str(last), cwd=cwd)
    assert len(mixes) == last - first and all(mix["distinct"] == len(mix["cells"]) for mix in mixes)
    assert not any(failed for mix in mixes for failed in mix["failed"])
    return [mix for mix in mixes if any(each["alone"] or each["resumed"] for each in mix["unlike"])]


def test_a_member_has_the_same_bits_in_a_stack_alone_and_resumed(home):
    assert unlike(0, 4, home) == []


@pytest.mark.slow
def test_a_member_has_the_same_bits_in_thirty_random_mixes(home):
    assert unlike(4, 34, home) == []


@pytest.mark.slow
def test_a_sweep_over_both_engines_trains_each_in_its_own_process(lab, cli):
    done = cli("run", "digits_quickstart", "epochs=1", "model.layers.hidden.units=8", "-m", "engine=tensorflow,jax")
    assert done.code == 0, done.err
    cells = [read_status(path.parent) for path in Path(done.out.splitlines()[-1]).glob("*/status.json")]
    versions = [read_environment(path.parent)["versions"] for path in Path(done.out.splitlines()[-1]).glob("*/status.json")]
    assert [cell["status"] for cell in cells] == ["finished"] * 2
    assert sorted("jax" in each for each in versions) == [False, True]
