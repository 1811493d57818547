"""A run that was stopped at any moment resumes after its last complete epoch and ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import csv
import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter
from stackfit.proof.eject.script import eject
from stackfit.proof.verify import verify
from stackfit.results.run import Run
from stackfit.results.run_files import read_metrics
from stackfit.results.run_folder import RunFolder

pytestmark = pytest.mark.tf

SMALL = ("digits_quickstart", "epochs=6", "model.layers.hidden.units=8", "data.validation_split=0.2", "save=[]")
DROPOUT = ("+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.3, after: hidden}",)
CALLBACKS = (
    "+callbacks.stop={_target_: keras.callbacks.EarlyStopping, monitor: loss, min_delta: 0.3, patience: 2, restore_best_weights: true}",
    "+callbacks.slower={_target_: keras.callbacks.ReduceLROnPlateau, monitor: val_loss, min_delta: 0.4, patience: 1}",
    "+callbacks.best={_target_: keras.callbacks.ModelCheckpoint, filepath: best.keras, save_best_only: true}",
    "+callbacks.log={_target_: keras.callbacks.CSVLogger, filename: log.csv}",
)
SCHEDULE = (
    "optimizer=sgd",
    "optimizer.learning_rate={_target_: keras.optimizers.schedules.CosineDecay, initial_learning_rate: 0.1, decay_steps: 200}",
)
NORMALISED = ("+model.layers.normal={_target_: keras.layers.BatchNormalization, after: hidden}",)


class Stops(Reporter):
    """Stops the process's work as Ctrl-C would: in the middle of an epoch, or between its end and its checkpoint."""

    def __init__(self, epoch: int, when: str):
        super().__init__(0)
        self.at, self.when = epoch, when

    @contextlib.contextmanager
    def looking_at_every_call(self) -> Iterator[None]:
        """These epochs take milliseconds: else nobody looks at the screen, or for Ctrl-C, before they end."""
        from stackfit.training import loop

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "STEP_SECONDS", -1.0)
            yield

    def step(self, epoch: int, done: float, running: Any) -> None:
        if self.when == "in" and epoch == self.at:
            raise KeyboardInterrupt

    def epoch(self, number: int, epoch: int, logs: Any) -> None:
        if self.when == "behind" and epoch == self.at:
            raise KeyboardInterrupt


def stop(epoch: int, when: str, *words: str, **options: Any) -> Path:
    """Start a run that is stopped there; its folder."""
    reporter = Stops(epoch, when)
    with reporter.looking_at_every_call(), pytest.raises(KeyboardInterrupt):
        stackfit.run(*words, reporter=reporter, **options)
    return max(Path("outputs").glob("*/*/status.json"), key=lambda path: path.stat().st_mtime_ns).parent


def results(folder: Path) -> tuple[Any, ...]:
    """All that must be equal: history but times, metrics with the weights' digest, scores, what the callbacks wrote."""
    with (folder / "history.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k not in ("seconds", "members")} for row in csv.DictReader(file)]
    with np.load(folder / "predictions.npz") as stored:
        scores = stored["scores"].tobytes()
    logged = (folder / "log.csv").read_text() if (folder / "log.csv").exists() else ""
    return rows, json.loads((folder / "metrics.json").read_text()), scores, logged


CASES = {  # and the epoch at whose end, or in which, the first try stops
    "dropout, shuffling, batch normalisation": (2, "behind", *DROPOUT, *NORMALISED),
    "callbacks that remember": (3, "in", *CALLBACKS),
    "moving averages of the weights": (3, "in", "optimizer=momentum", "+optimizer.use_ema=true"),
    "half precision and a schedule": (3, "behind", "precision=mixed_bfloat16", *DROPOUT, *SCHEDULE),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # ReduceLROnPlateau of Keras 3.15
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a stopped CSVLogger never closes its file
@pytest.mark.parametrize("case", [*list(CASES)[:2], *(pytest.param(case, marks=pytest.mark.slow) for case in list(CASES)[2:])])
def test_a_stopped_run_ends_with_the_bits_of_one_that_was_not(case, lab, keras):
    epoch, when, *changes = CASES[case]
    words = (*SMALL, *changes)
    whole = results(stackfit.run(*words, reporter=Reporter(0)).folder)
    folder = stop(epoch, when, *words)
    assert len(Run(folder).history) == (epoch if when == "behind" else epoch - 1)
    run = stackfit.run(*words, reporter=Reporter(0))
    assert run.folder.resolve() == folder.resolve() and results(run.folder) == whole
    assert run.status["resumed_after"] == [epoch - 1] and not RunFolder(run.folder).checkpoint.exists()


@pytest.mark.slow  # test_faults kills a few
def test_a_run_may_stop_again_and_again(lab, keras):
    whole = results(stackfit.run(*SMALL, reporter=Reporter(0)).folder)
    for epoch in (2, 3, 6):
        stop(epoch, "in", *SMALL)
    run = stackfit.run(*SMALL, reporter=Reporter(0))
    assert results(run.folder) == whole and run.status["resumed_after"] == [1, 2, 5]


@pytest.mark.slow  # the callbacks above remember and stop early too
def test_early_stopping_stops_where_it_would_have_stopped_and_restores_the_same_weights(lab, keras):
    words = (*SMALL, CALLBACKS[0], "epochs=40")
    whole = stackfit.run(*words, reporter=Reporter(0))
    stopped = whole.metrics["stopped_epoch"]
    assert 2 < stopped < 40
    folder = stop(stopped - 1, "behind", *words)
    assert results(stackfit.run(*words, reporter=Reporter(0)).folder) == results(whole.folder)
    assert Run(folder).state == "finished"


def added(name: str, arguments: str, after: str) -> str:
    return f"+model.layers.{name.lower()}={{_target_: keras.layers.{name}, {arguments}, after: {after}}}"


SCALED = (
    "~optimizer.learning_rate",
    "optimizer._target_=keras.optimizers.LossScaleOptimizer",
    "+optimizer.dynamic_growth_steps=2",
)
INNER = "+optimizer.inner_optimizer={_target_: keras.optimizers.Adam, learning_rate: 0.01, %s}"
DRAWN = (  # layers with generators of their own, one of them nested
    added("RandomFlip", "mode: horizontal", "input"),
    added("RandomRotation", "factor: 0.1", "randomflip"),
    "+model.layers.norm={_target_: keras.layers.SpectralNormalization, layer: {_target_: keras.layers.Dense, units: 6}, after: hidden}",
    added("GaussianNoise", "stddev: 0.1", "norm"),
)
RECURRENT = (
    "+model.layers.rows={_target_: keras.layers.Reshape, target_shape: [8, 8], after: flatten}",
    "+model.layers.both={_target_: keras.layers.Bidirectional, layer: {_target_: keras.layers.GRU, units: 3, dropout: 0.3}, after: rows}",
)
EVERYWHERE = {
    "augmentation, gradient accumulation, moving averages, batch normalisation": (
        *DRAWN, *NORMALISED, "+optimizer.gradient_accumulation_steps=3", "+optimizer.use_ema=true", "+optimizer.ema_overwrite_frequency=5"),
    "half precision of 16 bits and augmentation": ("precision=mixed_float16", *DRAWN[:2], *DROPOUT, "+optimizer.gradient_accumulation_steps=2"),
    "a loss scale that grows": (*SCALED, INNER % "gradient_accumulation_steps: 2", *NORMALISED, *DROPOUT),
    "a loss scale and moving averages": (*SCALED, INNER % "use_ema: true, ema_overwrite_frequency: 3", *DRAWN),
    "recurrent dropout in bfloat16": ("precision=mixed_bfloat16", *RECURRENT, *NORMALISED),
}  # fmt: skip


@pytest.mark.parametrize("case", [*list(EVERYWHERE)[:1], *(pytest.param(case, marks=pytest.mark.slow) for case in list(EVERYWHERE)[1:])])
def test_fused_resumed_verified_and_ejected_runs_have_the_same_bits(case, lab, keras, capsys):
    words = (*SMALL, "epochs=3", *EVERYWHERE[case])
    stackfit.sweep(*words, "seed=0,1", reporter=Reporter(0))
    [fused] = [Run(path.parent) for path in Path("outputs").glob("*/sweep-*/seed=1*/status.json")]
    assert set(fused.history["members"]) == {2}
    stop(2, "behind", *words, "seed=1", fresh=True)
    alone = stackfit.run(*words, "seed=1", reporter=Reporter(0))
    assert alone.folder != fused.folder and alone.status["resumed_after"] == [1] and results(alone.folder) == results(fused.folder)
    assert verify(fused, Reporter(0))["verdict"] == "bit-equal"
    eject(fused, out=Path("train.py"))
    capsys.readouterr()
    runpy.run_path("train.py", run_name="__main__")
    assert capsys.readouterr().out.split()[-1] == read_metrics(fused.folder)["weights_sha256"]


def test_a_run_killed_after_its_last_epoch_is_only_finished(lab, keras, monkeypatch, capsys):
    from stackfit.execution import finishing

    words = SMALL
    whole = results(stackfit.run(*words, reporter=Reporter(0)).folder)
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "_save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            stackfit.run(*words, reporter=Reporter(0))
    run = stackfit.run(*words, reporter=Reporter(1))
    assert results(run.folder) == whole and run.status["resumed_after"] == [6]
    assert "Resuming after epoch 6 of 6." in capsys.readouterr().err


def test_the_cells_of_a_fused_sweep_each_go_on_from_their_own_last_epoch(lab, keras, monkeypatch):
    words = ("digits_quickstart", "model.layers.hidden.units=8", *DROPOUT, "seed=0,1", "epochs=2,4", "save=[]")
    for name in ("whole", "stopped"):
        Path(name).mkdir()
    monkeypatch.chdir(lab / "whole")
    stackfit.sweep(*words, reporter=Reporter(0))
    monkeypatch.chdir(lab / "stopped")
    reporter = Stops(4, "in")
    with reporter.looking_at_every_call(), pytest.raises(KeyboardInterrupt):
        stackfit.sweep(*words, reporter=reporter)
    states = [Run(folder).state for folder in sorted(Path("outputs").glob("*/*/*/"))]
    assert sorted(states) == ["finished", "finished", "interrupted", "interrupted"]
    stackfit.sweep(*words, reporter=Reporter(0))
    cells = sorted(Path("outputs").glob("*/*/*/"))
    assert sorted(Run(cell).status["resumed_after"] for cell in cells) == [[], [], [3], [3]]
    assert [results(cell) for cell in cells] == [results(lab / "whole" / cell) for cell in cells]


OWN = """
import keras

class Remembers(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = object()  # no file can hold it

    def on_train_begin(self, logs=None):
        self.seen = object()
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.seen = object()
        print(type(self).__name__, len(self.losses))

class Says(Remembers):
    def get_state(self):
        return {"losses": self.losses}

    def set_state(self, state):
        self.losses = state["losses"]
"""


def test_callbacks_of_the_users_remember_and_what_cannot_be_kept_is_said(lab, write, capsys):
    write("own_memory.py", OWN)
    words = (*SMALL, *(f"+callbacks.{name.lower()}={{_target_: own_memory.{name}}}" for name in ("Remembers", "Says")))
    folder = stop(3, "in", *words, trust=("own_memory",))
    capsys.readouterr()
    stackfit.run(*words, trust=("own_memory",), reporter=Reporter(1))
    said = capsys.readouterr().err
    assert "warning: Remembers.seen could not be saved" in said and "Says.seen" not in said
    for name in ("Remembers", "Says"):
        counts = [line for line in (folder / "log.txt").read_text().splitlines() if line.startswith(name)]
        assert counts == [f"{name} {number}" for number in range(1, 7)]


def damage_nothing_left(path: Path) -> None:
    path.write_bytes(b"")


def damage_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def damage_other(path: Path) -> None:
    np.savez(path, rest=np.zeros(3))


@pytest.mark.parametrize("damage", [damage_nothing_left, damage_half, damage_bit, damage_other])
def test_a_damaged_checkpoint_is_not_read(damage: Callable[[Path], None], tmp_path):
    from stackfit.training.checkpoint import Checkpoint

    path = tmp_path / "checkpoint.npz"
    Checkpoint(2, [np.arange(100.0)], [{"wait": 1}], {"loss": 0.5}).write(path)
    assert Checkpoint.read(path).epoch == 2
    damage(path)
    with pytest.raises(Exception):  # noqa: B017  (of any kind)
        Checkpoint.read(path)


def test_a_damaged_checkpoint_is_said_and_the_run_starts_over(lab, keras, capsys):
    words = (*SMALL[:3], "epochs=3", "save=[]")
    folder = stop(3, "in", *words)
    damage_half(RunFolder(folder).checkpoint)
    run = stackfit.run(*words, reporter=Reporter(1))
    assert "Its checkpoint is damaged: starting again from the first epoch." in capsys.readouterr().err
    assert run.state == "finished" and len(run.history) == 3 and run.status["resumed_after"] == []


def test_a_run_that_goes_on_elsewhere_keeps_the_environments_and_the_time_of_its_parts(lab, keras, monkeypatch):
    from stackfit.execution import environment

    folder = stop(3, "in", *SMALL)
    first, part = environment.instruction_set(), Run(folder).status["seconds"]
    monkeypatch.setattr(environment, "instruction_set", lambda: "another")
    stop(5, "in", *SMALL)
    run = stackfit.run(*SMALL, reporter=Reporter(0))
    recorded = json.loads((run.folder / "environment.json").read_text())
    assert recorded["instruction_set"] == "another"
    assert [part["instruction_set"] for part in recorded["before_resume"]] == [first]
    assert run.status["seconds"] > part > 0


WARY = """
from pathlib import Path
import keras

class Wary(keras.callbacks.Callback):
    def __init__(self, filepath):
        super().__init__()
        if Path(filepath).exists():
            raise ValueError("there is such a file already")
        self.file = Path(filepath)

    def on_train_begin(self, logs=None):
        self.file.write_text("mine")
"""


def test_a_callback_that_refuses_its_arguments_on_resume_leaves_the_run_as_it_was(write, lab, keras):
    write("own_wary.py", WARY)
    words = (*SMALL, "+callbacks.wary={_target_: own_wary.Wary, filepath: mine.txt}")
    folder = stop(3, "in", *words, trust=["own_wary"])
    with pytest.raises(ConfigError, match="there is such a file already"):
        stackfit.run(*words, trust=["own_wary"], reporter=Reporter(0))
    left = Run(folder)
    assert left.state == "interrupted" and "there is such a file already" in left.status["reason"]
    assert len(left.history) == 2 and RunFolder(folder).checkpoint.exists()
    (folder / "mine.txt").unlink()
    run = stackfit.run(*words, trust=["own_wary"], reporter=Reporter(0))
    assert run.folder.resolve() == folder.resolve() and run.status["resumed_after"] == [2]


def test_packing_keeps_types_and_bits():
    from stackfit.training.checkpoint import OPERATIONS, pack, unpack

    value = {
        "a": [1, 2.5, None, True, "x", (1, {2})],
        3: np.float32(0.1),
        "arrays": [np.arange(3, dtype=np.int8), np.array(float("nan"))],
        "op": OPERATIONS["less"],
        "inf": float("inf"),
    }
    arrays: dict[str, np.ndarray] = {}
    packed = json.loads(json.dumps(pack(value, arrays)))
    back = unpack(packed, arrays)
    assert back["a"] == value["a"] and type(back["a"][5]) is tuple and back["op"] is OPERATIONS["less"]
    assert back[3].dtype == np.float32 and back["arrays"][0].dtype == np.int8 and back["inf"] == float("inf")
