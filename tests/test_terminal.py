"""`text`: lines that fit the terminal, broken between words only."""

from __future__ import annotations

import io

import pytest

from stackfit.cli.text import write_whole
from stackfit.terminal import Folding, cells, fold


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrow(monkeypatch) -> Folding:
    monkeypatch.setenv("COLUMNS", "20")
    return Folding(Terminal(), None, escapes=True)


def test_a_long_line_is_broken_between_words_and_goes_on_further_in():
    assert fold("error: there is no experiment", 20) == "error: there is no\n  experiment"
    assert fold("  there is no experiment of it", 20) == "  there is no\n    experiment of it"
    assert fold("short\n\n  as it is\n", 20) == "short\n\n  as it is\n"


def test_below_a_column_the_rest_stands_below_it():
    assert fold("name  of the thing that is meant", 20) == "name  of the thing\n      that is meant"
    assert fold("a name of 14  x and other words", 20) == "a name of 14  x and\n  other words"  # too far to the right


def test_a_word_is_never_broken_and_may_stand_further_left():
    assert fold("see: outputs/a/b/c/d/e today", 20) == "see:\n  outputs/a/b/c/d/e\n  today"
    assert fold("see: outputs/a/b/c/d/e/ff today", 20) == "see:\noutputs/a/b/c/d/e/ff\n  today"
    long = "outputs/" + "x" * 24
    assert fold(f"see {long} today", 20) == f"see\n{long} today"  # it fits into no line


def test_what_is_written_in_parts_is_broken_as_one_line(narrow):
    for part in ("one two three ", "four five", " six", "\n", "seven\n"):
        narrow.write(part)
    assert narrow.stream.getvalue() == "one two three four\n  five six\nseven\n"


def test_wide_and_combining_signs_take_the_cells_that_they_take():
    assert (cells("abc"), cells("日本"), cells("e\u0301")) == (3, 4, 1)
    assert fold("日本日本日本 日本日本", 14) == "日本日本日本\n  日本日本"


def test_control_characters_are_escaped_and_a_programs_text_is_left_whole(narrow, monkeypatch):
    monkeypatch.setattr("sys.stdout", narrow)
    write_whole('{"key": "a long text with \x1b[31m in it"}\n')
    assert narrow.stream.getvalue() == '{"key": "a long text with \\u001b[31m in it"}\n'


def test_a_pipe_gets_lines_as_they_are():
    stream = io.StringIO()
    Folding(stream, None, escapes=True).writelines(["x " * 100, "\n"])
    assert stream.getvalue() == "x " * 100 + "\n"


COMMAND = "stackfit run gsp631_base model.layers.hidden.units=128 epochs=3"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (f"error: there is no experiment of this name at all. Try: {COMMAND}, or another one", COMMAND),
        (f"Its workers go on without this command.\n  {COMMAND} 'seed=range(5)'", f"  {COMMAND} 'seed=range(5)'"),
        ("warning: the runs were tested on different items. Narrow them with --filter '`data.kind` == \"csv\"'.", "--filter '`data.kind` == \"csv\"'"),
        ("It is called on the command line as follows:    '+callbacks.mine={_target_: mine.Mine, accuracy: 0.84}'", "'+callbacks.mine={_target_: mine.Mine, accuracy: 0.84}'"),
        ("The sweeper search needs optuna, and it is not installed. Type: pip install 'stackfit[search]'", "pip install 'stackfit[search]'"),
        ("Type 'data.columns={visit: date, city: category, name: drop}', or something that is shorter", "'data.columns={visit: date, city: category, name: drop}',"),
    ],
)
@pytest.mark.parametrize("columns", [40, 66, 80])
def test_what_is_typed_stays_on_one_line(text, whole, columns):
    lines = fold(text, columns).split("\n")
    assert any(whole.strip() in line for line in lines)
    assert all(cells(line) <= columns or whole.strip() in line for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())  # nothing is lost


def test_an_apostrophe_quotes_nothing_and_many_quotes_take_no_time():
    assert fold("the sweep's folder is another search's", 20) == "the sweep's folder\n  is another\n  search's"
    assert len(fold("x='a'='b" * 5000 + " z", 40)) > 40_000
