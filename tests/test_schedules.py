"""`schedules`: a step count that is left open is the run's own, and one that does not fit it is a warning."""

from __future__ import annotations

import numpy as np
import pytest

from stackfit.config import schema
from stackfit.config.schedules import fill_steps, find_unfit, find_unlike_fit, find_unlike_layers
from stackfit.errors import ConfigError, raising
from stackfit.execution.cells import build_cell, compose_command

DECAY = "keras.optimizers.schedules."
COSINE = ("digits_quickstart", "optimizer=adam_cosine")
WARM_UP = "optimizer.learning_rate.warmup_steps=20"
STEPS = "optimizer.learning_rate.decay_steps"


def steps_of(cell) -> int:
    return cell.config["optimizer"]["learning_rate"]["decay_steps"]


def node(name: str, **arguments) -> dict:
    return {"_target_": "keras.optimizers.SGD", "learning_rate": {"_target_": DECAY + name, **arguments}}


@pytest.mark.parametrize(
    "words, steps",
    [
        (("gsp631_base", "optimizer=adam_cosine"), 5 * 1875),
        (("gsp631_base", "optimizer=adam_cosine", "epochs=3", "batch_size=64"), 3 * 938),
        (("gsp631_base", "optimizer=adam_cosine", "data.validation_split=0.1"), 5 * 1688),  # 54,000 / 32 = 1687.5
        ((*COSINE, "epochs=3", "batch_size=113"), 3 * 13),  # 1,437 / 113 = 12.7
        ((*COSINE, f"{STEPS}=500"), 500),
        (("gsp631_base", "optimizer=sgd_exponential"), 1875),  # of an epoch, whose end has the next power of decay_rate
        (("digits_quickstart", "optimizer=sgd_exponential", "epochs=2"), 45),
        (("gsp631_base", "optimizer=warmup_cosine"), 9375 - 938),
        (("digits_quickstart", "optimizer=warmup_cosine", "epochs=2", "data.validation_split=0.2"), 72 - 8),
        (("digits_quickstart", "optimizer=warmup_cosine", "epochs=2", WARM_UP), 90 - 20),
    ],
)
def test_an_open_step_count_follows_from_the_run_and_a_given_one_stays(compose, words, steps):
    cell = compose(*words)
    assert steps_of(cell) == cell.settings[STEPS] == steps


def test_a_filled_step_count_has_the_fingerprint_of_the_number(compose):
    filled, typed = compose(*COSINE, "epochs=2"), compose(*COSINE, "epochs=2", f"{STEPS}=90")
    assert filled.fingerprint("data") == typed.fingerprint("data") != compose(*COSINE, "epochs=3").fingerprint("data")


def test_the_examples_of_ones_own_data_are_counted(compose, lab):
    x = np.random.default_rng(0).random((50, 3))
    np.savez(lab / "mine.npz", x=x, y=np.arange(50) % 2)
    cell = compose(*COSINE, "data=npz", "data.path=mine.npz", "data.scale=none", "batch_size=16", "epochs=3")
    assert steps_of(cell) == 3 * 3  # a fifth is held out: 40 examples are left


def test_without_the_data_an_open_step_count_is_an_error_at_its_place(compose):
    words = (*COSINE, "data=tfds", "data.name=not_here", "data.input_shape=[8,8,1]", "data.num_classes=10")
    with pytest.raises(ConfigError, match="decay_steps is left to the length of the run") as raised:
        compose(*words)
    assert "conf/optimizer/adam_cosine.yaml:6" in str(raised.value)
    assert steps_of(compose(*words, "+data.examples.train=100", "epochs=2")) == 2 * 4
    assert steps_of(compose(*words, f"{STEPS}=7")) == 7


def test_schedules_inside_other_optimizers_and_restarts_are_filled_and_a_warm_up_is_part_of_the_run():
    inner = {"_target_": "keras.optimizers.LossScaleOptimizer", "inner_optimizer": node("PolynomialDecay", decay_steps=None)}
    restarts = node("CosineDecayRestarts", first_decay_steps=None)
    warm = node("CosineDecay", decay_steps=None, warmup_target=0.1, warmup_steps=20)
    for optimizer in (inner, restarts, warm):
        assert list(fill_steps(optimizer, 20, 5)) == []
    assert inner["inner_optimizer"]["learning_rate"]["decay_steps"] == 100
    assert restarts["learning_rate"]["first_decay_steps"] == 100 and warm["learning_rate"]["decay_steps"] == 80


def test_a_users_own_schedule_is_left_alone():
    own = {"learning_rate": {"_target_": "mine.Decay", "decay_steps": None}}
    assert list(fill_steps(own, 20, 5)) == [] and own["learning_rate"]["decay_steps"] is None


@pytest.mark.parametrize(
    "optimizer, said",
    [
        (node("CosineDecay", decay_steps=101), "does not fall as far as the schedule says"),
        (node("ExponentialDecay", decay_steps=101), "does not fall as far as the schedule says"),
        (node("CosineDecay", decay_steps=60, warmup_target=0.1, warmup_steps=41), "does not fall as far as the schedule says"),
        (node("PolynomialDecay", decay_steps=49), "stays at its last value from step 49 on"),
        (node("PolynomialDecay", decay_steps=49, cycle=True), None),
        (node("PiecewiseConstantDecay", boundaries=[100, 200], values=[3, 2, 1]), "never moves"),
        (node("PiecewiseConstantDecay", boundaries=[10, 20], values=[3, 2, 1]), "stays at its last value from step 20 on"),
        (node("PiecewiseConstantDecay", boundaries=[50, 75], values=[3, 2, 1]), None),
        (node("ExponentialDecay", decay_steps=25, decay_rate=1.0), "never moves"),
        (node("CosineDecay", decay_steps=100, alpha=1.0), "never moves"),
        (node("PolynomialDecay", decay_steps=100, initial_learning_rate=0.01, end_learning_rate=0.01), "never moves"),
        (node("PolynomialDecay", decay_steps=100, initial_learning_rate=0.0001), "never moves"),  # Keras's end_learning_rate
        (node("PolynomialDecay", decay_steps=100, initial_learning_rate=0.01, end_learning_rate=0.02), None),
        (node("PiecewiseConstantDecay", boundaries=[50, 75], values=[0.1, 0.1, 0.1]), "never moves"),
        (node("InverseTimeDecay", decay_steps=25, decay_rate=0), "never moves"),
        (node("InverseTimeDecay", decay_steps=25, decay_rate=1), None),
        (node("CosineDecay", decay_steps=80, alpha=1.0, warmup_target=0.1, warmup_steps=20), None),
        (node("ExponentialDecay", decay_steps=1), None),
        (node("CosineDecay", decay_steps=100), None),
        (node("CosineDecay", decay_steps=50), None),
        ({"_target_": "keras.optimizers.SGD", "learning_rate": 0.1}, None),
    ],
)
def test_a_schedule_that_does_not_fit_the_run_is_a_warning(optimizer, said):
    warnings = [str(warning) for warning in find_unfit(optimizer, 25, 4)]
    assert len(warnings) == (said is not None) and all(said in warning for warning in warnings)


def test_a_schedule_that_ends_in_the_first_of_two_epochs_is_a_warning():
    (warning,) = find_unfit(node("CosineDecay", decay_steps=45), 45, 2)
    assert "stays at its last value from step 45 on" in str(warning)
    assert list(find_unfit(node("CosineDecay", decay_steps=45), 45, 1)) == []


def test_the_warning_names_the_place_and_can_be_silenced():
    from stackfit.config.hydra.composition import Composer

    def warnings(*words: str) -> list[ConfigError]:
        composition, problems, _ = compose_command(Composer("digits_quickstart"), words, multirun=False)
        with raising():
            build_cell(composition, (), problems)
        return problems.warnings

    assert warnings("optimizer=adam_cosine") == []
    (warning,) = warnings("optimizer=adam_cosine", f"{STEPS}=9375", "epochs=1")
    assert warning.where == f"{STEPS}=9375" and "decay_steps is 9375, but the run has 45 steps" in str(warning)
    assert warning.kind in schema.SILENCEABLE
    assert warnings("optimizer=adam_cosine", f"{STEPS}=9375", f"silence=[{warning.kind}]") == []


@pytest.mark.tf
def test_a_sweep_prints_the_warnings_of_its_cells(cli):
    words = ("run", "digits_quickstart", "-m", "optimizer=adam_cosine", f"{STEPS}=9375", "epochs=1", "save=[]")
    code, _, err = cli(*words, "model.layers.hidden.units=2,4")
    assert code == 0 and err.count("decay_steps is 9375, but the run has 45 steps") == 1


# ---- bits

IN_EPOCH = 10  # of an epoch


def schedules(steps: int) -> dict[str, tuple[str, dict]]:
    return {
        "cosine": ("CosineDecay", {"initial_learning_rate": 1e-2, "decay_steps": steps}),
        "to a tenth": ("CosineDecay", {"initial_learning_rate": 1e-2, "decay_steps": steps, "alpha": 0.1}),
        "warm-up": (
            "CosineDecay",
            {"initial_learning_rate": 0.0, "decay_steps": steps, "warmup_target": 1e-2, "warmup_steps": 7},
        ),
        "restarts": ("CosineDecayRestarts", {"initial_learning_rate": 1e-2, "first_decay_steps": steps // 3}),
        "polynomial": ("PolynomialDecay", {"initial_learning_rate": 1e-2, "decay_steps": steps, "power": 0.7}),
        "cycle": ("PolynomialDecay", {"initial_learning_rate": 1e-2, "decay_steps": steps // 3, "cycle": True}),
        "exponential": ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": steps, "decay_rate": 0.9}),
        "inverse": ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": steps, "decay_rate": 0.5}),
        "pieces": ("PiecewiseConstantDecay", {"boundaries": [steps // 3, steps // 2], "values": [0.03, 0.02, 0.01]}),
    }


def weights(make_optimizer, by_fit: bool) -> list[bytes]:
    """Of a small model after 8 epochs, by Keras's `fit` or by our loop."""
    import keras
    import tensorflow as tf

    from stackfit.training.tensorflow import runtime
    from stackfit.training.tensorflow.program import build_loops

    runtime.start()
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(make_optimizer(), "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    x = np.random.default_rng(0).random((IN_EPOCH * 4, 5), np.float32)
    if by_fit:
        model.fit(x, x[:, :1], batch_size=4, epochs=8, shuffle=False, verbose=0)
        return [weight.tobytes() for weight in model.get_weights()]

    class Feed:
        steps, remainder = IN_EPOCH, 0

        def batch(self, data, step, size=None):
            batch = data[step * 4 : step * 4 + 4]
            return batch, batch[:, :1]

    program = build_loops([model.train_step], [Feed()], jit_compile=False)
    for _ in range(8):
        program([tf.constant(x)], tf.constant([0]), tf.constant([IN_EPOCH]))
    return [weight.tobytes() for weight in model.get_weights()]


def differ(names, numbers, wrap=lambda optimizer: optimizer) -> list[str]:
    import keras

    found = []
    for name in names:
        for number in numbers:
            kind, arguments = schedules(number)[name]

            def make(kind=kind, arguments=arguments):
                return wrap(keras.optimizers.SGD(getattr(keras.optimizers.schedules, kind)(**arguments)))

            if weights(make, by_fit=True) != weights(make, by_fit=False):
                found.append(f"{name} {number}")
    return found


@pytest.mark.tf
@pytest.mark.slow
def test_every_schedule_but_those_that_eject_refuses_has_the_bits_of_fit():
    import inspect

    import keras

    known = {kind for kind, _ in schedules(60).values()}
    classes = inspect.getmembers(keras.optimizers.schedules, inspect.isclass)
    assert known == {name for name, _ in classes} - {"LearningRateSchedule"}
    refused = {name for name, (kind, given) in schedules(60).items() if list(find_unlike_fit(node(kind, **given)))}
    assert refused == {"cosine", "to a tenth"}
    assert differ(["cosine"], [90]) == ["cosine 90"]
    assert differ(schedules(60).keys() - refused, (60, 90, 100)) == []
    assert differ(["polynomial"], [90], keras.optimizers.LossScaleOptimizer) == []


def test_a_cosine_inside_a_loss_scale_optimizer_is_not_ejected_either():
    inner = {"inner_optimizer": node("CosineDecay", decay_steps=90)}
    (error,) = find_unlike_fit(inner)
    assert error.key == "optimizer.inner_optimizer.learning_rate" and "optimizer=warmup_cosine" in str(error)


def test_a_grouped_attention_without_dropout_is_not_ejected_wherever_it_stands():
    grouped = {"_target_": "keras.layers.GroupQueryAttention", "head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}
    layers = {
        "a": grouped,
        "b": {"_target_": "keras.layers.TimeDistributed", "layer": {**grouped, "dropout": 0.0}},
        "c": {**grouped, "dropout": 0.2},
        "d": {"_target_": "keras.layers.MultiHeadAttention", "num_heads": 2, "key_dim": 2},
        "e": None,
    }
    assert [error.key for error in find_unlike_layers(layers)] == ["model.layers.a", "model.layers.b.layer"]
