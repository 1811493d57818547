"""`keys`: dotted keys, flat mappings and short names."""

from __future__ import annotations

from stackfit.keys import flatten, label_of, short_names, value_names, without_number


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


def test_the_values_of_a_metric_have_its_name_and_their_place():
    class Array:
        def __init__(self, *shape):
            self.shape = shape

    assert value_names("f1", 0.5) == value_names("f1", Array()) == value_names("f1", Array(1)) == ["f1"]
    assert value_names("f1", Array(3)) == ["f1_0", "f1_1", "f1_2"]
    assert value_names("table", Array(2, 2)) == ["table_0_0", "table_0_1", "table_1_0", "table_1_1"]
    assert value_names("rate", {"up": Array(2), "down": 1.0}) == ["rate_down", "rate_up_0", "rate_up_1"]
    assert [without_number(name) for name in ("f1_0", "table_0_1", "f1", "top_5_0", "val_f1_2")] == ["f1", "table", "f1", "top", "val_f1"]
