"""`explanation`: the chain of places that set a key, and the one that decided."""

from __future__ import annotations

import json

import pytest
from composing import compose
from omegaconf import OmegaConf

from stackfit.config import project
from stackfit.config.explanation import Explainer
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigError

PARENT = """\
defaults:
  - config
  - override data: xor
  - override optimizer: sgd
  - _self_
about: {question: q, source: theirs}
epochs: 2
optimizer: {learning_rate: 0.1}
model:
  layers:
    flatten: null
    hidden: {units: [8, 8], use_bias: false}
"""
CHILD = """\
defaults:
  - parent
  - override optimizer: momentum
  - _self_
about: {question: mine}
epochs: 3
model:
  layers:
    hidden: {activation: "${model.layers.output.activation}"}
hydra:
  sweeper:
    params:
      epochs: 1,2
"""
GRANDCHILD = """\
defaults:
  - child
  - _self_
model:
  layers:
    hidden: null
    flatten: {_target_: keras.layers.Flatten}
"""


@pytest.fixture
def explainer(write):
    write("experiments/parent.yaml", PARENT)
    write("experiments/child.yaml", CHILD)
    write("experiments/grandchild.yaml", GRANDCHILD)
    return lambda name, *overrides: Explainer(compose(Composer(name), overrides))


def conf(name):
    return str(project.shipped("conf") / name)


def chain(found):
    return [(step.kind, step.place.rpartition("/")[2], step.value) for step in found.steps]


def test_a_value_is_followed_from_the_schema_through_every_level_to_the_command_line(explainer):
    found = explainer("child", "epochs=7", "++epochs=9").explain("epochs")
    assert [kind for kind, _, _ in chain(found)] == ["schema", "root", "parent", "experiment", "override", "override"]
    assert [value for _, _, value in chain(found)] == [5, 5, 2, 3, 7, 9]
    assert [place for _, place, _ in chain(found)][2:] == ["parent.yaml:7", "child.yaml:6", "epochs=7", "++epochs=9"]
    assert (found.value, found.removed, found.axis) == (9, False, "experiments/child.yaml:13")


def test_a_groups_file_names_everyone_who_chose_it_in_order(explainer):
    found = explainer("child").explain("optimizer.momentum")
    assert chain(found) == [("group", "momentum.yaml:3", 0.9)]
    assert found.steps[0].choice == (
        f"optimizer: adam by {conf('config.yaml')}:6, then sgd by experiments/parent.yaml:4, "
        "then momentum by experiments/child.yaml:3"
    )
    typed = explainer("child", "optimizer=adamw").explain("optimizer.weight_decay")
    assert typed.steps[0].choice.endswith("then adamw by optimizer=adamw")


def test_an_experiment_wins_over_the_file_of_a_group_that_was_chosen_later(explainer):
    found = explainer("child", "optimizer=rmsprop").explain("optimizer.learning_rate")
    assert chain(found) == [("group", "rmsprop.yaml:2", 0.001), ("parent", "parent.yaml:8", 0.1)]


def test_an_interpolation_leads_to_the_key_that_it_reads_with_its_own_chain(explainer):
    found = explainer("child").explain("model.layers.hidden.activation")
    (read,) = found.sources
    assert (found.value, read.key, read.value) == ("softmax", "model.layers.output.activation", "softmax")
    assert found.place == f"experiments/child.yaml:9 -> model.layers.output.activation {conf('model/mlp.yaml')}:5"


def test_a_relative_interpolation_counts_its_dots(explainer):
    found = explainer("parent", "model.layers.hidden.activation=${..output.activation}")
    assert found.explain("model.layers.hidden.activation").sources[0].key == "model.layers.output.activation"


def test_interpolations_in_a_circle_end(explainer):
    found = explainer("parent", "epochs=${batch_size}", "batch_size=${epochs}").explain("epochs")
    assert "cannot be resolved" in found.value
    assert found.sources[0].key == "batch_size" and found.sources[0].sources == ()


@pytest.mark.parametrize(
    "name, override, key, place",
    [
        ("parent", None, "model.layers.flatten", "experiments/parent.yaml:11"),
        ("grandchild", None, "model.layers.hidden", "experiments/grandchild.yaml:6"),
        ("grandchild", None, "model.layers.hidden.units", "experiments/grandchild.yaml:6"),
        ("parent", "~model.layers.hidden", "model.layers.hidden", "~model.layers.hidden"),
        ("parent", "~model.layers.hidden", "model.layers.hidden.units", "~model.layers.hidden"),
        ("parent", "model.layers.hidden=null", "model.layers.hidden.units", "model.layers.hidden=null"),
    ],
)
def test_a_removed_key_says_who_removed_it(explainer, name, override, key, place):
    found = explainer(name, *([override] if override else [])).explain(key)
    assert found.removed and found.place == place


def test_a_key_that_was_removed_and_came_back_is_there(explainer):
    found = explainer("grandchild")
    assert not found.explain("model.layers.flatten._target_").removed
    assert [value for _, _, value in chain(found.explain("model.layers.flatten._target_"))][1:] == [
        None,
        "keras.layers.Flatten",
    ]


def test_a_mapping_that_is_typed_sets_the_keys_in_it_and_leaves_the_others(explainer):
    found = explainer("parent", "model.layers.hidden={units: 3}", "+model.layers.extra={_target_: a.B, c: [1, {d: 2}]}")
    assert found.explain("model.layers.hidden.units").place == "model.layers.hidden={units: 3}"
    assert found.explain("model.layers.hidden.use_bias").place == "experiments/parent.yaml:12"
    assert found.explain("model.layers.extra.c").value == [1, {"d": 2}]
    assert found.explain("model.layers.extra.c").place.startswith("+model.layers.extra=")


def test_a_list_is_one_value(explainer):
    found = explainer("parent", "model.layers.hidden.units=[5,6]").explain("model.layers.hidden.units")
    assert [value for _, _, value in chain(found)] == [64, [8, 8], [5, 6]]


def test_about_is_never_inherited(explainer):
    assert chain(explainer("child").explain("about.question"))[1:] == [("experiment", "child.yaml:5", "mine")]
    (default,) = explainer("child").explain("about.source").steps
    assert default.kind == "schema" and default.place.startswith("stackfit/config/schema.py:")


def test_a_mapping_is_explained_value_by_value_with_what_was_removed(explainer):
    found = {one.key: one for one in explainer("parent", "~model.layers.hidden.use_bias").below("model.layers")}
    assert list(found) == [
        "model.layers.flatten",
        "model.layers.hidden._target_",
        "model.layers.hidden.units",
        "model.layers.hidden.activation",
        "model.layers.output._target_",
        "model.layers.output.units",
        "model.layers.output.activation",
        "model.layers.hidden.use_bias",
    ]
    assert [key for key, one in found.items() if one.removed] == [
        "model.layers.flatten",
        "model.layers.hidden.use_bias",
    ]


def test_an_unknown_key_names_the_nearest(explainer):
    for key, near in (("epohs", "epochs"), ("model.layers.hidden.unit", "model.layers.hidden.units")):
        with pytest.raises(ConfigError, match=f"There is no key '{key}' in parent. Expected a key of the composed config. Write: {near}$"):
            explainer("parent").explain(key)


@pytest.mark.parametrize("name", ["zalando_cnn_113k", "tf_hparams_grid", "digits_quickstart", "overfit_large_l2"])
def test_the_place_of_every_value_holds_the_value(explainer, name):
    """The last place of each key is read again from its file: it must say what was composed."""
    found = explainer(name)
    composed = OmegaConf.to_container(found.composition.config, resolve=False)
    assert len(found.below("")) > 40
    for one in found.below(""):
        node = composed
        for part in one.key.split(".") if not one.removed else ():
            node = node[part] if part in node else node[int(part)]
        assert one.removed or one.steps[-1].value == node, one.key


def test_the_command_prints_the_chain_with_the_winner_marked(cli, explainer):
    lines = cli("explain", "child", "optimizer.learning_rate", "optimizer.learning_rate=0.5").out.splitlines()
    assert lines[0] == "optimizer.learning_rate = 0.5"
    assert [line for line in lines if line.startswith("*")] == [lines[-1]]
    assert lines[-1].split() == ["*", "override", "optimizer.learning_rate=0.5", "0.5"]
    removed = cli("explain", "child", "model.layers.hidden", "~model.layers.hidden").out.splitlines()
    assert removed[0] == "model.layers.hidden is removed" and removed[-1].endswith("removed")


def test_the_command_prints_a_mapping_and_json(cli, explainer):
    assert "optimizer.nesterov = false" in cli("explain", "child", "optimizer").out
    (found,) = json.loads(cli("explain", "child", "epochs", "--json").out)
    assert (found["value"], found["steps"][-1]["place"]) == (3, "experiments/child.yaml:6")
    answer = cli("explain", "child", "nope")
    assert (answer.code, answer.out) == (2, "") and "There is no key 'nope'" in answer.err


def test_show_origin_follows_interpolations_and_names_who_removed(cli, explainer):
    out = cli("show", "parent", "--origin", "batch_size=4").out
    places_ = {line.split(":")[0].strip(): line.partition("  # ")[2] for line in out.splitlines()}
    assert places_["flatten"] == "experiments/parent.yaml:11"
    assert places_["batch_size"] == "batch_size=4"
    assert f"{conf('model/mlp.yaml')}:5 -> data.num_classes {conf('data/xor.yaml')}:" in out
    assert places_["jit_compile"].startswith("stackfit/config/schema.py:")


@pytest.mark.parametrize("words", [("show", "gsp631_base"), ("explain", "gsp631_base", "epochs")])
def test_several_values_for_one_key_are_refused_where_nothing_is_swept(cli, words):
    answer = cli(*words, "epochs=3,4")
    assert answer.code == 2 and "epochs=3,4" in answer.err and "Found several values for one key" in answer.err
