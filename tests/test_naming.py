"""`naming`: an experiment's name stands for its runs, or for the newest finished one."""

from __future__ import annotations

import json
import os

import pytest
from made_runs import make_run

from stackfit.errors import RunFolderError
from stackfit.results.frames import read_runs
from stackfit.results.naming import newest_run, newest_sweep


def started(run, time: str):
    """The run, as if an earlier version had started it at this time: with no manifest."""
    file = run / "status.json"
    status = {**json.loads(file.read_text()), "started": f"2026-01-01T{time}+00:00"}
    status.pop("manifest", None)
    (run / "manifest.json").unlink(missing_ok=True)
    file.write_text(json.dumps(status))
    return run


@pytest.fixture
def outputs(lab):
    """Three finished runs of `mine`, one in a sweep, and newer ones that are not finished, or damaged."""
    mine = lab / "outputs" / "mine"
    started(make_run(mine / "first"), "10:00:00")
    started(make_run(mine / "sweep-1" / "seed=10"), "11:00:00")
    started(make_run(mine / "sweep-1" / "seed=9"), "11:00:00")
    started(make_run(mine / "failed", failed="loss is NaN"), "12:00:00")
    (make_run(mine / "damaged") / "status.json").write_text("{")
    make_run(lab / "outputs" / "lost" / "one", failed="Interrupted", state="interrupted")
    return lab / "outputs"


def test_a_name_is_the_newest_finished_run_and_of_equal_ones_the_last_by_its_numbers(outputs, lab):
    assert newest_run(lab / "mine") == lab / "mine"  # not a name: it has a folder in front
    assert newest_run(type(lab)("mine")) == outputs / "mine" / "sweep-1" / "seed=10"


def test_an_existing_path_comes_before_an_experiments_name(outputs, lab, monkeypatch):
    (lab / "mine").mkdir()
    assert newest_run(type(lab)("mine")) == type(lab)("mine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mnie", r"^mnie does not exist\. Did you mean 'mine'\? Expected a run folder, .* experiment with runs in outputs"),
        ("lost", r"^lost has no finished run, only 1 interrupted\. Expected one\. Try: stackfit table lost"),
        ("gsp631_base", r"^gsp631_base has no run in outputs\. .* Try: stackfit run gsp631_base$"),
    ],
)
def test_a_name_without_a_finished_run_says_what_is_there_and_what_to_type(outputs, lab, name, said):
    with pytest.raises(RunFolderError, match=said):
        newest_run(type(lab)(name))


def test_a_name_is_all_of_its_runs_in_a_table(outputs):
    runs, problems = read_runs("mine")
    assert len(runs.about) == 4 and len(problems) == 1
    assert "outputs/mine/failed" in {*runs.about["folder"]}


def test_commands_say_which_run_they_took(outputs, cli):
    answer = cli("eject", "lost")
    assert (answer.code, answer.out) == (2, "") and "error: lost has no finished run" in answer.err
    for words in (["eject", "mine"], ["predict", "mine"], ["evaluate", "mine"]):
        answer = cli(*words)  # its config.yaml is missing
        assert answer.err.startswith("mine: its newest finished run is outputs/mine/sweep-1/seed=10\n"), words
        assert answer.code == 2 and "outputs/mine/sweep-1/seed=10" in answer.err.partition("\n")[2]
    assert cli("table", "mine").code == cli("table", "outputs/mine").code == 0
    assert "Did you mean 'mine'?" in cli("verify", "mime").err


def test_a_name_is_the_newest_planned_sweep(outputs, lab):
    path = type(lab)
    assert newest_sweep(path("mine")) == outputs / "mine"  # sweep-1 has no sweep.json: read_index says so
    for number, name in enumerate(("sweep-9", "sweep-2")):
        (outputs / "mine" / name).mkdir()
        (outputs / "mine" / name / "sweep.json").write_text("{}")
        os.utime(outputs / "mine" / name / "sweep.json", (number, number))
    assert newest_sweep(path("mine")) == outputs / "mine" / "sweep-2"
    for itself in (outputs / "mine", outputs / "mine" / "sweep-9", lab / "nowhere"):
        assert newest_sweep(itself) == itself
    with pytest.raises(RunFolderError, match=r"minee does not exist\. Did you mean 'mine'"):
        newest_sweep(path("minee"))
