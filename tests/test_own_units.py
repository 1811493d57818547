"""Regression on scaled targets trains alike in every unit, and reports in the targets' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stackfit.config.own_units import LAYER, loss_weight
from stackfit.errors import ConfigError

X = np.random.default_rng(0).standard_normal(120)


@pytest.fixture
def prices(lab):
    def overrides(unit):
        Path("p.csv").write_text("x,price\n" + "".join(f"{x},{unit * (5 + x)}\n" for x in X), encoding="utf-8")
        typed = ["data=csv", "data.path=p.csv", "data.label=price", "task=regression", "model=regressor"]
        return [*typed, "data.scale_target=true", "epochs=3", "save=[keras]"]

    return overrides


def test_mean_and_deviation_of_the_training_part_are_the_last_layer(compose, prices):
    cell = compose("digits_quickstart", *prices(1000), "data.validation_split=0.25")
    layer = cell.config["model"]["layers"][LAYER]
    assert list(cell.config["model"]["layers"])[-1] == LAYER
    from stackfit.data import load_dataset

    trained = load_dataset(cell.config["data"]).train.y
    assert layer["offset"] == pytest.approx(trained.mean()) and layer["scale"] == pytest.approx(trained.std())
    assert loss_weight(cell.config) == pytest.approx(layer["scale"] ** -2)
    again = compose("digits_quickstart", *prices(1000), "data.validation_split=0.25")
    assert again.config == cell.config


@pytest.mark.tf
def test_a_unit_changes_what_is_reported_and_not_what_is_learnt(keras, prices):
    import stackfit
    from stackfit.execution.progress import Reporter

    def metrics(unit):
        run = stackfit.run("digits_quickstart", *prices(unit), reporter=Reporter(0))
        from stackfit.results import run_files

        return run_files.read_metrics(run.folder), run_files.read_predictions(run.folder)

    (small, _), (large, (scores, labels)) = metrics(1), metrics(1024)  # a power of 2: no rounding in between
    assert large["test_loss"] == pytest.approx(small["test_loss"], rel=1e-3)
    assert large["test_mean_absolute_error"] == pytest.approx(1024 * small["test_mean_absolute_error"], rel=1e-3)
    assert np.abs(scores[:, 0] - labels).mean() == pytest.approx(large["test_mean_absolute_error"], rel=1e-4)


@pytest.mark.tf
@pytest.mark.parametrize("change", ["task.loss._target_=keras.losses.Huber", "task=classification"])
def test_other_losses_are_refused(keras, compose, prices, change):
    from stackfit.execution.members import make_model, start

    typed = [change if override.startswith(change.partition("=")[0] + "=") else override for override in prices(1)]
    with pytest.raises(ConfigError, match=r"data\.scale_target is true|have decimals"):
        cell = compose("digits_quickstart", *typed, *([] if change in typed else [change]))
        start(cell)
        make_model(cell, (1,))


def test_values_that_are_all_the_same_are_refused(compose, prices):
    typed = prices(0)
    with pytest.raises(ConfigError, match="Every label of the training part is 0"):
        compose("digits_quickstart", *typed)
