"""`expressions`: config values as Python source."""

from __future__ import annotations

import math

import pytest

from stackfit.config.trust import targets_in
from stackfit.errors import ConfigError
from stackfit.proof.eject.expressions import WIDTH, Code, call, render, statement, target_name

VALUES = [None, True, 0, -3, 1e-7, 2.5e-07, "", "a'b\"c", "ä\u2028\n\x00", [], [1, [2, "x"]], {}, {1: 0.5, "a": [None]}]


@pytest.mark.parametrize("value", [*VALUES, list(range(200)), {f"key {n}": "x" * n for n in range(90)}])
def test_source_means_its_value_again(value):
    text = render(value, column=20, after=5)
    assert eval(text) == value


def test_infinities_and_no_numbers_are_source_too():
    assert eval(render([math.inf, -math.inf])) == [math.inf, -math.inf]
    assert math.isnan(eval(render(math.nan)))


def test_a_target_becomes_a_call_in_one_line_or_broken_by_argument():
    node = {
        "_target_": "keras.layers.Dense",
        "units": 8,
        "kernel_regularizer": {"_target_": "keras.regularizers.L2", "l2": 0.5},
    }
    flat = "x = keras.layers.Dense(units=8, kernel_regularizer=keras.regularizers.L2(l2=0.5))(x)"
    assert statement("x", node, "(x)") == flat
    node["activation"] = "a" * 30
    assert statement("x", node, "(x)").splitlines() == [
        "x = keras.layers.Dense(",
        "    units=8,",
        "    kernel_regularizer=keras.regularizers.L2(l2=0.5),",
        f'    activation="{"a" * 30}",',
        ")(x)",
    ]


def test_long_values_are_broken_at_every_depth():
    node = call("keras.a", {"b": {"_target_": "keras.c", "d": ["word " * 5] * 9}, "e": 1})
    assert max(map(len, statement("x", node).splitlines())) <= WIDTH


def test_own_classes_go_by_their_last_name_and_code_stands_as_it_is():
    assert target_name("experiments.mine.Stop") == "Stop"
    assert render({"_target_": "keras.Input", "shape": Code("(3,)")}) == "keras.Input(shape=(3,))"


@pytest.mark.parametrize("target", ["keras.layers.Dense(1)", "keras.layers.De nse", "keras..Dense", "a.b.class", ""])
def test_a_target_that_is_not_a_dotted_name_is_refused(target):
    with pytest.raises(ConfigError, match="is not a name in Python"):
        render({"_target_": target})


@pytest.mark.parametrize("argument", ["a b", "1", "a=1, b", "for", 3])
def test_an_argument_that_is_not_a_name_is_refused(argument):
    with pytest.raises(ConfigError, match="is not a name in Python"):
        render({"_target_": "keras.layers.Dense", argument: 1})


def test_targets_are_found_at_every_depth():
    assert set(targets_in({"a": [{"_target_": "x", "b": {"_target_": "y"}}]})) == {"x", "y"}
