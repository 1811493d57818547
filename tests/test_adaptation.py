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


OWN = """import keras


class Scaled(keras.layers.Layer):
    def adapt(self, data):
        self.top = data.max()


class Child(Scaled):
    pass


class Normal(keras.layers.Normalization):
    pass


class Plain(keras.layers.Layer):
    pass
"""


@pytest.mark.parametrize(
    "layer, adapts",
    [("Scaled", True), ("Child", True), ("Normal", True), ("Plain", False), ("Absent", False)],
)
def test_layers_of_the_user_are_told_by_their_source(monkeypatch, tmp_path, layer, adapts):
    (tmp_path / "own_scaling.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert adaptation.adapts({"_target_": f"own_scaling.{layer}"}) is adapts
    assert not adaptation.adapts({"_target_": f"own_scaling.{layer}", "mean": 0.5})
