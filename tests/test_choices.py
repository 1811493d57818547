"""`choices`: groups, options and keys, with what each of them is."""

from __future__ import annotations

import pytest

from stackfit.config import choices, project
from stackfit.config.origins import GROUPS
from stackfit.errors import ConfigError


def test_every_option_of_every_group_is_there_with_a_line(lab):
    for group in GROUPS:
        found = choices.choices_of(group)
        assert [choice.name for choice in found] == sorted(path.stem for path in (project.shipped("conf") / group).glob("*.yaml"))
        assert all(choice.about and "\n" not in choice.about and not choice.own for choice in found)


def test_the_keys_of_an_option_are_its_values_then_keras_own(lab):
    settings = {setting.key: setting for setting in choices.find_choice("optimizer", "sgd").settings}
    assert settings["optimizer.learning_rate"].default == 0.01 and settings["optimizer.learning_rate"].kind == "a number"
    assert not settings["optimizer.momentum"].is_set and settings["optimizer.nesterov"].kind == "true or false"
    layers = {setting.key: setting.default for setting in choices.find_choice("model", "mlp").settings}
    assert layers["model.layers.hidden.units"] == 64 and layers["model.layers.hidden._target_"] == "stackfit.layers.dense_stack"


def test_the_keys_of_the_schema_come_with_their_comment(lab):
    top = {setting.key: setting for setting in choices.top_settings()}
    assert (top["epochs"].default, top["epochs"].kind) == (5, "a whole number") and not {*top} & {*GROUPS, "about"}
    data = {setting.key: setting for setting in choices.settings_of_group("data")}
    assert data["data.kind"].default == "???" and data["data.validation_split"].about == "the last part of the training split, as in Keras"
    assert choices.settings_of_group("optimizer") == []


def test_the_users_own_option_is_marked_and_replaces_the_shipped_one(write):
    write("conf/optimizer/sgd.yaml", "# Mine. And more.\n_target_: keras.optimizers.SGD\nlearning_rate: 3\n")
    write("conf/optimizer/zzz.yaml", "a: [\n")
    found = {choice.name: choice for choice in choices.choices_of("optimizer")}
    assert (found["sgd"].about, found["sgd"].own, found["zzz"].own) == ("Mine", True, True)
    assert choices.find_choice("optimizer", "sgd").settings[1].default == 3


@pytest.mark.parametrize("group, name, said", [("modle", "mlp", "no group 'modle'. Did you mean 'model'?"), ("model", "mpl", "Did you mean 'mlp'?")])
def test_what_is_not_there_has_the_nearest(lab, group, name, said):
    with pytest.raises(ConfigError) as error:
        choices.find_choice(group, name)
    assert said in error.value.message
