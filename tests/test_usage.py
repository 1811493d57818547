"""`usage`: a command line that no command takes is answered in three sentences, with what to type."""

from __future__ import annotations

import shlex

import pytest
from library_words import assert_ours

CASES = [
    ("run digits_quickstart --epochs 3", "There is no option '--epochs'. Expected a setting without dashes, as key=value. Write: epochs=3"),
    ("run --epochs 3 digits_quickstart", "Write: epochs=3"),
    ("run digits_quickstart --epochs=3", "Write: epochs=3"),
    ("run digits_quickstart --batch-size 64", "Write: batch_size=64"),
    ("run digits_quickstart --units 64", "Write: units=64"),
    ("run digits_quickstart --lr 0.1", "Write: lr=0.1"),
    ("run digits_quickstart --model mlp", "Write: model=mlp"),
    ("run digits_quickstart --seed", "Write: seed=VALUE"),
    ("show digits_quickstart --epochs=3", "Write: epochs=3"),
    ("plan digits_quickstart --epochs 3", "Write: epochs=3"),
    ("run digits_quickstart --fesh", "There is no option '--fesh'. Did you mean '--fresh'? Expected an option of stackfit run. Write: --fresh"),
    ("run digits_quickstart --multi", "Did you mean '--multirun'? Expected an option of stackfit run. Write: --multirun"),
    ("run digits_quickstart --gpu", "Expected --confirm, --detach, --fail-fast, --fresh, --help, --multirun, --quiet, --trust, --yes, or -m. Try: stackfit run --help"),
    ("plan digits_quickstart --fresh", "Try: stackfit plan --help"),
    ("table --pivt a", "There is no option '--pivt'. Did you mean '--pivot'? Expected an option of stackfit table. Write: --pivot"),
    ("list --json", "There is no option '--json'. Expected --help. Try: stackfit list --help"),
    ("--hlp", "Did you mean '--help'? Expected an option of stackfit. Write: --help"),
    ("rn digits_quickstart", "There is no command 'rn'. Did you mean 'run'? Expected a command. Write: stackfit run"),
    ("data shw xor", "There is no command 'shw'. Did you mean 'show'? Expected a command. Write: stackfit data show"),
    ("train digits_quickstart", "There is no command 'train'. Expected one of: list, show, options, explain, run, work, watch, stop, plan"),
    ("digits_quickstart", "digits_quickstart is an experiment, not a command. Expected a command before it. Write: stackfit run digits_quickstart"),
    ("my/net.yaml", "Write: stackfit run my/net.yaml"),
    ("show", "stackfit show needs EXPERIMENT. Expected: An experiment's name"),
    ("explain digits_quickstart", "stackfit explain needs KEY. Expected: A key such as optimizer.learning_rate"),
    ("verify", "stackfit verify needs RUN."),
    ("show digits_quickstart --diff", "--diff needs a value. Expected one after it."),
    ("table --last x", "--last is 'x'. Expected a whole number. Try: stackfit table --help"),
    ("verify a --tolerance x", "--tolerance is 'x'. Expected a number."),
    ("list a b", "stackfit list does not take 'b' as well. Expected: stackfit list PATTERN."),
    ("run epochs=3", "'epochs=3' is not an experiment. Expected its name before the overrides."),
    ("options modell", "There is no group 'modell'. Did you mean 'model'?"),
    ("options optimizer=adm", "'adm' is not an option of the group 'optimizer'. Did you mean 'adam'?"),
    ("show 'gsp*'", "gsp* is a pattern, which only `stackfit check` takes."),
]  # fmt: skip


@pytest.mark.parametrize("typed, said", CASES)
def test_what_no_command_takes_has_an_answer_in_our_words(cli, typed, said):
    answer = cli(*shlex.split(typed))
    assert answer.code == 2 and answer.out == "" and answer.err.startswith("error: ") and said in answer.err, answer
    assert answer.err.count("error: ") == 1 and "Usage:" not in answer.err
    assert_ours(answer.err)


@pytest.mark.parametrize("words", [[], ["data"]])
def test_without_a_command_there_is_the_help(cli, words):
    assert "Commands:" in "".join(cli(*words)[1:])
