"""`arguments`: what a target takes, without importing it; such an argument needs no + on the command line."""

from __future__ import annotations

import json

import pytest

from stackfit.config.arguments import arguments_of
from stackfit.config.hydra.composition import Composer
from stackfit.config.hydra.spread import read_spread
from stackfit.errors import ConfigError, raising

OWN = """\
from tensorflow import keras
from keras import layers as L
import keras.layers

class Base(keras.callbacks.Callback):
    def __init__(self, every=1, **kwargs): ...

class Log(Base):
    def __init__(self, level, *, deep=False, **kwargs): ...

class Wide(L.Dense):
    def __init__(self, units, factor=2, **kwargs): ...

class Narrow(keras.layers.Layer):
    def __init__(self, size): ...

class Same(Narrow): ...

class Loop(Loop): ...
"""


def composed(*overrides):
    with raising() as problems:
        return Composer("digits_quickstart").compose(overrides, problems)


@pytest.mark.parametrize(
    "target, some, others",
    [
        ("keras.optimizers.Adam", {"clipnorm", "use_ema"}, {"_target_", "momentum", "after"}),
        ("keras.layers.Dense", {"units", "dtype", "after", "inputs"}, {"_target_"}),
        ("stackfit.layers.dense_stack", {"units", "use_bias", "after"}, {"_target_"}),
        ("keras.optimizers.Nope", set(), {"learning_rate"}),
    ],
)
def test_arguments_of_keras_and_of_ours_come_from_the_shipped_schema(target, some, others):
    found = arguments_of(target)
    assert some <= found and not others & found


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Base", {"every"}),
        ("Log", {"every", "level", "deep"}),
        ("Narrow", {"size", "after", "inputs"}),
        ("Same", {"size", "after", "inputs"}),
        ("Loop", set()),
        ("Nope", set()),
    ],
)
def test_arguments_of_a_users_class_come_from_its_source(tmp_path, monkeypatch, name, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    assert arguments_of(f"mine.{name}") == expected
    assert {"factor", "use_bias", "after"} <= arguments_of("mine.Wide")


def test_an_argument_needs_no_plus_and_makes_the_same_config():
    plain, added = (composed(f"{sign}optimizer.clipnorm=1.0", f"{sign}model.layers.output.after=hidden") for sign in ("", "+"))
    assert plain.config == added.config and plain.config.optimizer.clipnorm == 1.0
    assert str(plain.origins.locate("optimizer.clipnorm")) == "optimizer.clipnorm=1.0"


@pytest.mark.parametrize("typed", ["optimizer.clipnorm=1.0", "+optimizer.clipnorm=1.0"])
def test_the_folder_of_a_sweep_does_not_depend_on_the_plus(typed):
    with raising() as problems:
        composition = Composer("digits_quickstart").compose([typed, "seed=0,1"], problems)
        spread = read_spread(composition, lambda cells: True, problems)
    assert (spread.fixed, spread.named) == ((typed,), ("+optimizer.clipnorm=1.0",))


@pytest.mark.parametrize("typed", ["data.nothing=1", "task.nothing=1", "model.nothing=1", "about.clipnorm=1", "optimizer._args_=1"])
def test_what_no_target_takes_is_still_an_error(typed):
    with pytest.raises(ConfigError, match="There is no key"):
        composed(typed)


@pytest.mark.tf
def test_a_whole_number_is_a_float_where_keras_wants_one(keras, compose):
    from stackfit.execution.members import make_model
    from stackfit.model.building import with_floats

    cell = compose("digits_quickstart", "optimizer.learning_rate=1", "optimizer.beta_1=0")
    assert float(make_model(cell, (8, 8, 1)).optimizer.learning_rate) == 1.0
    assert json.dumps(with_floats(cell.config["optimizer"])).count("1.0") == 1
    assert cell.config["optimizer"]["learning_rate"] == 1  # and the fingerprint stays


def test_a_list_and_a_mapping_replace_each_other():
    layer = "+model.layers.att={_target_: keras.layers.MultiHeadAttention, num_heads: 1, key_dim: 2, inputs: %s}"
    for first, then in (("{query: a, value: b}", "[a,b]"), ("[a,b]", "{query: a, value: b}")):
        inputs = composed(layer % first, f"model.layers.att.inputs={then}").config.model.layers.att.inputs
        assert inputs == composed(layer % then).config.model.layers.att.inputs
