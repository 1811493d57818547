"""`executors`: a cohort as a record that another process can train, and who decides what is trusted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from composing import plan_sweep

from stackfit.errors import ConfigError
from stackfit.execution.executors import InProcess, Work, run_work
from stackfit.execution.processes import Processes
from stackfit.execution.progress import Reporter
from stackfit.results.run_files import read_metrics, read_status

SMALL = ("epochs=1", "batch_size=100", "model.layers.hidden.units=4,5")
WORKER = """
import json, sys
from stackfit.execution.executors import Work, run_work
from stackfit.execution.launchers import executor_of
from stackfit.execution.processes import Processes
from stackfit.execution.progress import Reporter
print(run_work(Work(**json.loads(sys.argv[1])), Reporter(0)))
"""


def record(*words: str) -> tuple[dict, list[Path]]:
    """A planned sweep's cells as one cohort, as JSON gives it back, and their folders."""
    sweep = plan_sweep("digits_quickstart", words, reporter=Reporter(0))
    work = Work.of(sweep.jobs, sweep.folder.path)
    return json.loads(json.dumps(dataclasses.asdict(work))), [job.path for job in sweep.jobs]


@pytest.mark.tf
def test_another_process_trains_a_cohort_from_its_record_with_the_bits_of_this_one(lab):
    work, folders = record(*SMALL)
    folders[0].parent.mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", WORKER, json.dumps(work)], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip().splitlines()[-1:], done.returncode) == (["0"], 0), done.stderr
    there = [read_metrics(folder)["weights_sha256"] for folder in folders]
    assert {read_status(folder)["status"] for folder in folders} == {"finished"}
    sweep = plan_sweep("digits_quickstart", SMALL, reporter=Reporter(0), fresh=True).run()
    assert [read_metrics(job.path)["weights_sha256"] for job in sweep.jobs[-2:]] == there


def test_a_project_that_has_changed_since_is_refused_by_name_and_nothing_is_trained(lab):
    work, folders = record(*SMALL)
    work["cells"][1]["fingerprint"] = "0" * 64
    with pytest.raises(ConfigError, match=r"^digits_quickstart, units=5: its config, data, versions or code have changed"):
        run_work(Work(**work), Reporter(0))
    assert not any(folder.exists() for folder in folders)


def test_what_is_trusted_is_decided_by_the_process_that_works(lab, write):
    write("mine.py", "import keras\n\n\nclass Mine(keras.callbacks.Callback):\n    pass\n")
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["mine"]\n')
    work, _ = record(*SMALL, "+callbacks.mine={_target_: mine.Mine}")
    assert "trust" not in json.dumps(sorted(work))
    write("pyproject.toml", "")
    with pytest.raises(ConfigError, match=r"mine.Mine is not allowed as part of callbacks"):
        run_work(Work(**work), Reporter(0))


@pytest.mark.parametrize(
    "words, expected",
    [
        (["hydra/launcher=fused"], InProcess()),
        (["hydra/launcher=basic"], InProcess(1)),
        (["hydra.launcher.max_members=3"], InProcess(3)),
        (["hydra/launcher=processes", "hydra.launcher.workers=2"], Processes(2)),
    ],
)
def test_the_launcher_is_read_from_the_composed_config(lab, words, expected):
    assert plan_sweep("digits_quickstart", (*SMALL, *words), reporter=Reporter(0)).executor == expected


@pytest.mark.parametrize(
    "words, expected",
    [
        (["hydra/launcher=processes", "hydra.launcher.workers=0"], "hydra.launcher.workers is 0. Expected a number above 0"),
        (["hydra.launcher.max_members=-1"], "hydra.launcher.max_members is -1. Expected a number above 0"),
        (["hydra/launcher=processes", "hydra.launcher.worker=2"], "The launcher processes has no setting 'worker'. Did you mean 'workers'?"),
        (["hydra.launcher.workers=2"], "The launcher fused has no setting 'workers'. Expected max_members. Write: hydra/launcher=processes with it."),
        (["hydra/launcher=processes", "hydra.launcher.workers=many"], "hydra.launcher.workers is 'many'. Expected a whole number or null."),
    ],
)
def test_a_wrong_setting_of_a_launcher_is_refused_before_a_folder_is_made(cli, lab, words, expected):
    answer = cli("run", "digits_quickstart", "-m", "seed=0,1", *words)
    assert (answer.code, answer.out) == (2, "") and not (lab / "outputs").exists()
    assert expected in answer.err


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("word", ["hydra/launcher=processes", "hydra/launcher=fused", "hydra.launcher.max_members=2", "hydra/sweeper=cells"])
def test_what_only_a_sweep_can_use_is_refused_for_one_run(cli, lab, command, word):
    answer = cli(command, "digits_quickstart", word)
    assert answer.code == 2 and not (lab / "outputs").exists()
    assert f"{word.partition('=')[0]} does nothing without a sweep." in answer.err


@pytest.mark.parametrize("typed, near", [("proceses", "processes"), ("Slurm", "slurm"), ("fussed", "fused"), ("kubernetes", "fused")])
def test_a_misspelt_launcher_is_answered_with_the_nearest(cli, typed, near):
    answer = cli("run", "digits_quickstart", "-m", "seed=0,1", f"hydra/launcher={typed}")
    assert answer.code == 2 and f"hydra/launcher={near}, or leave it out." in " ".join(answer.err.split())


def test_slurm_without_a_cluster_is_said_before_anything_is_planned(cli, lab, monkeypatch):
    monkeypatch.setattr("stackfit.execution.launchers._need", lambda extra, module: None)
    monkeypatch.setenv("PATH", str(lab))
    answer = cli("run", "digits_quickstart", "-m", "seed=0,1", "hydra/launcher=slurm")
    assert answer.code == 2 and "it has no sbatch. Expected a login node." in answer.err and "cells" not in answer.err


@pytest.mark.parametrize("word", ["hydra/launcher=joblib", "hydra/launcher=submitit_slurm", "hydra/sweeper=optuna"])
def test_launchers_and_sweepers_of_other_packages_are_refused_in_one_line_that_names_ours(cli, lab, word):
    answer = cli("run", "digits_quickstart", "-m", "seed=0,1", word)
    assert (answer.code, answer.out) == (2, "") and not (lab / "outputs").exists()
    ours = "cells or search" if "sweeper" in word else "fused, basic, processes, slurm or ray"
    assert f"is not one of stackfit's: it does not know which cells are finished. Expected {ours}." in answer.err
    assert len(answer.err.splitlines()) == 2
