"""`rates`: a schedule has the same bits inside our loop as in Keras's `fit`."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tf

STEPS = 10  # of an epoch
NUMBERS = (60, 90, 100, 333)


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
    import numpy as np
    import tensorflow as tf

    from stackfit.training.tensorflow import runtime
    from stackfit.training.tensorflow.program import build_loops
    from stackfit.training.tensorflow.rates import train_step

    runtime.start()
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(make_optimizer(), "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    x = np.random.default_rng(0).random((STEPS * 4, 5), np.float32)
    if by_fit:
        model.fit(x, x[:, :1], batch_size=4, epochs=8, shuffle=False, verbose=0)
        return [weight.tobytes() for weight in model.get_weights()]

    class Feed:
        steps, remainder = STEPS, 0

        def batch(self, data, step, size=None):
            batch = data[step * 4 : step * 4 + 4]
            return batch, batch[:, :1]

    program = build_loops([train_step(model)], [Feed()], jit_compile=False)
    for _ in range(8):
        program([tf.constant(x)], tf.constant([0]), tf.constant([STEPS]))
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


def test_a_cosine_has_the_bits_of_fit_alone_and_inside_a_loss_scale_optimizer():
    import keras

    assert differ(["cosine"], [90, 100]) == []
    assert differ(["cosine"], [90], keras.optimizers.LossScaleOptimizer) == []


@pytest.mark.slow
def test_every_schedule_has_the_bits_of_fit_for_several_lengths():
    import inspect

    import keras

    known = {kind for kind, _ in schedules(60).values()}
    classes = inspect.getmembers(keras.optimizers.schedules, inspect.isclass)
    assert known == {name for name, _ in classes} - {"LearningRateSchedule"}
    assert differ(schedules(60), NUMBERS) == []
