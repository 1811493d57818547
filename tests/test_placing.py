"""`placing`: every row is where its part has it, whatever the number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from stackfit.data.tables import placing


@pytest.mark.parametrize("cores", [1, 2, 9])
@pytest.mark.parametrize("cells", [1, 50, 10_000])
def test_rows_are_placed_by_several_threads_as_by_one(cores, cells, monkeypatch):
    monkeypatch.setattr(placing, "cores", lambda: cores)
    monkeypatch.setattr(placing, "CELLS", cells)
    random = np.random.default_rng(0)
    columns = [*random.standard_normal((6, 300)), random.random(300) > 0.5]
    order = random.permutation(300)
    parts = [order[:200], order[200:], order[:0]]
    whole = np.stack(columns, 1).astype(np.float32)
    for placed, part in zip(placing.place_rows(columns, parts), parts, strict=True):
        assert placed.dtype == np.float32 and placed.flags.c_contiguous
        np.testing.assert_array_equal(placed, whole[part])


def test_no_rows_are_placed_nowhere():
    assert [part.shape for part in placing.place_rows([np.empty(0)], [np.arange(0)])] == [(0, 1)]
