"""`logits`: on JAX, too, a saturated output has its loss and its gradient. In processes of their own: Keras has one backend a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from stackfit.results.run_files import find_run_folders, read_history

pytestmark = [pytest.mark.extra, pytest.mark.tf]
CODE = """
import json
from stackfit.training.jax import runtime
runtime.start()
import jax, keras
from stackfit.training.jax.logits import from_logits
x, far = jax.numpy.array([[40.0, 0.0, -3.0]]), jax.numpy.array([[40.0], [-3.0]])
losses = {
    "sparse": lambda x: keras.losses.SparseCategoricalCrossentropy()(jax.numpy.array([1]), keras.activations.softmax(x)),
    "one-hot": lambda x: keras.losses.CategoricalCrossentropy()(jax.numpy.array([[0.0, 1.0, 0.0]]), keras.activations.softmax(x)),
    "smooth": lambda x: keras.losses.CategoricalCrossentropy(label_smoothing=0.3)(jax.numpy.array([[0.0, 1.0, 0.0]]), keras.layers.Softmax()(x)),
    "said to be logits": lambda x: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(jax.numpy.array([1]), keras.activations.softmax(x)),
    "logits": lambda x: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(jax.numpy.array([1]), x),
    "of something else": lambda x: keras.losses.SparseCategoricalCrossentropy()(jax.numpy.array([1]), 0.5 * keras.activations.softmax(x)),
    "along the first axis": lambda x: keras.losses.SparseCategoricalCrossentropy()(jax.numpy.array([1]), keras.activations.softmax(x, axis=0)),
    "binary": lambda x: keras.losses.BinaryCrossentropy()(jax.numpy.array([[0.0], [1.0]]), keras.activations.sigmoid(far + 0 * x.sum())),
}
def found():
    return {name: [float(loss(x)), float(abs(jax.jit(jax.grad(lambda x: loss(x).sum()))(x)).max())] for name, loss in losses.items()}
with from_logits():
    inside = found()
print(json.dumps([inside, found()]))
"""


@pytest.fixture(scope="module")
def losses() -> list[dict[str, list[float]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_a_saturated_output_has_its_loss_and_its_gradient(losses):
    inside, outside = losses
    for name in ("sparse", "one-hot", "said to be logits", "logits"):
        assert inside[name] == pytest.approx([40.0, 1.0], abs=1e-5), name
    assert inside["smooth"] == pytest.approx([0.8 * 40 + 0.1 * 43, 0.9], abs=1e-4)  # 0.1 for every class, 0.7 for the second
    assert inside["binary"][0] == pytest.approx((40 + 3.0486) / 2, abs=1e-3)
    assert outside["sparse"][0] < 16.2 and outside["sparse"][1] == 0  # Keras's own: the logarithm of 1e-7


def test_what_is_no_probability_of_that_softmax_is_taken_as_before(losses):
    inside, outside = losses
    for name in ("of something else", "along the first axis"):
        assert inside[name] == outside[name]


def test_a_run_with_large_inputs_learns(lab):
    words = ["digits_quickstart", "engine=jax", "epochs=12", "+model.layers.far={_target_: keras.layers.Rescaling, scale: 1000.0, after: input}"]
    done = subprocess.run([sys.executable, "-m", "stackfit", "run", *words], cwd=lab, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    history = read_history(next(iter(find_run_folders([lab / done.stdout.splitlines()[-1]]))))
    assert history[0]["loss"] > 17 and history[-1]["accuracy"] > 0.8
