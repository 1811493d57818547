"""`callback_checks`: what keeps a callback from working is said before anything is trained."""

from __future__ import annotations

import pytest

from stackfit.errors import Problems

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]

SMALL = ("digits_quickstart", "model.layers.hidden.units=4")
EARLY = "_target_: keras.callbacks.EarlyStopping"


def checked(compose, *overrides, trust=()):
    from stackfit.execution.members import build_model

    cell, problems = compose(*SMALL, *overrides, trust=trust), Problems()
    build_model(cell, tuple(cell.config["data"]["input_shape"]), problems)
    return problems


def test_mode_auto_is_asked_for_where_keras_does_not_know_the_direction(compose):
    hits = "+task.metrics.hits={_target_: keras.metrics.TruePositives}"
    one_hot = ("task=classification_one_hot", "data.validation_split=0.2", hits)
    watched = {
        EARLY: "max", "_target_: keras.callbacks.ReduceLROnPlateau": "max",
        "_target_: keras.callbacks.ModelCheckpoint, filepath: best.keras, save_best_only: true": "max",
    }  # fmt: skip
    for callback, mode in watched.items():
        (error,) = checked(compose, *one_hot, f"+callbacks.c={{{callback}, monitor: val_hits}}").errors
        assert f"Write: callbacks.c.mode={mode}" in error.message and error.key == "callbacks.c.monitor"
        assert not checked(compose, *one_hot, f"+callbacks.c={{{callback}, monitor: val_hits, mode: max}}").errors
    # A class that says its direction is known, and so is the loss; a value of several is not.
    for monitor in ("val_accuracy", "val_loss"):
        assert not checked(compose, *one_hot, f"+callbacks.c={{{EARLY}, monitor: {monitor}}}").errors
    f1 = "+task.metrics.f1={_target_: keras.metrics.F1Score}"
    (error,) = checked(compose, *one_hot, f1, f"+callbacks.c={{{EARLY}, monitor: val_f1_2}}").errors
    assert "Write: callbacks.c.mode=max" in error.message
    (error,) = checked(compose, *one_hot, f1, f"+callbacks.c={{{EARLY}, monitor: val_f1}}").errors
    assert "val_f1_0" in error.message
    # The shapes are not known, so neither are the values of f1; the other problem is told alone.
    broken = "+model.layers.more={_target_: keras.layers.Conv2D, filters: 2, kernel_size: 3, after: flatten}"
    (error,) = checked(compose, *one_hot, f1, broken, f"+callbacks.c={{{EARLY}, monitor: val_f1_2, mode: max}}").errors
    assert "model.layers.more" in str(error)


def test_a_schedule_object_is_refused_by_the_scheduler_of_epochs(compose):
    schedule = "{_target_: keras.optimizers.schedules.ExponentialDecay, initial_learning_rate: 0.1, decay_steps: 9, decay_rate: 0.9}"
    (error,) = checked(compose, f"+callbacks.c={{_target_: keras.callbacks.LearningRateScheduler, schedule: {schedule}}}").errors
    assert "optimizer.learning_rate" in error.message and "EpochSchedule" in error.message


def test_a_schedule_and_a_callback_that_sets_the_rate_are_refused_wherever_the_schedule_stands(compose, write):
    write("own_rate.py", '''
import keras


class Sets(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.change()

    def change(self):
        self.model.optimizer.learning_rate = 0.1


class Assigns(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate.assign(0.1)


class Inherits(Sets):
    pass


class Reads(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print(float(self.model.optimizer.learning_rate))
''')  # fmt: skip
    schedule = "{_target_: keras.optimizers.schedules.ExponentialDecay, initial_learning_rate: 0.1, decay_steps: 9, decay_rate: 0.9}"
    inner = f"{{_target_: keras.optimizers.SGD, learning_rate: {schedule}}}"
    scaled = ("optimizer._target_=keras.optimizers.LossScaleOptimizer", "~optimizer.learning_rate", f"+optimizer.inner_optimizer={inner}")
    plain = (f"optimizer.learning_rate={schedule}",)
    wrong = {"own_rate.Sets": 1, "own_rate.Assigns": 1, "own_rate.Inherits": 1, "own_rate.Reads": 0, "keras.callbacks.ReduceLROnPlateau": 1}
    for target, count in wrong.items():
        watch = ", monitor: loss" if "Plateau" in target else ""
        for optimizer, key in ((plain, "optimizer.learning_rate"), (scaled, "optimizer.inner_optimizer.learning_rate")):
            errors = checked(compose, *optimizer, f"+callbacks.c={{_target_: {target}{watch}}}", trust=("own_rate",)).errors
            assert len(errors) == count, (target, errors)
            assert all(f"Write: {key}=0.001" in error.message for error in errors)


def test_a_method_that_is_almost_a_hook_is_a_warning_and_a_hook_with_other_arguments_an_error(compose, write):
    write("own_hooks.py", '''
import keras


class Almost(keras.callbacks.Callback):
    def on_epoch_ends(self, epoch, logs=None): ...

    def on_train_batch_ended(self, batch, logs=None): ...

    def onTestBegin(self, logs=None): ...

    def epoch_end(self, epoch): ...  # called below: a helper

    def on_epoch_end(self, epoch, logs=None):
        self.epoch_end(epoch)

    def report(self): ...


class Short(keras.callbacks.Callback):
    def on_epoch_end(self, epoch): ...


class Long(keras.callbacks.Callback):
    def on_train_begin(self, epoch, logs): ...


class Free(keras.callbacks.Callback):
    def on_epoch_end(self, *args): ...

    def on_train_end(self, logs=None, more=1): ...
''')  # fmt: skip
    own = ("own_hooks",)
    warnings = checked(compose, "+callbacks.c._target_=own_hooks.Almost", trust=own).warnings
    assert [each.kind for each in warnings] == ["almost_hook"] * 3
    assert [each.message.partition("Write: ")[2] for each in warnings] == [
        "def on_epoch_end(self, epoch, logs=None):",
        "def on_train_batch_end(self, batch, logs=None):",
        "def on_test_begin(self, logs=None):",
    ]
    assert not checked(compose, "+callbacks.c._target_=own_hooks.Almost", "silence=[almost_hook]", trust=own).warnings
    for name, said in {"Short": "on_epoch_end takes (self, epoch)", "Long": "on_train_begin takes (self, epoch, logs)"}.items():
        (error,) = checked(compose, f"+callbacks.c._target_=own_hooks.{name}", trust=own).errors
        assert said in error.message and error.key == "callbacks.c._target_"
    assert not checked(compose, "+callbacks.c._target_=own_hooks.Free", trust=own).errors
