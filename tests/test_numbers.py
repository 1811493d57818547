"""`numbers`: one precision a column for what was measured, and settings as they are typed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackfit.results.numbers import as_typed, at_a_glance, measured


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.8700999, 0.5], ["0.8701", "0.5000"]),
        ([0.25, 1.0, None], ["0.25", "1.00", ""]),
        ([0.34, 0.0001234], ["0.34000", "0.00012"]),  # two digits of the smallest
        ([26123.4567, 950.0], ["26,123.5", "950.0"]),  # six digits of the largest
        ([1.6e9, 1.234e8], ["1,600,000,000", "123,400,000"]),
        ([0.04, 1e-12], ["0.04", "1.0e-12"]),
        ([-3.5, 0.0], ["-3.5", "0.0"]),
        ([math.nan, math.inf, 0.5], ["nan", "inf", "0.5"]),
        ([50890, 7], ["50,890", "7"]),
        ([True, "a text"], ["True", "a text"]),
    ],
)
def test_measurements_share_a_precision_and_thousands_are_separated(values, texts):
    assert measured(values) == texts


def test_seconds_have_one_decimal():
    assert measured([0.123, 4321.55], 1) == ["0.1", "4,321.6"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_a_measurement_is_never_shown_as_zero_or_with_another_sign(values):
    for value, text in zip(values, measured(values), strict=True):
        shown = float(text.replace(",", ""))
        if 0 < abs(value) < 1e-3 and max(map(abs, values)) < 1:
            assert shown != 0 or min(abs(one) for one in values if one) < 1e-8 <= abs(value)
        assert shown == 0 or (shown > 0) == (value > 0)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([10.0, 0.001], ["10.000", "0.001"]),
        ([1e-05, 0.001], ["1e-05", "0.001"]),
        ([0.123456789, 0.12345678], ["0.123456789", "0.123456780"]),  # 0.1235 twice would tell nothing
        ([20250924, 7], ["20250924", "7"]),  # a seed is typed like this
        (["[64,64]", None], ["[64,64]", ""]),
    ],
)
def test_settings_keep_every_digit(values, texts):
    assert as_typed(values) == texts


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=4, unique=True))
def test_settings_that_differ_look_different(values):
    assert len({*as_typed(values)}) == len({*map(repr, values)})


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.013822981784496698, 0.4524650990317087, 0.001], ["0.013823", "0.452465", "0.001000"]),
        ([1.1235092394420853e-05, 0.5, None], ["0.00001124", "0.50000000", ""]),
        ([0.4123456789012345, 0.4123456789, 2.0], ["0.4123456789012345", "0.4123456789000000", "2.0000000000000000"]),  # nothing shorter tells them apart
        ([0.12345678901234, 0.12345698901234], ["0.1234568", "0.1234570"]),
        ([1.5234567891234e-09, 0.5], ["1.5234567891234e-09", "0.5"]),
        (["a text that is long", 0.25, 0.5], ["a text that is long", "0.25", "0.50"]),
        ([0.1, 0.001, 0.123456789], ["0.100000000", "0.001000000", "0.123456789"]),  # somebody may have typed them
        ([], []),
    ],
)
def test_numbers_that_a_search_draws_have_the_decimals_that_tell_them_apart(values, texts):
    assert at_a_glance(values) == texts
