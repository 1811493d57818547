"""What many tests need: an empty folder to work in, a composed cell, the command line, Keras."""

from __future__ import annotations

import functools
import gc
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from composing import compose_cell

from stackfit.config.hydra.composition import Composer
from stackfit.execution.cells import Cell
from stackfit.execution.progress import Reporter


def pytest_collection_finish() -> None:
    """What is imported stays: let the garbage collector not walk through it again and again, a tenth of the time."""
    gc.set_threshold(20_000, 20, 100)
    gc.collect()
    gc.freeze()


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A key to sign with, of these tests: that of the user who runs them is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: stackfit finds `./experiments` and `./conf` here and writes `./outputs`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(lab: Path) -> Callable[[str, str], Path]:
    """`write("experiments/mine.yaml", text)` in the working folder."""

    def write_file(name: str, text: str) -> Path:
        path = lab / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@functools.cache
def shipped_composer(experiment: str) -> Composer:
    """One composer for every test of a shipped experiment in a folder without files of its own."""
    return Composer(experiment)


@pytest.fixture
def compose(lab: Path) -> Callable[..., Cell]:
    """`compose("digits_quickstart", "epochs=1")`: one checked cell."""

    def compose_one(experiment: str, *overrides: str, trust: tuple[str, ...] = ()) -> Cell:
        has_own_files = any((lab / folder).exists() for folder in ("conf", "experiments"))
        composer = Composer(experiment) if has_own_files else shipped_composer(experiment)
        return compose_cell(composer, overrides, trust)

    return compose_one


@pytest.fixture
def cli(lab: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`cli("run", "digits_quickstart")` in this process: exit code, stdout, stderr."""
    from stackfit.cli import main

    def run(*words: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(list(words))
        captured = capsys.readouterr()
        return Answer(stopped.value.code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras over TensorFlow, started as a run starts it; so late that light tests do not pay for it."""
    from stackfit.training.tensorflow import runtime

    runtime.start()
    pytest_collection_finish()
    return importlib.import_module("keras")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that put 40 + 20 noise pictures of 28 x 28 in ten classes in the place of any experiment's data."""
    noise = np.random.default_rng(0)
    arrays = {}
    for split, size in (("train", 40), ("test", 20)):
        arrays[f"x_{split}"] = noise.integers(0, 256, (size, 28, 28, 1), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(size) % 10
    path = tmp_path_factory.mktemp("tiny") / "tiny.npz"
    np.savez(path, **arrays)
    return ["data=npz", f"data.path={path}", "data.input_shape=[28,28,1]", "data.num_classes=10"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, keras: ModuleType) -> Path:
    """The folder of one finished run: digits, 8 hidden units, one epoch, saved in both forms. To read only."""
    import stackfit

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("finished"))
        units = "model.layers.hidden.units=8"
        return stackfit.run("digits_quickstart", "epochs=1", units, "save=[keras,h5]", reporter=Reporter(0)).folder
