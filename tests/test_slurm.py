"""`slurm`: a sweep as an array job of a real Slurm with two nodes on this host."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slurm_host import Slurm

from stackfit.execution import slurm as launcher
from stackfit.results.run_files import read_metrics, read_status
from stackfit.results.sweep_folder import SweepFolder

pytestmark = [pytest.mark.extra, pytest.mark.tf]
LAUNCHER = ("hydra/launcher=slurm", "hydra.launcher.workers=2")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with Slurm(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture
def run(cluster, lab) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run(*words)`: `stackfit run digits_quickstart -m WORD…` where Slurm's commands are on the PATH."""

    def run_sweep(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stackfit", "run", "digits_quickstart", "-m", *words]
        return subprocess.run(command, cwd=lab, env=cluster.environment, capture_output=True, text=True, timeout=300)

    return run_sweep


def folder_of(answer: subprocess.CompletedProcess[str], lab: Path) -> SweepFolder:
    return SweepFolder(lab / answer.stdout.splitlines()[-1])


def cells_of(folder: SweepFolder) -> list[Path]:
    return [folder.path / cell["folder"] for cell in folder.read_index()["cells"]]


def wait(condition: Callable[[], object], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.2)


def test_an_array_job_gives_the_bits_of_the_fused_sweep(run, lab, cluster):
    words = ("epochs=2", "batch_size=100", "seed=range(6)")
    fused = run(*words)
    expected = [read_metrics(cell)["weights_sha256"] for cell in cells_of(folder_of(fused, lab))]
    shutil.rmtree(lab / "outputs")
    answer = run(*words, *LAUNCHER)
    assert answer.returncode == 0, answer.stderr
    folder = folder_of(answer, lab)
    assert [read_metrics(cell)["weights_sha256"] for cell in cells_of(folder)] == expected
    assert "Submitted job" in answer.stderr and len([*folder.jobs.glob("*_submitted.pkl")]) == 2
    assert all(read_status(cell)["owner"]["pid"] for cell in cells_of(folder))
    assert cluster.call("squeue", "-h") == ""


def test_a_task_that_gets_sigterm_goes_back_into_the_queue_and_stop_ends_it_there(run, lab, cluster):
    answer = run("epochs=3000", "batch_size=8", "seed=range(4)", *LAUNCHER, "--detach")
    assert answer.returncode == 0, answer.stderr
    folder = folder_of(answer, lab)
    wait(lambda: len([*folder.path.glob("*/checkpoint.npz")]) == 4)
    job = cluster.call("squeue", "-h", "-o", "%A").split()[0]
    cluster.call("scancel", "--signal=TERM", job)
    wait(lambda: "PD" in cluster.call("squeue", "-h", "-r", "-o", "%t"))  # pending again: Slurm waits two minutes
    subprocess.run([sys.executable, "-m", "stackfit", "stop", str(folder.path)], cwd=lab, check=True)
    for task in cluster.call("squeue", "-h", "-r", "-o", "%F_%K").split():
        with contextlib.suppress(RuntimeError):  # it has just ended
            cluster.call("scontrol", "update", f"jobid={task}", "starttime=now")
    wait(lambda: cluster.call("squeue", "-h") == "")
    assert {read_status(cell)["status"] for cell in cells_of(folder)} == {"interrupted"}


def test_a_partition_that_does_not_exist_is_refused_and_no_folder_is_left(run, lab):
    answer = run("epochs=1", "seed=0,1", *LAUNCHER, "hydra.launcher.partition=nowhere")
    assert (answer.returncode, answer.stdout) == (2, "") and not (lab / "outputs").exists()
    assert "The cluster did not take the job: sbatch: error: Batch job submission failed: Invalid partition" in answer.stderr


def test_the_projects_conf_and_typed_options_reach_the_batch_script(run, lab, write):
    write("conf/hydra/launcher/slurm.yaml", 'partition: urgent\nsetup: ["export MARK=${HOME}/x"]\noptions: {comment: ours}\n')
    answer = run("epochs=1", "batch_size=100", "seed=0,1", *LAUNCHER, "hydra.launcher.options={nice: 5}")
    assert answer.returncode == 0, answer.stderr
    script = next(folder_of(answer, lab).jobs.glob("*submission.sh")).read_text()
    for line in ("#SBATCH --partition=urgent", "#SBATCH --comment=ours", "#SBATCH --nice=5", "export MARK=${HOME}/x"):
        assert f"\n{line}\n" in script


def test_submitits_local_executor_trains_without_slurm(run, lab):
    answer = run("epochs=1", "batch_size=100", "seed=0,1,2,3", *LAUNCHER, "hydra.launcher.cluster=local")
    assert answer.returncode == 0, answer.stderr
    assert {read_status(cell)["status"] for cell in cells_of(folder_of(answer, lab))} == {"finished"}


def test_outside_of_a_task_nothing_goes_back_into_a_queue(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert launcher.requeue(3) is None
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    assert launcher.requeue(3) == "It has gone back into the queue 3 times already; --requeues allows 3."
