"""Overrides that are printed can be pasted: the shell and Hydra's grammar give back what was meant."""

import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from stackfit.config.override_text import override_lines, override_text
from stackfit.errors import ConfigError

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


def value_of(line):
    override = OverridesParser.create().parse_override(line)
    return [*override.sweep_iterator()] if override.is_sweep_override() else override.value()


@pytest.mark.parametrize(
    "value, meant",
    [
        *[(each, each) for each in (3, -1, 0.1, 1e-5, 1e300, True, None, "a", [], [1, [2, 3]], {"a": 1}, {"a": {"b": None}}, 2**40)],
        *[(name, name) for name in NAMES],
        *[([name], [name]) for name in NAMES],
        (math.inf, math.inf),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (np.int64(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.1),
        (np.bool_(True), True),
        (np.array([0.1, 0.2], np.float32), [0.1, 0.2]),
        (np.array(5), 5),
        (Path("a b") / "c.csv", str(Path("a b") / "c.csv")),
        ("a\nb", "a\nb"),
    ],
    ids=str,
)
def test_a_value_of_a_mapping_comes_back_through_hydras_grammar(value, meant):
    (line,) = override_lines([{"key": value}])
    found = value_of(line)
    assert found == meant and type(found) is type(meant)


def test_in_a_sweep_a_list_is_an_axis():
    lines = override_lines([{"seed": range(3), "units": [[64, 64], 32], "one": ["a"], "fixed": "b,c", "pair": (0.1, None)}], axes=True)
    assert lines == ["seed=0,1,2", "units=[64,64],32", "one=a", 'fixed="b,c"', "pair=0.1,null"]
    assert [*map(value_of, lines)] == [[0, 1, 2], [[64, 64], 32], "a", "b,c", [0.1, None]]


def test_texts_and_lists_stay_as_they_are():
    assert override_lines(["a=1,2", ["b=3", {"c": 4}], ("d=5",)]) == ["a=1,2", "b=3", "c=4", "d=5"]


@pytest.mark.parametrize("value", [{1, 2}, object, b"a", lambda: 1, 1j, [object()], {"a": {3}}])
def test_what_no_config_can_hold_is_refused_by_its_key(value):
    with pytest.raises(ConfigError, match="Expected a text, a number") as error:
        override_lines([{"optimizer": value}])
    assert error.value.key.startswith("optimizer")
