"""`adaptation`: which layers take numbers from the data is known without Keras, and enters the fingerprint."""

from __future__ import annotations

import pytest

from stackfit.config import adaptation
from stackfit.execution import fingerprint


@pytest.mark.tf
def test_the_layers_are_those_of_keras_that_have_adapt(keras):
    found = {f"keras.layers.{name}" for name in dir(keras.layers) if hasattr(getattr(keras.layers, name), "adapt")}
    assert found == adaptation.LAYERS


@pytest.mark.parametrize(
    "layer, adapts",
    [
        ({"_target_": "keras.layers.Normalization"}, True),
        ({"_target_": "keras.layers.Normalization", "mean": None, "axis": -1}, True),
        ({"_target_": "keras.layers.Normalization", "mean": 0.5, "variance": 1}, False),
        ({"_target_": "keras.layers.Discretization", "num_bins": 3}, True),
        ({"_target_": "keras.layers.IntegerLookup", "vocabulary": [1, 2]}, False),
        ({"_target_": "keras.layers.BatchNormalization"}, False),
        (None, False),
    ],
)
def test_the_revision_enters_the_cells_that_leave_numbers_to_the_data_alone(compose, monkeypatch, layer, adapts):
    config = compose("digits_quickstart").config
    config = {**config, "model": {"layers": {**config["model"]["layers"], "new": layer}}}
    now = fingerprint.fingerprint_of(config, "data")
    monkeypatch.setattr(fingerprint, "REVISIONS", [fix for fix in fingerprint.REVISIONS if fix.name != "adapt"])
    assert (now != fingerprint.fingerprint_of(config, "data")) == adapts
