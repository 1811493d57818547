"""`figures`: columns, each once and as short as it gets, that decode to what they were."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import PageReader

from stackfit.reports.figures import Grid, Pool, plain, rounded

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(VALUES, max_size=20), min_size=1, max_size=5), st.integers(1, 4))
def test_a_column_is_decoded_as_it_was(columns, times):
    pool = Pool()
    places = pool.add({str(number): column * times for number, column in enumerate(columns)})
    text = json.dumps({"columns": pool.columns}).replace("<", "\\u003c")
    read = PageReader(f'<script type="application/json" id="data">{text}</script>')
    for number, column in enumerate(columns):
        found = read.column(places[str(number)])
        assert found == column * times and [type(value) for value in found] == [type(value) for value in column * times]


def test_equal_columns_are_held_once_and_texts_by_what_is_new_in_them():
    pool = Pool()
    names = [f"outputs/base/sweep-0a0a0a0a/units={number}" for number in range(50)]
    first, second = pool.add({"a": names, "b": [*names]}).values()
    assert first == second and len(json.dumps(pool.columns)) < len(json.dumps(names)) / 3


def test_true_is_not_one():
    pool = Pool()
    assert len({*pool.add({"a": [True, False], "b": [1, 0], "c": [1.0, 0.0]}).values()}) == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.int64(3), 3), (np.bool_(True), True), (float("nan"), None), (float("inf"), None), (pd.NA, None), (pd.NaT, None), ("NaT ", "NaT "), (None, None)],
)
def test_values_are_those_of_json(value, expected):
    assert plain(value) == expected and type(plain(value)) is type(expected)


def test_a_picture_has_six_digits():
    assert (rounded(0.123456789), rounded(123456789), rounded(1e-9 / 3), rounded("a")) == (0.123457, 123456789, 3.33333e-10, "a")


def test_a_grid_leaves_out_what_no_row_has():
    grid = Grid(("a", "b", "c"), [("x", "", 1), ("y", "", 2)], "two", frozenset({2})).without_blanks()
    assert (grid.head, grid.rows, grid.numbers) == (["a", "c"], [["x", 1], ["y", 2]], frozenset({1}))
