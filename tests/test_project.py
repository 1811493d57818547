"""`project`: what ships, what is the user's own, where results and data go."""

from __future__ import annotations

from pathlib import Path

import pytest

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
