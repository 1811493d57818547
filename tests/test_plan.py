"""`plan`: what a run or a sweep would do is what it then does; nothing is trained or written."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

SMALL = ("epochs=1", "batch_size=100")
GRID = (*SMALL, "model.layers.hidden.units=3,4", "seed=0,1")


def tree(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def plan(cli):
    """`plan("gsp631_base", …)`: the exit code and the JSON document."""

    def run(*words: str) -> tuple[int, dict]:
        answer = cli("plan", *words, "--json")
        return answer.code, json.loads(answer.out)

    return run


# ---- one experiment


@pytest.mark.tf
def test_layers_memory_and_steps_by_hand(plan, tiny):
    code, found = plan("gsp631_base", *tiny)
    assert code == 0 and found["errors"] == []
    names = ("name", "type", "output_shape", "parameters", "flops", "activation_bytes")
    assert [tuple(layer[name] for name in names) for layer in found["layers"]] == [
        ("input", "InputLayer", [28, 28, 1], 0, 0, 4 * 784),
        ("flatten", "Flatten", [784], 0, 0, 4 * 784),
        ("hidden", "Dense", [64], 785 * 64, 2 * 784 * 64 + 64 + 64, 4 * 64),
        ("output", "Dense", [10], 65 * 10, 2 * 64 * 10 + 10 + 5 * 10, 4 * 10),
    ]
    model = found["model"]
    assert (model["stack"], model["parameters"], model["trainable"]) == ("784 -> 64 -> 10", 50_890, 50_890)
    assert (model["flops"], model["flops_complete"]) == (100_480 + 1_340, True)
    activations = 32 * 4 * (784 + 784 + 64 + 10)
    adam = 2 * 4 * 50_890 + 8 + 4  # two moments, the step, the learning rate
    data = 60 * (784 + 8)
    weights = 4 * 50_890
    assert found["memory"] == {
        "weights": weights, "gradients": weights, "optimizer": adam, "activations": activations, "data": data,
    }  # fmt: skip
    assert found["steps"] == {"train": 2, "validation": 0, "test": 1, "epochs": 5, "train_total": 10}


@pytest.mark.tf
def test_the_table_says_the_same(cli, tiny):
    said = cli("plan", "gsp631_base", *tiny)
    assert said.code == 0 and said.err == ""
    lines = [line.split() for line in said.out.splitlines()]
    assert ["hidden", "Dense", "64", "50,240", "100,480", "256", "B"] in lines
    assert ["total", "50,890", "101,820", "6.6", "kB"] in lines
    assert "steps   2 an epoch, 10 in 5 epochs, 1 test" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.tf
def test_the_learning_rate_is_drawn_where_it_changes(cli, plan, tiny):
    words = ("gsp631_base", *tiny, "epochs=20", "optimizer=warmup_cosine")
    rates = plan(*words)[1]["rates"]
    assert [rates[0], rates[-1][0], len(rates)] == [[0, 0.0], 39, 30]  # 2 steps an epoch
    highest = max(rate for _, rate in rates)
    [line] = [line for line in cli("plan", *words).out.splitlines() if line.startswith("rate ")]
    assert line.startswith("rate    ▁") and len(line) <= 80
    assert line.endswith(f" 0, highest {highest:.3g}, last {rates[-1][1]:.3g}")
    assert "rate " not in cli("plan", "gsp631_base", *tiny).out and plan("gsp631_base", *tiny)[1]["rates"] is None
    bars = line.split()[1]
    assert rates[bars.index("█")][0] == 4 and len(bars) == 30  # the warm-up is a tenth of the run


@pytest.mark.tf
def test_frozen_parameters_and_an_unknown_count_are_said(cli, plan, tiny):
    words = ("gsp631_base", *tiny, "model.layers.hidden.units=4", "+model.layers.hidden.trainable=false",
             "+model.layers.smaller={_target_: keras.layers.Resizing, height: 14, width: 14, after: input}")  # fmt: skip
    _, found = plan(*words)
    hidden = next(layer for layer in found["layers"] if layer["name"] == "hidden")
    assert (hidden["parameters"], hidden["trainable"]) == (197 * 4, 0)
    assert [layer["flops"] for layer in found["layers"] if layer["name"] == "smaller"] == [None]
    assert not found["model"]["flops_complete"]
    said = cli("plan", *words).out
    assert "788 (788 frozen)" in said and "?" in said and f"at least {found['model']['flops']:,}" in said


@pytest.mark.tf
def test_a_model_that_breaks_shows_the_layers_above_then_the_error_with_its_line(cli, plan, tiny):
    broken = "+model.layers.conv={_target_: keras.layers.Conv2D, filters: 2, kernel_size: 3, after: hidden}"
    code, found = plan("gsp631_base", *tiny, broken)
    assert code == 2 and [layer["name"] for layer in found["layers"]] == ["input", "flatten", "hidden"]
    assert found["model"] is found["memory"] is None
    assert any(error["key"].startswith("model.layers.conv") and broken in error["where"] for error in found["errors"])
    said = cli("plan", "gsp631_base", *tiny, broken)
    assert said.code == 2 and "cannot be trained" in said.out and "(64,)" in said.err
    assert "Traceback" not in said.err


@pytest.mark.tf
def test_a_misspelt_key_is_an_error_of_the_plan_which_goes_on_to_the_layers(cli, plan):
    code, found = plan("digits_quickstart", "epocs=3")
    assert code == 2 and len(found["layers"]) == 4 and "Did you mean 'epochs'?" in found["errors"][0]["message"]
    assert cli("plan", "digits_quickstart", "epocs=3").code == 2
    assert "Expected key=value and -m" in cli("plan", "digits_quickstart", "--cfg", "job").err


@pytest.mark.tf
def test_nothing_is_fetched_or_written_and_absent_data_are_said_to_be_absent(cli, plan, lab, monkeypatch):
    for name in ("STACKFIT_CACHE", "TFDS_DATA_DIR"):
        monkeypatch.setenv(name, str(lab / "nothing"))
    before = tree(lab)
    code, found = plan("gsp631_base", "--probe")
    assert code == 0 and not found["data"]["here"]
    assert found["data"]["examples"] == {"train": 60_000, "validation": 0, "test": 10_000}
    assert found["data"]["bytes"] == 70_000 * (784 + 8) and found["steps"]["train"] == 1_875
    times = found["time"]
    assert times["total"] >= 5 * times["epoch"] > 0 and times["epoch"] == pytest.approx(1_875 * times["step"])
    assert "fashion_mnist, not here yet" in cli("plan", "gsp631_base").out
    code, found = plan("tf_hparams_grid")
    assert code == 0 and {cell["state"] for cell in found["cells"]} == {"unknown"}
    assert tree(lab) == before


@pytest.mark.tf
def test_an_interrupted_run_is_where_it_goes_on(cli, plan, lab):
    run = cli("run", "digits_quickstart", *SMALL, "model.layers.hidden.units=3")
    folder = lab / run.out.splitlines()[-1]
    words = ("digits_quickstart", *SMALL, "model.layers.hidden.units=3")
    assert plan(*words)[1]["continues"] is None
    rewrite(folder, status="interrupted")
    before = tree(lab)
    assert plan(*words)[1]["continues"] == str(folder.relative_to(lab))
    assert tree(lab) == before


# ---- a sweep


def rewrite(folder: Path, **status: str) -> None:
    file = folder / "status.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **status}))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, keras) -> Path:
    """The outputs of a sweep of four."""
    import stackfit
    from stackfit.execution.progress import Reporter

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab := tmp_path_factory.mktemp("trained"))
        stackfit.sweep("digits_quickstart", *GRID, reporter=Reporter(0))
    return lab / "outputs"


@pytest.fixture
def done(trained, lab) -> dict[str, Path]:
    """The same in the working folder: each cell's folder by its label."""
    shutil.copytree(trained, lab / "outputs")
    folders = (path.parent for path in (lab / "outputs").glob("*/sweep-*/*/status.json"))
    return {json.loads((folder / "status.json").read_text())["cell"]: folder for folder in folders}


@pytest.mark.tf
def test_every_cell_has_its_state_and_its_folder(plan, cli, done, lab):
    rewrite(done["units=3, seed=1"], status="interrupted")
    rewrite(done["units=4, seed=0"], status="failed", reason="loss is nan in epoch 1. Expected less.")
    before = tree(lab)
    words = ("digits_quickstart", *SMALL, "model.layers.hidden.units=3,4,5", "seed=0,1", "-m")
    code, found = plan(*words)
    assert code == 0 and tree(lab) == before
    cells = {cell["cell"]: cell for cell in found["cells"]}
    assert {name: cell["state"] for name, cell in cells.items()} == {
        "units=3, seed=0": "finished",
        "units=3, seed=1": "was interrupted",
        "units=4, seed=0": "failed before",
        "units=4, seed=1": "finished",
        "units=5, seed=0": "new",
        "units=5, seed=1": "new",
    }
    assert cells["units=4, seed=0"]["reason"].startswith("loss is nan")
    assert lab / cells["units=3, seed=0"]["folder"] == done["units=3, seed=0"]
    assert cells["units=5, seed=0"]["folder"] is None
    assert [cell["parameters"] for cell in cells.values()] == [65 * n + (n + 1) * 10 for n in (3, 3, 4, 4, 5, 5)]
    assert [cell["cohort"] for cell in cells.values()] == [None, 1, 1, None, 1, 1]
    assert found["totals"] | {"seconds": 0} == {
        "cells": 6, "finished": 2, "elsewhere": 0, "failing": 0, "to_train": 4, "cohorts": 1, "seconds": 0,
    }  # fmt: skip
    said = cli("plan", *words)
    assert "6 cells, 2 finished, 4 to train in 1 cohort" in said.out and "failed: loss is nan" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.tf
def test_cells_of_another_config_have_changed_since_they_ran(plan, done):
    _, found = plan("digits_quickstart", "epochs=1", "batch_size=50", *GRID[2:], "-m")
    assert {cell["state"] for cell in found["cells"]} == {"new"}  # another sweep: its fixed overrides differ
    for folder in done.values():
        folder.rename(folder.with_name(folder.name[:-8] + "00000000"))
    _, found = plan("digits_quickstart", *GRID, "-m")
    assert {cell["state"] for cell in found["cells"]} == {"changed since it ran"}


@pytest.mark.tf
def test_cohorts_are_those_that_then_train_together(plan, cli, lab):
    words = ("digits_quickstart", "epochs=1", "model.layers.hidden.units=3,4", "batch_size=100,200", "-m")
    _, found = plan(*words)
    sizes = {cell["cell"]: len(found["cohorts"][cell["cohort"] - 1]["cells"]) for cell in found["cells"]}
    assert Counter(sizes.values()) == {2: 4} and found["totals"]["cohorts"] == 2
    assert cli("run", *words, "-q").code == 0
    for file in (lab / "outputs").glob("*/sweep-*/*/history.csv"):
        label = json.loads((file.parent / "status.json").read_text())["cell"]
        (row,) = csv.DictReader(file.read_text().splitlines())
        assert int(row["members"]) == sizes[label]


@pytest.mark.tf
def test_why_a_cell_trains_alone_is_said(plan, cli):
    listens = "+callbacks.stop={_target_: keras.callbacks.TerminateOnNaN},null"
    words = ("digits_quickstart", listens, "batch_size=20,30", "-m")
    _, found = plan(*words)
    assert [(group["cells"], group["alone"]) for group in found["cohorts"]] == [
        ([1], "callbacks.stop listens to every batch"),
        ([2], "callbacks.stop listens to every batch"),
        ([3], "no other cell has its batch_size"),
        ([4], "no other cell has its batch_size"),
    ]
    assert "alone   1, 2: callbacks.stop listens to every batch" in cli("plan", *words).out
    _, found = plan("digits_quickstart", "seed=0,1", "-m", "hydra/launcher=basic")
    assert [group["alone"] for group in found["cohorts"]] == ["the launcher trains one cell at a time"] * 2


@pytest.mark.tf
def test_a_cell_that_will_fail_is_named_with_the_reason_and_the_others_are_planned(plan, cli):
    words = ("digits_quickstart", "model.layers.output.units=10,5", "seed=0,1", "-m")
    code, found = plan(*words)
    assert code == 1 and len(found["errors"]) == 1
    assert [cell["errors"] for cell in found["cells"]] == [[], [], [0], [0]]
    assert found["totals"]["failing"] == found["totals"]["to_train"] == 2
    assert found["errors"][0]["where"] == "model.layers.output.units=5"
    said = cli("plan", *words)
    assert said.out.count("fails: The output has 5") == 2
    assert "error: cells 3, 4  model.layers.output.units=5" in said.err
    code, found = plan("digits_quickstart", "+callbacks.x={_target_: keras.callbacks.Nope},null", "-m")
    assert code == found["exit_code"] == 2 and [cell["errors"] for cell in found["cells"]] == [[0], []]


@pytest.mark.tf
def test_a_sweep_with_a_wrong_value_would_not_start(plan, cli):
    said = cli("plan", "digits_quickstart", "epochs=1,x", "-m")
    assert said.code == 2 and "error: epochs=1,x  epochs" in said.err and "cannot be trained" in said.out
    code, found = plan("digits_quickstart", "epochs=1,x", "-m")
    assert code == 2 and found["cells"] is None and "epochs" in found["errors"][0]["key"]


@pytest.mark.tf
def test_a_probe_estimates_every_cohort_and_its_cells(plan, lab):
    before = tree(lab)
    _, found = plan("digits_quickstart", "epochs=3,6", "-m", "--probe")
    (cohort,) = found["cohorts"]
    first, second = (cell["seconds"] for cell in found["cells"])
    assert second == pytest.approx(2 * first) and first + second == pytest.approx(cohort["seconds"])
    assert found["totals"]["seconds"] > cohort["seconds"] > 0
    assert tree(lab) == before


@pytest.mark.tf
def test_models_that_differ_in_seed_epochs_or_learning_rate_are_built_once(plan, compose, monkeypatch):
    from stackfit.execution import members

    built = []
    make = members.build_model
    monkeypatch.setattr(members, "build_model", lambda cell, *more: built.append(cell) or make(cell, *more))
    plan("digits_quickstart", "model.layers.hidden.units=3,4", "seed=0,1", "epochs=1,2",
         "optimizer.learning_rate=0.1,0.2", "-m")  # fmt: skip
    assert len(built) == 2


def test_an_engine_that_is_not_installed_is_one_error_and_no_model_is_built(lab, cli, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "jax" else real(name, *rest))
    answer = cli("plan", "digits_quickstart", "engine=jax")
    assert answer.code == 2 and answer.err.count("error: ") == 1
    assert "engine is jax, and jax is not installed." in answer.err and "pip install 'stackfit[jax]'" in answer.err
