"""What people see: sixty commands on a terminal of 80 and of 120 columns, judged by the cells of an emulator."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from made_runs import make_run

if os.name != "posix":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from stackfit.results.sweep_folder import SweepFolder

OWN = """\
# stackfit run flowers
defaults:
  - config
  - override data: csv
  - override model: mlp
  - _self_
about:
  question: Which kind of flower is it?
epochs: 2
data: {path: flowers.csv, label: kind, input_shape: [4], num_classes: 3}
model: {layers: {flatten: null, hidden: {units: 8}}}
"""
BROKEN = {
    "quote": OWN.replace("question: Which", 'question: "Which'),
    "tab": OWN.replace("  - config", "\t- config", 1),
    "blank": OWN.replace("epochs: 2", "epochs:2"),
    "twice": OWN + "epochs: 3\n",
    "brace": OWN.replace("{units: 8}}}", "{units: 8}"),
    "base": OWN.replace("- config", "- confg"),
    "key": OWN.replace("epochs: 2", "epoch: 2"),
    "layer": OWN.replace("hidden: {units: 8}", "hidden: {units: 8}, last: {_target_: keras.layers.Dens, units: 3}"),
}

# Light commands: what they need is in the prepared folder.
LIGHT = """
list
list digits
show digits_quickstart
show digits_quickstart --origin
show gsp631_base --diff codelab_base_128
explain gsp631_base model.layers.hidden.units
table
table outputs/base
table outputs/base/sweep-1a2b3c4d --over seed
table outputs/base/sweep-1a2b3c4d --pivot seed
table outputs/houses --epochs
table base --sort test_accuracy --format md
compare base --metric test_accuracy
compare outputs/base/one outputs/base/two
best outputs/base --metric test_accuracy
data list
data show digits 3
run digits_quickstart --cfg job
new mine
help run
help table
help check
help predict
help verify
"""
ERRORS = """
frobnicate
run
run nope
run digits_quickstart --nope
run digits_quickstart epoch=3
run digits_quickstart epochs=many
run digits_quickstart epochs=0
run digits_quickstart optimizer=adm
run digits_quickstart model.layers.hidden.unit=3
run digits_quickstart data=csv
run flowers data.path=nowhere.csv
run flowers data.label=kinds
run quote
run tab
run blank
run twice
run brace
run base
run key
show layer
run digits_quickstart model.layers.hidden.units=[32
explain digits_quickstart nothing
table nowhere
table --filter test_accuracy>
table --filter nothing>3
table --sort nothing
table --format pdf
best outputs/base --metric nothing
compare outputs/base/one
verify nowhere
evaluate outputs/base/failed
predict outputs/base/one missing.png
eject outputs/base/failed
data show nothing
check nothing
new digits_quickstart
"""
HEAVY = """
run digits_quickstart epochs=2 model.layers.hidden.units=8
run flowers
run digits_quickstart -m model.layers.hidden.units=4,8 seed=1,2 epochs=2
run digits_quickstart model.layers.flatten=null model.layers.hidden.units=-3
plan digits_quickstart
plan digits_quickstart -m model.layers.hidden.units=4,8
verify digits_quickstart
evaluate digits_quickstart
predict flowers flowers.csv
predict digits_quickstart
eject flowers --out flowers.py
check xor_needs_a_hidden_layer
"""


def commands(text: str) -> list[list[str]]:
    """`help run` is `run --help`."""
    found = [line.split() for line in text.strip().splitlines()]
    return [[words[1], "--help"] if words[0] == "help" else words for words in found]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs, a sweep, a failed run, a regression, own data, and experiments with a fault each."""
    top = tmp_path_factory.mktemp("prepared")
    chance = random.Random(0)
    rows = [[*(round(chance.gauss(kind, 0.3), 2) for _ in range(4)), f"kind{kind}"] for kind in (0, 1, 2) * 20]
    lines = ["petal,sepal,stem,leaf,kind", *(",".join(map(str, row)) for row in rows)]
    (top / "flowers.csv").write_text("\n".join(lines) + "\n")
    (top / "experiments").mkdir()
    for name, text in {"flowers": OWN, **BROKEN}.items():
        (top / f"experiments/{name}.yaml").write_text(text)
    outputs = top / "outputs"
    right = [True] * 30 + [False] * 10
    scores = {"loss": 0.5, "accuracy": 0.91, "val_loss": 0.6, "val_accuracy": 0.9, "test_loss": 0.6, "test_accuracy": 0.875}
    for name, units in (("one", 64), ("two", 128)):
        more = {"model.layers.hidden.units": units}
        make_run(outputs / "base" / name, more, {**scores, "stopped_epoch": 2}, correct=right[units // 16 :])
    make_run(outputs / "base/failed", failed="The loss is not finite (nan) in epoch 1: a learning rate of 10 is too high.")
    where = outputs / "base/sweep-1a2b3c4d"
    cells = []
    for units in (32, 64, 128):
        for seed in (0, 1):
            axes = {"model.layers.hidden.units": units, "seed": seed}
            path = where / f"model.layers.hidden.units={units},seed={seed}-1a2b3c4d"
            metrics = {**scores, "test_accuracy": 0.8 + units / 1000 + seed / 100, "stopped_epoch": 2}
            make_run(path, axes, metrics, axes=axes, sweep=where.name)
            cells.append({"overrides": [], "axes": axes, "fingerprint": str(path), "folder": path.name})
    SweepFolder(where).write("base", [], ["model.layers.hidden.units", "seed"], cells)
    houses = {"data.kind": "csv", "task.loss._target_": "keras.losses.MeanSquaredError", "task.metrics.accuracy._target_": None,
              "task.metrics.mae._target_": "keras.metrics.MeanAbsoluteError"}  # fmt: skip
    for number in (1, 2):
        found = {"loss": 1.5e9, "mae": 30123.4, "val_mae": 31000.5, "test_mae": 32000.25 + number, "stopped_epoch": 3}
        make_run(outputs / f"houses/run{number}", {**houses, "epochs": 3}, found, experiment="houses", history=3)
    return top
