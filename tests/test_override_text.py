"""Overrides that are printed can be pasted: the shell and Hydra's grammar give back what was meant."""

import json
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from stackfit.config.override_text import override_text

NAMES = ["a", "Unnamed: 0", "a=b", "größe (m)", "it's", 'say "x"', "a#b", "[x]", "{x}", "x,y", "!", "a & b", "a;b", "~a", "a\\",
         'a\\"b', "$HOME", "${x}", "true", "null", "007", "1e3", "7", "1.50", "", "a b", "日本", "x\\y", "-1", "a:b", "(", "*", "None",
         "a\\\\", "no", "nan", ".", ",", "%", "a@b", "0"]  # fmt: skip


def parsed(text):
    (word,) = shlex.split(text)
    value = OverridesParser.create().parse_override(word)
    assert not value.is_sweep_override()
    return value.value()


@pytest.mark.parametrize("name", NAMES)
def test_a_text_comes_back_as_a_value_in_a_list_and_as_a_key(name):
    assert parsed(override_text("data.label", name)) == name.replace("${", "${")
    assert parsed(override_text("data.missing", ["", name])) == ["", name]
    mapping = parsed(override_text("data.columns", {"a": "flag", name: "drop"}))
    mapping = json.loads(mapping) if isinstance(mapping, str) else mapping
    assert {str(key): value for key, value in mapping.items()} == {"a": "flag", name: "drop"}


def test_what_needs_no_quotes_has_none_inside():
    assert (
        override_text("data.columns", {"a": "drop", "Unnamed: 0": "drop"})
        == "'data.columns={a:drop,Unnamed\\: 0:drop}'"
    )
    assert override_text("data.decimal", ",") == "'data.decimal=\",\"'"
    assert override_text("data.thousands", ".") == "'data.thousands=\".\"'"
