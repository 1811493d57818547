"""What people see: sixty commands on a terminal of 80 and of 120 columns, judged by the cells of an emulator."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from made_runs import make_run

if os.name != "posix":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)
from screens import PATIENCE, Shot, faults, shoot

from stackfit.cli import main
from stackfit.cli.app import COMMANDS
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
    "layer": OWN.replace("hidden: {units: 8}", "hidden: {units: 8}, last: {_target_: keras.layers.Dense, unit: 3}"),
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
table base --sort test_accuracy --filter units>32
compare base --metric test_accuracy
compare outputs/base/one outputs/base/two
best outputs/base --metric test_accuracy
data list
data show digits 3
run digits_quickstart --cfg job
new mine
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
run layer
check xor_needs_a_hidden_layer
"""


def commands(text: str) -> list[list[str]]:
    """`help run` is `run --help`."""
    found = [line.split() for line in text.splitlines() if line]
    return [[*words[1:], "--help"] if words[0] == "help" else words for words in found]


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
    SweepFolder(where).write_index("base", [], ["model.layers.hidden.units", "seed"], cells)
    houses = {"data.kind": "csv", "task.loss._target_": "keras.losses.MeanSquaredError", "task.metrics.accuracy._target_": None,
              "task.metrics.mae._target_": "keras.metrics.MeanAbsoluteError"}  # fmt: skip
    for number in (1, 2):
        found = {"loss": 1.5e9, "mae": 30123.4, "val_mae": 31000.5, "test_mae": 32000.25 + number, "stopped_epoch": 3}
        make_run(outputs / f"houses/run{number}", {**houses, "epochs": 3}, found, experiment="houses", history=3)
    return top


WIDE = 400  # columns; here every word is whole
SHARE = (
    "list digits", "table outputs/base", "explain gsp631_base epochs", "table nowhere", "run nope", "run flowers epochs=0",
    "run base", "table --sort nothing", "help run",
)  # fmt: skip


def patience() -> float:
    """How long a screen may stand still: longer where more processes want to run than there are cores."""
    return PATIENCE * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared folder, to write in."""
    return Path(shutil.copytree(prepared, tmp_path / "lab"))


def shots(folder: Path, listed: Sequence[Sequence[str]], *widths: int, **more: object) -> list[Shot]:
    """Every command at every width."""
    return list(shoot(folder, [{"words": words, "columns": columns, **more} for words in listed for columns in widths]))


def judge(seen: Sequence[Shot]) -> list[str]:
    """What is wrong with screens; one of `WIDE` columns comes before those of the same command."""
    found, wide = [], None
    for shot in seen:
        command = " ".join(shot.words)
        assert shot.code in (0, 1, 2), f"{command}: {shot.text}"
        if shot.columns == WIDE:
            wide = shot
        else:
            found += [f"{shot.columns} $ {command}: {fault}" for fault in faults(shot, wide, patience())]
    return found


def test_the_screens_of_a_share_of_the_commands(folder):
    assert not judge(shots(folder, commands("\n".join(SHARE)), WIDE, 80))


def test_the_script_is_long_enough_and_much_of_it_is_errors():
    assert len(commands(LIGHT + ERRORS + HEAVY)) >= 60 and len(commands(ERRORS)) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_the_screens_of_light_commands(folder, columns):
    assert not judge(shots(folder, commands(LIGHT), WIDE, columns))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_the_screens_of_errors_which_are_answered_without_tensorflow(folder, columns):
    seen = shots(folder, commands(ERRORS), WIDE, columns)
    assert not judge(seen)
    assert not [shot.text for shot in seen if shot.code != 2 or any("Starting" in line for line in shot.seen)]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_the_screens_of_commands_that_train(folder, columns):
    """From a cold start, each in a process of its own."""
    seen = shots(folder, commands(HEAVY), columns, cold=True)
    found = [f"{columns} $ {' '.join(shot.words)}: {fault}" for shot in seen for fault in faults(shot, None, patience())]
    assert not found
    assert all(any("Starting TensorFlow …" in line for line in shot.seen) for shot in seen if shot.words[0] == "run" and not shot.code)
    sweep = next(shot for shot in seen if "-m" in shot.words and shot.words[0] == "run")
    assert any("of 4 cells finished" in line for line in sweep.seen)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [30, 80, 120])
def test_every_help_screen(folder, columns):
    assert not judge(shots(folder, [[*name.split(), "--help"] for name in ("", *COMMANDS)], WIDE, columns))


@pytest.mark.slow
def test_a_narrow_terminal(folder):
    assert not judge(shots(folder, commands(LIGHT + ERRORS), WIDE, 30))
    for shot in shots(folder, commands("run nope\nhelp table\nlist digits"), 80, environment={"COLUMNS": "30"}):
        assert max(map(len, shot.lines)) <= 30


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=str)
def test_a_terminal_without_escape_codes_gets_plain_lines(folder, environment):
    (shot,) = shots(folder, commands("run digits_quickstart epochs=2"), 80, environment=environment, cold=True)
    assert shot.code == 0 and "\x1b" not in shot.raw
    assert "Starting TensorFlow …" in shot.lines and any(line.startswith("epoch 2/2") for line in shot.lines)


@pytest.mark.slow
def test_a_terminal_that_knows_ascii_only_shows_a_sweep(folder):
    words = commands("run digits_quickstart -m model.layers.hidden.units=4,8 epochs=30")
    (shot,) = shots(folder, words, 80, environment={"PYTHONIOENCODING": "ascii"}, cold=True)
    assert shot.code == 0 and shot.raw.isascii() and faults(shot, None, patience()) == []
    assert any("Starting TensorFlow ..." in line for line in shot.seen)


def in_encoding(encoding: str, words: Sequence[str]) -> tuple[int, str]:
    """A command in this process, with streams of this encoding: its exit code and all that it wrote."""
    out = io.BytesIO()
    streams = [io.TextIOWrapper(out, encoding=encoding, write_through=True) for _ in range(2)]
    to, also = contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1])
    with to, also, pytest.raises(SystemExit) as stopped:
        main([*words])
    return stopped.value.code, out.getvalue().decode(encoding)


STRANGE: Mapping[str, Sequence[str]] = {
    "a name that is no text": ("table", "\udcff"),
    "signs of far away": ("list", "日本"),
    "a value of far away": ("show", "digits_quickstart", "about.question=日本 → ±"),
    "a picture": ("data", "show", "digits", "3"),
    "a table": ("table",),
    "help": ("check", "--help"),
    "an error": ("run", "flowers", "data.label=größe"),
}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
@pytest.mark.parametrize("words", STRANGE.values(), ids=STRANGE)
def test_what_cannot_be_encoded_is_replaced(folder, monkeypatch, encoding, words):
    monkeypatch.chdir(folder)
    code, text = in_encoding(encoding, words)
    assert code in (0, 2) and text and "itself failed" not in text


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
def test_no_light_command_ends_at_an_encoding(folder, monkeypatch, encoding):
    monkeypatch.chdir(folder)
    for words in commands(LIGHT + ERRORS):
        code, text = in_encoding(encoding, words)
        assert code in (0, 2) and "itself failed" not in text, words
