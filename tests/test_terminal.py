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
