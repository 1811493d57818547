"""`idle`: what would be ignored is refused, on every command."""

from __future__ import annotations

import importlib
import itertools
import shlex

import pytest
from library_words import assert_ours
from made_runs import make_run

from stackfit.cli.app import COMMANDS, load_command

# A command line whose last option would do nothing.
CASES = [
    "show digits_quickstart --diff gsp631_base --origin",
    "check digits_quickstart --long",
    "new Mine --callback --from gsp631_base",
    "table --csv - --format md",
    "table --pivot a,b --epochs",
    "table --pivot a,b --over seed",
    "predict x f.png --item 3",
    "predict x f.png --wrong",
    "predict x f.png --count 3",
    "predict x f.png --png a.png",
    "predict x --item 3 --wrong",
    "predict x --item 3 --count 2",
    "predict x --csv - --format json",
    "predict x --csv - --count 3",
    "predict x --format json --count 3",
    "predict x --item 3 --item 4 --png a.png",
    "predict x --png a.png",
    "predict x --invert",
    "run digits_quickstart --fail-fast",
    "run digits_quickstart --yes",
    "run digits_quickstart --resolve",
    "run digits_quickstart --package model",
    "run digits_quickstart --cfg job --info",
    "run digits_quickstart --cfg job -m",
    "run digits_quickstart --cfg job --fresh",
    "run digits_quickstart --info --quiet",
    "data show xor 0 --png a.png",
    "compare one two --metric loss",
    "compare one two --filter 'seed > 1'",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs; nothing is trained."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("one", "two"):
        make_run(folder / "outputs" / name / "1")
    return folder


@pytest.mark.parametrize("typed", CASES)
def test_an_option_that_would_do_nothing_is_refused(cli, made, monkeypatch, typed):
    monkeypatch.chdir(made)
    words = shlex.split(typed.replace("predict x", "predict one"))
    answer = cli(*words)
    assert answer.code == 2 and answer.out == "", answer
    assert_ours(answer.err)


@pytest.mark.parametrize("command", [name for name, (module, _) in COMMANDS.items() if module])
def test_the_rules_name_parameters_that_the_command_has(command):
    names = {param.name for param in load_command(command).params}
    rules = getattr(importlib.import_module(f"stackfit.cli.{COMMANDS[command][0]}"), "IDLE", ())
    assert {name for rule in rules for name in (rule.name, rule.beside or rule.without)} <= names


def test_every_pair_of_switches_is_answered_and_none_with_a_traceback(cli, made, monkeypatch):
    """Every two options without a value that commands have: whatever they do, it is no failure of stackfit's own."""
    monkeypatch.chdir(made)
    asked = {"list": [], "show": ["digits_quickstart"], "explain": ["digits_quickstart", "epochs"], "table": [], "new": ["Mine"], "options": []}
    for command, words in asked.items():
        switches = [param.opts[0] for param in load_command(command).params if getattr(param, "is_flag", False) and param.name != "help"]
        for pair in itertools.combinations(switches, 2):
            answer = cli(command, *words, *pair)
            assert answer.code in (0, 1, 2) and "stackfit itself failed" not in answer.err, (command, pair, answer.err)


def test_a_selection_that_picks_nothing_says_so(cli, made, monkeypatch):
    monkeypatch.chdir(made)
    said = "No run matches --filter 'seed > 99'. Expected one that some run passes."
    answer = cli("table", "--filter", "seed > 99")
    assert answer.code == 0 and f"warning: {said}" in answer.err
    for command in (("best",), ("compare", "outputs")):
        answer = cli(*command, "--filter", "seed > 99")
        assert answer.code == 2 and said in answer.err
    for words, said in ((("list", "zzz"), "No experiment matches 'zzz'."), (("check", "nope*"), "nope* matches no experiment.")):
        answer = cli(*words)
        assert answer.code == 2 and said in answer.err
