"""`keys`: dotted keys, flat mappings and short names."""

from __future__ import annotations

from stackfit.keys import flatten, label_of, short_names


def test_flattening_joins_keys_with_dots_and_drops_empty_mappings():
    assert flatten({"a": {"b": {"c": 1}, "d": [{"e": 2}]}, "f": {}, "g": None}) == {
        "a.b.c": 1,
        "a.d": [{"e": 2}],
        "g": None,
    }


def test_a_short_name_is_the_shortest_end_that_no_other_key_has():
    keys = ["model.layers.a.units", "model.layers.b.units", "seed"]
    assert [*short_names(keys).values()] == ["a.units", "b.units", "seed"]
    assert short_names(["data.epoch", "seed"], taken=["epoch"]) == {"data.epoch": "data.epoch", "seed": "seed"}
    assert short_names(["epoch"], taken=["epoch"]) == {"epoch": "epoch"}


def test_a_target_is_called_by_what_it_is_the_target_of():
    assert short_names(["optimizer._target_"]) == {"optimizer._target_": "optimizer"}
    keys = ["optimizer", "optimizer._target_"]
    assert short_names(keys) == {key: key for key in keys}


def test_a_label_is_as_short_as_it_can_be():
    assert label_of({"model.layers.hidden.units": "3", "seed": "0"}) == "units=3, seed=0"
    assert label_of({"model.layers.a.units": "3", "model.layers.b.units": "4"}) == "a.units=3, b.units=4"
