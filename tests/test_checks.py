"""`checks`: what is missing, out of range or not trusted in a composed config, all of it at once."""

from __future__ import annotations

import pytest

from stackfit.config.checks import SAVE_FORMS
from stackfit.errors import ConfigError, ConfigErrors

BASE = "gsp631_base"


def refusal(compose, *overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        compose(BASE, *overrides)
    return error.value


@pytest.mark.parametrize(
    "override, key, said",
    [
        ("epochs=0", "epochs", "epochs is 0. Expected 1 to 2147483647. Write: epochs=1"),
        ("epochs=-1", "epochs", "epochs is -1. Expected 1 to"),
        ("batch_size=0", "batch_size", "batch_size is 0. Expected 1 to 2147483647. Write: batch_size=1"),
        ("data.max_memory_bytes=0", "data.max_memory_bytes", "data.max_memory_bytes is 0. Expected 1 to"),
        ("seed=-1", "seed", "seed is -1. Expected 0 to 4294967295"),
        ("seed=4294967296", "seed", "seed is 4294967296. Expected 0 to 4294967295"),
        ("epochs=9223372036854775808", "epochs", "Expected 1 to 2147483647"),
        ("batch_size=9223372036854775808", "batch_size", "Expected 1 to 2147483647"),
        ("verbosity=-1", "verbosity", "verbosity is -1. Expected 0 to"),
        ("precision=float8", "precision", "Did you mean 'float64'? Expected one of: float32, mixed_bfloat16"),
        ("data.kind=csvv", "data.kind", "data.kind is 'csvv'. Did you mean 'csv'? Expected one of: csv, digits"),
        ("data.order=random", "data.order", "'random'. Expected one of: tfds, keras. Write: data.order=tfds"),
        ("data.scale=units", "data.scale", "Did you mean 'unit'?"),
        ("task.labels=classes", "task.labels", "Did you mean 'class'?"),
        ("data.validation_split=1", "data.validation_split", "Expected a fraction from 0 to less than 1."),
        ("data.validation_split=-0.1", "data.validation_split", "Expected a fraction from 0 to less than 1."),
        ("data.validation_split=nan", "data.validation_split", "Expected a fraction from 0 to less than 1."),
        ("data.test_split=1.5", "data.test_split", "fashion_mnist data do not use it"),
        ("save=[tf]", "save", "save holds 'tf'. Expected some of: keras, h5. Write: 'save=[keras]'"),
        ("model.layers.hidden.units=0", "model.layers.hidden.units", "units is 0. Expected a whole number"),
        ("model.layers.hidden.units=-3", "model.layers.hidden.units", "units is -3."),
        ("model.layers.hidden.units=[64,0]", "model.layers.hidden.units", "units is 0."),
        ("model.layers.hidden.units=6.5", "model.layers.hidden.units", "units is 6.5."),
        ("model.layers.hidden.units=true", "model.layers.hidden.units", "units is True."),
        ("model.layers.hidden.units=abc", "model.layers.hidden.units", "units is 'abc'."),
        *(
            (f"+task.metrics.{name}={{_target_: keras.metrics.SparseCategoricalAccuracy}}", f"task.metrics.{name}",
             f"A metric is called '{name}', which is a column of every run. Expected a name of its own, without val_ or test_. "
             f"Write: {better}")
            for name, better in (("loss", "my_loss"), ("epoch", "my_epoch"), ("seconds", "my_seconds"), ("members", "my_members"),
                                 ("stopped_epoch", "my_stopped_epoch"), ("val_accuracy", "accuracy"), ("test_loss", "my_loss"))
        ),
        ("model.layers.hidden=3", "model.layers.hidden", "Found 3. Expected a mapping with `_target_`, or null"),
        ("+callbacks.a=stop", "callbacks.a", "Found 'stop'. Expected a mapping with `_target_`, or null"),
        ("~optimizer", "optimizer", "There is no optimizer. Expected a mapping with `_target_`. Write: optimizer=adam"),
        ("~task", "task.loss", "There is no task.loss. Expected a mapping with `_target_`. Write: task=classification"),
        ("~model", "model.layers", "The model has no layers. Expected at least an output layer. Write: model=mlp"),
        ("~epochs", "epochs", "epochs was removed. Expected a value."),
        ("data.path=???", "data.path", "has no value. Expected one, since it has no default. Write: data.path=…"),
        ("seed=${nope}", "seed", "There is no key 'nope' to refer to. Expected a value, or ${…} with a key of this config"),
        ("seed=${seed}", "seed", "This value refers to itself."),
        ("seed=${precision}", "seed", "Expected a value"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_placed_at_the_override_as_typed(compose, override, key, said):
    error = refusal(compose, override)
    assert (error.where, error.key) == (override, key)
    assert said in error.message


def test_a_value_out_of_range_in_a_file_has_its_line(compose, write):
    write("experiments/mine.yaml", "defaults: [gsp631_base, _self_]\nmodel:\n  layers:\n    hidden: {units: -4}\n")
    with pytest.raises(ConfigError) as error:
        compose("mine")
    assert (error.value.where, error.value.key) == ("experiments/mine.yaml:4", "model.layers.hidden.units")


def test_a_model_whose_layers_are_all_null_has_no_layers(compose):
    removed = [f"model.layers.{name}=null" for name in ("flatten", "hidden", "output")]
    assert "The model has no layers" in refusal(compose, *removed).message


def test_everything_that_is_wrong_is_said_at_once(compose):
    error = refusal(compose, "epochs=0", "seed=-1", "model.layers.hidden.units=0", "+callbacks.a={_target_: os.system}")
    assert isinstance(error, ConfigErrors)
    assert [one.key for one in error.errors] == ["epochs", "seed", "callbacks.a._target_", "model.layers.hidden.units"]
    assert [one.where for one in error.errors][:2] == ["epochs=0", "seed=-1"]


def test_all_missing_values_are_said_at_once(compose):
    with pytest.raises(ConfigErrors) as error:
        compose(BASE, "data=tfds")
    assert [one.key for one in error.value.errors] == ["data.input_shape", "data.num_classes"]
    assert all("has no value" in one.message for one in error.value.errors)


@pytest.mark.parametrize("form", SAVE_FORMS)
def test_both_forms_of_a_model_may_be_saved_and_none(compose, form):
    assert compose(BASE, f"save=[{form}]").config["save"] == [form]
    assert compose(BASE, "save=[]").config["save"] == []


def test_references_are_resolved_to_plain_values(compose):
    config = compose(BASE, "data.num_classes=7").config
    assert config["model"]["layers"]["output"]["units"] == 7
    assert type(config["model"]["layers"]) is dict and type(config["data"]["input_shape"]) is list


def test_a_null_part_stays_null(compose):
    config = compose(BASE, "model.layers.flatten=null", "task.metrics.accuracy=null").config
    assert config["model"]["layers"]["flatten"] is None and config["task"]["metrics"] == {"accuracy": None}


@pytest.mark.parametrize(
    "override, key",
    [
        ("model.layers.hidden._target_=os.system", "model.layers.hidden._target_"),
        ("optimizer._target_=keras.layers.Dense", "optimizer._target_"),
        ("task.loss._target_=keras.metrics.Mean", "task.loss._target_"),
        ("+model.layers.hidden._partial_=true", "model.layers.hidden._partial_"),
        ("+model.layers.hidden._args_=[3]", "model.layers.hidden._args_"),
        ("+callbacks.a={_target_: keras.callbacks.CSVLogger, filename: ../x.csv}", "callbacks.a.filename"),
        ("+callbacks.a={_target_: experiments.mine.Stop}", "callbacks.a._target_"),
    ],
)
def test_what_is_not_trusted_is_placed_too(compose, override, key):
    error = refusal(compose, override)
    assert (error.where, error.key) == (override, key)


def test_a_stored_config_with_keys_of_a_newer_version_is_refused_by_their_names(compose):
    from stackfit.config.checks import check_stored

    config = dict(compose(BASE).config)
    config |= {"prefetch": 3, "data": {**config["data"], "mirror": "west"}}
    with pytest.raises(ConfigError, match=r"a newer stackfit: .* the keys prefetch, data\.mirror\. .* Update stackfit") as error:
        check_stored(config, (), "outputs/a/config.yaml")
    assert error.value.where == "outputs/a/config.yaml"
