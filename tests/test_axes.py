"""`axes`: what a sweep varies, in Hydra's grammar."""

from __future__ import annotations

import math
import time

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from stackfit.config.hydra import axes
from stackfit.config.hydra.axes import Axis, count, expand
from stackfit.errors import ConfigError, raising


def read_axes(parsed, always=()):
    with raising() as problems:
        found = axes.read_axes(parsed, always, problems)
    return found


def parse_params(params):
    with raising() as problems:
        parsed = axes.parse_params(params, problems)
    return parsed


def plan_axes(typed, params, union):
    with raising() as problems:
        grids = axes.plan_axes(typed, params, union, problems)
    return grids


def read(*overrides: str) -> tuple[list[str], list[Axis]]:
    return read_axes(OverridesParser.create().parse_overrides(list(overrides)))


def cells(*overrides: str) -> list[dict[str, str]]:
    return [point.axes for point in expand(*read(*overrides))]


def test_a_grid_crosses_its_axes_and_the_last_turns_fastest():
    assert cells("a=1,2", "b=x,y") == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]


def test_fixed_overrides_come_first_and_are_not_axes():
    (first, second) = expand(*read("epochs=3", "a=1,2"))
    assert first.overrides == ("epochs=3", "a=1") and second.overrides == ("epochs=3", "a=2")
    assert first.axes == {"a": "1"}


def test_axes_with_the_same_tag_are_zipped_and_cross_with_the_others():
    zipped = cells("a=tag(pair, choice(1,2))", "b=x,y", "c=tag(pair, choice(8,9))")
    assert zipped == [
        {"a": "1", "b": "x", "c": "8"},
        {"a": "1", "b": "y", "c": "8"},
        {"a": "2", "b": "x", "c": "9"},
        {"a": "2", "b": "y", "c": "9"},
    ]


def test_two_tags_are_two_groups():
    assert (
        len(
            cells(
                "a=tag(p, choice(1,2))", "b=tag(p, choice(3,4))", "c=tag(q, range(3))", "d=tag(q, range(3))"
            )
        )
        == 6
    )


def test_a_depth_is_a_list_and_a_range_is_a_list_of_numbers():
    assert cells("units=[64],[64,64],[512,256]") == [
        {"units": "[64]"},
        {"units": "[64,64]"},
        {"units": "[512,256]"},
    ]
    assert cells("seed=range(3)") == [{"seed": "0"}, {"seed": "1"}, {"seed": "2"}]
    assert cells("seed=range(2,8,3)") == [{"seed": "2"}, {"seed": "5"}]


def test_a_plus_adds_a_key_and_is_not_part_of_its_name():
    (first, _) = expand(*read("+a.b=1,2"))
    assert first.overrides == ("+a.b=1",) and first.axes == {"a.b": "1"}


def test_without_axes_there_is_one_cell():
    (only,) = expand(*read("epochs=3"))
    assert only.overrides == ("epochs=3",) and only.axes == {}


@given(st.lists(st.tuples(st.sampled_from(["", "p", "q"]), st.integers(1, 4)), max_size=5))
@settings(max_examples=50, deadline=None)
def test_as_many_cells_are_counted_as_there_are_and_no_two_are_alike(shape):
    length = {tag: size for tag, size in reversed(shape)}
    axes = [
        Axis(f"k{number}", tuple(map(str, range(length[tag] if tag else size))), tag or None)
        for number, (tag, size) in enumerate(shape)
    ]
    points = [tuple(point.axes.items()) for point in expand([], axes)]
    assert len(points) == count(axes) == len(set(points))
    assert all([key for key, _ in point] == [axis.key for axis in axes] for point in points)


# ---- what is refused


def test_tagged_axes_of_different_lengths_are_an_error_that_names_them():
    with pytest.raises(ConfigError, match="'pair' have different lengths: a has 2, b has 3") as error:
        cells("a=tag(pair, choice(1,2))", "b=tag(pair, choice(1,2,3))")
    assert "drop the tag to cross them" in str(error.value)


def test_two_tags_on_one_axis_are_an_error():
    with pytest.raises(ConfigError, match="has the tags p, q"):
        read("a=tag(p, q, choice(1,2))")


def test_an_interval_has_no_list_of_values():
    with pytest.raises(ConfigError, match="interval without steps") as error:
        read("a=interval(0, 1)")
    assert error.value.where == "a=interval(0, 1)"


def test_a_param_that_is_not_an_override_is_an_error_with_its_key():
    with pytest.raises(ConfigError, match="is not a list of values") as error:
        parse_params({"a": "1,[2"})
    assert error.value.key == "hydra.sweeper.params.a"


def test_an_axis_of_a_billion_values_is_refused_at_once():
    began = time.perf_counter()
    with pytest.raises(ConfigError, match="more than 1,000,000 values"):
        read("seed=range(1000000000)")
    assert time.perf_counter() - began < 5


def test_a_million_cells_are_counted_without_making_them():
    _, axes = read("seed=range(1000)", "epochs=range(1,1001)", "batch_size=range(1,1001)")
    assert count(axes) == 10**9


# ---- from a file


def test_params_of_a_file_may_be_texts_numbers_and_lists():
    fixed, axes = read_axes(
        parse_params({"units": "[],4", "seed": "range(2)", "epochs": 3, "depth": [1, 2], "flag": True})
    )
    assert fixed == ["epochs=3", "depth=[1,2]", "flag=true"]
    assert axes == [Axis("units", ("[]", "4")), Axis("seed", ("0", "1"))]


def plan(*typed: str, params=None, union=None) -> list[dict[str, str]]:
    parsed = OverridesParser.create().parse_overrides(list(typed))
    return [point.axes for fixed, axes in plan_axes(parsed, params, union) for point in expand(fixed, axes)]


def test_what_is_typed_replaces_a_param_of_the_same_key():
    assert plan("a=7,8", params={"a": "1,2", "b": "3,4"}) == [
        {"b": "3", "a": "7"},
        {"b": "3", "a": "8"},
        {"b": "4", "a": "7"},
        {"b": "4", "a": "8"},
    ]
    assert plan("a=7", params={"a": "1,2"}) == [{}]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["a=1,2", "b=1", "a=3"], ["b=1", "a=3"]),
        (["a=3", "a=1,2"], ["a=1,2"]),
        (["+a=1,2", "a=range(3)", "b=1", "b=2"], ["a=range(3)", "b=1", "b=2"]),  # Hydra itself decides about b
        (["a=1,2", "a.b=3", "~c", "c=1,2"], ["a=1,2", "a.b=3", "~c", "c=1,2"]),
    ],
)
def test_of_an_axis_that_is_typed_twice_the_last_one_decides(typed, kept):
    parsed = OverridesParser.create().parse_overrides(typed)
    assert [override.input_line for override in axes.last_typed(parsed)] == kept


def test_a_union_is_several_grids_and_gives_axes_that_only_some_cells_have():
    union = [{"optimizer": "sgd", "momentum": "0,0.9"}, {"optimizer": "adam,adamw"}]
    assert plan("seed=0,1", union=union) == [
        {"optimizer": "sgd", "momentum": "0", "seed": "0"},
        {"optimizer": "sgd", "momentum": "0", "seed": "1"},
        {"optimizer": "sgd", "momentum": "0.9", "seed": "0"},
        {"optimizer": "sgd", "momentum": "0.9", "seed": "1"},
        {"optimizer": "adam", "seed": "0"},
        {"optimizer": "adam", "seed": "1"},
        {"optimizer": "adamw", "seed": "0"},
        {"optimizer": "adamw", "seed": "1"},
    ]


def test_a_union_of_single_cells_tells_them_apart():
    assert plan(union=[{"a": 1, "b": [64, 64]}, {"a": 0, "b": []}]) == [
        {"a": "1", "b": "[64,64]"},
        {"a": "0", "b": "[]"},
    ]


def test_a_union_s_grid_replaces_params_of_the_same_key():
    assert plan(params={"a": "1,2"}, union=[{"a": "3,4"}, {}]) == [
        {"a": "3"},
        {"a": "4"},
        {"a": "1"},
        {"a": "2"},
    ]


def test_as_many_cells_as_the_product_of_the_lengths():
    assert count([Axis("a", ("1",) * 3), Axis("b", ("1",) * 5), Axis("c", ("1",) * 5, None)]) == math.prod(
        [3, 5, 5]
    )
