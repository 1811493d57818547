"""`wording`: what messages say to somebody who types Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import stackfit
from stackfit import api
from stackfit.api.wording import FUNCTIONS, in_python

SOURCE = Path(stackfit.__file__).parent
SHELL = {"yes", "csv", "format", "png", "split", "callback", "help", "debug", "detach"}  # options that only commands have
SHELL |= {"xla", "confirm", "from-best", "launch", "max-members", "rank", "of", "requeues"}  # of `work`, as launchers write them
OTHERS = ("config/hydra/information.py", "execution/environment.py")  # words for Hydra and for git


def messages():
    """Every text of the code behind the API that names an option or a command; `X` stands for what is put in."""
    for path in SOURCE.rglob("*.py"):
        if path.parts[len(SOURCE.parts)] in ("cli", "api") or path.relative_to(SOURCE).as_posix() in OTHERS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.body[0].value) for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)
                and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - docs
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside | docs:
                text = node.value
            else:
                continue
            if re.search(r"--[a-z]| -m\b|\bstackfit [a-z]|command\b", text):
                yield path.relative_to(SOURCE).as_posix(), text


MESSAGES = [*messages()]


def test_there_are_messages_of_both_kinds():
    assert len([text for _, text in MESSAGES if "--" in text]) > 30
    assert len([text for _, text in MESSAGES if "stackfit " in text]) > 20


@pytest.mark.parametrize("where, text", MESSAGES, ids=[f"{where}-{number}" for number, (where, _) in enumerate(MESSAGES)])
def test_every_message_speaks_python_and_every_call_in_it_can_be_made(where, text):
    said = in_python(text)
    assert not [name for name in re.findall(r"--([a-z][a-z-]*)", said) if name not in SHELL and not name.endswith("-")]
    assert {name for name in re.findall(r"\bstackfit ([a-z]+)\b(?![,.])", said)} & COMMANDS <= {"new", "schema", "data"}
    for call in re.findall(r"stackfit\.\w+\([^)]*\)", said):
        node = ast.parse(call, mode="eval").body
        arguments = [part.value for part in node.args]
        if arguments or node.keywords:
            FUNCTIONS[node.func.attr].bind(*arguments, **{each.arg: each.value for each in node.keywords})
    assert in_python(said) == said


COMMANDS = {"list", "show", "explain", "run", "plan", "table", "compare", "report", "best", "check", "verify", "eject", "evaluate", "predict",
            "new", "schema", "data"}  # fmt: skip


@pytest.mark.parametrize(
    "shell, python",
    [
        ("add --trust experiments.talk", "add trust='experiments.talk'"),
        ("resuming there (--fresh makes a new folder).", "resuming there (fresh=True makes a new folder)."),
        ("Try: --pivot units,seed,test_accuracy", "Try: pivot='units,seed,test_accuracy'"),
        ("--last is 0. Try: stackfit table --last 10", "last is 0. Try: stackfit.table(last=10)"),
        ("stackfit table 'my runs/a b' --sort -units", "stackfit.table('my runs/a b', sort='-units')"),
        ("Try: stackfit run net -m seed=1,2", "Try: stackfit.sweep('net', 'seed=1,2')"),
        ("Try: stackfit plan net -m seed=1,2 --debug", "Try: stackfit.plan('net', 'seed=1,2', multirun=True)"),
        ("Try: stackfit table --csv -, which has all.", "Try: stackfit.table(), which has all."),
        ("Type: stackfit data fetch mnist", "Type: stackfit data fetch mnist"),
        ("This stackfit reads up to 2. Update stackfit.", "This stackfit reads up to 2. Update stackfit."),
        ("a--b and x --fresher", "a--b and x --fresher"),
    ],
)
def test_a_command_becomes_a_call_and_an_option_an_argument(shell, python):
    assert in_python(shell) == python


def test_every_function_of_the_api_has_an_example_its_arguments_and_its_errors():
    for name in api.__all__:
        text = getattr(api, name).__doc__
        assert "stackfit." in text.partition("Args:")[0], name
        assert "Returns:" in text or name in ("Run", "best", "eject", "explain", "table", "load_model"), name
        if name != "Run":
            parameters = FUNCTIONS[name].parameters
            assert all(re.search(rf"\b{each}\b", text) for each in parameters), name
            assert "Raises:" in text or name == "experiments", name
