"""`rounding`: numbers that float32 makes one are found, in tables, arrays and new examples; measurements are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stackfit.data import declare, load_dataset
from stackfit.data.inputs import Inputs
from stackfit.data.rounding import are_merged
from stackfit.errors import RunFolderError

NOISE = np.random.default_rng(0)
ROWS = 60


@pytest.mark.parametrize(
    ("values", "merged"),
    [
        (1.7e9 + np.arange(ROWS) / 4, True),
        (np.r_[0, 1.7e9 + np.arange(ROWS) / 4], True),  # an outlier hides it from the deviation
        (NOISE.normal(size=ROWS) * 1e-50, True),
        (NOISE.normal(size=ROWS) * 1e-41, True),  # processors take these for 0
        (2**53 + np.arange(ROWS), True),
        (np.r_[np.nan, np.nan, 1.7e9 + np.arange(4) / 4], True),
        (NOISE.normal(size=20_000), False),
        (np.round(NOISE.normal(100, 20, 20_000), 2), False),
        (np.arange(2**24 - ROWS, 2**24), False),
        (np.full(ROWS, 1.7e9 + 0.25), False),  # one value is one value
        (np.full(ROWS, np.nan), False),
        (np.array([1.7e9 + 0.25]), False),
        (np.array([True, False]), False),
    ],
)
def test_most_differences_are_lost_or_few(values, merged):
    assert bool(are_merged(values)) is merged
    assert are_merged(np.stack([values, np.arange(len(values))], 1)).tolist() == [merged, False]


def inputs_of(data):
    data = {**data, **declare(data)}
    dataset = load_dataset(data)
    record = json.loads(json.dumps(Inputs.of(dataset, data).record()))
    data["input_shape"] = list(dataset.input_shape)
    return dataset, Inputs.read(record, data, "scaling.json", RunFolderError)


def test_decimals_are_named_in_the_training_table_the_test_file_and_in_new_rows(lab):
    """Of the test file and of new rows, only whole numbers were looked at."""
    close, far = 1.7e9 + np.arange(ROWS) / 4, np.arange(ROWS) * 1e8
    for name, t in (("t", far), ("test", close), ("odd", np.r_[0, close[1:]])):
        pd.DataFrame({"t": t, "y": np.arange(ROWS) % 3 // 2}).to_csv(f"{name}.csv", index=False)
    data = {"kind": "csv", "path": "t.csv", "label": "y", "scale": "standardize"}
    dataset, inputs = inputs_of(data)
    assert dataset.warnings == ()
    (warning,) = inputs_of(data | {"test_path": "test.csv"})[0].warnings
    said = "loses most of its differences in float32, which holds 7 digits: 1700000000 to 1700000014.75. Expected numbers whose first 7 digits"
    assert (warning.kind, warning.key) == ("lost_digits", "data.path") and f"Column 't' of test.csv {said}" in warning.message
    (warning,) = inputs_of(data | {"path": "odd.csv"})[0].warnings
    assert "Column 't' of odd.csv loses most of its differences" in warning.message and "0 to 1700000014.75" in warning.message
    for lost in (close, 2**26 + np.arange(ROWS)):
        told: list[str] = []
        frame = pd.DataFrame({"t": lost})
        frame.to_csv("new.csv", index=False)
        inputs.file(Path("new.csv"), told.append)
        inputs.frame(frame, "the table", told.append)
        inputs.arrays(frame.to_numpy(), told.append)
        assert [line.partition(" has")[0].partition(" loses")[0] for line in told] == [f"Column 't' of {it}" for it in ("new.csv", "the table", "the array")]
        assert all(line.endswith("The model's answers to such rows are the same.") for line in told)
    told.clear()
    inputs.frame(pd.DataFrame({"t": far + 0.5}), "the table", told.append)
    inputs.frame(pd.DataFrame({"t": [1.7e9 + 0.25]}), "the table", told.append)
    assert told == []


def test_new_arrays_are_held_against_what_float32_holds(lab):
    x = NOISE.normal(size=(ROWS, 2))
    np.savez("a.npz", x=x, y=np.arange(ROWS) % 3 // 2)
    _, inputs = inputs_of({"kind": "npz", "path": "a.npz", "scale": "none"})
    told: list[str] = []
    np.savez("new.npz", x=x + np.array([0, 1.7e12]))
    inputs.npz(Path("new.npz"), told.append)
    (line,) = told
    assert line.startswith("float32 loses the differences of 1 of 2 features in new.npz, such as number 1 (from 0), 1.7e+12 to ")
    assert line.endswith("The answers to such examples are the same.")
    inputs.arrays(x, told.append)
    assert len(told) == 1
