"""`final_metrics`: which runs of earlier versions have metrics of other weights than the saved ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_runs import make_run

from stackfit.results.comparison import compare
from stackfit.results.final_metrics import as_of_last_epoch, metrics_of
from stackfit.results.formats import render
from stackfit.results.frames import read_runs
from stackfit.results.tables import build_table, table

EARLY = {"callbacks.early._target_": "keras.callbacks.EarlyStopping", "callbacks.early.restore_best_weights": True}


def make_old(path: Path, settings: dict, **options) -> Path:
    """A run as versions before `results_format` left it."""
    shutil.rmtree(path, ignore_errors=True)
    make_run(path, settings, **options)
    for file in (path / "status.json", path / "metrics.json"):
        content = json.loads(file.read_text())
        for key in ("results_format", "manifest"):
            content.pop(key, None)
        file.write_text(json.dumps(content))
    (path / "manifest.json").unlink()
    return path


@pytest.mark.parametrize(
    "settings, marked",
    [
        (EARLY, True),
        ({**EARLY, "callbacks.early.restore_best_weights": False}, False),
        ({"callbacks.stop._target_": "stackfit.callbacks.StopAt"}, False),
        ({"callbacks.stop._target_": "experiments.lab_callbacks.StopAboveAccuracy"}, False),
        ({"callbacks.stop._target_": "experiments.lab_callbacks.StopAtSmallestLoss"}, True),
        ({"callbacks.own._target_": "mine.Averages"}, True),
        ({"optimizer.use_ema": True}, True),
        ({"optimizer.inner_optimizer.use_ema": True}, True),
        ({"model.layers.own._target_": "mine.Layer"}, False),
    ],
)
def test_an_old_run_that_may_have_restored_weights_is_marked(settings, marked):
    status = {"status": "finished", "settings": settings}
    assert metrics_of(status) == ("last epoch" if marked else None)
    assert metrics_of({**status, "results_format": 2}) is metrics_of({**status, "status": "running"}) is None


def test_a_table_marks_old_runs_only_where_there_are_any(tmp_path):
    make_run(tmp_path / "new", EARLY)
    assert "metrics_of" not in table(tmp_path)
    make_old(tmp_path / "old", EARLY)
    assert sorted(table(tmp_path)["metrics_of"].dropna()) == ["last epoch"]


def test_means_over_runs_of_both_rules_say_so(tmp_path):
    folders = [make_run(tmp_path / f"{units}{seed}", {**EARLY, "seed": seed, "model.layers.hidden.units": units}, metrics)
               for units in (8, 16) for seed, metrics in enumerate([{"loss": 0.5, "test_loss": 0.6 + units}] * 2)]  # fmt: skip
    assert "metrics_of" not in table(tmp_path, over="seed") and compare(tmp_path, "loss").problems == []
    make_old(folders[1], {**EARLY, "seed": 1, "model.layers.hidden.units": 8}, metrics={"loss": 0.4, "test_loss": 0.6})
    assert table(tmp_path, over="seed")["metrics_of"].isna().tolist() == [False, True]
    said = ["Of a run of an earlier version loss is that of the last epoch, not of the saved weights (metrics_of)."]
    assert compare(tmp_path, "loss").problems == said and compare(tmp_path, "test_loss").problems == []
    problems: list[str] = []
    build_table(read_runs(tmp_path)[0], problems, pivot=["model.layers.hidden.units", "seed", "loss"])
    assert problems == said


def test_weights_epoch_is_a_column_where_a_run_has_one_and_means_take_the_last_epoch_of_the_others(tmp_path):
    for seed, epochs in enumerate(((10, 7), (9, None))):
        stopped, weights = epochs
        metrics = {"loss": 0.5, "stopped_epoch": stopped, **({"weights_epoch": weights} if weights else {})}
        make_run(tmp_path / str(seed), {"seed": seed}, metrics)
    assert table(tmp_path)["weights_epoch"].tolist() == [7, 9]
    assert table(tmp_path, over="seed")["weights_epoch_mean"].tolist() == [8.0]
    assert "weights_epoch" not in table(tmp_path / "1")
    assert "weights_epoch" in render(build_table(read_runs(tmp_path)[0].pick([0]), []))


def test_of_old_runs_the_epoch_of_the_weights_is_not_known(tmp_path):
    make_old(tmp_path / "a", EARLY, metrics={"loss": 0.5, "stopped_epoch": 9})
    make_run(tmp_path / "b", EARLY, {"loss": None, "test_loss": 1.0, "stopped_epoch": 9, "weights_epoch": None})
    make_run(tmp_path / "c", EARLY, {"loss": 0.5, "test_loss": 1.0, "stopped_epoch": 9, "weights_epoch": 4})
    shown = table(tmp_path)
    assert shown["weights_epoch"].isna().tolist() == [True, True, False] and shown["loss"].isna().tolist() == [False, True, False]


def test_the_old_rule_is_the_last_row_and_the_tests_of_the_weights():
    metrics = {"results_format": 2, "loss": None, "test_loss": 3.0, "stopped_epoch": 2, "weights_epoch": 1, "parameters": 5}
    rows = [{"epoch": 1, "loss": 2.0, "seconds": 0.1}, {"epoch": 2, "loss": 1.0, "learning_rate": 0.1, "seconds": 0.1}]
    assert as_of_last_epoch(metrics, rows) == {"loss": 1.0, "test_loss": 3.0, "stopped_epoch": 2, "parameters": 5}


def test_epochs_show_the_learning_rate_where_it_changes(tmp_path):
    def run(name: str, *rates: float) -> None:
        path = make_run(tmp_path / name, metrics={"stopped_epoch": len(rates)})
        rows = [f"{epoch},0.5,{rate}" for epoch, rate in enumerate(rates, 1)]
        (path / "history.csv").write_text("\n".join(["epoch,loss,learning_rate", *rows]) + "\n")

    run("constant", 0.1, 0.1)
    run("another", 0.2, 0.2)
    assert "learning_rate" not in table(tmp_path, epochs=True)
    run("falling", 0.1, 0.05)
    assert 0.05 in table(tmp_path, epochs=True)["learning_rate"].tolist()
