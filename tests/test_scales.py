"""`scales`: words, even steps and growing steps; which runs nothing beats."""

from __future__ import annotations

import math

import pytest

from stackfit.reports.scales import kind_of_costs, kind_of_values, unbeaten


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([16, 32, 64, 128], "log"),
        ([0.0001, 0.001, 0.01], "log"),
        ([1, 3, 10, 30], "log"),
        ([1, 100], "log"),
        ([1, 2], "linear"),
        ([1, 2, 3, 4, 5], "linear"),
        ([*range(1, 101)], "linear"),
        ([0, 1, 10, 100], "linear"),
        ([-1, 1, 10], "linear"),
        ([5], "linear"),
        (["adam", "sgd"], "nominal"),
        ([True, False], "nominal"),
        ([64, "[64,64]"], "nominal"),
        ([1.0, math.inf], "nominal"),
        ([None, None], "nominal"),
        ([16, None, 32, 64, 128], "nominal"),  # a blank stands on no line of numbers
        ([], "nominal"),
    ],
)
def test_a_settings_values_say_how_its_axis_is_divided(values, kind):
    assert kind_of_values(values) == kind


def test_costs_that_differ_ten_times_have_a_logarithmic_axis():
    assert (kind_of_costs([1, 9]), kind_of_costs([1, 10]), kind_of_costs([0, 10])) == ("linear", "log", "linear")


@pytest.mark.parametrize(("direction", "values"), [("max", [0.5, 0.7, 0.6, 0.7, 0.9, 0.9]), ("min", [0.5, 0.3, 0.4, 0.3, 0.1, 0.1])])
def test_the_front_holds_what_no_other_run_beats_and_equals_stand_together(direction, values):
    costs = [1, 2, 3, 4, 5, 5]
    assert unbeaten(costs, values, direction) == [True, True, False, False, True, True]


def test_the_front_is_that_of_its_definition():
    import random

    draw = random.Random(0)
    points = [(draw.randrange(6), draw.randrange(6)) for _ in range(60)]
    front = unbeaten([cost for cost, _ in points], [value for _, value in points], "max")
    beaten = [any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points) for cost, value in points]
    assert front == [not each for each in beaten]
