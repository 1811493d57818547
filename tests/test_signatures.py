"""`signatures`: what Keras would refuse of a target's name and arguments is known without importing it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stackfit.config import signatures, targets
from stackfit.config.experiments import find_experiments
from stackfit.config.hydra.composition import Composer
from stackfit.config.resolving import resolve
from stackfit.errors import Problems

LAYER = "+model.layers.x={_target_:keras.layers."


def errors(*overrides: str, experiment: str = "digits_quickstart") -> list[tuple[str | None, str]]:
    problems = Problems()
    composition = Composer(experiment).compose(overrides, problems)
    assert not problems.errors
    return [(error.key, error.message) for error in signatures.check_signatures(resolve(composition.config, Problems()))]


CASES = [
    ("model.layers.hidden.activation=Relu", "model.layers.hidden.activation", "There is no activation 'Relu'. Did you mean 'relu'? Expected a name that Keras knows. Write: activation: relu"),
    ("model.layers.hidden.units=abc", "model.layers.hidden.units", "dense_stack's argument 'units' is 'abc'. Expected a whole number or a list."),
    ("model.layers.hidden.units=64.5", "model.layers.hidden.units", "is 64.5. Expected a whole number or a list."),
    ("optimizer.learning_rate=high", "optimizer.learning_rate", "Adam's argument 'learning_rate' is 'high'. Expected a number."),
    ("optimizer.amsgrad=maybe", "optimizer.amsgrad", "is 'maybe'. Expected true or false."),
    ("+optimizer.lr=0.1", "optimizer.lr", "Adam has no argument 'lr'. Did you mean 'learning_rate'? Expected an argument that it takes. Write: learning_rate"),
    (LAYER + "Dens,units:3}", "model.layers.x._target_", "There is no 'Dens' in keras.layers. Did you mean 'Dense'? Expected a class of Keras. Write: _target_: keras.layers.Dense"),
    (LAYER + "Dense,unit:3}", "model.layers.x.unit", "Dense has no argument 'unit'. Did you mean 'units'?"),
    (LAYER + "Dense,units:3,kernel_initializer:he_norml}", "model.layers.x.kernel_initializer", "There is no initializer 'he_norml'. Did you mean 'he_normal'?"),
    (LAYER + "Conv2D,filters:3,kernel_size:3,padding:sam}", "model.layers.x.padding", "There is no padding 'sam'. Did you mean 'same'?"),
    (LAYER + "MaxPool2D,pool_size:two}", "model.layers.x.pool_size", "MaxPool2D's argument 'pool_size' is 'two'. Expected a number."),  # an alias
    ("+callbacks.e={_target_:keras.callbacks.EarlyStopping,patience:few}", "callbacks.e.patience", "'patience' is 'few'. Expected a number."),
    ("optimizer.learning_rate={_target_:keras.optimizers.schedules.CosineDecay,decay_stps:3}", "optimizer.learning_rate.decay_stps", "Did you mean 'decay_steps'?"),
]  # fmt: skip


@pytest.mark.parametrize("override, key, said", CASES)
def test_a_wrong_name_or_value_is_found_and_nothing_that_follows_from_it(override, key, said):
    ((found, message),) = errors(override)
    assert found == key and said in message


@pytest.mark.parametrize(
    "override",
    ["model.layers.hidden.units=[64,32]", "optimizer.learning_rate=1", "optimizer.learning_rate='${epochs}'", "model.layers.hidden.kernel_regularizer=l2",
     LAYER + "MaxPooling2D,pool_size:[2,2]}", LAYER + "Dropout,rate:0,seed:3,after:hidden,name:d}", "+callbacks.e={_target_:mine.Own,x:3}",
     "model.layers.hidden.activation={_target_:keras.layers.ReLU}", "optimizer._target_=keras.layers.Dense"],
)  # fmt: skip
def test_what_keras_takes_and_what_is_judged_elsewhere_passes(override):
    assert errors(override) == []


def test_every_shipped_experiment_passes():
    assert [name for name in sorted(find_experiments())[::12] if errors(experiment=name)] == []


def test_with_another_keras_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(signatures, "is_current", lambda: False)
    assert errors("+optimizer.lr=0.1") == []


@pytest.mark.parametrize("word, meant", [("Dense", "Dense"), ("dense", "Dense"), ("tf.keras.layers.Dense", "Dense"), ("max_pool2d", "MaxPool2D"),
                                         ("conv_2d", "Conv2D"), ("Dens", None), ("", None)])  # fmt: skip
def test_a_target_is_found_by_a_word(word, meant):
    assert targets.target_named(word, targets.ROLES["layers"]) == (meant and f"keras.layers.{meant}")


@pytest.mark.parametrize("word, meant", [("mse", "MeanSquaredError"), ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")])
def test_a_loss_is_found_by_its_short_name(word, meant):
    assert targets.target_named(word, targets.ROLES["loss"]) == f"keras.losses.{meant}"


def test_a_typo_in_run_is_answered_without_an_engine(lab):
    """Names, keys, groups and values of the wrong kind: the answer takes the time of `show`."""
    words = [case[0] for case in CASES[:8]] + ["units=64", "model=MLP", "epochs=five", "epochs=0", "batch=3", "--epochs", "seed=-1"]
    code = (
        "import sys, contextlib\nfrom stackfit.cli import main\n"
        f"for word in {words!r}:\n"
        "    with contextlib.suppress(SystemExit):\n        main(['run', 'digits_quickstart', word])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=lab)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error: ") == len(words) and not (lab / "outputs").exists()
