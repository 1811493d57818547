"""`screen`: rows that can be told apart, on lines that fit."""

from __future__ import annotations

import pytest

from stackfit.execution.screen import Row, joined, row_lines, sweep_lines, time_left, told_apart
from stackfit.results.underway import CellView, SweepView

LABELS = {
    "ends differ": [f"units=[512,256,128,64], seed={seed}, learning_rate=0.001" for seed in range(8)],
    "the middle differs": [f"hidden=[512,256,{width},256,512], optimizer=keras.optimizers.Adam" for width in (1, 2, 3)],
    "targets": ["optimizer=keras.optimizers.Adam", "optimizer=keras.optimizers.Adamax", "optimizer=keras.optimizers.SGD"],
    "long words": ["a" * 60 + "x" + "b" * 60, "a" * 60 + "y" + "b" * 60],
    "hand-ins": [f"hand-ins--student{number}--network" for number in range(12)],
    "one": ["x" * 200],
    "equal": ["seed=1" * 20] * 2,
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("size", [8, 12, 20, 40])
def test_labels_that_differ_differ_at_any_length(labels, size):
    found = told_apart(labels, size)
    assert all(len(label) <= size for label in found) and len(set(found)) == len(set(labels))


def test_what_labels_share_goes_first_and_no_word_is_cut():
    assert told_apart(["units=64, seed=1", "units=64, seed=2"], 8) == ["…1", "…2"]
    assert told_apart(["act=relu, seed=1", "act=relu6, seed=1"], 15) == ["…relu, seed=1", "…relu6, seed=1"]
    assert told_apart(["units=64", "units=128"], 9) == ["units=64", "units=128"]


@pytest.mark.parametrize("width", [30, 40, 80, 120])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_every_row_is_one_line_that_fits_and_keeps_its_state(labels, width):
    rows = [Row(label, 0.5, f"epoch {number}/100", "val_accuracy 0.5000") for number, label in enumerate(labels)]
    lines = row_lines(rows, width)
    assert len(lines) == len(rows) and max(map(len, lines)) <= width
    assert all(row.state in line for row, line in zip(rows, lines, strict=True))
    assert ("━" in lines[0]) is (width >= 80) and ("val_accuracy 0.5000" in lines[0]) is (width >= 80)


def test_the_sweeps_screen_names_who_trains_who_leads_and_how_many_there_are():
    running = [
        CellView(f"units={units}, seed=0", "running", 3, 20, {"val_accuracy": value}, {}, owner)
        for units, value, owner in ((64, 0.5, "here"), (128, 0.25, "there"))
    ]
    best = CellView("units=32, seed=0", "finished", 20, 20, {"val_accuracy": 0.75})
    view = SweepView([*running, best, CellView("units=8"), CellView("x", "failed", 1, 20)], "val_accuracy", best, 75)
    assert sweep_lines(view, 80, 24, {"units=64, seed=0": 0.5}, ["Saving …"]) == [
        "units=64, seed=0   ━━━─────────────  epoch 4/20  val_accuracy 0.5000  here",
        "units=128, seed=0  ━━──────────────  epoch 4/20  val_accuracy 0.2500  there",
        "best so far: units=32, seed=0, val_accuracy 0.7500",
        "1 of 5 cells finished, 1 failed, 2 running, 27 of 81 epochs, about 1:15 left,",
        "Saving …",
    ]


@pytest.mark.parametrize("width, height", [(30, 10), (80, 24)])
def test_a_large_cohort_fits_the_screen(width, height):
    cells = [CellView(f"model.layers.hidden.units={number}", "running", 1, 2, {"loss": 0.5}) for number in range(64)]
    lines = sweep_lines(SweepView(cells, "loss", cells[63]), width, height)
    assert len(lines) <= height and max(map(len, lines)) <= width
    assert any(line.startswith("and ") for line in lines)


@pytest.mark.parametrize("seconds, text", [(10, "0:10"), (1800, "30:00"), (32400, "9 h 00 min"), (-1, "0:00")])
def test_the_time_that_is_left_is_said_in_minutes_or_hours(seconds, text):
    assert time_left(seconds) == [f"about {text} left"] and time_left(None) == []


def test_parts_go_on_as_many_lines_as_they_need():
    assert joined(["one", "two", "three"], 9) == ["one, two,", "three"]
    assert joined([], 9) == []
