"""Where the trials of a search wait for one another, and what their folders decide about them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from composing import plan_sweep, start_sweep

import stackfit
from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution.engines import ENGINES
from stackfit.execution.executors import InProcess, describe_job
from stackfit.execution.progress import Reporter
from stackfit.execution.rungs import PRUNED, SETTLED, TRAINS, WAITS, Rungs
from stackfit.execution.sweep import Sweep
from stackfit.results.run import Run
from stackfit.results.run_files import read_history, read_metrics_if_any, read_status
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import SweepFolder

STUDY = {"pruner": "halving", "eta": 2, "first_rung": 1, "batch": 4, "metric": ["val_accuracy"], "direction": ["max"]}


# ---- what folders decide; nothing is trained


def write_cell(sweep: SweepFolder, trial: int, curve: Sequence[float | None], state: str, epochs: int = 8, seed: int = 0, **more: Any) -> dict[str, Any]:
    """A cell's entry for `sweep.json`; its folder is written unless its state is *waiting*."""
    axes = {"rate": str(trial), "seed": str(seed)}
    path = sweep.cell(axes, "0123456789")
    if state != "waiting":
        folder = RunFolder(path)
        about = {"experiment": "base", "overrides": [], "axes": axes, "settings": {"epochs": epochs}, "seed": seed}
        assert folder.claim("0123456789", about)
        for epoch, value in enumerate(curve, 1):
            folder.append_history({"epoch": epoch, "loss": 1.0, "val_accuracy": value, "seconds": 0.1, "members": 1})
        if state == "finished":
            folder.finish(more, more)
        elif state != "running":
            folder.fail("because", status=state)
    return {"overrides": [], "axes": axes, "fingerprint": "0123456789", "folder": path.name, "trial": trial, "batch": trial // 4}


def rungs_of(sweep: SweepFolder, cells: Sequence[dict[str, Any]], **changed: Any) -> Rungs:
    sweep.write_index("base", [], ["rate", "seed"], cells, {**STUDY, **changed})
    found = Rungs.of(SweepFolder(sweep.path))
    assert found is not None
    return found


def verdicts(rungs: Rungs) -> list[str]:
    return [*rungs.settle(rungs.trial_of).values()]


def test_a_batch_is_ranked_once_all_have_come_to_the_rung_and_the_worse_half_is_pruned(tmp_path):
    sweep = SweepFolder(tmp_path)
    curves = [[0.5], [0.7], [0.6], []]
    cells = [write_cell(sweep, trial, curve, "paused" if curve else "waiting") for trial, curve in enumerate(curves)]
    rungs = rungs_of(sweep, cells)
    assert verdicts(rungs) == [WAITS, WAITS, WAITS, TRAINS]
    cells[3] = write_cell(sweep, 3, [0.4], "paused")
    assert verdicts(rungs) == [SETTLED, TRAINS, TRAINS, SETTLED]
    statuses = [read_status(tmp_path / cell["folder"]) for cell in cells]
    assert [status["status"] for status in statuses] == ["pruned", "paused", "paused", "pruned"]
    assert [statuses[number]["reason"] for number in (0, 3)] == ["rank 3 of 4 at epoch 1", "rank 4 of 4 at epoch 1"]
    assert verdicts(rungs) == [SETTLED, TRAINS, TRAINS, SETTLED]


def test_the_answer_is_the_same_however_far_the_others_have_come_since(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [
        write_cell(sweep, 0, [0.5, 0.9], "running"),
        write_cell(sweep, 1, [0.6, 0.1], "finished", val_accuracy=0.6),
        write_cell(sweep, 2, [0.4], "interrupted"),
        write_cell(sweep, 3, [0.3], "paused"),
    ]
    rungs = rungs_of(sweep, cells)
    ranking = rungs.rank(cells[0]["folder"])
    assert (ranking.rung, ranking.ended) == (2, {2: "rank 3 of 4 at epoch 1", 3: "rank 4 of 4 at epoch 1", 1: "rank 2 of 2 at epoch 2"})
    assert verdicts(rungs) == [TRAINS, SETTLED, SETTLED, SETTLED]


def test_whoever_ended_before_a_rung_is_ranked_by_its_final_value_and_a_failed_one_is_last(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [
        write_cell(sweep, 0, [0.9], "finished", epochs=1, val_accuracy=0.9),
        write_cell(sweep, 1, [0.6, 0.5], "paused"),
        write_cell(sweep, 2, [0.7, None], "paused"),  # its metric was not finite
        write_cell(sweep, 3, [], "failed"),
    ]
    rungs = rungs_of(sweep, cells, first_rung=2)
    assert rungs.rank(cells[0]["folder"]).ended == {2: "rank 3 of 4 at epoch 2", 3: "rank 4 of 4 at epoch 2"}
    failed_later = [*cells[:3], write_cell(sweep, 3, [0.1, 0.99], "failed")]
    rungs = rungs_of(sweep, failed_later, first_rung=2)  # it was good at epoch 2, whatever came after it
    assert rungs.rank(cells[0]["folder"]).ended == {1: "rank 3 of 4 at epoch 2", 2: "rank 4 of 4 at epoch 2"}


def test_a_trial_of_several_seeds_is_ranked_by_their_mean_and_ends_as_a_whole(tmp_path):
    sweep = SweepFolder(tmp_path)
    curves = {(0, 0): [0.9], (0, 1): [0.1], (1, 0): [0.6], (1, 1): [0.5]}
    cells = [write_cell(sweep, trial, curve, "paused", seed=seed) for (trial, seed), curve in curves.items()]
    assert verdicts(rungs_of(sweep, cells)) == [SETTLED, SETTLED, TRAINS, TRAINS]
    lost = [write_cell(sweep, 0, [], "failed"), *cells[1:]]
    assert rungs_of(sweep, lost).rank(cells[0]["folder"]).ended == {0: "rank 2 of 2 at epoch 1"}


def test_of_a_metric_to_be_small_the_smallest_is_the_best(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [write_cell(sweep, trial, [value], "paused") for trial, value in enumerate((0.3, 0.1, 0.2))]
    assert verdicts(rungs_of(sweep, cells, direction=["min"])) == [SETTLED, TRAINS, TRAINS]


def test_batches_are_ranked_apart_and_none_prunes_nothing(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [write_cell(sweep, trial, [trial / 8], "paused") for trial in range(6)]
    assert verdicts(rungs_of(sweep, cells, pruner="none")) == [TRAINS] * 6
    assert verdicts(rungs_of(sweep, cells)) == [SETTLED, SETTLED, TRAINS, TRAINS, SETTLED, TRAINS]


def test_what_another_process_trains_is_not_marked(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [write_cell(sweep, 0, [0.1], "running"), write_cell(sweep, 1, [0.2], "paused")]
    assert verdicts(rungs_of(sweep, cells)) == [PRUNED, TRAINS]
    assert read_status(tmp_path / cells[0]["folder"])["status"] == "running"


def test_a_metric_that_is_not_measured_each_epoch_ranks_nobody(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [write_cell(sweep, 0, [0.1], "paused")]
    with pytest.raises(ConfigError, match=r"ranked by test_accuracy, .* Expected one of val_accuracy, loss\. Write .*metric=val_accuracy"):
        verdicts(rungs_of(sweep, cells, metric=["test_accuracy"]))
    assert verdicts(rungs_of(sweep, cells, metric=["test_accuracy"], pruner="none")) == [TRAINS]


def test_who_needs_a_finished_run_says_how_a_pruned_one_becomes_one(tmp_path):
    cell = write_cell(SweepFolder(tmp_path), 0, [0.1], "pruned")
    status = tmp_path / cell["folder"] / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"overrides": ["epochs=8", "optimizer.learning_rate=[1, 2]"]}))
    with pytest.raises(RunFolderError, match=r"is pruned \(because\)\. Expected a finished run\. To go on from its checkpoint, "
                       r"type: stackfit run base epochs=8 'optimizer\.learning_rate=\[1, 2\]'$"):  # fmt: skip
        Run(tmp_path / cell["folder"]).check_finished()


# ---- cells that train


GRID = ("batch_size=100", "epochs=5", "data.validation_split=0.2", "optimizer.learning_rate=0.0003,0.001,0.003,0.01")
DROPOUT = "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.3, after: hidden}"


def plan_search(*words: str, seeds: int = 1, **changed: Any) -> Sweep:
    """A grid whose cells are the trials of one batch, planned."""
    sweep = plan_sweep("digits_quickstart", (*(GRID if "seed=0,1" not in words else ()), *words), reporter=Reporter(0))
    for number, job in enumerate(sweep.jobs):
        job.numbers = {"trial": number // seeds, "batch": 0}
    cells = [describe_job(job) for job in sweep.jobs]
    study = {**STUDY, "batch": len(cells) // seeds, **changed}
    sweep.folder.write_index(sweep.experiment, sweep.axes.fixed, sweep.axes.names, cells, study)
    return sweep


def search(*words: str, max_members: int | None = None, **changed: Any) -> Sweep:
    """The cells of `plan_search`, trained in this process."""
    sweep = plan_search(*words, **changed)
    sweep.cohorts.rungs = Rungs.of(sweep.folder)
    InProcess(max_members).run(sweep.jobs, sweep.cohorts, sweep.folder.path)
    return sweep


def table(sweep: Sweep) -> dict[str, Any]:
    """What came of each cell: state, reason, history and weights, whoever trained it and however long it took."""
    found = {}
    for job in sweep.jobs:
        status = read_status(job.path)
        rows = [{name: value for name, value in row.items() if name not in ("seconds", "members")} for row in read_history(job.path)]
        found[job.path.name] = (status["status"], status["reason"], rows, read_metrics_if_any(job.path).get("weights_sha256"))
    return found


@pytest.mark.tf
def test_in_one_cohort_or_several_the_same_trials_are_pruned_and_the_others_have_the_bits_they_have_alone(lab):
    one = search(DROPOUT)
    fused = table(one)
    states = sorted(state for state, *_ in fused.values())
    assert states == ["finished", "pruned", "pruned", "pruned"]
    epochs = sorted(len(rows) for _, _, rows, _ in fused.values())
    assert epochs == [1, 1, 2, 5]
    assert {reason for _, reason, _, _ in fused.values()} == {None, "rank 2 of 2 at epoch 2", "rank 3 of 4 at epoch 1", "rank 4 of 4 at epoch 1"}
    pruned = next(job.path for job in one.jobs if read_status(job.path)["status"] == "pruned")
    assert (pruned / "checkpoint.npz").exists() and not (pruned / "metrics.json").exists()
    assert "pruned: rank " in (pruned / "log.txt").read_text()
    for job in one.jobs:
        shutil.rmtree(job.path)
    several = search(DROPOUT, max_members=3)
    assert table(several) == fused
    winner = next(job.path for job in one.jobs if fused[job.path.name][0] == "finished")
    assert read_status(winner)["resumed_after"] in ([1, 2], [1], [2])  # it paused, unless it came last
    for job in one.jobs:
        shutil.rmtree(job.path)
    alone = search(DROPOUT, pruner="none", max_members=1)
    whole = table(alone)
    assert whole[winner.name] == fused[winner.name]
    for name, (_, _, rows, _) in fused.items():
        assert whole[name][2][: len(rows)] == rows and whole[name][0] == "finished"


STATE = """
import keras


class Counts(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * (0.9 if self.losses[-1] < max(self.losses) else 0.5)
        print(f"seen {len(self.losses)}")
"""
OWN = (
    "+callbacks.counts={_target_: own_state.Counts}",
    "+callbacks.stop={_target_: keras.callbacks.EarlyStopping, monitor: val_loss, patience: 1, min_delta: 0.02, restore_best_weights: true}",
    "+callbacks.log={_target_: keras.callbacks.CSVLogger, filename: own.csv}",
)


@pytest.mark.tf
def test_another_sweep_and_a_single_run_go_on_from_the_checkpoint_of_a_pruned_run_to_the_bits_of_a_whole_one(lab, write, capsys):
    write("own_state.py", STATE)
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["own_state"]\n')
    searched = search(*OWN, pruner="hyperband")
    states = {name: (state, reason, len(rows)) for name, (state, reason, rows, _) in table(searched).items()}
    losers = [job for job in searched.jobs if states[job.path.name][0] == "pruned"]
    assert losers and all(read_status(job.path)["settings"] for job in losers), states
    words = [word for word in GRID if not word.startswith("optimizer.learning_rate")]
    axis = ",".join(job.cell.axes["optimizer.learning_rate"] for job in losers)
    grid = (*words, *OWN, f"optimizer.learning_rate={axis}", "verbosity=1")
    capsys.readouterr()
    again = start_sweep("digits_quickstart", grid, reporter=Reporter(1)).run()
    said = capsys.readouterr().err
    assert said.count("A search pruned outputs/") == len(losers) and "Resuming after epoch" in said
    fresh = start_sweep("digits_quickstart", grid, reporter=Reporter(0), fresh=True).run()
    assert table(again) == table(fresh)
    for one, other, loser in zip(again.jobs, fresh.jobs, losers, strict=True):
        assert read_status(one.path)["resumed_after"] and not read_status(other.path)["resumed_after"]
        assert (one.path / "own.csv").read_bytes() == (other.path / "own.csv").read_bytes()
        assert read_status(loser.path)["status"] == "pruned" and (loser.path / "checkpoint.npz").exists()  # it stays as it was
    single = [word.replace(axis, axis.split(",")[0]) for word in grid]
    run = stackfit.run("digits_quickstart", *single, reporter=Reporter(0))
    assert run.status["resumed_after"] and read_metrics_if_any(run.folder)["weights_sha256"] == read_metrics_if_any(fresh.jobs[0].path)["weights_sha256"]


MIXED = (
    *("batch_size=100", "data.validation_split=0.2", "epochs=6,2", "optimizer.learning_rate=0.001,0.01,1e38", "seed=0,1"),
    *OWN[:2],
)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.parametrize("pruner", ["halving", "hyperband", "median"])
def test_trials_of_two_seeds_that_fail_stop_early_or_have_fewer_epochs_are_ranked_alike_in_one_cohort_or_several(lab, write, pruner):
    write("own_state.py", STATE)
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["own_state"]\n')
    one = search(*MIXED, seeds=2, pruner=pruner, metric=["val_loss"], direction=["min"])
    fused = table(one)
    assert {state for state, *_ in fused.values()} == {"finished", "pruned", "failed"}
    for job in one.jobs:
        shutil.rmtree(job.path)
    several = search(*MIXED, seeds=2, pruner=pruner, metric=["val_loss"], direction=["min"], max_members=5)
    assert table(several) == fused
    assert several.cohorts.failed == one.cohorts.failed > 0
    for job in one.jobs:
        shutil.rmtree(job.path)
    whole = table(search(*MIXED, seeds=2, pruner="none"))
    assert all(whole[name] == cell for name, cell in fused.items() if cell[0] == "finished")


@pytest.mark.slow
@pytest.mark.tf
def test_cells_that_train_in_a_process_of_their_own_are_ranked_there(lab, monkeypatch):
    one = search()
    here = table(one)
    for job in one.jobs:
        shutil.rmtree(job.path)
    monkeypatch.setattr(type(ENGINES["tensorflow"]), "fits", lambda self, settings: False)
    assert table(search(max_members=3)) == here
