"""`sweep` and `sweep_folder`: cells trained together, kept as they finish, and never trained twice."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import processes
import pytest
from composing import plan_sweep, start_sweep

import stackfit
from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.execution.sweep import Sweep
from stackfit.keys import label_of
from stackfit.results.run_files import read_environment
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import SweepFolder

SMALL = ("epochs=1", "batch_size=100")
GRID = (*SMALL, "model.layers.hidden.units=3,4", "seed=range(2)")


class Lines(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(1)
        self.text = ""

    def line(self, text: str, always: bool = False) -> None:
        self.text += text.rstrip("\n") + "\n"


def sweep(*overrides: str, experiment: str = "digits_quickstart", **options) -> tuple[Sweep, str]:
    """Run a sweep; it, and what it said."""
    lines = Lines()
    fail_fast = options.pop("fail_fast", False)
    return start_sweep(experiment, overrides, reporter=lines, **options).run(fail_fast), lines.text


def status_of(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text())


def digest_of(folder: Path) -> str:
    return json.loads((folder / "metrics.json").read_text())["weights_sha256"]


def history_of(folder: Path) -> list[dict[str, str]]:
    rows = csv.DictReader((folder / "history.csv").read_text().splitlines())
    return [{key: value for key, value in row.items() if key not in ("seconds", "members")} for row in rows]


def results_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "results.csv").read_text().splitlines()))


def states(folder: Path) -> dict[str, str]:
    """State by cell, such as `{"units=3, seed=0": "finished"}`."""
    return {label_of(row["axes"]): row["state"] for row in SweepFolder(folder).read()}


def tree(folder: Path) -> dict[str, int]:
    """Every file of the cells with the time of its last change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.glob("*/*")}


@contextlib.contextmanager
def working_in(folder: Path):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> Path:
    """The working folder of a finished sweep of four cells."""
    lab = tmp_path_factory.mktemp("grid")
    with working_in(lab):
        sweep(*GRID)
    return lab


@pytest.fixture
def done(grid, lab) -> Path:
    """A copy of the finished sweep's folder, in the working folder."""
    shutil.copytree(grid / "outputs", lab / "outputs")
    return sweep_folder(lab)


def sweep_folder(lab: Path) -> Path:
    (folder,) = (lab / "outputs").glob("*/sweep-*")
    return folder


# ---- the folder


@pytest.mark.tf
def test_a_sweep_is_a_folder_of_cells_named_by_their_axes_and_fingerprint(done):
    assert re.fullmatch(r"sweep-[0-9a-f]{8}", done.name)
    for cell in json.loads((done / "sweep.json").read_text())["cells"]:
        axes = ",".join(f"{key}={value}" for key, value in cell["axes"].items())
        assert cell["folder"] == f"{axes}-{cell['fingerprint'][:8]}"
        status = status_of(done / cell["folder"])
        assert status["fingerprint"] == cell["fingerprint"] and status["axes"] == cell["axes"]
        assert status["overrides"] == cell["overrides"] and status["sweep"] == done.name
        assert (done / cell["folder"] / "model.keras").is_file()


@pytest.mark.tf
def test_the_index_holds_the_axes_the_fixed_overrides_and_every_cell(done):
    index = json.loads((done / "sweep.json").read_text())
    assert index["experiment"] == "digits_quickstart" and index["overrides"] == list(SMALL)
    assert index["axes"] == ["model.layers.hidden.units", "seed"]
    assert len(index["cells"]) == 4 and {*map(frozenset, index["cells"])} == {
        frozenset(("overrides", "axes", "fingerprint", "folder", "planned"))
    }
    assert states(done) == {f"units={units}, seed={seed}": "finished" for units in (3, 4) for seed in (0, 1)}


@pytest.mark.tf
def test_every_row_of_the_results_can_be_traced_to_its_folder(done, lab):
    rows = results_of(done)
    assert len(rows) == 4
    for row in rows:
        assert status_of(lab / row["folder"])["metrics"]["test_loss"] == float(row["test_loss"])
        assert row["state"] == "finished" and row["seed"] in row["folder"]


@pytest.mark.tf
def test_the_cells_shared_their_seconds(done):
    for path in done.glob("*/history.csv"):
        assert [row["members"] for row in csv.DictReader(path.read_text().splitlines())] == ["4"]


def find(lab: Path, *fixed: str, axes=("a", "b"), fresh: bool = False, experiment: str = "x") -> str:
    return SweepFolder.find(lab, experiment, fixed, axes, fresh).path.name


def test_the_id_is_over_the_experiment_the_fixed_overrides_and_the_names_of_the_axes(lab):
    assert find(lab, "c=1", "d=2") == find(lab, "d=2", "c=1") == find(lab, "c=1", "d=2", axes=("b", "a"))
    others = {
        find(lab),
        find(lab, "c=1"),
        find(lab, "c=2"),
        find(lab, axes=("a",)),
        find(lab, experiment="y"),
    }
    assert len(others) == 5


def test_fresh_counts_up_and_the_newest_is_found(lab):
    first = find(lab)
    assert find(lab, fresh=True) == first
    (lab / first).mkdir()
    assert find(lab) == first and find(lab, fresh=True) == f"{first}-2"
    (lab / f"{first}-2").mkdir()
    assert find(lab) == f"{first}-2" and find(lab, fresh=True) == f"{first}-3"


@pytest.mark.parametrize(
    "axes, name",
    [
        ({"a.b": "[64,64]", "seed": "0"}, "a.b=[64,64],seed=0"),
        ({"a": "../../etc"}, "a=.._.._etc"),
        ({"a": 'x"y z/ä'}, "a=x_y_z__"),
        ({}, "cell"),
        ({"a": "1" * 300}, "a=" + "1" * 98),
    ],
)
def test_a_cells_name_is_safe_and_at_most_100_characters_before_its_fingerprint(lab, axes, name):
    assert SweepFolder(lab).cell(axes, "0123456789ab").name == f"{name}-01234567"


# ---- an incremental build


WITHOUT_TENSORFLOW = """
import sys
from stackfit.cli import main
try:
    main(sys.argv[1:])
finally:
    print("tensorflow" in sys.modules, file=sys.stderr)
"""


@pytest.mark.tf
def test_the_same_command_again_trains_nothing_and_loads_no_tensorflow(done, lab):
    before = tree(done)
    words = [sys.executable, "-c", WITHOUT_TENSORFLOW, "run", "digits_quickstart", "-m", *GRID]
    began = time.monotonic()
    again = subprocess.run(words, cwd=lab, capture_output=True, text=True)
    assert again.returncode == 0 and time.monotonic() - began < 10, again.stderr
    assert again.stderr == "digits_quickstart: 4 cells: 4 finished, 0 to run.\nFalse\n"
    assert again.stdout.splitlines()[-1] == f"outputs/digits_quickstart/{done.name}"
    assert tree(done) == before


@pytest.mark.tf
def test_a_value_more_trains_only_the_new_cells_and_says_so(done):
    before = tree(done)
    _, said = sweep(*SMALL, "model.layers.hidden.units=3,4,5", "seed=range(2)")
    assert "6 cells: 4 finished, 2 to run.\n  units=5, seed=0: new\n  units=5, seed=1: new\n" in said
    assert set(states(done).values()) == {"finished"} and len(states(done)) == len(results_of(done)) == 6
    assert before.items() <= tree(done).items()


@pytest.mark.tf
def test_a_value_less_keeps_what_was_trained_in_the_results(done):
    _, said = sweep(*SMALL, "model.layers.hidden.units=4,3", "seed=range(1)")
    assert "2 cells: 2 finished, 0 to run" in said
    assert len(states(done)) == len(results_of(done)) == 4


@pytest.mark.tf
def test_cells_that_failed_were_interrupted_or_changed_run_again_and_say_why(done, monkeypatch):
    cells = {
        label_of(cell["axes"]): done / cell["folder"]
        for cell in json.loads((done / "sweep.json").read_text())["cells"]
    }
    digests = {label: digest_of(folder) for label, folder in cells.items()}
    for label, state, reason in (
        ("units=3, seed=0", "failed", "ValueError in epoch 1: no.\nmore"),
        ("units=3, seed=1", "running", None),
        ("units=4, seed=0", "interrupted", "Interrupted in epoch 1."),
    ):
        status = status_of(cells[label]) | {"status": state, "reason": reason}
        status["owner"]["process_start"] = "another process"
        (cells[label] / "status.json").write_text(json.dumps(status))
    (cells["units=4, seed=1"] / "status.json").write_text("{half")
    _, said = sweep(*GRID)
    assert "4 cells: 0 finished, 4 to run." in said
    for line in (
        "units=3, seed=0: failed before: ValueError in epoch 1: no.",
        "units=3, seed=1: was interrupted",
        "units=4, seed=0: was interrupted",
        "units=4, seed=1: its status is damaged",
    ):
        assert f"  {line}\n" in said
    assert {label: digest_of(folder) for label, folder in cells.items()} == digests


@pytest.mark.tf
def test_a_change_of_what_decides_the_numbers_trains_again_and_says_so(done, monkeypatch):
    monkeypatch.setattr("stackfit.execution.fingerprint.NUMERICS", -1)
    planned = plan_sweep("digits_quickstart", GRID, reporter=Lines())
    assert {job.why for job in planned.jobs} == {
        "changed since it ran: its config, data, versions or code"
    }
    assert not any(job.path.exists() for job in planned.jobs)  # what is there stays


@pytest.mark.tf
def test_cells_of_a_living_process_are_left_to_it(done):
    folder = next(done.glob("*seed=0*"))
    status = status_of(folder) | {"status": "running"}
    status["owner"] |= {"host": "another.host"}
    (folder / "status.json").write_text(json.dumps(status))
    _, said = sweep(*GRID)
    assert "4 cells: 3 finished, 0 to run, 1 with another process." in said
    assert status_of(folder)["status"] == "running"


def test_a_pruned_cell_is_settled_for_the_sweep_that_pruned_it_and_a_paused_one_is_not(lab):
    for job, state in zip(planned_waiting(), ("pruned", "paused"), strict=True):
        folder = RunFolder(job.path)
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        assert folder.claim(job.fingerprint, {"axes": job.cell.axes})
        folder.fail("rank 9 of 16 at epoch 2", status=state)
    assert [job.cell.axes["seed"] for job in planned_waiting()] == ["1"]


def planned_waiting() -> list[Any]:
    planned = plan_sweep("digits_quickstart", (*SMALL, "seed=0,1"), reporter=Lines())
    return [job for job in planned.jobs if job.waits]


@pytest.mark.tf
def test_the_basic_launcher_resumes_and_gives_the_same_bits_as_the_fused(done):
    expected = {
        folder.parent.name: (digest_of(folder.parent), history_of(folder.parent))
        for folder in done.glob("*/metrics.json")
    }
    for name in list(expected)[:2]:
        shutil.rmtree(done / name)
    _, said = sweep(*GRID, "hydra/launcher=basic")
    assert "4 cells: 2 finished, 2 to run." in said
    assert {name: (digest_of(done / name), history_of(done / name)) for name in expected} == expected
    for name in list(expected)[:2]:
        assert (done / name / "history.csv").read_text().splitlines()[-1].endswith(",1")  # trained alone


@pytest.mark.tf
def test_every_cohort_trains_with_the_determinism_that_its_cells_ask_for(lab):
    done, _ = sweep(*SMALL, "deterministic=true,false,true", "model.layers.hidden.units=4")
    in_force = {
        job.cell.config["deterministic"]: read_environment(job.path)["determinism"]["op_determinism"] for job in done.jobs
    }
    assert in_force == {True: True, False: False}


@pytest.mark.tf
def test_a_cell_gives_the_bits_of_the_single_run(done):
    single = stackfit.run(
        "digits_quickstart", *SMALL, "model.layers.hidden.units=4", "seed=1", reporter=Reporter(0)
    )
    (cell,) = done.glob("*units=4,seed=1*")
    assert digest_of(cell) == digest_of(single.folder) and history_of(cell) == history_of(single.folder)


@pytest.mark.tf
def test_fresh_starts_over_next_to_the_old_folder(done):
    before = tree(done)
    planned = plan_sweep("digits_quickstart", GRID, reporter=Lines(), fresh=True)
    assert planned.folder.path.name == f"{done.name}-2" and all(
        job.why == "new" for job in planned.jobs
    )
    assert tree(done) == before


@pytest.mark.tf
def test_the_results_are_current_after_every_cell(lab, monkeypatch):
    seen = []
    write = SweepFolder._write_results

    def look(self, *cells):
        write(self, *cells)
        rows = results_of(self.path)
        seen.append((len(rows), sum(row["state"] == "finished" for row in rows)))

    monkeypatch.setattr(SweepFolder, "_write_results", look)
    sweep("batch_size=100", "epochs=1,2,3")
    assert list(dict.fromkeys(seen)) == [(3, 0), (3, 1), (3, 2), (3, 3)]


# ---- processes


@pytest.mark.slow  # test_faults kills a few, and lets two sweeps work at once
@pytest.mark.tf
def test_kill_9_loses_no_finished_cell_and_two_processes_never_train_one_twice(lab):
    """A process is killed in the middle; then another one and this one go on together."""
    axes = ("epochs=10", "batch_size=100", "seed=range(8)", "hydra.launcher.max_members=2")
    words = ("run", "digits_quickstart", "-m", *axes)

    def cells(state: str) -> dict[str, int]:
        """The cells in a state, and when their status was written."""
        files = lab.glob("outputs/*/*/*/status.json")
        return {
            file.parent.name: file.stat().st_mtime_ns
            for file in files
            if status_of(file.parent)["status"] == state
        }

    killed = processes.start(lab, *words)
    processes.wait_until(lambda: cells("finished"), killed)
    killed.kill()
    processes.finish(killed)
    kept = cells("finished")
    assert len(kept) < 8

    other = processes.start(lab, *words)
    processes.wait_until(
        lambda: any(
            status_of(sweep_folder(lab) / name)["owner"]["pid"] == other.pid for name in cells("running")
        ),
        other,
    )
    _, said_here = sweep(*axes)
    code, _, said_there = processes.finish(other)
    here, there = (re.findall(r"^(seed=\d)  test", said, re.M) for said in (said_here, said_there))
    assert code == ("Not finished: " in said_there) and len(here) + len(there) == len({*here, *there}) == 8 - len(kept)
    assert len(cells("finished")) == 8 and kept.items() <= cells("finished").items()
    assert set(states(sweep_folder(lab)).values()) == {"finished"}
    assert [row["state"] for row in results_of(sweep_folder(lab))] == ["finished"] * 8


# ---- failures


@pytest.mark.tf
def test_a_cell_whose_shapes_do_not_fit_is_failed_and_the_others_run(cli, lab):
    answer = cli("run", "digits_quickstart", "-m", *SMALL, "model.layers.output.units=10,5")
    assert answer.code == 1
    assert states(sweep_folder(lab)) == {"units=10": "finished", "units=5": "failed"}
    said = answer.err
    assert "units=5: failed: " in said and "labels 5, 6, 7" in said
    assert said.index("units=5: failed") < said.index("epoch 1/1")  # named before anything is trained
    (failed,) = sweep_folder(lab).glob("*units=5-*")
    assert "The output has 5 units" in status_of(failed)["reason"]


OWN = """
import keras

class Listens(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

class Stops(keras.callbacks.Callback):
    def __init__(self, how="raise"):
        super().__init__()
        if how == "refuse":
            raise ValueError("not with me")
        self.how = how

    def on_epoch_end(self, epoch, logs=None):
        if self.how == "raise":
            raise ValueError("no more")
        if self.how == "interrupt":
            raise KeyboardInterrupt
"""


def own_axis(write, *hows: str) -> tuple[str, dict]:
    write("own_sweep.py", OWN)
    return f"+callbacks.stops.how={','.join(hows)}", {"trust": ("own_sweep",)}


STOPS = "+callbacks.stops={_target_: own_sweep.Stops}"


@pytest.mark.tf
def test_a_callback_that_raises_refuses_or_a_loss_that_explodes_fails_its_cell_only(write, lab):
    axis, options = own_axis(write, "nothing", "raise", "refuse")
    done, said = sweep(*SMALL, STOPS, axis, "optimizer=sgd", "optimizer.learning_rate=0.01,1e+30", **options)
    assert done.cohorts.failed == 5
    assert states(sweep_folder(lab)) == {
        "how=nothing, learning_rate=0.01": "finished",
        "how=nothing, learning_rate=1e+30": "failed",
        "how=raise, learning_rate=0.01": "failed",
        "how=raise, learning_rate=1e+30": "failed",
        "how=refuse, learning_rate=0.01": "failed",
        "how=refuse, learning_rate=1e+30": "failed",
    }
    assert "how=raise, learning_rate=0.01: failed: ValueError in epoch 1: no more" in said
    assert "how=nothing, learning_rate=1e+30: failed: loss is nan in epoch 1." in said
    assert "not with me" in said


@pytest.mark.tf
def test_a_graph_that_cannot_be_traced_fails_its_cell_only(lab):
    metrics = "{_target_:keras.metrics.SparseTopKCategoricalAccuracy},{_target_:keras.metrics.F1Score}"
    done, _ = sweep(*SMALL, f"+task.metrics.more={metrics}")
    assert done.cohorts.failed == 1
    assert sorted(states(sweep_folder(lab)).values()) == ["failed", "finished"]


EMBEDDING = """
defaults: [digits_quickstart, _self_]
about: {question: "What if a layer raises while it trains?"}
data: {scale: none}
model:
  layers:
    hidden: null
    same: {_target_: keras.layers.Rescaling, scale: 1.0, after: flatten}  # hides the indices from the check before training
    embed: {_target_: keras.layers.Embedding, input_dim: 17, output_dim: 2, after: same}
    flat: {_target_: keras.layers.Flatten, after: embed}
"""


@pytest.mark.tf
def test_a_layer_that_raises_while_it_trains_makes_the_others_train_alone_and_finish(write, lab):
    write("experiments/embedding.yaml", EMBEDDING)
    done, said = sweep(*SMALL, "model.layers.embed.input_dim=17,5,18", experiment="embedding")
    assert states(sweep_folder(lab)) == {
        "input_dim=17": "finished",
        "input_dim=5": "failed",
        "input_dim=18": "finished",
    }
    assert done.cohorts.failed == 1 and "The cohort stopped: TensorFlow stopped: indices" in said
    assert "Each of its cells trains again, alone." in said
    for folder in sweep_folder(lab).glob("*input_dim=1*"):
        assert len(history_of(folder)) == 1


@pytest.mark.tf
def test_fail_fast_stops_at_the_first_failure_and_the_rest_runs_another_time(write, lab):
    axis, options = own_axis(write, "raise", "nothing")
    done, _ = sweep("epochs=2", "batch_size=100", STOPS, axis, "seed=0,1", fail_fast=True, **options)
    assert done.cohorts.failed == 1
    found = states(sweep_folder(lab))
    assert sorted(found.values()) == ["failed", "interrupted", "interrupted", "interrupted"]


@pytest.mark.tf
def test_ctrl_c_marks_every_unfinished_cell_interrupted_and_keeps_the_finished(write, lab):
    axis, options = own_axis(write, "nothing", "interrupt")
    words = ("batch_size=100", STOPS, axis, "epochs=2", "hydra.launcher.max_members=1")
    with pytest.raises(KeyboardInterrupt):
        sweep(*words, **options)
    assert states(sweep_folder(lab)) == {"how=nothing": "finished", "how=interrupt": "interrupted"}
    assert [row["state"] for row in results_of(sweep_folder(lab))] == ["finished", "interrupted"]


@pytest.mark.tf
def test_a_callback_that_listens_to_batches_trains_alone_and_the_reason_is_printed(write, lab):
    write("own_sweep.py", OWN)
    listens = "+callbacks.listens={_target_:own_sweep.Listens},null"
    _, said = sweep(*SMALL, listens, "seed=0,1", trust=("own_sweep",))
    assert said.count("trains alone: callbacks.listens listens to every batch") == 2
    members = {
        path.parent.name[-8:]: path.read_text().splitlines()[-1][-1]
        for path in sweep_folder(lab).glob("*/history.csv")
    }
    assert sorted(members.values()) == ["1", "1", "2", "2"]


# ---- what may be swept


@pytest.mark.tf
def test_groups_depths_and_batch_sizes_may_be_axes(lab):
    pairs = ("optimizer=tag(pair,choice(adam,sgd))", "model.layers.hidden.units=tag(pair,choice([],[3,2]))")
    done, _ = sweep("epochs=1", *pairs, "batch_size=100,200")
    assert set(states(done.folder.path).values()) == {"finished"} and len(done.jobs) == 4
    parameters = {
        job.cell.axes["model.layers.hidden.units"]: status_of(job.path)["metrics"]["parameters"]
        for job in done.jobs
    }
    assert parameters == {"[]": 64 * 10 + 10, "[3,2]": (64 * 3 + 3) + (3 * 2 + 2) + (2 * 10 + 10)}
    lines = [path.read_text().splitlines()[-1] for path in done.folder.path.glob("*/history.csv")]
    assert {line.rpartition(",")[2] for line in lines} == {"2"}  # one cohort for each batch size


UNION = """
defaults: [digits_quickstart, _self_]
about: {question: "Which optimizer?"}
hydra:
  mode: MULTIRUN
  sweeper:
    params: {seed: "range(2)"}
    union:
      - {optimizer: sgd, optimizer.learning_rate: "0.1,0.01"}
      - {optimizer: adam}
"""


def test_an_experiment_may_declare_a_union_of_grids(write):
    write("experiments/union.yaml", UNION)
    planned = plan_sweep("union", [], reporter=Lines())
    assert [label_of(job.cell.axes) for job in planned.jobs] == [
        "seed=0, optimizer=sgd, learning_rate=0.1",
        "seed=0, optimizer=sgd, learning_rate=0.01",
        "seed=1, optimizer=sgd, learning_rate=0.1",
        "seed=1, optimizer=sgd, learning_rate=0.01",
        "seed=0, optimizer=adam",
        "seed=1, optimizer=adam",
    ]
    assert [job.cell.config["optimizer"]["learning_rate"] for job in planned.jobs] == [
        0.1,
        0.01,
        0.1,
        0.01,
        0.001,
        0.001,
    ]
    assert len({job.path for job in planned.jobs}) == 6


@pytest.mark.tf
def test_xor_declares_its_own_sweep_and_mode_run_gives_a_single_run(cli, lab):
    answer = cli("run", "xor_needs_a_hidden_layer")
    assert answer.code == 0 and re.search(
        r"outputs/xor_needs_a_hidden_layer/sweep-[0-9a-f]{8}$", answer.out.strip()
    )
    rows = {row["model.layers.hidden.units"]: row for row in results_of(sweep_folder(lab))}
    assert float(rows["[]"]["test_accuracy"]) <= 0.75 and float(rows["4"]["test_accuracy"]) == 1.0
    single = cli("run", "xor_needs_a_hidden_layer", "hydra.mode=RUN", "epochs=1")
    assert single.code == 0 and re.search(r"/\d{4}-\d\d-\d\d_[^/]*$", single.out.strip())


# ---- what is refused: exit 2, nothing trained, no folder


@pytest.mark.parametrize(
    "words, message",
    [
        (
            ["model.layers.hidden.unitz=1,2"],
            "There is no key 'unitz' in model.layers.hidden. Did you mean 'units'?",
        ),
        (["epochs=1,x,3"], "epochs=1,x,3  epochs\n  epochs is 'x'. Expected a whole number."),
        (["epochs=1,0"], "epochs is 0. Expected 1 to "),
        (["optimizer=adam,adan"], "Did you mean 'adam'?"),
        (["optimizer._target_=keras.optimizers.SGD,os.system"], "os.system"),
        (
            ["a=tag(p,choice(1,2))", "epochs=tag(p,choice(1,2,3))"],
            "have different lengths: a has 2, epochs has 3",
        ),
        (["seed=range(0)"], "This sweep has no cells."),
        (
            ["seed=range(1000)", "epochs=range(1,1001)"],
            "This sweep has 1,000,000 cells. Expected a confirmation before so many.",
        ),
        (["seed=interval(0,1)"], "interval without steps"),
        (["hydra/sweeper=basic", "seed=0,1"], "does not know which cells are finished"),
        (["hydra/launcher=fussed", "seed=0,1"], "fused"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_sweep_is_refused_and_leaves_no_folder(cli, lab, words, message):
    began = time.process_time()
    answer = cli("run", "digits_quickstart", "-m", *words)
    assert answer.code == 2 and message in answer.err, answer.err
    assert answer.out == "" and not (lab / "outputs").exists()
    assert time.process_time() - began < 5


def test_many_cells_are_asked_about_and_yes_is_an_answer(lab, monkeypatch):
    monkeypatch.setattr("stackfit.config.hydra.spread.MANY", 2)
    asked = []
    start_sweep(
        "digits_quickstart",
        ["seed=range(3)"],
        reporter=Lines(),
        confirm=lambda cells: not asked.append(cells),
    )
    assert asked == [3]
    with pytest.raises(ConfigError, match="This sweep has 3 cells"):
        start_sweep("digits_quickstart", ["seed=range(3)"], reporter=Lines(), confirm=lambda cells: False)


def test_of_many_cells_the_reasons_are_counted_and_what_composing_took_is_said(lab, monkeypatch):
    monkeypatch.setattr("stackfit.execution.sweep.LONG_SECONDS", 0.0)
    reporter = Lines()
    planned = plan_sweep("digits_quickstart", ["epochs=1", "seed=range(50)"], reporter=reporter)
    planned.jobs[0].state = "finished"
    planned.jobs[1].state, planned.jobs[1].reason = "failed before", "out of memory"
    planned._announce(planned.jobs, planned.jobs[1:])
    assert reporter.text.splitlines()[0].startswith("Composed 50 cells in ")
    assert reporter.text.splitlines()[1:] == [
        "digits_quickstart: 50 cells: 1 finished, 49 to run.", "  seed=1: failed before: out of memory", "  48 cells: new",
    ]  # fmt: skip


# ---- a folder of another version, or damaged


@pytest.mark.tf
@pytest.mark.parametrize(
    "text", ["{half", "[]", '{"cells": 5}', '{"format": 1, "cells": [{"axes": 3}, 7]}', ""]
)
def test_a_damaged_index_is_made_again_from_the_cells(done, text):
    (done / "sweep.json").write_text(text)
    _, said = sweep(*SMALL, "model.layers.hidden.units=3,4", "seed=range(1)")
    assert "2 cells: 2 finished" in said
    assert len(states(done)) == len(results_of(done)) == 4  # the cells of earlier commands too


@pytest.mark.tf
def test_an_index_of_a_newer_version_is_refused_and_left_alone(done):
    newer = json.dumps({"format": 99, "cells": []})
    (done / "sweep.json").write_text(newer)
    with pytest.raises(RunFolderError, match="has format 99"):
        sweep(*SMALL, "model.layers.hidden.units=3,4,5", "seed=range(2)")
    assert (done / "sweep.json").read_text() == newer


@pytest.mark.tf
@pytest.mark.parametrize("where", ["sweep", "cell"])
def test_an_index_with_a_key_of_a_newer_version_is_refused_by_its_name_and_left_alone(done, where):
    index = json.loads((done / "sweep.json").read_text())
    (index if where == "sweep" else index["cells"][0])["rung"] = 3
    (done / "sweep.json").write_text(json.dumps(index))
    with pytest.raises(RunFolderError, match=r"sweep\.json was made by a newer stackfit: .*the key (cells\.)?rung\. .*Update"):
        sweep(*SMALL, "model.layers.hidden.units=3,4,5", "seed=range(2)")
    assert json.loads((done / "sweep.json").read_text()) == index


@pytest.mark.tf
def test_a_cell_of_a_newer_version_is_refused_and_left_alone(done):
    folder = next(done.glob("*seed=0*"))
    newer = json.dumps(status_of(folder) | {"format": 99})
    (folder / "status.json").write_text(newer)
    with pytest.raises(RunFolderError, match="has format 99"):
        sweep(*GRID)
    assert (folder / "status.json").read_text() == newer


def test_outputs_that_cannot_be_written_are_said_before_anything_is_trained(cli, write):
    write("outputs", "a file in the place of the folder")
    answer = cli("run", "digits_quickstart", "-m", *GRID)
    assert answer.code == 2 and "cannot be written" in answer.err


def test_a_renamed_sweep_is_found_by_what_it_is(lab):
    made = SweepFolder.find(lab, "mine", ["epochs=1"], ["seed"])
    made.write_index("mine", ["epochs=1"], ["seed"], [])
    made.path.rename(lab / "my best sweep")
    (lab / "broken").mkdir()
    (lab / "broken" / "sweep.json").write_text("[]")
    assert SweepFolder.find(lab, "mine", ["epochs=1"], ["seed"]).path.name == "my best sweep"
    assert SweepFolder.find(lab, "mine", ["epochs=2"], ["seed"]).path.name != "my best sweep"
    assert SweepFolder.find(lab, "mine", ["epochs=1"], ["seed"], fresh=True).path == made.path


@pytest.mark.tf
def test_a_choice_of_groups_goes_with_a_value_that_each_of_them_has(lab, write):
    write("conf/optimizer/heavy.yaml", "_target_: keras.optimizers.SGD\nlearning_rate: 0.01\nmomentum: 0.99\n")
    words = (*SMALL, "optimizer=momentum,heavy", "optimizer.momentum=0.5")
    done, _ = sweep(*words)
    assert [job.cell.config["optimizer"]["momentum"] for job in done.jobs] == [0.5, 0.5]
    assert [job.state for job in plan_sweep("digits_quickstart", words, reporter=Reporter(0)).jobs] == ["finished", "finished"]
