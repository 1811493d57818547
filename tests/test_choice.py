"""`choice`: the newest, the best or a named run, wherever a run is expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import make_run

from stackfit.errors import ConfigError, RunFolderError
from stackfit.results.choice import choose_run


@pytest.fixture
def outputs(lab):
    for number, (units, accuracy, loss) in enumerate([(16, 0.7, 0.2), (32, 0.9, 0.5), (320, 0.8, 0.1)]):
        metrics = {"test_accuracy": accuracy, "val_loss": loss}
        make_run(lab / "outputs" / "mine" / "sweep-1" / f"units={units}-0{number}", {"seed": number}, metrics)
    make_run(lab / "outputs" / "mine" / "broken", failed="loss is NaN")
    return Path("outputs/mine")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("mine@best", "units=32-01"),
        ("mine@best:val_loss", "units=320-02"),
        ("outputs/mine/sweep-1@best", "units=32-01"),
        ("@best", "units=32-01"),
        ("mine@units=16", "units=16-00"),
        ("mine@broken", "broken"),
        ("mine@units=32-01", "units=32-01"),
    ],
)
def test_a_run_in_words(outputs, word, name):
    run, said, doubts = choose_run(Path(word))
    assert run.name == name and doubts == []
    assert name in said


def test_the_newest_is_what_the_name_alone_stands_for(outputs):
    assert choose_run(Path("mine@newest"))[0].resolve() == choose_run(Path("mine"))[0].resolve()
    assert choose_run(outputs / "broken") == (outputs / "broken", "", [])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("mine@units=32", r"has 2 runs with 'units=32' in the name.*units=32-01, units=320-02"),
        ("mine@bets", r"has no run with 'bets' in the name\. Did you mean 'best'\?"),
        ("mien@best", r"mien does not exist\. Did you mean 'mine'\?"),
        ("gone/away@best", r"does not exist"),
        ("gone/away@newest", r"does not exist"),
        ("gone/away@word", r"does not exist"),
    ],
)
def test_what_is_not_there_or_not_alone_is_named(outputs, word, said):
    with pytest.raises(RunFolderError, match=said):
        choose_run(Path(word))


def test_an_unknown_metric_is_named(outputs):
    with pytest.raises(ConfigError, match="Did you mean 'val_loss'"):
        choose_run(Path("mine@best:val_los"))


@pytest.mark.parametrize("word", ["mine@best:nope", "outputs/mine@best:nope", "outputs/mine/sweep-1@best:nope"])
def test_an_unknown_metric_is_placed_at_the_word_that_names_it(outputs, cli, word):
    answer = cli("predict", word, "x.png")
    assert answer.code == 2 and answer.err.startswith(f"error: {word}\n  There is no column 'nope'.")


def test_the_best_of_a_choice_is_said_once(outputs, cli):
    answer = cli("best", "mine@best")
    assert answer.out == "outputs/mine/sweep-1/units=32-01\n" and len(answer.err.splitlines()) == 1
    assert cli("best", answer.out.strip()).err == ""


@pytest.mark.parametrize("other", ["mine@best", "outputs/mine/sweep-1/units=32-01", "./outputs/mine/../mine/sweep-1/units=32-01"])
def test_a_run_is_not_compared_with_itself(outputs, cli, other):
    answer = cli("compare", "outputs/mine/sweep-1/units=32-01", other)
    assert answer.code == 2 and "Both are the same run, outputs/mine/" in answer.err and "Expected two. Give another one;" in answer.err


def test_a_path_with_the_sign_in_it_is_a_path(outputs):
    odd = make_run(Path("outputs/me@best"))
    assert choose_run(odd) == (odd, "", [])


def test_commands_take_a_choice_and_say_which_run_it_is(outputs, cli):
    for words in (["eject", "mine@best"], ["evaluate", "mine@best"], ["predict", "mine@best"]):
        assert cli(*words).err.startswith("mine@best: outputs/mine/sweep-1/units=32-01 has test_accuracy 0.9, the highest of 3")
    answer = cli("compare", "mine@best", "mine@units=16")
    assert answer.code == 0 and "units=16-00" in answer.out
    assert "mine@best: " in cli("table", "mine@best", "--columns", "test_accuracy").err
