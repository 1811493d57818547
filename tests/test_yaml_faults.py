"""`yaml_faults`: a file that is not YAML is answered at the line of the cause, with what to type, in no parser's words."""

from __future__ import annotations

import pytest

from stackfit.config.origins import read_config_file
from stackfit.errors import ConfigError

PARSERS = ("while parsing", "while scanning", "did not find", "could not find", "mapping values", "found ", "token", "block end",
           "expected <", "simple key", "unexpected")  # fmt: skip
# The text, the line of its cause, and what the answer says.
CASES = [
    ('a:\n  b: "It is open\nepochs: 3\n', 2, 'The quote " in this line is not closed. Expected one more after the text. Write: b: "It is open"'),
    ("a:\n  b: 'It is open\nepochs: 3\nc: 4\n", 2, "The quote ' in this line is not closed."),
    ('a: "open\nb: "closed"\nc: 3\n', 1, 'The quote " in this line is not closed.'),  # the next quote ends it
    ('a: ["x", "y]\nb: 3\n', 1, 'The quote " in this line is not closed.'),
    ("a: it's\nb: [1, 2\nc: 3\n", 2, "The [ in this line is not closed. Expected ]. Write: b: [1, 2]"),  # an apostrophe opens nothing
    ("a: {b: [1, {c: 2\nd: 3\n", 1, "Write: a: {b: [1, {c: 2}]}"),
    ("a: {b: 1,\n  c: 2\nd: 3\ne: 4\n", 1, "The { in this line is not closed. Expected }."),
    ("a: {b: [1}\nc: 2\n", 1, "The [ in this line is closed by }. Expected ]. Write: a: {b: [1]}"),
    ("a: [1, 2}\n", 1, "The [ in this line is closed by }. Expected ]. Write: a: [1, 2]"),
    ("a: {b: 1}}\n", 1, "This line has a } too many. Expected one for each {. Write: a: {b: 1}"),
    ("a: [1]]\n", 1, "This line has a ] too many."),
    ("text: |\n  it's {open\nb: [1\n", 3, "Write: b: [1]"),  # a block of text opens nothing
    ("a: 1  # it's {open\nb: [1\n", 2, "Write: b: [1]"),
    ("a:\n\tb: 3\n", 2, "This line starts with a tab. Expected blanks. Write two blanks in place of each tab."),
    ("a:\n  b: 1\n \tc: 2\n", 3, "This line starts with a tab."),
    ("a: 1\nepochs:3\n", 2, "There is no blank after the ':' of 'epochs'. Expected `key: value`. Write: epochs: 3"),
    ("epochs:3\nseed: 4\nb: 4\n", 1, "Write: epochs: 3"),
    ("a:\n  b:1\n  c: 2\n", 2, "Write: b: 1"),
    ("a: {units:[3], b: 2}\n", 1, "Write: units: [3]"),
    ("a: {b: 2, units:64}\n", 1, "There is no blank after the ':' of 'units'. Expected `key: value`. Write: units: 64"),
    ("a:\n- {units:64}\n", 2, "Write: units: 64"),
    ("epochs: 3\nseed: 4\nepochs: 5\n", 3, "The key 'epochs' is here for the second time; the first is in line 1."),
    ("a:\n  b: 3\n  c: 3\n  'b': 4\n", 4, "The key 'b' is here for the second time; the first is in line 2."),
    ("a:\n  b: 3\nb: 3\nc:\n  b: 3\n  b: 4\n", 6, "the first is in line 5."),
    ("a: 1\nepochs = 3\n", 2, "This line has = in place of ':'. Expected `key: value`. Write: epochs: 3"),
    ("a: 1\nepochs=3\nb: 2\n", 2, "Write: epochs: 3"),
    ("a:\n    b: 1\n  c: 2\n", 3, "This line begins after 2 blanks; the lines above it begin after 0 or 4."),
    ("a: 1\n  b: 2\n", 2, "This line begins after 2 blanks, and 'a' above it has a value already."),
    ("a: 1\n b: 2\n", 2, "This line begins after 1 blank, and"),
    ("a: Is it: so?\n", 1, "A text with ':' and a blank needs quotes. Expected them around the whole text. Write: a: \"Is it: so?\""),
    ('a: Say "it": now\n', 1, "Write: a: 'Say \"it\": now'"),
    ("a: @home\n", 1, 'A text that begins with @ needs quotes. Expected them around the whole text. Write: a: "@home"'),
    ("a: %x\n", 1, "A text that begins with % needs quotes."),
    ("a: `x`\n", 1, "A text that begins with ` needs quotes."),
    ("a: *x*\n", 1, "A text that begins with * needs quotes."),
    ("a: |x\n", 1, "A text that begins with | needs quotes."),
    ('a: "C:\\data"\n', 1, "A \\ in double quotes starts a code. Expected single quotes. Write: a: 'C:\\data'"),
    ("a: 1\n---\nb: 2\n", 2, "--- starts a second document. Expected one. Remove the line."),
]  # fmt: skip


@pytest.mark.parametrize("text, line, said", CASES, ids=range(len(CASES)))
def test_the_cause_is_named_with_its_line_and_a_cure(write, text, line, said):
    with pytest.raises(ConfigError) as error:
        read_config_file(write("mine.yaml", text))
    assert (error.value.where, said in error.value.message) == (f"mine.yaml:{line}", True), error.value
    assert not [words for words in PARSERS if words in error.value.message]
    assert error.value.message.count(". ") >= 2 and len(error.value.message) < 200


def test_what_only_the_slower_parser_refuses_is_answered_alike(cli, write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\nabout: {question: Mine?}\n")
    answer = cli("show", "mine")
    assert answer.code == 2 and answer.err.startswith("error: experiments/mine.yaml:2\n  A text that ends with ? before a bracket")
    assert 'Write: question: "Mine?"' in answer.err


@pytest.mark.parametrize("text", ["a: {units: 64}\n", "a: {b: 'units:64'}\n", "a: http://x\n", "a: {units:64: 3}\n", "a: [1:2]\n"])
def test_a_colon_inside_a_value_is_no_fault(write, text):
    read_config_file(write("mine.yaml", text))


@pytest.mark.parametrize("text", ["a: [" * 50 + "\n", "'" * 999 + ":", "{" * 40, "a: |\n b: {\n", "\x00: [", ": : :\n?\n", "}]" * 30])
def test_any_text_has_an_answer_in_three_sentences(write, text):
    try:
        read_config_file(write("mine.yaml", text))
    except ConfigError as error:
        assert "Expected" in error.message and not [words for words in PARSERS if words in error.message], error.message
