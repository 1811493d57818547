"""`passes`: convolutions on a CPU take a call a step, and a member's bits do not depend on who trains beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stackfit.results.run_files import find_run_folders, read_history, read_metrics

pytestmark = [pytest.mark.extra, pytest.mark.tf]
CONVOLUTION = "+model.layers.conv={_target_: keras.layers.Conv2D, filters: 4, kernel_size: 3, after: input}"
CODE = """
import sys
from stackfit.training.jax import passes
real = passes.is_slow
passes.is_slow = lambda traced: print("slow:", real(traced)) or real(traced)
sys.argv = ["stackfit", *sys.argv[1:]]
from stackfit.cli import entry
sys.exit(entry())
"""


def train(lab, *words: str) -> tuple[list[str], list[tuple[str, dict[str, float], list[dict[str, float]]]]]:
    """What is decided of the programs for training, validation and test; digests, metrics and histories of the runs."""
    common = ("digits_quickstart", "engine=jax", "epochs=2", "batch_size=100", "data.validation_split=0.2", "model.layers.hidden.units=8")
    done = subprocess.run([sys.executable, "-c", CODE, "run", *common, *words], cwd=lab, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    found = []
    for path in sorted(find_run_folders([lab / lines[-1]])):
        metrics = read_metrics(path)
        history = [{name: value for name, value in row.items() if name not in ("seconds", "members")} for row in read_history(path)]
        found.append((metrics["weights_sha256"], {name: metrics[name] for name in ("test_loss", "test_accuracy")}, history))
    return [line for line in lines if line.startswith("slow:")], found


def test_a_model_with_a_convolution_takes_a_call_a_step_and_has_its_bits_alone_and_in_any_company(lab):
    slow, fused = train(lab, CONVOLUTION, "stack=3", "-m", "seed=range(2)")
    assert set(slow) == {"slow: True"} and len(slow) == 3
    alone = [train(lab, CONVOLUTION, "stack=3", f"seed={seed}")[1][0] for seed in range(2)]
    assert alone == fused and fused[0][0] != fused[1][0]


def test_other_models_take_one_call_for_an_epoch(lab):
    assert set(train(lab)[0]) == {"slow: False"}
