"""`ray_tasks`: a sweep as tasks of a real Ray cluster with two nodes on this host."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackfit.execution.sweep import Sweep
from stackfit.results.run_files import read_metrics, read_status
from stackfit.results.study import read_study
from stackfit.results.sweep_folder import SweepFolder

pytestmark = [pytest.mark.extra, pytest.mark.tf]


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def start(lab: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stackfit", "run", "digits_quickstart", "-m", *words, "hydra/launcher=ray"]
    return subprocess.Popen(command, cwd=lab, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sweep_of(lab: Path) -> SweepFolder:
    (index,) = lab.glob("outputs/*/*/sweep.json")
    return SweepFolder(index.parent)


def test_a_node_that_is_lost_takes_no_cell_with_it(cluster, lab):
    words = ("epochs=60", "batch_size=16", "seed=range(6)")
    process = start(lab, *words, f"hydra.launcher.address={cluster.address}")
    until = time.monotonic() + 200
    while len([*lab.glob("outputs/*/*/*/checkpoint.npz")]) < 6:
        assert process.poll() is None and time.monotonic() < until, process.stderr.read()
        time.sleep(0.3)
    cluster.remove_node(cluster.second, allow_graceful=False)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    cells = [sweep_of(lab).path / cell["folder"] for cell in sweep_of(lab).read_index()["cells"]]
    assert {read_status(cell)["status"] for cell in cells} == {"finished"}
    lost = {cell.name: read_metrics(cell)["weights_sha256"] for cell in cells}
    again = subprocess.run(
        [sys.executable, "-m", "stackfit", "run", "digits_quickstart", "-m", *words, "--fresh"], cwd=lab, timeout=300
    )
    assert again.returncode == 0
    assert {path.name: read_metrics(path)["weights_sha256"] for path in lab.glob("outputs/*/sweep-*-2/seed*")} == lost


def test_a_cluster_of_its_own(lab):
    process = start(lab, "epochs=1", "batch_size=100", "seed=0,1")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "of Ray." in err and "Traceback" not in err


def test_a_search_on_a_cluster_has_the_trials_of_the_fused_search(cluster, lab):
    words = ("hydra/sweeper=search", "data.validation_split=0.2", "epochs=3", "batch_size=200", "hydra.sweeper.batch=4", "hydra.sweeper.n_trials=8",
             "model.layers.hidden.units=range(4,65,step=4)", "optimizer.learning_rate=tag(log, interval(1e-4,1e-1))")  # fmt: skip
    process = start(lab, *words, f"hydra.launcher.address={cluster.address}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    folder = sweep_of(lab)
    fused = subprocess.run(
        [sys.executable, "-m", "stackfit", "run", "digits_quickstart", "-m", *words, "--fresh"], cwd=lab, timeout=300
    )
    assert fused.returncode == 0
    here, there = read_study(folder), read_study(SweepFolder(folder.path.with_name(f"{folder.path.name}-2")))
    assert here.trials == there.trials and {trial.batch for trial in here.trials} == {0, 1}
    assert {path.name for path in folder.jobs.glob("worker-*.json")} == set()  # all have ended


def test_an_address_where_nobody_answers_ends_in_one_message_and_no_folder(lab):
    process = start(lab, "epochs=1", "seed=0,1", "hydra.launcher.address=127.0.0.1:9")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "") and not (lab / "outputs").exists()
    assert err.count("error:") == 1 and "Ray's cluster 127.0.0.1:9 cannot be reached: " in err


def test_detached_tasks_are_refused_before_a_cell_is_composed(cli, lab, monkeypatch):
    monkeypatch.setattr(Sweep, "plan_cells", None)
    answer = cli("run", "digits_quickstart", "-m", "epochs=1", "seed=0,1", "hydra/launcher=ray", "--detach")
    assert answer.code == 2 and "--detach is not possible" in answer.err and not (lab / "outputs").exists()
