"""`cells`: one resolved config, its fingerprint, and what a table is told of it."""

from __future__ import annotations

import pytest
from composing import compose_cell

from stackfit.config import project
from stackfit.config.hydra.composition import Composer
from stackfit.config.trust import trusted_modules, used_modules
from stackfit.errors import ConfigError

BASE = "gsp631_base"


def fingerprint(compose, *overrides: str, data: str = "d") -> str:
    return compose(BASE, *overrides).fingerprint(data)


def test_equal_configs_have_equal_fingerprints_however_they_are_typed(compose):
    assert fingerprint(compose, "epochs=3", "seed=1") == fingerprint(compose, "seed=1", "++epochs=3")
    assert fingerprint(compose, "optimizer=sgd") == fingerprint(
        compose, "~optimizer.learning_rate", "optimizer._target_=keras.optimizers.SGD", "+optimizer.learning_rate=0.01"
    )


@pytest.mark.parametrize(
    "override",
    ["epochs=6", "seed=1", "batch_size=33", "shuffle=true", "model.layers.hidden.units=[64]", "optimizer=sgd",
     "data.validation_split=0.1", "jit_compile=true", "deterministic=false", "model.layers.flatten=null",
     "task.metrics.accuracy=null", "callbacks=stop_at"],
)  # fmt: skip
def test_whatever_decides_a_number_changes_the_fingerprint(compose, override):
    assert fingerprint(compose, override) != fingerprint(compose)


@pytest.mark.parametrize("override", ["verbosity=0", "save=[]", "about.question=other", "expect=[{parameters: 3}]"])
def test_what_never_changes_a_number_does_not(compose, override):
    assert fingerprint(compose, override) == fingerprint(compose)


def test_the_data_and_our_own_numerics_are_part_of_it(compose, monkeypatch):
    before = fingerprint(compose)
    assert fingerprint(compose, data="other") != before
    monkeypatch.setattr("stackfit.execution.fingerprint.NUMERICS", 2)
    assert fingerprint(compose) != before


def test_the_order_of_the_layers_is_part_of_it(compose, write):
    layer = "{_target_: keras.layers.Dense, units: 3, activation: "
    for name, order in (("one", "ab"), ("two", "ba")):
        layers = ", ".join(f"{key}: {layer}{'relu' if key == 'a' else 'tanh'}}}" for key in order)
        write(f"conf/model/{name}.yaml", f"layers: {{{layers}, output: {layer}softmax}}}}\n")
    assert fingerprint(compose, "model=one") != fingerprint(compose, "model=two")


def test_the_text_of_a_trusted_module_is_part_of_it(compose, write):
    override = "+callbacks.mine={_target_: experiments.mine.Stop}"
    prints = set()
    for text in ("class Stop: pass\n", "class Stop: 'changed'\n"):
        write("experiments/mine.py", text)
        prints.add(compose(BASE, override, trust=("experiments.mine",)).fingerprint("d"))
    assert len(prints) == 2


def test_no_value_of_the_config_names_a_run_folder(compose):
    assert "outputs" not in str(compose(BASE, "callbacks=[checkpoint_best,tensorboard]").config)


def test_settings_are_flat_and_without_what_never_changes_a_number(compose):
    settings = compose(BASE, "model.layers.hidden.units=[64,32]").settings
    assert settings["model.layers.hidden.units"] == [64, 32]
    assert settings["optimizer._target_"] == "keras.optimizers.Adam"
    assert not [key for key in settings if key.split(".")[0] in ("about", "expect", "save", "verbosity", "hydra")]


def test_a_run_is_told_what_was_typed(compose):
    about = compose(BASE, "epochs=3", "seed=7").about_run()
    assert (about["experiment"], about["overrides"], about["seed"]) == (BASE, ["epochs=3", "seed=7"], 7)
    assert about["settings"]["epochs"] == 3


def test_used_modules_are_those_beyond_keras_and_stackfit():
    config = {
        "a": {"_target_": "keras.layers.Dense", "b": [{"_target_": "mine.layers.Own"}]},
        "c": {"_target_": "stackfit.callbacks.StopAt"},
        "d": None,
    }
    assert used_modules(config) == {"mine.layers"}


def test_trust_comes_from_the_command_line_and_from_pyproject(write):
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["experiments.theirs"]\n')
    write("experiments/mine.py", "")
    write("experiments/theirs.py", "")
    callbacks = [f"+callbacks.{name}={{_target_: experiments.{name}.Stop}}" for name in ("mine", "theirs")]
    cell = compose_cell(Composer(BASE), callbacks, trusted_modules(["experiments.mine"]))
    assert used_modules(cell.config) == {"experiments.mine", "experiments.theirs"}
    with pytest.raises(ConfigError, match=r"experiments.mine.Stop is not allowed"):
        compose_cell(Composer(BASE), callbacks, trusted_modules())


def test_a_users_table_declares_its_columns_and_classes(compose, write):
    write("flowers.csv", "length,width,kind\n1,2,a\n2,3,b\n3,4,c\n4,5,a\n5,6,b\n6,7,c\n")
    data = compose(BASE, "data=csv", "data.path=flowers.csv", "data.label=kind").config["data"]
    assert (data["input_shape"], data["num_classes"], data["class_names"]) == ([2], 3, ["a", "b", "c"])


def test_a_missing_table_is_placed_at_the_override_that_names_it(compose, lab):
    with pytest.raises(ConfigError) as error:
        compose(BASE, "data=csv", "data.path=none.csv", "data.label=kind")
    assert (error.value.where, error.value.key) == ("data.path=none.csv", "data.path")


@pytest.mark.parametrize("override", ["data.num_classes=${nope}", "data.num_classes=${data.num_classes}", "data.name=${nope}"])
def test_a_reference_in_the_data_section_that_leads_nowhere_is_reported_at_its_place(override):
    with pytest.raises(ConfigError) as error:
        compose_cell(Composer("digits_quickstart"), [override])
    first = getattr(error.value, "errors", [error.value])[0]
    assert first.where == override and first.key == override.partition("=")[0]


def test_without_its_path_a_table_is_not_also_blamed_for_what_its_columns_would_tell():
    with pytest.raises(ConfigError) as error:
        compose_cell(Composer("digits_quickstart"), ["data=csv", "data.path=${nope}"])
    assert (error.value.key, getattr(error.value, "errors", None)) == ("data.path", None)


def test_a_section_of_which_nothing_is_left_names_the_key_that_was_removed():
    with pytest.raises(ConfigError) as error:
        compose_cell(Composer("digits_quickstart"), ["~model.layers"])
    first = getattr(error.value, "errors", [error.value])[0]
    assert (first.where, first.key) == ("~model.layers", "model.layers")
    assert "model.layers was removed. Expected a value." in first.message


@pytest.mark.parametrize("section", ["about", "data.splits", "task.metrics", "model.layers"])
def test_a_section_that_refers_to_nothing_is_an_error_at_its_place(compose, section):
    with pytest.raises(ConfigError) as raised:
        compose("digits_quickstart", f"{section}=${{nope}}")
    assert f"{section}=${{nope}}" in str(raised.value) and "'nope'" in str(raised.value)


def test_an_option_of_ones_own_that_replaces_a_shipped_one_is_named(write, lab):
    from stackfit.config.hydra.composition import Composer
    from stackfit.errors import Problems
    from stackfit.execution.cells import compose_cell

    shipped = (project.shipped("conf") / "model" / "mlp.yaml").read_text()
    write("conf/model/mlp.yaml", shipped)
    write("conf/model/mine.yaml", shipped)
    problems = Problems()
    compose_cell(Composer("digits_quickstart"), [], (), problems)
    (warning,) = problems.warnings
    assert (warning.where, warning.kind) == ("conf/model/mlp.yaml", "replaced_option")
    assert "model/mlp is yours and replaces the shipped one" in warning.message
    for words in (["silence=[replaced_option]"], ["model=mine"]):
        problems = Problems()
        compose_cell(Composer("digits_quickstart"), words, (), problems)
        assert problems.warnings == []


@pytest.mark.parametrize("root", ["defaults: [{model: mlp}, _self_]\nlr: 0.1\n", "epochs: 3\n", "- a list\n", "not: [yaml\n", ""])
def test_another_hydra_programs_conf_is_not_used_and_named(write, lab, root):
    from stackfit.config.hydra.composition import Composer
    from stackfit.errors import Problems
    from stackfit.execution.cells import compose_cell

    alone = compose_cell(Composer("digits_quickstart"), [], (), Problems()).config
    write("conf/config.yaml", root)
    write("conf/model/mlp.yaml", "_target_: theirs.MLP\nhidden: 128\n")
    write("conf/hydra/launcher/mine.yaml", "a: 1\n")
    write("conf/trainer/fast.yaml", "a: 1\n")
    problems = Problems()
    assert compose_cell(Composer("digits_quickstart"), [], (), problems).config == alone
    (warning,) = problems.warnings
    assert (warning.where, warning.kind) == ("conf/config.yaml", "foreign_conf")
    assert "another Hydra program" in warning.message and "its group model." in warning.message
    problems = Problems()
    compose_cell(Composer("digits_quickstart"), ["silence=[foreign_conf]"], (), problems)
    assert problems.warnings == [] and not problems.errors
    write("conf/model/theirs.yaml", "a: 1\n")
    compose_cell(Composer("digits_quickstart"), ["model=theirs"], (), problems)
    assert "conf/model/theirs.yaml is not used: conf/config.yaml is another" in problems.errors[0].message
