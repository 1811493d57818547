"""`worker`: takes cells of a planned sweep that nobody has, a cohort at a time, until none is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import processes
import pytest
from composing import plan_sweep, start_sweep

from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.execution.worker import Worker
from stackfit.results import owner
from stackfit.results.run_files import read_metrics, read_metrics_if_any, read_status, state_of
from stackfit.results.run_folder import RunFolder
from stackfit.results.study import read_study
from stackfit.results.sweep_folder import SweepFolder

SMALL = ("epochs=1", "batch_size=100")


def planned(*words: str) -> SweepFolder:
    """The folder of a sweep that was planned and not begun."""
    sweep = plan_sweep("digits_quickstart", words, reporter=Reporter(0))
    sweep.write_index()
    return sweep.folder


def cells_of(folder: SweepFolder) -> list[Path]:
    return [folder.path / cell["folder"] for cell in folder.read_index()["cells"]]


def digests(folder: SweepFolder) -> dict[str, str]:
    return {cell.name: read_metrics(cell)["weights_sha256"] for cell in cells_of(folder)}


def taken(worker: Worker) -> list[str]:
    """The seeds of the cells that a worker takes in one step."""
    return [record["axes"]["seed"] for record in worker._take()]


def test_a_worker_takes_a_cohorts_worth_of_its_own_share_and_then_what_is_left(lab):
    folder = planned(*SMALL, "seed=range(20)")
    first, second = (Worker(folder.path, Reporter(0), rank=rank, of=2) for rank in (0, 1))
    assert taken(first) == [str(seed) for seed in range(8)]
    assert taken(second) == [str(seed) for seed in range(10, 18)]
    assert taken(second) == ["18", "19"]  # the rest of its own share
    assert taken(second) == ["8", "9"]  # then the other's
    assert taken(first) == taken(second) == []
    statuses = [read_status(cell) for cell in cells_of(folder)]
    assert all(owner.is_me(status["owner"]) and status["status"] == "running" for status in statuses)


def test_a_share_that_belongs_to_another_is_never_taken_cell_by_cell(lab):
    folder = planned(*SMALL, "seed=range(32)")
    worker = Worker(folder.path, Reporter(0), rank=31, of=32)
    assert taken(worker) == ["31"] and len(taken(worker)) == 4


def test_what_was_taken_in_vain_is_free_again(lab):
    folder = planned(*SMALL, "seed=range(3)")
    index = json.loads(folder.index.read_text())
    cell = index["cells"][1]
    cell["fingerprint"] = "0" * 64
    cell["folder"] = folder.cell(cell["axes"], cell["fingerprint"]).name
    folder.index.write_text(json.dumps(index))
    with pytest.raises(ConfigError, match=r"^digits_quickstart, seed=1: its config, data, versions or code have changed"):
        Worker(folder.path, Reporter(0)).work()
    assert not any(cell.exists() for cell in cells_of(folder))
    assert not list(folder.jobs.glob("worker-*"))


@pytest.mark.tf
def test_workers_give_the_bits_of_the_fused_sweep_and_end_with_nothing_left(lab, capsys):
    words = (*SMALL, "model.layers.hidden.units=3,4", "optimizer=adam,sgd", "seed=0,1")
    fused = start_sweep("digits_quickstart", words, reporter=Reporter(0)).run().folder
    expected = digests(fused)
    for cell in cells_of(fused):
        shutil.rmtree(cell)
    assert Worker(fused.path, Reporter(0), rank=1, of=2, most_cells=3).work() == 75  # cells are left
    assert sum(cell.exists() for cell in cells_of(fused)) == 3
    assert Worker(fused.path, Reporter(1)).work() == 0
    assert "Nothing is left: all 8 cells are settled." in capsys.readouterr().err
    assert digests(fused) == expected
    rows = fused.results.read_text().splitlines()
    assert len(rows) == 9 and all(",finished," in row for row in rows[1:])
    before = {cell: os.stat(cell / "metrics.json").st_mtime_ns for cell in expected and cells_of(fused)}
    assert Worker(fused.path, Reporter(0)).work() == Worker(fused.path, Reporter(0)).work() == 0
    assert before == {cell: os.stat(cell / "metrics.json").st_mtime_ns for cell in before}


@pytest.mark.tf
def test_a_cell_that_fails_is_recorded_and_not_tried_again_until_a_new_command(lab, write):
    write("own_failing.py", "import keras\n\n\nclass Fails(keras.callbacks.Callback):\n"
          "    def on_epoch_end(self, epoch, logs=None):\n        raise RuntimeError('boom')\n")  # fmt: skip
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["own_failing"]\n')
    words = (*SMALL, "+callbacks.own={_target_: own_failing.Fails},null", "seed=0")
    folder = planned(*words)
    assert Worker(folder.path, Reporter(0)).work() == 1
    states = sorted(state_of(read_status(cell)) for cell in cells_of(folder))
    assert states == ["failed", "finished"]
    assert Worker(folder.path, Reporter(0)).work() == 0  # settled
    write("pyproject.toml", "")
    with pytest.raises(ConfigError, match=r"own_failing\.Fails is not allowed"):  # the index cannot grant trust
        Worker(planned_again(folder).path, Reporter(0)).work()


def planned_again(folder: SweepFolder) -> SweepFolder:
    """As a new command leaves the index: failed cells are to be tried again."""
    os.utime(folder.index)
    return folder


@pytest.mark.tf
def test_stop_leaves_checkpoints_and_the_next_worker_goes_on_to_the_same_bits(lab, cli):
    words = ("epochs=150", "batch_size=16", "seed=0,1")
    folder = planned(*words)
    worker = processes.start(lab, "work", str(folder.path))
    processes.wait_until(lambda: [*folder.path.glob("*/checkpoint.npz")], worker)
    answer = cli("stop", str(folder.path))
    assert (answer.code, answer.out) == (0, "") and answer.err.startswith("Asked 1 worker to stop.")
    code, _, err = processes.finish(worker)
    assert code == 75 and "Stopped with 2 cells left." in err
    assert {read_status(cell)["status"] for cell in cells_of(folder)} == {"interrupted"}
    assert Worker(folder.path, Reporter(0)).work() == 0  # begun after the wish: it is for the others
    assert all(read_status(cell)["resumed_after"] for cell in cells_of(folder))
    resumed = digests(folder)
    for cell in cells_of(folder):
        shutil.rmtree(cell)
    assert Worker(folder.path, Reporter(0)).work() == 0 and digests(folder) == resumed


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_a_worker(lab, number, code):
    folder = planned("epochs=200", "batch_size=8", "seed=0")
    worker = processes.start(lab, "work", str(folder.path))
    processes.wait_until(lambda: [*folder.path.glob("*/checkpoint.npz")], worker)
    worker.send_signal(number)
    assert processes.finish(worker)[0] == code
    assert read_status(cells_of(folder)[0])["status"] == "interrupted"


@pytest.mark.tf
def test_its_time_is_over(lab):
    folder = planned("epochs=2000", "batch_size=8", "seed=0")
    assert Worker(folder.path, Reporter(0), minutes=0.02).work() == 75
    assert read_status(cells_of(folder)[0])["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.tf
def test_a_killed_workers_cells_are_trained_by_the_one_that_waits(lab):
    folder = planned("epochs=40", "batch_size=8", "seed=range(4)")
    first = processes.start(lab, "work", str(folder.path))
    processes.wait_until(lambda: len([*folder.path.glob("*/checkpoint.npz")]) == 4, first)
    second = subprocess.Popen(
        [sys.executable, "-m", "stackfit", "work", str(folder.path)], stderr=subprocess.PIPE, text=True, cwd=lab
    )
    assert "Waiting for 4 cells that other workers train." in second.stderr.readline()
    first.kill()
    first.communicate()
    code, _, err = processes.finish(second)
    assert code == 0, err
    assert {read_status(cell)["status"] for cell in cells_of(folder)} == {"finished"}
    assert all(read_status(cell)["resumed_after"] for cell in cells_of(folder))


# ---- bad input


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--of", "0"], "--of is 0. Expected a number above 0"),
        (["--cells", "0"], "--cells is 0. Expected a number above 0"),
        (["--minutes", "-1"], "--minutes is -1"),
        (["--max-members", "0"], "--max-members is 0"),
        (["--rank", "2", "--of", "2"], "--rank is 2 and --of is 2. Expected a rank from 0 to 1"),
    ],
)
def test_numbers_that_make_no_sense(cli, lab, words, expected):
    answer = cli("work", str(planned(*SMALL, "seed=0,1").path), *words)
    assert (answer.code, answer.out) == (2, "") and expected in answer.err


def test_a_folder_that_is_no_sweep(cli, lab):
    for command in ("work", "stop"):
        (lab / "some").mkdir(exist_ok=True)
        answer = cli(command, "some")
        assert answer.code == 2 and "some is not a sweep's folder: it has no sweep.json" in answer.err


@pytest.mark.parametrize(
    "change",
    [
        {"folder": "../../elsewhere"},
        {"folder": "another"},
        {"fingerprint": 7},
        {"axes": {"seed": 1}},
        {"overrides": [None]},
        {"overrides": None},
    ],
)
def test_an_index_that_somebody_has_changed_is_refused(lab, change):
    folder = planned(*SMALL, "seed=0,1")
    index = json.loads(folder.index.read_text())
    index["cells"][1] |= change
    folder.index.write_text(json.dumps(index))
    with pytest.raises(RunFolderError, match=r"sweep.json cannot be read: .*Run the sweep's command again"):
        Worker(folder.path, Reporter(0))


@pytest.mark.tf
def test_data_that_change_after_the_cells_were_composed_end_the_worker_and_leave_no_folder(lab, monkeypatch):
    folder = planned(*SMALL, "seed=0,1")
    worker = Worker(folder.path, Reporter(0))
    compose = worker._compose

    def compose_and_change(records):
        jobs = compose(records)
        monkeypatch.setattr(type(jobs[0].cell), "fingerprint", lambda self, data: "0" * 64)
        return jobs

    monkeypatch.setattr(worker, "_compose", compose_and_change)

    with pytest.raises(ConfigError, match="The data of seed=0; seed=1 have changed since the sweep was planned"):
        worker.work()
    assert not any(cell.exists() for cell in cells_of(folder))


def test_shares_do_not_overlap_and_leave_nothing_out(lab):
    folder = planned(*SMALL, "seed=range(20)")
    shares = [Worker(folder.path, Reporter(0), rank=rank, of=3)._own for rank in range(3)]
    assert sorted(name for share in shares for name in share) == sorted(cell.name for cell in cells_of(folder))


# ---- what happens to its folders while it trains


@pytest.fixture
def after_an_epoch(monkeypatch):
    """`after_an_epoch(act)`: `act(folder)` is called once, after the first epoch that a cell has written."""

    def prepare(act):
        append, done = RunFolder.append_history, []

        def append_and_act(folder, row, printed=""):
            append(folder, row, printed)
            if not done:
                done.append(folder)
                act(folder)

        monkeypatch.setattr(RunFolder, "append_history", append_and_act)

    return prepare


@pytest.mark.tf
@pytest.mark.parametrize("gone", ["outputs", "the experiment's", "the sweep's"])
def test_a_folder_that_is_removed_under_a_worker_is_one_message_and_is_not_made_again(lab, cli, after_an_epoch, gone):
    folder = planned("epochs=3", "batch_size=100", "seed=range(3)")
    top = {"outputs": lab / "outputs", "the experiment's": folder.path.parent, "the sweep's": folder.path}[gone]
    after_an_epoch(lambda cell: shutil.rmtree(top))
    answer = cli("work", str(folder.path), "--max-members", "2", "--quiet")
    assert (answer.code, answer.out) == (1, "") and answer.err.count("\n") == 1
    assert f"{folder.path.relative_to(lab)} is gone: something has removed it while its runs were trained." in answer.err
    assert not top.exists()


@pytest.mark.tf
def test_a_worker_that_has_lost_a_cell_goes_on_with_the_others(lab, capsys, after_an_epoch):
    """Another machine has taken one of the cohort and finished it, while this one was suspended."""
    folder = planned("epochs=3", "batch_size=100", "seed=range(3)")

    def take(cell: RunFolder) -> None:
        status = json.loads(cell.status.read_text())
        status |= {"status": "finished", "claim": 2, "owner": status["owner"] | {"host": "elsewhere", "token": "0"}}
        (cell.path / ".claim-2").write_text(json.dumps(status["owner"]))
        cell.status.write_text(json.dumps(status))

    after_an_epoch(take)
    assert Worker(folder.path, Reporter(0)).work() == 0
    lost, *others = [read_status(cell) for cell in cells_of(folder)]
    assert lost["owner"]["host"] == "elsewhere" and [status["status"] for status in others] == ["finished"] * 2
    assert "was taken by another process" in capsys.readouterr().err


def test_a_sweeps_folder_that_cannot_be_written(lab, cli):
    folder = planned(*SMALL, "seed=0,1")
    (folder.path / "jobs").write_text("in the way")
    answer = cli("work", str(folder.path))
    assert answer.code == 2 and "jobs cannot be written: " in answer.err and not any(cell.exists() for cell in cells_of(folder))


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root, and no setpriv to give up its rights")
def test_a_sweeps_folder_that_is_read_only(lab):
    folder = planned(*SMALL, "seed=0,1")
    unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    folder.path.chmod(0o555)
    done = subprocess.run([*unprivileged, sys.executable, "-m", "stackfit", "work", str(folder.path)], capture_output=True, text=True)
    folder.path.chmod(0o755)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "jobs cannot be written: Permission denied" in done.stderr
# ---- a search

SPACE = ("model.layers.hidden.units=range(4,33,step=4)", "optimizer.learning_rate=tag(log, interval(1e-4,1e-2))")
SEARCH = (
    *("run", "digits_quickstart", "-m", "hydra/sweeper=search", *SPACE, "epochs=4", "batch_size=200", "data.validation_split=0.2"),
    *("hydra.sweeper.n_trials=8", "hydra.sweeper.batch=4", "-q"),
)


def only_sweep(where: Path) -> SweepFolder:
    (folder,) = (where / "outputs" / "digits_quickstart").glob("sweep-*")
    return SweepFolder(folder)


def trials(folder: SweepFolder) -> list[Any]:
    """What was asked for and what came of it, whoever trained it: state, reason, curve and weights of each trial."""
    study = read_study(folder)
    assert study is not None
    weights = [read_metrics_if_any(folder.path / trial.folders[0]).get("weights_sha256") for trial in study.trials]
    return [
        (trial.number, trial.batch, dict(trial.axes), trial.state, trial.reason, trial.value, trial.curve, digest)
        for trial, digest in zip(study.trials, weights, strict=True)
    ]


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory, keras: Any) -> Path:
    """The folder of a search of eight trials in two batches that trained in one process. To read only."""
    from stackfit.cli import main

    where = tmp_path_factory.mktemp("fused")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        with pytest.raises(SystemExit) as stopped:
            main([*SEARCH])
    assert stopped.value.code == 0
    return where


@pytest.mark.tf
@pytest.mark.extra
def test_a_worker_of_a_search_ranks_and_asks_for_the_next_batch_as_the_fused_search_does(fused, lab, capsys):
    expected = trials(only_sweep(fused))
    assert sorted(state for _, _, _, state, *_ in expected) == ["finished"] * 2 + ["pruned"] * 6
    assert {batch for _, batch, *_ in expected} == {0, 1}
    shutil.copytree(only_sweep(fused).path, lab / "outputs" / "digits_quickstart" / only_sweep(fused).path.name)
    folder = only_sweep(lab)
    index = json.loads(folder.index.read_text())
    for cell in index["cells"]:
        shutil.rmtree(folder.path / cell["folder"])
    index["cells"] = [cell for cell in index["cells"] if cell["batch"] == 0]  # as the command left it that planned it
    folder.index.write_text(json.dumps(index))
    assert Worker(folder.path, Reporter(0), most_cells=3, max_members=2).work() == 75  # one cell of the batch is left
    states = [read_status(folder.path / cell["folder"])["status"] for cell in index["cells"] if (folder.path / cell["folder"]).exists()]
    assert states == ["paused"] * 3
    assert Worker(folder.path, Reporter(1), max_members=3).work() == 0
    said = capsys.readouterr().err
    assert "Nothing is left: all 8 cells are settled." in said and "paused: waits to be ranked at epoch 1" in said
    assert trials(folder) == expected
    assert Worker(folder.path, Reporter(0)).work() == 0 and trials(folder) == expected  # it is complete


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.extra
def test_launchers_and_workers_one_of_them_killed_give_the_trials_of_the_fused_search(fused, lab):
    expected, name = trials(only_sweep(fused)), only_sweep(fused).path.name
    for launcher in (["hydra/launcher=processes"], ["hydra/launcher=slurm", "hydra.launcher.cluster=local"]):
        code, _, err = processes.finish(processes.start(lab, *SEARCH, *launcher, "hydra.launcher.workers=2"), 400)
        folder = only_sweep(lab)
        assert code == 0, err + "".join(log.read_text() for log in folder.jobs.glob("*.log"))
        assert folder.path.name == name and trials(folder) == expected, launcher
        shutil.rmtree(folder.path)
    code, _, err = processes.finish(processes.start(lab, *SEARCH, "--detach"))
    assert code == 0, err  # one worker, which goes on by itself
    detached = only_sweep(lab)
    workers = [processes.start(lab, "work", str(detached.path), "--max-members", "2") for _ in range(2)]
    processes.wait_until(lambda: [*detached.path.glob("*/checkpoint.npz")], workers[0], 200)
    workers[0].kill()
    workers[0].communicate()
    code, _, err = processes.finish(workers[1], 400)
    assert code == 0, err
    assert trials(detached) == expected
    code, _, err = processes.finish(processes.start(lab, *SEARCH))
    assert code == 0 and trials(detached) == expected, err  # nothing is left for the same command


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.extra
def test_a_stopped_search_goes_on_with_the_same_command(fused, lab, cli):
    longer = [word.replace("epochs=4", "epochs=40").replace("batch_size=200", "batch_size=8") for word in SEARCH]
    command = processes.start(lab, *longer, "hydra/launcher=processes", "hydra.launcher.workers=2")
    processes.wait_until(lambda: [*lab.glob("outputs/*/sweep-*/*/checkpoint.npz")], command, 200)
    folder = only_sweep(lab)
    assert cli("stop", str(folder.path)).code == 0
    code, _, err = processes.finish(command, 400)
    assert code == 1 and "To continue, run the same command again." in err
    before = {path: path.stat().st_mtime_ns for path in folder.path.glob("*/metrics.json")}
    code, _, err = processes.finish(processes.start(lab, *longer), 400)
    assert code == 0, err
    assert len(trials(folder)) == 8 and {state for _, _, _, state, *_ in trials(folder)} == {"finished", "pruned"}
    assert before == {path: path.stat().st_mtime_ns for path in before}
