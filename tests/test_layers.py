"""`layers`: several layers under one key."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


def stack(*arguments, **named):
    from stackfit.layers import dense_stack

    return dense_stack(*arguments, **named)


def test_a_number_is_one_layer_with_the_keys_name():
    (layer,) = stack(3, name="hidden", activation="relu")
    assert (layer.name, layer.units, layer.activation.__name__) == ("hidden", 3, "relu")
    assert [part.name for part in stack([3], name="hidden")] == ["hidden"]


def test_several_widths_are_numbered_from_bottom_to_top():
    layers = stack([3, 2, 1], name="hidden")
    assert [(layer.name, layer.units) for layer in layers] == [("hidden_1", 3), ("hidden_2", 2), ("hidden_3", 1)]


def test_no_width_gives_no_layer():
    assert stack([], name="hidden") == []


def test_arguments_go_to_every_layer():
    assert [layer.use_bias for layer in stack([3, 2], use_bias=False)] == [False, False]
