"""`callbacks`: stop at a value, and a learning rate by epoch."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


def stop_at(**arguments):
    from stackfit.callbacks import StopAt

    callback = StopAt(**arguments)
    callback.set_model(SimpleNamespace(stop_training=False))
    return callback


def rate_by_epoch(learning_rates):
    from stackfit.callbacks import EpochSchedule

    callback = EpochSchedule(learning_rates)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5)))
    return callback


@pytest.mark.parametrize(
    "mode, metric, stops",
    [("max", 0.9, True), ("max", 0.8, False), ("max", 0.7, False), ("min", 0.7, True), ("min", 0.8, False)],
)
def test_it_stops_once_the_metric_has_passed_the_value(capsys, mode, metric, stops):
    callback = stop_at(monitor="accuracy", value=0.8, mode=mode)
    callback.on_epoch_end(1, {"accuracy": metric})
    assert callback.model.stop_training is stops
    assert ("has passed 0.8: stopping after epoch 2." in capsys.readouterr().out) is stops


def test_an_unknown_metric_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"No metric 'acc'. Expected one of: loss, accuracy."):
        stop_at(monitor="acc").on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match=r"mode is 'up'. Expected 'max' or 'min'."):
        stop_at(mode="up")


def test_the_learning_rate_is_that_of_the_latest_epoch_reached_counted_from_1():
    callback = rate_by_epoch({2: 0.1, "4": 0.01})
    rates = []
    for epoch in range(5):
        callback.on_epoch_begin(epoch)
        rates.append(callback.model.optimizer.learning_rate)
    assert rates == [0.5, 0.1, 0.1, 0.01, 0.01]
