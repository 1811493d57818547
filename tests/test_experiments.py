"""`experiments`: which files there are and what their heads say, without composing them."""

from __future__ import annotations

import pytest

from stackfit.config import project
from stackfit.config.experiments import find_experiment, find_experiments, list_experiments
from stackfit.errors import ConfigError

MINE = "defaults: [digits_quickstart, _self_]\nabout: {question: Mine?, seconds: 3}\n"


def test_the_shipped_experiments_are_found_from_anywhere(lab):
    names = find_experiments()
    assert {"gsp631_base", "digits_quickstart", "xor_needs_a_hidden_layer"} <= names.keys()
    assert names["gsp631_base"] == project.shipped("experiments") / "gsp631_base.yaml"


def test_the_users_own_come_after_the_shipped_and_are_marked(write):
    path = write("experiments/aaa_mine.yaml", MINE)
    records = list_experiments()
    assert records[-1].name == "aaa_mine" and records[-1].path == path
    assert [record.name for record in records if record.own] == ["aaa_mine"]
    assert records[-1].about == {"question": "Mine?", "seconds": 3}


def test_a_head_is_read_from_the_file_itself_never_inherited(write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\nepochs: 1\n")
    (record,) = list_experiments("mine")
    assert record.about == {} and record.expect == []


def test_a_head_of_another_form_is_empty(write):
    write("experiments/mine.yaml", "about: 3\nexpect: x\n")
    (record,) = list_experiments("mine")
    assert record.about == {} and record.expect == []


@pytest.mark.parametrize("pattern", ["GSP631_BASE", "gsp631_b*", "one hidden layer of 64"])
def test_a_pattern_is_part_of_a_name_a_glob_or_part_of_a_question(lab, pattern):
    assert "gsp631_base" in [record.name for record in list_experiments(pattern)]


def test_a_pattern_that_matches_nothing_gives_nothing(lab):
    assert list_experiments("no such thing") == []


def test_an_unknown_experiment_names_the_nearest_and_where_to_put_ones_own(lab):
    with pytest.raises(ConfigError) as error:
        find_experiment("gsp631_bse")
    assert "No experiment 'gsp631_bse'. Did you mean 'gsp631_base'?" in error.value.message
    assert "a file experiments/gsp631_bse.yaml of your own" in error.value.message
    assert error.value.message.endswith("Try: stackfit list")


@pytest.mark.parametrize("name", ["../gsp631_base", "a/b", "", ".", "-x", "a b", "gsp631_base.yaml", "ä", "a\n"])
def test_what_is_not_a_name_never_becomes_a_path(lab, name):
    with pytest.raises(ConfigError, match=r"is not an experiment's name. Expected letters, digits"):
        find_experiment(name)


def test_a_shipped_name_stays_shipped_and_both_files_are_named(write):
    write("experiments/gsp631_base.yaml", MINE)
    with pytest.raises(ConfigError) as error:
        find_experiments()
    assert error.value.where == "experiments/gsp631_base.yaml"
    assert str(project.shipped("experiments") / "gsp631_base.yaml") in error.value.message
    assert "Rename the file, for example to my_gsp631_base.yaml" in error.value.message


@pytest.mark.parametrize("name", ["config", "stackfit_schema"])
def test_the_roots_name_is_not_for_experiments(write, name):
    write(f"experiments/{name}.yaml", "epochs: 3\n")
    with pytest.raises(ConfigError, match=rf"experiments/{name}.yaml\n  The name '{name}' belongs to"):
        find_experiments()


def test_the_same_file_in_both_places_is_a_checkout_and_no_clash(write):
    text = (project.shipped("experiments") / "gsp631_base.yaml").read_text(encoding="utf-8")
    write("experiments/gsp631_base.yaml", text)
    assert find_experiment("gsp631_base") == project.shipped("experiments") / "gsp631_base.yaml"


def test_a_damaged_file_is_named_with_its_line(write):
    write("experiments/mine.yaml", "about: [\n")
    with pytest.raises(ConfigError, match=r"experiments/mine.yaml:2\n  This is not YAML"):
        list_experiments()


def test_a_file_that_is_not_yaml_is_said_and_the_others_are_listed(cli, write):
    write("experiments/broken.yaml", "a: [1\n")
    write("experiments/sound.yaml", "defaults: [digits_quickstart, _self_]\nabout: {question: Sound?}\n")
    answer = cli("list", "sound")
    assert answer.code == 0 and "Sound?" in answer.out
    assert "warning: experiments/broken.yaml:2\n  This is not YAML" in answer.err
