"""`elsewhere` and `guest`: a cell that needs another number of threads trains in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import stackfit
from stackfit.errors import ConfigError, TrainingError, VanishedError
from stackfit.execution.engines import ENGINES
from stackfit.execution.progress import Reporter
from stackfit.results.run import Run
from stackfit.results.run_files import read_environment, read_metrics, read_status

ENGINE = ENGINES["tensorflow"]
pytestmark = pytest.mark.tf

CONVOLUTION = """
defaults: [digits_quickstart, _self_]
about: {question: "Do threads matter?"}
task: {class_weight: {0: 2.0}}
callbacks: {say: {_target_: mine.Say}}
model: {layers: {conv: {_target_: keras.layers.Conv2D, filters: 4, kernel_size: 3, after: input}}}
epochs: 2
"""
SAY = """
import keras
class Say(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(f"said after {epoch}")
"""


class Kept(Reporter):
    """Keeps lines; raises KeyboardInterrupt at the one that contains a text."""

    def __init__(self, stop_at: str = "no such line"):
        super().__init__()
        self.stop_at, self.lines = stop_at, []

    def line(self, text: str, always: bool = False) -> None:
        self.lines.append(text.strip())
        if self.stop_at in text:
            raise KeyboardInterrupt


@pytest.fixture
def conv(write):
    write("mine.py", SAY)
    write("experiments/conv.yaml", CONVOLUTION)

    def run(*overrides: str, stop_at: str = "no such line", fresh: bool = True) -> tuple[Run, list[str]]:
        reporter = Kept(stop_at)
        return stackfit.run("conv", *overrides, trust=("mine",), fresh=fresh, reporter=reporter), reporter.lines

    return run


def numbers(run: Run) -> dict[str, Any]:
    return read_metrics(run.folder)


@pytest.fixture
def foreign(monkeypatch):
    """This process counts as one with other threads; the guest is one with the right number."""
    return lambda: monkeypatch.setattr(type(ENGINE), "fits", lambda self, settings: False)


def test_a_run_elsewhere_has_the_bits_lines_and_files_of_one_here(conv, foreign):
    here, _ = conv()
    foreign()
    there, lines = conv()
    assert numbers(there) == numbers(here)
    assert "said after 1" in lines and any(line.startswith("epoch 2/2  loss") for line in lines)
    statuses = [read_status(run.folder) for run in (here, there)]
    assert statuses[0].keys() == statuses[1].keys()
    assert statuses[0]["fingerprint"] == statuses[1]["fingerprint"]
    assert statuses[0]["owner"]["pid"] != statuses[1]["owner"]["pid"]
    environments = [read_environment(run.folder) for run in (here, there)]
    assert environments[0] == environments[1]


@pytest.mark.slow
def test_a_run_elsewhere_that_is_stopped_is_interrupted_and_resumes_to_the_same_bits(conv, foreign, lab):
    here, _ = conv("epochs=3")
    foreign()
    with pytest.raises(KeyboardInterrupt):
        conv("epochs=3", "batch_size=32", stop_at="epoch 1/3")
    [left] = [path for path in (lab / "outputs/conv").iterdir() if path != here.folder]
    assert read_status(left)["status"] == "interrupted"
    again, _ = conv("epochs=3", fresh=False)
    assert again.folder == left and numbers(again) == numbers(here)


@pytest.mark.slow
def test_what_fails_elsewhere_fails_here_and_what_cannot_be_traced_leaves_no_folder(conv, foreign, lab):
    foreign()
    with pytest.raises(TrainingError, match=r"loss is (nan|inf) in epoch 1"):
        conv("optimizer.learning_rate=1e30")
    [failed] = (lab / "outputs/conv").iterdir()
    assert read_status(failed)["status"] == "failed"
    (lab / "mine.py").write_text(SAY.replace("print(", "1 / 0, print("))
    with pytest.raises(TrainingError, match="ZeroDivisionError"):
        conv("epochs=1")
    (lab / "mine.py").write_text(SAY + "    def __init__(self):\n        raise ValueError('not here') if keras.src.utils else 0\n")
    with pytest.raises(ConfigError, match="not here"):
        conv("epochs=1")
    assert len([*(lab / "outputs/conv").iterdir()]) == 2


@pytest.mark.slow
def test_the_time_limit_and_who_waits_stop_a_run_elsewhere(conv, foreign, lab, monkeypatch):
    from stackfit.execution import runner

    foreign()
    there = runner.train_elsewhere
    monkeypatch.setattr(runner, "train_elsewhere", lambda *given: there(*given[:5], 0.0, given[6]))
    with pytest.raises(TrainingError, match="It trained for more than the 0 s that are allowed"):
        conv()

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "train_elsewhere", lambda *given: there(*given[:6], stop))
    with pytest.raises(KeyboardInterrupt):
        conv("epochs=3")
    assert sorted(read_status(path)["status"] for path in (lab / "outputs/conv").iterdir()) == ["failed", "interrupted"]


@pytest.mark.slow
def test_a_folder_that_is_removed_under_a_run_elsewhere_is_one_message(conv, foreign, lab):
    foreign()
    (lab / "mine.py").write_text("import shutil\n" + SAY.replace('print(f"said after {epoch}")', 'shutil.rmtree("outputs", ignore_errors=True)'))
    with pytest.raises(VanishedError, match="outputs/conv is gone: something has removed it while its runs were trained"):
        conv()
    assert not (lab / "outputs").exists()


@pytest.mark.slow
def test_convolutions_have_the_same_bits_alone_in_a_sweep_verified_and_ejected(cli, lab, conv):
    words = ("run", "conv", "--trust", "mine", "model.layers.conv.filters=8")
    swept = cli(*words, "-m", "batch_size=32,512", "seed=0,1")
    assert swept.code == 0, swept.err
    sweep = lab / swept.out.splitlines()[-1]
    cells = {str(read_status(path)["axes"]): Run(path) for path in sweep.iterdir() if path.is_dir()}
    for axes, threads in (("32", 1), ("512", 2)):
        cell = cells[str({"batch_size": axes, "seed": "0"})]
        assert read_environment(cell.folder)["threads"]["intra_op"] == threads
        alone = cli(*words, "--fresh", f"batch_size={axes}")
        assert numbers(Run(lab / alone.out.splitlines()[-1])) == numbers(cell)
        script = lab / f"train_{axes}.py"
        assert cli("eject", str(cell.folder), "--trust", "mine", "--out", str(script)).code == 0
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        assert done.stdout.split()[-1] == numbers(cell)["weights_sha256"]
    verified = cli("verify", str(sweep), "--trust", "mine")
    assert (verified.code, verified.out.splitlines()[-1]) == (0, "4 bit-equal")
