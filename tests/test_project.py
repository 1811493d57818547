"""`project`: what ships, what is the user's own, where results and data go."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import make_run

from stackfit.config import project
from stackfit.errors import ConfigError
from stackfit.files import shown


def test_the_shipped_folders_hold_the_root_config_and_the_labs():
    assert (project.shipped("conf") / "config.yaml").is_file()
    assert (project.shipped("experiments") / "gsp631_base.yaml").is_file()


def test_an_own_folder_is_found_only_where_there_is_one(lab):
    assert project.own("experiments") is None
    (lab / "experiments").mkdir()
    assert project.own("experiments") == lab / "experiments"


def test_in_a_source_checkout_the_shipped_folder_is_not_the_users(monkeypatch):
    monkeypatch.chdir(project.shipped("experiments").parent)
    assert project.own("experiments") is None


def test_outputs_are_below_the_current_folder(lab):
    assert project.outputs() == lab / "outputs"


def test_the_cache_is_where_the_user_says_then_where_xdg_says_then_at_home(lab, monkeypatch):
    monkeypatch.setenv("STACKFIT_CACHE", "~/kept")
    assert project.cache() == Path.home() / "kept"
    monkeypatch.delenv("STACKFIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(lab / "xdg"))
    assert project.cache() == lab / "xdg" / "stackfit"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert project.cache() == Path.home() / ".cache" / "stackfit"


def test_trust_is_read_from_pyproject(write):
    assert project.project_trust() == ()
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["experiments.mine", "layers"]\n')
    assert project.project_trust() == ("experiments.mine", "layers")
    write("pyproject.toml", "[project]\nname = 'x'\n")
    assert project.project_trust() == ()


@pytest.mark.parametrize(
    "text, said",
    [
        ("[tool.stackfit\n", "This is not a project's TOML: "),
        ('[tool.stackfit]\ntrust = "mine"\n', "trust is 'mine'. Expected a list of module names. Write: trust = ["),
        ("[tool.stackfit]\ntrust = [1]\n", "trust is [1]. Expected a list of module names."),
        ("tool = 3\n", "Expected a table [tool.stackfit]"),
        ("[tool]\nstackfit = 3\n", "Expected a table [tool.stackfit]"),
    ],
)
def test_a_damaged_pyproject_is_named(write, text, said):
    write("pyproject.toml", text)
    with pytest.raises(ConfigError) as error:
        project.project_trust()
    assert error.value.where == "pyproject.toml"
    assert said in error.value.message


def test_paths_are_shown_as_a_user_would_type_them(lab):
    assert shown(lab / "outputs" / "a") == "outputs/a"
    assert shown("/elsewhere") == "/elsewhere"


@pytest.mark.parametrize("here", ["experiments", "experiments/cnn", "notes/of/mine"])
def test_a_command_in_a_subfolder_works_in_the_project_and_says_so(cli, write, lab, monkeypatch, here):
    """Paths from where it was typed are found; trust is the project's."""
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["mine"]\n')
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\nseed: 3\n")
    write(f"{here}/near.yaml", "defaults: [mine, _self_]\ncallbacks: {mine: {_target_: mine.Mine}, other: {_target_: cb.Mine}}\n")
    monkeypatch.chdir(lab / here)
    answer = cli("show", "near.yaml", "--origin")
    assert answer.code == 0 and answer.err.startswith(f"project: {lab}\n") and answer.err.count("is not allowed") == 1
    assert "# experiments/mine.yaml:2" in answer.out and f"# {here}/near.yaml:2" in answer.out
    assert Path.cwd() == lab


@pytest.mark.parametrize("words", [["--csv", "out.csv"], ["--csv=out.csv"], ["--csv", "../notes/out.csv"]])
def test_a_file_is_written_where_the_command_was_typed(cli, write, lab, monkeypatch, words):
    """Not over one of the same name in the project."""
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\n")
    write("out.csv", "precious\n")
    make_run(lab / "outputs" / "mine" / "a.b")
    (lab / "notes").mkdir()
    monkeypatch.chdir(lab / "notes")
    answer = cli("table", "mine", "--sort", "optimizer.learning_rate", *words)
    assert (answer.code, answer.out) == (0, "notes/out.csv\n") and (lab / "out.csv").read_text() == "precious\n"
    assert (lab / "notes" / "out.csv").read_text().startswith("experiment,")
    monkeypatch.chdir(lab / "outputs" / "mine")
    answer = cli("table", "a.b", "--csv", "-")
    assert answer.code == 0 and "outputs/mine/a.b" in answer.out


def test_a_root_is_the_users_own_and_has_experiments_of_stackfit(lab, write, monkeypatch):
    below = lab / "a" / "b"
    below.mkdir(parents=True)
    assert project.find_root(below) == below
    file = write("experiments/notes.yaml", "author: me\n")
    assert project.find_root(below) == below  # somebody else's experiments
    file.write_text("about: {}\ndefaults: [config, _self_]\n", encoding="utf-8")
    assert project.find_root(below) == lab
    monkeypatch.setenv("HOME", str(lab))
    assert project.find_root(below) == below
    monkeypatch.setenv("HOME", "/")
    (lab / "a" / ".git").mkdir()
    assert project.find_root(below) == below  # a repository of its own
    (lab / "a" / ".git").rmdir()
    monkeypatch.setattr(project, "_is_ours", lambda folder: folder != lab)
    assert project.find_root(below) == below
    monkeypatch.undo()
    monkeypatch.chdir(below)
    (below / "outputs").mkdir()
    assert project.find_root(below) == below  # commands have worked here before
