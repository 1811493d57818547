"""`experiments`: which files there are and what their heads say, without composing them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from stackfit.config import project
from stackfit.config.experiments import (
    Located,
    expand,
    find_experiment,
    find_experiments,
    find_named,
    list_experiments,
    name_of,
)
from stackfit.errors import ConfigError

MINE = "defaults: [digits_quickstart, _self_]\nabout: {question: \"Mine?\", seconds: 3}\n"


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


@pytest.mark.parametrize("name", ["../gsp631_base", "a//b", "/a", "a/", "", ".", "-x", "a b", "ä", "a\n"])
def test_what_is_not_a_name_never_becomes_a_path(lab, name):
    with pytest.raises(ConfigError, match=r"is not an experiment's name. Expected letters, digits"):
        find_experiment(name)


@pytest.mark.parametrize("name", ["gsp631_base", "config", "stackfit_schema"])
def test_a_file_with_a_shipped_name_is_an_error_of_that_name_only_and_both_files_are_named(cli, write, name):
    write(f"experiments/{name}.yaml", MINE)
    write("experiments/mine.yaml", "defaults: [gsp631_base, _self_]\n")
    with pytest.raises(ConfigError) as error:
        find_named(name)
    shipped = "experiments/gsp631_base.yaml" if name == "gsp631_base" else "conf/config.yaml"
    assert error.value.where == f"experiments/{name}.yaml"
    assert f"The name {name!r} is stackfit's own, " in error.value.message and shipped in error.value.message
    assert f"Rename the file, for example to my_{name}.yaml" in error.value.message
    for command in ("run", "show", "plan"):
        answer = cli(command, name)
        assert answer.code == 2 and f"experiments/{name}.yaml\n  The name" in answer.err
    assert cli("show", "mine").out.count("Mine?") == 0  # it inherits the shipped one
    assert "layers:\n    flatten" in cli("show", "mine").out
    listed = cli("list")
    assert listed.code == 0 and f"warning: experiments/{name}.yaml\n  The name" in listed.err
    mark = "(not experiments/gsp631_base.yaml: see the warning)"
    assert " ".join(listed.out.split()).count(mark) == (name == "gsp631_base")


def test_an_experiment_may_be_given_by_its_path_and_is_called_by_it(cli, write, lab):
    """What lies next to it is not used: neither groups nor experiments, nor whom its project trusts."""
    write("hand-ins/s01/net.yaml", MINE + "epochs: 7\nmodel: {layers: {hidden: {units: 3}}}\n")
    write("hand-ins/s01/conf/optimizer/adam.yaml", "learning_rate: 9\n")
    write("hand-ins/s01/pyproject.toml", '[tool.stackfit]\ntrust = ["mine"]\n')
    write("hand-ins/s01/mine.py", "import keras\nclass Mine(keras.callbacks.Callback): pass\n")
    write("hand-ins/s01/experiments/sibling.yaml", MINE)
    write("hand-ins/s01/brother.yaml", MINE)
    assert find_experiment("hand-ins/s01/net.yaml") == Located("hand-ins--s01--net", lab / "hand-ins/s01/net.yaml", True)
    shown = cli("show", "hand-ins/s01/net.yaml", "--origin")
    assert shown.code == 0 and "# hand-ins/s01/net.yaml:3" in shown.out and "learning_rate: 0.001" in shown.out
    assert cli("explain", "hand-ins/s01/net.yaml", "epochs").out.splitlines()[-1].split()[:2] == ["*", "experiment"]
    for parent in ("sibling", "brother", "net", "hand-ins--s01--net"):
        write("hand-ins/s01/net.yaml", f"defaults: [{parent}, _self_]\n")
        answer = cli("show", "hand-ins/s01/net.yaml")
        assert answer.code == 2 and f"hand-ins/s01/net.yaml:1\n  No config {parent!r} to inherit from." in answer.err
    write("hand-ins/s01/net.yaml", MINE + "callbacks: {mine: {_target_: mine.Mine}}\n")
    answer = cli("plan", "hand-ins/s01/net.yaml")
    assert answer.code == 2 and "hand-ins/s01/net.yaml:3  callbacks.mine._target_" in answer.err


def test_names_made_from_paths_are_clear_and_never_leave_the_outputs(lab):
    paths = ["a/b.yaml", "a--b.yaml", "a b.yaml", "a_b.yaml", "a/-b.yaml", "a-/b.yaml", "ä.yaml", "../x.yaml", "..y/x.yaml",
             ".yaml", "a\nb.yaml", "...yaml", "/x.yaml", f"{'long/' * 60}x.yaml", f"{'long/' * 61}x.yaml", "-m.yaml", "$HOME.yaml"]  # fmt: skip
    names = [name_of(Path(os.path.abspath(path))) for path in paths]
    assert names[0] == "a--b" and names[3] == "a_b" and len({*names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][\w-]{0,120}", name, re.ASCII) for name in names)


def test_an_experiment_may_stand_in_a_subfolder_and_end_in_yml(cli, write):
    """The folder of its runs has -- for /; a base is named from ./experiments, whoever names it."""
    write("experiments/mine.yml", MINE + "epochs: 2\n")
    write("experiments/cnn/deep.yaml", "defaults: [mine, _self_]\nabout: {question: \"Deep?\"}\nbatch_size: 8\n")
    write("experiments/cnn/deeper.yml", "defaults: [cnn/deep, _self_]\nseed: 3\n")
    write("experiments/outputs/old/config.yaml", MINE)  # somebody ran in ./experiments before
    names = [name for name, path in find_experiments().items() if not path.is_relative_to(project.shipped("experiments"))]
    assert names == ["cnn/deep", "cnn/deeper", "mine"]
    assert find_experiment("cnn/deep").name == "cnn--deep" and find_named("cnn--deep") == find_named("cnn/deep")
    assert "cnn/deep    Deep?  (yours)\n" in cli("list", "cnn/").out
    shown = cli("show", "cnn/deeper", "--origin").out.splitlines()
    assert {line.split()[-1] for line in shown if line.startswith(("seed", "batch_size", "epochs"))} == {
        "experiments/cnn/deeper.yml:2", "experiments/cnn/deep.yaml:3", "experiments/mine.yml:3"}  # fmt: skip
    assert cli("explain", "cnn/deeper", "epochs").out.splitlines()[-1].startswith("* parent      experiments/mine.yml:3")
    write("conf/model/mine.yml", "layers: {}\n")
    assert "Rename conf/model/mine.yml to mine.yaml." in cli("show", "mine", "model=mine").err
    for word, cure in (("mine.yml", "mine"), ("./cnn/deep.yaml", "cnn/deep"), ("gsp631_base.yaml", "gsp631_base")):
        assert cli("show", word).err.rstrip().endswith(f": {cure}")


@pytest.mark.parametrize("base, near", [("dep", "deep"), ("deep.yaml", "deep"), ("experiments/deep", "deep"),
                                        ("cnn/dep", "cnn/deep"), ("confg", "config")])  # fmt: skip
def test_a_misspelt_base_is_named_with_its_line_and_the_nearest(cli, write, base, near):
    write("experiments/deep.yaml", MINE)
    write("experiments/cnn/deep.yaml", MINE)
    write("experiments/other.yaml", f"defaults:\n- {base}\n- _self_\n")
    answer = cli("show", "other")
    assert answer.code == 2 and answer.err.startswith(f"error: experiments/other.yaml:2\n  No config {base!r} to inherit from. ")
    assert answer.err.endswith(f"Write: {near}\n") and len(answer.err) < 250


def test_files_that_would_share_a_run_folder_are_an_error_of_their_name(cli, write):
    write("experiments/cnn/deep.yaml", MINE)
    for other in ("experiments/cnn--deep.yaml", "experiments/cnn/deep.yml"):
        path = write(other, MINE + "seed: 4\n")
        answer = cli("show", "cnn/deep")
        assert answer.code == 2 and "experiments/cnn/deep.yaml" in answer.err and other in answer.err
        path.unlink()
    assert cli("show", "cnn/deep").code == 0


@pytest.mark.parametrize("word, said", [("none.yaml", "does not exist"), ("folder.yaml", "is not a file"),
                                        ("pipe.yaml", "is not a file"), ("./folder", "or a path that ends in .yaml")])  # fmt: skip
def test_what_is_not_an_experiments_file_is_refused(cli, lab, word, said):
    (lab / "folder.yaml").mkdir()
    (lab / "folder").mkdir()
    os.mkfifo(lab / "pipe.yaml")
    answer = cli("show", word)
    assert answer.code == 2 and said in answer.err and answer.err.endswith("Try: stackfit list\n")


def test_a_file_of_many_megabytes_is_not_even_read(cli, write):
    write("big.yaml", "a: 3\n" * 1_000_000)
    answer = cli("show", "big.yaml")
    assert answer.code == 2 and "big.yaml has 5,000,000 bytes. Expected at most 1,000,000." in answer.err


def test_a_path_whose_name_is_taken_is_refused_and_both_files_are_named(cli, write):
    write("experiments/mine.yaml", MINE)
    for name, owner in (("mine", "is that of an experiment of yours, experiments/mine.yaml"), ("gsp631_base", "is stackfit's own, ")):
        write(f"{name}.yaml", f"defaults: [{name}, _self_]\n")
        answer = cli("show", f"{name}.yaml")
        assert answer.code == 2 and f"{name}.yaml\n  The name {name!r} {owner}" in answer.err


def test_patterns_stand_for_names_or_paths(write):
    for name in ("b", "a", "[x]"):
        write(f"hand-ins/{name}.yaml", MINE)
    write("hand-ins/s/net.yaml", MINE)
    own = [f"hand-ins/{name}.yaml" for name in ("[x]", "a", "b")]
    assert expand(["hand-ins/*.yaml", "xor_*", "hand-ins/[x].yaml", "nope*", "zzz"]) == [
        *own, "xor_needs_a_hidden_layer", own[0], "nope*", "zzz"]  # fmt: skip
    assert expand(["hand-ins/**/*.yaml"]) == sorted([*own, "hand-ins/s/net.yaml"])


def test_the_same_file_in_both_places_is_a_checkout_and_no_clash(write):
    text = (project.shipped("experiments") / "gsp631_base.yaml").read_text(encoding="utf-8")
    write("experiments/gsp631_base.yaml", text)
    assert find_named("gsp631_base") == project.shipped("experiments") / "gsp631_base.yaml"


def test_a_damaged_file_is_named_with_its_line(write):
    write("experiments/mine.yaml", "about: [\n")
    with pytest.raises(ConfigError, match=r"experiments/mine.yaml:1\n  The \[ in this line is not closed"):
        list_experiments()


def test_a_file_that_is_not_yaml_is_said_and_the_others_are_listed(cli, write):
    write("experiments/broken.yaml", "a: [1\n")
    write("experiments/sound.yaml", "defaults: [digits_quickstart, _self_]\nabout: {question: Sound?}\n")
    answer = cli("list", "sound")
    assert answer.code == 0 and "Sound?" in answer.out
    assert "warning: experiments/broken.yaml:1\n  The [ in this line is not closed" in answer.err
