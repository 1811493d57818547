"""`results`: run folders as rows, and what happens to folders that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from made_runs import make_run

from stackfit import schema
from stackfit.errors import RunFolderError
from stackfit.results import COSMETIC, read_epochs, read_predictions, read_records, read_runs


def test_one_row_a_run_with_settings_and_metrics_under_clear_prefixes(tmp_path):
    make_run(tmp_path / "a", {"model.layers.hidden.units": 32}, {"test_accuracy": 0.5, "parameters": 7})
    make_run(tmp_path / "b", {"model.layers.hidden.units": 64}, {"test_accuracy": 0.75, "parameters": 9})
    frame, problems = read_runs(tmp_path)
    assert problems == []
    assert frame["settings.model.layers.hidden.units"].tolist() == [32, 64]
    assert frame["metrics.test_accuracy"].tolist() == [0.5, 0.75]
    assert frame["folder"].tolist() == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert frame["state"].tolist() == ["finished", "finished"]


def test_whole_numbers_stay_whole_where_a_failed_run_has_none(tmp_path):
    make_run(tmp_path / "a", metrics={"parameters": 50890})
    make_run(tmp_path / "b", failed="loss is NaN in epoch 1")
    column = read_runs(tmp_path)[0]["metrics.parameters"]
    assert str(column.dtype) == "Int64" and column[0] == 50890 and column.isna().tolist() == [False, True]


def test_a_folder_is_shown_as_one_types_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "outputs" / "base" / "x")
    assert [run.folder for run in read_records("outputs")[0]] == ["outputs/base/x"]
    assert read_records()[0] == read_records(tmp_path / "outputs")[0]


def test_overlapping_paths_give_each_run_once(tmp_path):
    make_run(tmp_path / "a")
    assert len(read_records([tmp_path, tmp_path / "a", tmp_path / "a" / ".." / "a"])[0]) == 1


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "null", "[" * 100_000, '{"status": "baking"}', '{"status": "finished", "format": 99}'),
        *('{"status": "finished", "format": "new"}', '{"status": "finished", "settings": [1]}', "\xff"),
    ],
)
def test_a_damaged_status_among_good_ones_is_named_and_the_others_are_shown(tmp_path, damage):
    for name in "abc":
        make_run(tmp_path / name)
    (tmp_path / "b" / "status.json").write_bytes(damage.encode("latin-1"))
    runs, problems = read_records(tmp_path)
    assert [run.folder for run in runs] == [str(tmp_path / "a"), str(tmp_path / "c")]
    assert len(problems) == 1 and str(tmp_path / "b") in problems[0]


def test_only_damaged_runs_are_an_error_that_names_them(tmp_path):
    make_run(tmp_path / "a")
    (tmp_path / "a" / "status.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"a/status\.json cannot be read: .*Run the experiment again"):
        read_records(tmp_path)


def test_a_path_without_runs_is_an_error_in_three_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match=r"There is no \./outputs here\. Expected .* Try: stackfit list"):
        read_records()
    with pytest.raises(
        RunFolderError, match=r"^gone does not exist\. Expected a run folder.* Try: stackfit table"
    ):
        read_records("gone")
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"^file is a file\."):
        read_records(["file"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match=r"^There is no run in empty\."):
        read_records(["empty"])


def test_a_run_whose_process_is_gone_is_interrupted_and_has_no_metrics(tmp_path):
    path = make_run(tmp_path / "a", failed="x")
    status = json.loads((path / "status.json").read_text())
    status |= {"status": "running", "reason": None, "metrics": {"loss": 1.0}}
    status["owner"]["boot_id"] = "another start of this host"
    (path / "status.json").write_text(json.dumps(status))
    (run,) = read_records(path)[0]
    assert (run.state, run.reason, run.metrics) == ("interrupted", "its process is gone", {})


def test_cosmetic_settings_are_those_of_the_schema_and_no_column(tmp_path):
    assert COSMETIC == schema.COSMETIC
    make_run(tmp_path / "a", {"verbosity": 2})
    assert "settings.verbosity" not in read_runs(tmp_path)[0]


def test_epochs_are_numbers_and_a_damaged_history_says_so(tmp_path):
    path = make_run(tmp_path / "a", history=2)
    (run,) = read_records(path)[0]
    assert [(row["epoch"], row["loss"]) for row in read_epochs(run)] == [(1, 1.0), (2, 0.5)]
    (path / "history.csv").write_text("epoch,loss\n1,high\n")
    with pytest.raises(RunFolderError, match=r"history of .*a cannot be read: .*high"):
        read_epochs(run)


def test_damaged_predictions_say_so_and_missing_ones_are_none(tmp_path):
    path = make_run(tmp_path / "a", correct=[True, False])
    (run,) = read_records(path)[0]
    scores, labels = read_predictions(run)
    assert scores.shape == (2, 2) and labels.tolist() == [0, 1]
    (path / "predictions.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(RunFolderError, match=r"predictions\.npz cannot be read"):
        read_predictions(run)
    (path / "predictions.npz").unlink()
    assert read_predictions(run) is None


def test_importing_the_rooms_of_the_tables_imports_neither_pandas_nor_scipy_nor_tensorflow():
    code = (
        "import sys, stackfit.tables, stackfit.comparison; "
        "heavy = {'pandas', 'scipy', 'numpy', 'rich', 'tensorflow', 'keras', 'hydra'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
