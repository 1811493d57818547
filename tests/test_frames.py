"""`frames`: run folders as rows, and what happens to folders that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from made_runs import make_run

from stackfit.config import schema
from stackfit.errors import RunFolderError
from stackfit.results.differences import differing
from stackfit.results.frames import COSMETIC, read_runs
from stackfit.results.run_files import read_history
from stackfit.results.run_folder import RunFolder


def test_one_row_a_run_in_frames_of_settings_and_metrics(tmp_path):
    make_run(tmp_path / "a", {"model.layers.hidden.units": 32}, {"test_accuracy": 0.5, "parameters": 7})
    make_run(tmp_path / "b", {"model.layers.hidden.units": 64}, {"test_accuracy": 0.75, "parameters": 9})
    runs, problems = read_runs(tmp_path)
    assert problems == []
    assert runs.settings["model.layers.hidden.units"].tolist() == [32, 64]
    assert runs.metrics["test_accuracy"].tolist() == [0.5, 0.75]
    assert runs.about["folder"].tolist() == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert runs.about["state"].tolist() == ["finished", "finished"]


def test_whole_numbers_stay_whole_where_a_failed_run_has_none(tmp_path):
    make_run(tmp_path / "a", metrics={"parameters": 50890})
    make_run(tmp_path / "b", failed="loss is NaN in epoch 1")
    column = read_runs(tmp_path)[0].metrics["parameters"]
    assert str(column.dtype) == "Int64" and column[0] == 50890 and column.isna().tolist() == [False, True]


def test_a_folder_is_shown_as_one_types_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "outputs" / "base" / "x")
    for paths in ("outputs", (), tmp_path / "outputs"):
        assert read_runs(paths)[0].about["folder"].tolist() == ["outputs/base/x"]


def test_overlapping_paths_give_each_run_once(tmp_path):
    make_run(tmp_path / "a")
    assert len(read_runs([tmp_path, tmp_path / "a", tmp_path / "a" / ".." / "a"])[0].about) == 1


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
    runs, problems = read_runs(tmp_path)
    assert runs.about["folder"].tolist() == [str(tmp_path / "a"), str(tmp_path / "c")]
    assert len(problems) == 1 and str(tmp_path / "b") in problems[0]


def test_a_status_of_a_newer_version_is_named_by_what_is_unknown_and_not_to_be_made_again(tmp_path):
    for name, change in (("a", {"rung": 3}), ("b", {"status": "queued"}), ("c", {}), ("d", {"rung": 4, "shards": []})):
        file = make_run(tmp_path / name) / "status.json"
        (tmp_path / name / "manifest.json").unlink()
        file.write_text(json.dumps({**json.loads(file.read_text()), "manifest": False, **change}))
    runs, problems = read_runs(tmp_path)
    assert [folder[-1] for folder in runs.about["folder"]] == ["a", "c", "d"]
    assert len(problems) == 2 and not any("again" in problem for problem in problems)
    assert "b/status.json was made by a newer stackfit: this one does not know the status 'queued'. " in problems[0]
    assert "does not know the keys rung, shards. " in problems[1] and problems[1].endswith("not in the table.")


def test_only_damaged_runs_are_an_error_that_names_them(tmp_path):
    make_run(tmp_path / "a")
    (tmp_path / "a" / "status.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"a/status\.json cannot be read: .*Run the experiment again"):
        read_runs(tmp_path)


def test_a_path_without_runs_is_an_error_in_three_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match=r"^outputs does not exist\. Expected .* Try: .*stackfit list"):
        read_runs()
    with pytest.raises(RunFolderError, match=r"^gone does not exist\. Expected a run folder.* Try: stackfit table"):
        read_runs("gone")
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"^file is a file\."):
        read_runs(["file"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match=r"^empty has no run in it\."):
        read_runs(["empty"])


def test_a_run_whose_process_is_gone_is_interrupted_and_has_no_metrics(tmp_path):
    path = make_run(tmp_path / "a", failed="x")
    status = json.loads((path / "status.json").read_text())
    status |= {"status": "running", "reason": None, "metrics": {"loss": 1.0}}
    status["owner"]["boot_id"] = "another start of this host"
    (path / "status.json").write_text(json.dumps(status))
    runs, _ = read_runs(path)
    assert runs.about[["state", "reason"]].values.tolist() == [["interrupted", "its process is gone"]]
    assert runs.metrics.empty


def test_cosmetic_settings_are_those_of_the_schema_and_no_column(tmp_path):
    assert COSMETIC == schema.COSMETIC
    make_run(tmp_path / "a", {"verbosity": 2})
    assert "verbosity" not in read_runs(tmp_path)[0].settings


def test_epochs_are_numbers_and_a_damaged_history_says_so(tmp_path):
    path = make_run(tmp_path / "a", history=2)
    assert [(row["epoch"], row["loss"]) for row in read_history(path)] == [(1, 1.0), (2, 0.5)]
    (path / "history.csv").write_text("epoch,loss\n1,high\n")
    with pytest.raises(RunFolderError, match=r"history.csv cannot be read: .*high"):
        read_history(path)


def test_importing_the_rooms_of_the_tables_imports_neither_pandas_nor_scipy_nor_tensorflow():
    code = (
        "import sys, stackfit.results.tables, stackfit.results.comparison; "
        "heavy = {'pandas', 'scipy', 'numpy', 'rich', 'tensorflow', 'keras', 'hydra'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("text, value", [("32", 32), ("0.5", 0.5), ("true", True), ("adam", "adam"), ("[8,4]", "[8,4]")])
def test_a_cell_that_has_written_no_settings_yet_differs_in_its_axes_alone(tmp_path, text, value):
    """A worker claims cells before it composes them."""
    key = "model.layers.hidden.units"
    make_run(tmp_path / "a", {"data.name": None, key: 8})
    make_run(tmp_path / "b", {"data.name": None, key: 16})
    folder = RunFolder(tmp_path / "c")
    assert folder.claim("c", {"experiment": "base", "axes": {key: text}, "overrides": [], "cell": None, "sweep": "s"})
    runs = read_runs(tmp_path)[0]
    assert [*differing(runs)] == [key] and runs.settings[key].tolist() == [8, 16, value]
    assert runs.settings["data.name"].isna().all()


def test_runs_of_which_none_has_written_settings_differ_in_their_axes(tmp_path):
    for seed in "01":
        assert RunFolder(tmp_path / seed).claim(seed, {"experiment": "base", "axes": {"seed": seed}, "overrides": [], "cell": None})
    assert [*differing(read_runs(tmp_path)[0])] == ["seed"]
