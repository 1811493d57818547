"""A search in batches: what stands in its folder is all that it needs to go on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from composing import start_sweep

from stackfit.errors import ConfigError
from stackfit.execution.extending import extend
from stackfit.execution.progress import Reporter
from stackfit.execution.searching import Search
from stackfit.results.run_files import read_history, read_metrics, read_status
from stackfit.results.study import Study, read_study
from stackfit.results.sweep_folder import SweepFolder

pytestmark = [pytest.mark.tf, pytest.mark.extra]

SMALL = ("data.validation_split=0.2", "epochs=3", "batch_size=200")
SPACE = (
    "model.layers.hidden.units=range(4,65,step=4)",
    "optimizer.learning_rate=tag(log, interval(1e-4,1e-1))",
    "optimizer=adam,sgd",
)
SEARCH = ("digits_quickstart", "-m", "hydra/sweeper=search", *SMALL, "hydra.sweeper.batch=4")
WORDS = (*SEARCH, *SPACE, "hydra.sweeper.n_trials=12")


def only_folder() -> SweepFolder:
    (folder,) = Path("outputs/digits_quickstart").glob("sweep-*")
    return SweepFolder(folder)


def study_in(folder: SweepFolder) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


def digest(folder: SweepFolder) -> str:
    """Of the list of trials: what was asked for, what came of it after each epoch, and with which weights."""
    trials = study_in(folder).trials
    weights = [read_metrics(folder.path / trial.folders[0])["weights_sha256"] for trial in trials if trial.state == "finished"]
    told = [[trial.number, trial.batch, dict(trial.axes), trial.state, trial.value, trial.curve, trial.reason] for trial in trials]
    return hashlib.sha256(json.dumps([told, weights]).encode()).hexdigest()


@pytest.fixture(scope="module")
def searched(tmp_path_factory, keras) -> Path:
    """The folder in which an uninterrupted search of twelve trials has run. To read only."""
    from stackfit.cli import main

    where = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        with pytest.raises(SystemExit) as stopped:
            main(["run", *WORDS, "--quiet"])
    assert stopped.value.code == 0
    return where


@pytest.fixture
def there(searched, lab) -> SweepFolder:
    """A copy of its folder, in the working folder."""
    shutil.copytree(searched / "outputs", lab / "outputs", copy_function=shutil.copy2)
    return only_folder()


def test_trials_are_asked_for_in_batches_ranked_and_pruned_and_no_setting_comes_twice(there):
    study = study_in(there)
    assert [trial.batch for trial in study.trials] == [0] * 4 + [1] * 4 + [2] * 4
    assert [trial.number for trial in study.trials] == [*range(12)]
    assert len({tuple(trial.axes.items()) for trial in study.trials}) == 12
    for batch in range(3):  # rungs after epochs 1 and 2: of four trials two, of these one
        assert sorted(trial.epochs for trial in study.trials if trial.batch == batch) == [1, 1, 2, 3]
    best = max(trial.value for trial in study.trials if trial.state == "finished")
    assert best == max(read_metrics(there.path / t.folders[0])["val_accuracy"] for t in study.trials if t.state == "finished")
    index = there.read_index()
    assert index["study"]["space"] == {**dict(word.split("=", 1) for word in SPACE), "optimizer.learning_rate": "tag(log, interval(0.0001, 0.1))"}
    assert all(cell["planned"] and cell["overrides"][:3] == [*SMALL] for cell in index["cells"])


def test_the_same_command_trains_nothing_again_and_needs_neither_journal_nor_list(cli, there):
    before, finished = digest(there), {path: path.stat().st_mtime_ns for path in there.path.glob("*/history.csv")}
    there.journal.unlink()
    assert cli("run", *WORDS).code == 0 and digest(there) == before
    there.journal.unlink()
    there.journal.mkdir()
    answer = cli("run", *WORDS)
    assert answer.code == 0 and "warning: " in answer.err and "study.journal cannot be written" in answer.err
    there.journal.rmdir()
    there.journal.write_text("not a journal")
    there.index.unlink()  # what the folders say is enough: the same trials are asked for
    assert cli("run", *WORDS).code == 0 and digest(there) == before
    assert {path: path.stat().st_mtime_ns for path in there.path.glob("*/history.csv")} == finished


def test_more_trials_go_on_in_the_same_folder_and_fewer_change_nothing(cli, there):
    asked = [dict(trial.axes) for trial in study_in(there).trials]
    before = digest(there)
    assert cli("run", *WORDS, "hydra.sweeper.n_trials=6").code == 0 and digest(there) == before
    answer = cli("run", *WORDS, "hydra.sweeper.n_trials=14")
    assert answer.code == 0 and "batch 4 of 4: 2 trials: 0 finished, 2 to run." in answer.err
    trials = study_in(only_folder()).trials
    assert [dict(trial.axes) for trial in trials[:12]] == asked and [trial.batch for trial in trials[12:]] == [3, 3]


def cut(folder: SweepFolder, index: dict, batch: int) -> None:
    """Let `sweep.json` list only the batches before this one."""
    folder.index.write_text(json.dumps({**index, "cells": [cell for cell in index["cells"] if cell["batch"] < batch]}))


@pytest.fixture
def started(monkeypatch):
    """The numbers of cells that workers were started for; none is."""
    calls = []
    monkeypatch.setattr("stackfit.execution.processes.Processes.start", lambda self, sweep, cells: calls.append(cells) or [])
    return calls


def test_a_detached_command_goes_on_after_the_batches_that_are_settled_and_starts_nobody_if_all_are(cli, there, started):
    index = there.read_index()
    answer = cli("run", *WORDS, "--detach")
    assert (answer.code, started) == (0, []) and "go on" not in answer.err and "No worker was started" in answer.err and answer.out.strip() == str(there.path)
    cut(there, index, 2)
    last = [there.path / cell["folder"] for cell in index["cells"] if cell["batch"] == 2]
    for folder in last:
        shutil.rmtree(folder)
    there.ask_to_stop()  # long ago
    answer = cli("run", *WORDS, "--detach")
    assert (answer.code, started) == (0, [4]) and "batch 3 of 3: 4 trials: 0 finished, 4 to run." in answer.err
    assert "Its workers go on without this command." in answer.err
    assert [cell["folder"] for cell in SweepFolder(there.path).read_index()["cells"]] == [cell["folder"] for cell in index["cells"]]


def test_batches_that_another_process_lists_while_this_one_plans_stay_listed(there):
    index = there.read_index()
    cut(there, index, 1)
    sweep = start_sweep("digits_quickstart", [word for word in WORDS[1:] if word != "-m"], reporter=Reporter(0))
    assert len(Search(sweep).read_batches()) == 1
    cut(there, index, 3)
    for _ in range(2):  # the first write knows less than the folder, and so does the second
        sweep.write_index()
        assert [cell["batch"] for cell in SweepFolder(there.path).read_index()["cells"]] == [0] * 4 + [1] * 4 + [2] * 4
    Search(sweep).read_batches(1)
    sweep.jobs = sweep.jobs[:4]  # those that were read and have changed are listed no more
    sweep.write_index()
    assert [cell.get("batch") for cell in SweepFolder(there.path).read_index()["cells"]] == [0] * 4 + [None] * 8


def test_fewer_trials_than_were_listed_leave_what_has_not_ended_and_more_ask_for_the_same_again(cli, there):
    index, before = there.read_index(), digest(there)
    name = study_in(there).trials[-1].folders[0]
    kept = there.path / name / "status.json"
    whole = kept.read_text()
    kept.write_text(json.dumps({**json.loads(whole), "status": "interrupted"}))
    answer = cli("run", *WORDS, "hydra.sweeper.n_trials=8")
    assert answer.code == 0 and "Not finished" not in answer.err and json.loads(kept.read_text())["status"] == "interrupted"
    assert len(study_in(only_folder()).trials) == 8
    kept.write_text(whole)
    assert cli("run", *WORDS).code == 0 and digest(only_folder()) == before
    assert [cell["folder"] for cell in only_folder().read_index()["cells"]] == [cell["folder"] for cell in index["cells"]]


def test_a_trial_that_has_failed_is_not_said_to_go_on(cli, there):
    name = study_in(there).trials[0].folders[0]
    status = there.path / name / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "status": "failed", "reason": "No room is left."}))
    answer = cli("run", *WORDS, "--confirm", "2")
    assert answer.code == 1 and "batch 1 of 3: 4 trials: 3 finished, 0 to run, 1 failed." in answer.err
    assert "Not finished" not in answer.err


def test_a_search_that_is_not_complete_is_not_confirmed(cli, there, monkeypatch):
    monkeypatch.setattr("stackfit.execution.searching.Search.run", lambda self, detach: self.sweep)
    status = there.path / study_in(there).trials[0].folders[0] / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "status": "paused"}))
    answer = cli("run", *WORDS, "--confirm", "2")
    assert answer.code == 1 and "There is nothing to confirm: the search is not complete" in answer.err
    assert len([*Path("outputs/digits_quickstart").iterdir()]) == 1


def test_a_worker_asks_for_the_batch_that_the_command_would_have_asked_for(there):
    index, study = there.read_index(), study_in(there)
    cut(there, index, 2)
    assert extend(SweepFolder(there.path), Reporter(0)) is True
    assert [dict(trial.axes) for trial in study_in(there).trials] == [dict(trial.axes) for trial in study.trials]
    assert there.read_index() == index
    assert extend(SweepFolder(there.path), Reporter(0)) is False  # complete
    cut(there, index, 2)
    assert extend(SweepFolder(there.path), Reporter(0), spent_seconds=1e9) is True  # no limit in minutes
    cut(there, index, 2)
    there.index.write_text(json.dumps({**json.loads(there.index.read_text()), "study": {**index["study"], "minutes": 2.0}}))
    assert extend(SweepFolder(there.path), Reporter(0), spent_seconds=121.0) is False
    unsettled = there.path / study.trials[4].folders[0] / "status.json"
    unsettled.write_text(json.dumps({**read_status(unsettled.parent), "status": "paused"}))
    assert extend(SweepFolder(there.path), Reporter(0)) is False


def test_another_space_or_other_settings_are_another_search_and_it_says_how_they_differ(cli, there):
    answer = cli("run", *WORDS[:-2], "optimizer=adam,rmsprop", "hydra.sweeper.n_trials=0")
    assert answer.code == 2
    answer = cli("run", *SEARCH, *SPACE[:2], "optimizer=adam", "hydra.sweeper.n_trials=1", "hydra.sweeper.sampler=random", "hydra.sweeper.eta=3", "epochs=1")
    assert answer.code == 0 and len([*Path("outputs/digits_quickstart").iterdir()]) == 2
    said = next(line for line in answer.err.splitlines() if line.startswith("Not the search in"))
    for words in ("sampler is tpe there and random here", "eta is 2 there and 3 here", "optimizer is adam,sgd there and nothing here", "epochs=1 here"):
        assert words in said
    index = there.read_index()
    there.index.write_text(json.dumps({**index, "study": {**index["study"], "batch": 5}}))
    answer = cli("run", *WORDS)
    assert answer.code == 2 and "is another search's: batch is 5 there and 4 here." in " ".join(answer.err.split())
    assert "--fresh" in answer.err


def test_overrides_in_another_order_are_the_same_search_and_axes_in_another_order_are_said_to_be_another(cli, there, started):
    before = digest(there)
    answer = cli("run", *WORDS[:3], *SMALL[::-1], "hydra.sweeper.batch=4", *SPACE, "hydra.sweeper.n_trials=12")
    assert answer.code == 0 and digest(only_folder()) == before and "Not the search" not in answer.err
    answer = cli("run", *SEARCH, *SPACE[::-1], "hydra.sweeper.n_trials=1", "--detach")
    assert answer.code == 0 and "the axes are model.layers.hidden.units, optimizer.learning_rate, optimizer there and" in answer.err
    assert len([*Path("outputs/digits_quickstart").iterdir()]) == 2


def test_a_changed_project_trains_again_what_has_changed_and_asks_for_the_rest_anew(cli, lab, there, write):
    sweep = start_sweep("digits_quickstart", [word for word in WORDS[1:] if word != "-m"], reporter=Reporter(0))
    assert len(Search(sweep).read_batches()) == 3
    index = there.read_index()
    changed = index["cells"][5]
    changed["fingerprint"] = "0" * 64
    changed["folder"] = there.cell(changed["axes"], changed["fingerprint"]).name
    there.index.write_text(json.dumps(index))
    sweep = start_sweep("digits_quickstart", [word for word in WORDS[1:] if word != "-m"], reporter=Reporter(0))
    assert len(Search(sweep).read_batches()) == 1 and len(sweep.jobs) == 4


def test_seeds_and_two_metrics_of_conditional_spaces_from_a_file(cli, lab, write):
    write(
        "experiments/front.yaml",
        """defaults: [digits_quickstart, override hydra/sweeper: search, _self_]
data: {validation_split: 0.2}
epochs: 1
batch_size: 400
seed: 3
hydra:
  mode: MULTIRUN
  sweeper:
    metric: [val_accuracy, parameters]
    pruner: none
    n_trials: 4
    batch: 3
    seeds: 2
    params: {model.layers.hidden.units: "4,8"}
    union:
      - {optimizer: adam, optimizer.beta_1: "interval(0.5,0.9)"}
      - {optimizer: momentum, optimizer.momentum: "0.8,0.9"}
""",
    )
    answer = cli("run", "front")
    assert answer.code == 0, answer.err
    (path,) = Path("outputs/front").iterdir()
    study = study_in(SweepFolder(path))
    assert [len(trial.folders) for trial in study.trials] == [2] * 4 and all("seed" not in trial.axes for trial in study.trials)
    assert {trial.state for trial in study.trials} == {"finished"}
    for trial in study.trials:
        runs = [read_metrics(path / name) for name in trial.folders]
        assert trial.values == (sum(run["val_accuracy"] for run in runs) / 2, runs[0]["parameters"])
        assert [read_status(path / name)["seed"] for name in trial.folders] == [3, 4]
        assert ("optimizer.beta_1" in trial.axes) == (trial.axes["optimizer"] == "adam")
    assert "batch 1 of 2: 3 trials: 0 finished, 6 to run." in answer.err


def test_a_space_that_is_used_up_ends_the_search(cli, lab):
    answer = cli("run", *SEARCH, "epochs=1,2,3", "hydra.sweeper.sampler=grid", "hydra.sweeper.pruner=none", "hydra.sweeper.batch=2")
    assert answer.code == 0 and "All 3 settings of the space have been tried." in answer.err
    assert [trial.axes["epochs"] for trial in study_in(only_folder()).trials] == ["1", "2", "3"]


def test_a_search_whose_trials_all_fail_stops_after_the_first_batch_with_the_reason(cli, lab):
    answer = cli("run", *SEARCH, "optimizer.learning_rate=interval(1e36,1e37)", "hydra.sweeper.n_trials=12", "hydra.sweeper.pruner=halving")
    assert answer.code == 1 and not answer.out
    assert "All 4 trials have failed" in answer.err and "loss" in answer.err.splitlines()[-1]
    assert [trial.state for trial in study_in(only_folder()).trials] == ["failed"] * 4
    wrong = cli("run", *SEARCH, "model.layers.hidden.name='a b','c,d'")  # its reason begins with a place
    assert wrong.code == 1 and "which TensorFlow refuses." in wrong.err.splitlines()[-1]
    shutil.rmtree(max(Path("outputs/digits_quickstart").iterdir(), key=lambda path: path.stat().st_mtime))
    again = cli("run", *SEARCH, "optimizer.learning_rate=interval(1e36,1e37)", "hydra.sweeper.n_trials=12", "hydra.sweeper.pruner=halving")
    assert again.code == 1 and "0 to run" in again.err and "--fresh" in again.err


def test_no_batch_is_begun_when_the_minutes_are_over(cli, lab):
    answer = cli("run", *SEARCH, *SPACE, "hydra.sweeper.minutes=1e-6", "epochs=1")
    assert answer.code == 0 and "The 1e-06 minutes are over: no further batch." in answer.err
    assert len(study_in(only_folder()).trials) == 4


@pytest.mark.parametrize(
    "word, said",
    [
        ("model.layers.hiden.units=4,8", "Did you mean"),
        ("model.layers.hidden.units=interval(4,8)", "model.layers.hidden.units=interval(4,8)"),
        ("epochs=interval(1,5)", "epochs=interval(1,5)"),
        ("optimizer=adam,sdg", "Did you mean 'sgd'?"),
        ("optimizer.lr=interval(0,1)", "learning_rate"),
        ("batch_size=int(interval(0,8))", "batch_size=int(interval(0,8))"),
        ("data.validation_split=0.2,0", "With data.validation_split=0 the cells report no 'val_accuracy'. They have no validation part."),
        ("task=classification,regression", "With task=regression the cells report no 'val_accuracy'."),
        ("task.metrics.accuracy=null,{_target_:keras.metrics.SparseCategoricalAccuracy}", "With task.metrics.accuracy=null the cells"),
        ("optimizer.learning_rate=choice(1e-3,0.1", "error: optimizer.learning_rate=choice(1e-3,0.1"),
    ],
)
def test_a_space_on_a_wrong_key_or_of_a_wrong_type_is_refused_before_anything_is_made(cli, lab, word, said):
    answer = cli("run", *SEARCH, word)
    assert (answer.code, answer.out) == (2, "") and not (lab / "outputs").exists()
    assert said in " ".join(answer.err.split())


def test_python_searches_as_the_command_line_does(there):
    import stackfit

    before, names = digest(there), {path.name for path in there.path.parent.iterdir()}
    space = {"model.layers.hidden.units": range(4, 65, 4)}
    words, settings = (*SMALL, *SPACE[1:]), {"batch": 4, "n_trials": 12, "metric": ["val_accuracy"]}
    frame = stackfit.sweep("digits_quickstart", space, *words, sweeper="search", search=settings, reporter=Reporter(0))
    assert (len(frame), digest(there), {path.name for path in there.path.parent.iterdir()}) == (12, before, names)  # the same search
    with pytest.raises(ConfigError, match=r"has no setting 'n_trails'\. Did you mean 'n_trials'"):
        stackfit.sweep("digits_quickstart", {"epochs": [1, 2]}, sweeper="search", search={"n_trails": 3})
    with pytest.raises(ConfigError, match="The sweeper cells has no setting 'n_trials'"):
        stackfit.sweep("digits_quickstart", {"epochs": [1, 2]}, search={"n_trials": 3})


def kill_and_resume(seed: int) -> int:
    """Kill the search at a random moment; how many epochs had been trained then."""
    chance = random.Random(seed)
    epochs = chance.randrange(1, 20)
    killed = subprocess.Popen([sys.executable, "-m", "stackfit", "run", *WORDS, "--quiet"], stdout=subprocess.DEVNULL)
    seen, deadline = 0, time.monotonic() + 600
    while seen < epochs and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
        seen = sum(len(path.read_text().splitlines()) - 1 for path in Path("outputs").glob("*/*/*/history.csv"))
    time.sleep(chance.random() / 10)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    return seen


def check_a_killed_search(cli, searched: Path, seed: int) -> None:
    assert kill_and_resume(seed)
    assert cli("run", *WORDS, "--quiet").code == 0
    assert digest(only_folder()) == digest(SweepFolder(next((searched / "outputs/digits_quickstart").glob("sweep-*"))))


def test_a_search_that_was_killed_goes_on_to_the_trials_of_an_uninterrupted_one(cli, lab, searched):
    check_a_killed_search(cli, searched, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_a_search_that_was_killed_anywhere_goes_on_to_the_same_trials(cli, lab, searched, seed):
    check_a_killed_search(cli, searched, seed)


def test_every_history_is_that_of_the_cell_alone_as_far_as_it_went(there, lab):
    """A survivor and a pruned trial, trained again as single runs."""
    import stackfit

    trials = study_in(there).trials
    for trial in (next(t for t in trials if t.state == "finished"), next(t for t in trials if t.epochs == 2)):
        status = read_status(there.path / trial.folders[0])
        alone = stackfit.run("digits_quickstart", *status["overrides"], reporter=Reporter(0), fresh=True)
        rows = [{**row, "seconds": 0, "members": 0} for row in read_history(there.path / trial.folders[0])]
        assert rows == [{**row, "seconds": 0, "members": 0} for row in read_history(alone.folder)][: trial.epochs]
