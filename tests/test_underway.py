"""`underway`: what a sweep's files say while it runs."""

from __future__ import annotations

import json

import pytest
from made_runs import SETTINGS, claim, write_sweep

from stackfit.cli import watching
from stackfit.execution.screen import sweep_lines
from stackfit.results.run_folder import RunFolder
from stackfit.results.underway import SweepView, Underway, measures


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("stackfit.results.underway.time.monotonic", lambda: now[0])
    return now


def row(epoch: int, **values: float) -> dict[str, float]:
    return {"epoch": epoch, **values, "learning_rate": 0.1, "seconds": 1.0, "members": 2}


def later(clock: list[float], underway: Underway, seconds: float = 10) -> SweepView:
    clock[0] += seconds
    return underway.look()


def finish(folder: RunFolder, **metrics: float) -> None:
    folder.finish(metrics, metrics, directions={"loss": "min", "accuracy": "max"})


def test_cells_are_followed_from_waiting_to_finished(tmp_path, clock):
    write_sweep(tmp_path, ["64", "128", "256"])
    underway = Underway(tmp_path)
    view = underway.look()
    assert [cell.label for cell in view.cells] == ["units=64", "units=128", "units=256"]
    assert (dict(view.counts), view.epochs, view.left, view.leader) == ({"waiting": 3}, (0, 0), None, None)
    first = claim(tmp_path, "64", 4, [row(1, accuracy=0.5, val_accuracy=0.4)])
    second = claim(tmp_path, "128", 4, [row(1, accuracy=0.4, val_accuracy=0.6)])
    assert underway.look() is view  # not looked at again within a second
    view = later(clock, underway)
    assert (dict(view.counts), view.epochs) == ({"waiting": 1, "running": 2}, (2, 12))
    assert (view.metric, view.leader.label, view.leader.values["val_accuracy"]) == ("val_accuracy", "units=128", 0.6)
    assert view.left is None  # what a whole cell takes is not known
    first.append_history(row(2, accuracy=0.6, val_accuracy=0.7))
    finish(first, accuracy=0.6, val_accuracy=0.65, test_accuracy=0.6)  # of the saved weights
    second.fail("out of memory")
    view = later(clock, underway)
    assert dict(view.counts) == {"waiting": 1, "finished": 1, "failed": 1}
    assert (view.leader.label, view.leader.values["val_accuracy"]) == ("units=64", 0.65)
    assert view.epochs == (3, 3 + 4)
    assert view.left == pytest.approx(4 * (2 / 4) * 20 / 3)  # the one that finished stopped half way


def test_when_all_that_are_left_train_their_pace_is_enough(tmp_path, clock):
    write_sweep(tmp_path, ["64"])
    underway = Underway(tmp_path)
    folder = claim(tmp_path, "64", 10)
    assert underway.look().left is None
    folder.append_history(row(1, loss=1.0))
    assert later(clock, underway, 30).left == pytest.approx(9 * 30)


def test_a_loss_is_better_when_it_is_less_and_a_metric_as_its_class_says(tmp_path, clock):
    mae = {"task.metrics.accuracy._target_": None, "task.metrics.mae._target_": "keras.metrics.MeanAbsoluteError"}
    write_sweep(tmp_path, ["1", "2"])
    claim(tmp_path, "1", 4, [row(1, loss=3.0, mae=2.0)], mae)
    claim(tmp_path, "2", 4, [row(1, loss=2.0, mae=3.0)], mae)
    view = Underway(tmp_path).look()
    assert (view.metric, view.leader.label) == ("mae", "units=1")


def test_of_a_metric_that_does_not_say_what_is_better_nobody_is_the_best(tmp_path, clock):
    write_sweep(tmp_path, ["1", "2"])
    for cell, loss in (("1", 3.0), ("2", 2.0)):
        claim(tmp_path, cell, 4, [row(1, loss=loss, gap=loss)], {"task.metrics.gap._target_": "mine.Gap"})
    view = Underway(tmp_path).look()
    assert (view.metric, view.leader.label) == ("loss", "units=2")


def test_names_of_measures_are_ranked_the_validation_first_and_a_metric_before_the_loss():
    assert measures(["loss", "mae", "val_loss", "val_mae"]) == ["val_mae", "val_loss", "mae", "loss"]


@pytest.mark.parametrize("damage", ["status.json", "history.csv", "sweep.json"])
def test_damaged_files_of_a_sweep_hide_nothing_else(tmp_path, clock, damage):
    write_sweep(tmp_path, ["1", "2"])
    claim(tmp_path, "1", 4, [row(1, loss=3.0)])
    claim(tmp_path, "2", 4, [row(1, loss=2.0)])
    underway = Underway(tmp_path)
    assert underway.look().counts["running"] == 2
    (tmp_path / damage if damage == "sweep.json" else tmp_path / "1" / damage).write_text('{"cells": [')
    view = later(clock, underway)
    assert [cell.label for cell in view.cells] == ["units=1", "units=2"] and view.cells[1].state == "running"


def test_a_folder_that_is_not_there_yet_has_no_cells(tmp_path):
    assert Underway(tmp_path / "later").look().cells == []


def test_a_dead_owner_is_noticed_though_no_file_changes(tmp_path, clock, monkeypatch):
    write_sweep(tmp_path, ["1"])
    claim(tmp_path, "1", 4)
    underway = Underway(tmp_path)
    assert underway.look().cells[0].state == "running"
    monkeypatch.setattr("stackfit.results.owner.is_alive", lambda owner: False)
    assert later(clock, underway).cells[0].state == "interrupted"


def test_a_cell_that_failed_is_followed_when_it_is_tried_again_and_one_that_was_given_back_waits(tmp_path, clock):
    write_sweep(tmp_path, ["1", "2"])
    claim(tmp_path, "1", 2).fail("out of memory")
    given_back = claim(tmp_path, "2", 2)
    underway = Underway(tmp_path)
    assert dict(underway.look().counts) == {"failed": 1, "running": 1}
    given_back.give_up("it trains with others")
    again = claim(tmp_path, "1", 2)
    assert dict(later(clock, underway).counts) == {"running": 1, "waiting": 1}
    finish(again, accuracy=0.6)
    underway.look(at_once=True)
    assert underway.states == {"1": "finished", "2": "waiting"}


def test_owners_are_named_where_there_are_several(tmp_path, clock, monkeypatch):
    write_sweep(tmp_path, ["1", "2"])
    claim(tmp_path, "1", 4)
    underway = Underway(tmp_path)
    assert [cell.owner for cell in underway.look().cells] == ["", ""]
    monkeypatch.setattr("socket.gethostname", lambda: "far")
    monkeypatch.setattr("stackfit.results.takeover._clocks", {})  # of a clock that was not this test's
    claim(tmp_path, "2", 4)
    assert later(clock, underway).cells[1].owner == "far"


def test_epochs_that_are_an_axis_are_counted_for_each_cell(tmp_path, clock):
    write_sweep(tmp_path, ["1", "2"], "epochs")
    claim(tmp_path, "1", 2)
    claim(tmp_path, "2", 6)
    assert Underway(tmp_path).look().epochs == (0, 8)
    assert SETTINGS["epochs"] == 2


def test_a_search_is_led_by_its_own_metric_counts_paused_and_pruned_cells_and_may_ask_for_more(tmp_path, clock):
    write_sweep(tmp_path, ["1", "2", "3", "4"])
    index = json.loads((tmp_path / "sweep.json").read_text())
    for number, cell in enumerate(index["cells"]):
        cell |= {"trial": number, "batch": 0}
    study = {"metric": ["val_loss"], "direction": ["min"], "n_trials": 8}
    (tmp_path / "sweep.json").write_text(json.dumps({**index, "study": study}))
    cells = [claim(tmp_path, str(place), 4, [row(1, val_loss=place / 2, val_accuracy=place / 8)]) for place in (1, 2, 3, 4)]
    cells[0].fail("waits to be ranked at epoch 1", status="paused")
    for cell in cells[2:]:
        cell.fail("rank 3 of 4 at epoch 1", status="pruned")
    underway = Underway(tmp_path)
    view = underway.look()
    assert (view.metric, view.leader.label, view.left, view.asks) == ("val_loss", "units=1", None, True)
    cells[1].append_history(row(2, val_loss=0.25, val_accuracy=0.5))
    view = later(clock, underway)
    assert sweep_lines(view, 80, 24)[-2:] == [
        "best so far: units=2, val_loss 0.2500, after epoch 2",
        "0 of 4 cells finished, 2 pruned, 1 paused, 1 running, 5 epochs",
    ]
    assert view.left is None and not watching._is_over(view, -1e9)
    for cell in cells[:2]:
        finish(cell, val_loss=0.25)
    view = later(clock, underway)
    assert [watching._is_over(view, clock[0] - seconds) for seconds in (1, 100)] == [False, True]  # the next batch may come
    (tmp_path / "sweep.json").write_text(json.dumps({**index, "study": {**study, "n_trials": 4}}))
    assert watching._is_over(later(clock, underway), clock[0])
