"""`mistyped`: a word of the command line that is no override gets its cause and what to type, in no parser's words."""

from __future__ import annotations

import os

import pytest
from conftest import shipped_composer
from library_words import assert_ours

from stackfit.errors import ConfigError, Problems

# The words as typed, and what the one answer says.
CASES = [
    ("epochs = 3", "These words are one override with blanks in it. Expected key=value. Write: epochs=3"),
    ("epochs =3", "Write: epochs=3"),
    ("epochs= 3", "Write: epochs=3"),
    ("epochs 3", "Write: epochs=3"),
    ("epochs: 3", "Write: epochs=3"),
    ("epochs : 3", "Write: epochs=3"),
    ("shuffle = false", "Write: shuffle=false"),
    ("optimizer.learning_rate = 0.1", "Write: optimizer.learning_rate=0.1"),
    ("model.layers.hidden.units = [64,32]", "Write: 'model.layers.hidden.units=[64,32]'"),
    ("data = mnist", "Write: data=mnist"),
    ("epochs:3", "An override has = in place of ':'. Expected key=value. Write: epochs=3"),
    ("epochs==3", "There are two '='. Expected key=value. Write: epochs=3"),
    ("epochs", "There is no '=' and no value. Expected key=value. Write: epochs=VALUE, which is a whole number"),
    ("optimizer", "There is no '=' and no value. Expected key=value. Write: optimizer=VALUE"),
    ("=3", "There is nothing before '='."),
    ("+=3", "There is nothing before '='."),
    ("mnist", "An option follows its group and '='. Expected key=value. Write: data=mnist"),
    ("SGD", "Write: optimizer=sgd"),
    ("gsp631_base", "This is a second experiment: a command takes one. Expected key=value. Run it by itself: stackfit run gsp631_base"),
    ("my/net.yaml", "This is a second experiment"),
    ("whatever", "There is no '='. Expected key=value. Write: epochs=3 or"),
    ("model.layers.hidden.units=[64,32", "The [ is not closed. Expected key=value. Write: 'model.layers.hidden.units=[64,32]'"),
    ("model.layers.hidden={units:[64", "The [ is not closed. Expected key=value. Write: 'model.layers.hidden={units:[64]}'"),
    ("seed=range(5", "The ( is not closed. Expected key=value. Write: 'seed=range(5)'"),
    ("epochs=${batch_size", "The { is not closed. Expected key=value. Write: 'epochs=${batch_size}'"),
    ("epochs='3", "The ' is not closed. Expected key=value. Write: epochs=3"),
    ('data.label="a', "The \" is not closed. Expected key=value. Write: 'data.label=\"a\"'"),
    ("model.layers.hidden.units=(64,32)", "A list stands in brackets. Expected key=value. Write: 'model.layers.hidden.units=[64,32]'"),
    ("epochs=3;", "'3;' has a sign too many. Expected key=value. Write: epochs=3"),
    ("about.question=what's", "The text needs quotes, for the shell and for stackfit."),
    ("data.path=a;b.csv", "Write: 'data.path=\"a;b.csv\"'"),
    ("model.layers[0].units=3", "A key cannot hold '['; a layer is found by its name. Expected key=value. Write: model.layers.NAME.units=3"),
    ("модель=3", "A key cannot hold 'м'"),
    ("epochs=3€", "'3€' is not a value. Expected key=value. Write: epochs=VALUE, which is a whole number"),
    ("seed=" + "[" * 600 + "]" * 600, "This has more than 500 brackets."),
]


def refuse(*words: str) -> ConfigError:
    problems = Problems()
    shipped_composer("digits_quickstart").compose(words, problems)
    (error,) = problems.errors
    return error


@pytest.mark.parametrize("typed, said", CASES, ids=range(len(CASES)))
def test_a_word_that_is_no_override_says_why_and_what_to_type(typed, said):
    error = refuse(*typed.split(" "))
    assert said in error.message and error.where == typed and error.message.count("Expected") == 1
    assert_ours(error.message)


def test_an_empty_word_is_left_out():
    assert refuse("").message == "This word is empty. Expected key=value. Leave it out."


def test_a_path_below_home_is_written_out():
    """The shell replaces ~ only at the beginning of a word."""
    assert refuse("data.path=~/x.csv").message.endswith(f"Expected key=value. Write: data.path={os.path.expanduser('~')}/x.csv")


@pytest.mark.parametrize("words", [("epochs=3", "seed=4"), ("callbacks=[]", "epochs=3"), ("about.question=", "seed=3"), ("about.question=a b", "seed=3")])
def test_words_that_are_overrides_are_not_joined(words):
    problems = Problems()
    shipped_composer("digits_quickstart").compose(words, problems)
    assert not problems.errors


def test_each_torn_override_is_one_answer():
    problems = Problems()
    shipped_composer("digits_quickstart").compose(["seed=1", "epochs", "=", "3", "batch_size", "8", "shuffle=maybe"], problems)
    assert [error.where for error in problems.errors] == ["epochs = 3", "batch_size 8", "shuffle=maybe"]
