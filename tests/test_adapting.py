"""`adapting`: layers that take numbers from the data are adapted to the training part, wherever the model is built again."""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter
from stackfit.proof.eject.script import eject
from stackfit.proof.saved import load_model, reloads_equal
from stackfit.proof.verify import verify
from stackfit.results import run_files

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]
QUIET = Reporter(0)
RAW = ("digits_quickstart", "epochs=1", "data.scale=none", "data.validation_split=0.2", "shuffle=true", "verbosity=0")
LAYERS = {
    "normalization": ["+model.layers.fit={_target_: keras.layers.Normalization, after: input}"],
    "bins": ["+model.layers.fit={_target_: keras.layers.Discretization, num_bins: 5, after: input}"],
    "words": [
        "+model.layers.fit={_target_: keras.layers.IntegerLookup, after: input}",
        "+model.layers.scale={_target_: keras.layers.Rescaling, scale: 0.05, after: fit}",
    ],
    "in a row": [  # the second is adapted to what the first gives
        "+model.layers.fit={_target_: keras.layers.Normalization, after: flatten}",
        "+model.layers.bins={_target_: keras.layers.Discretization, num_bins: 4, after: fit}",
        "+model.layers.again={_target_: keras.layers.Normalization, after: bins}",
    ],
}


def slow(kind: str):
    return pytest.param(kind, marks=pytest.mark.slow)


def train(*overrides: str) -> stackfit.Run:
    return stackfit.run(*RAW, *overrides, reporter=QUIET)


def weights_of_script(text: str) -> str:
    Path("train.py").write_text(text)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path("train.py", run_name="__main__")
    return printed.getvalue().split()[-1]


@pytest.mark.parametrize("kind", [*map(slow, ("normalization", "bins")), "words", "in a row"])
def test_an_adapted_run_is_said_verified_loaded_and_ejected_to_the_bit(lab, kind):
    run = train(*LAYERS[kind])
    assert "fit: adapted to the 1,149 training examples" in run.folder.joinpath("log.txt").read_text()
    assert verify(run, QUIET)["verdict"] == "bit-equal"
    assert reloads_equal(run)
    assert weights_of_script(eject(run)) == run_files.read_metrics(run.folder)["weights_sha256"]


def test_normalization_takes_mean_and_variance_of_the_training_part_alone(lab):
    from stackfit.data import load_dataset

    run = train(*LAYERS["normalization"])
    x = load_dataset(run.config["data"]).train.x.astype(np.float64)
    mean, variance, _ = load_model(run).get_layer("fit").get_weights()
    np.testing.assert_allclose(mean, x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    "layer, said",
    [
        ("{_target_: keras.layers.StringLookup, after: input}", "StringLookup 'fit' reads texts, but the model's inputs are numbers"),
        ("{_target_: keras.layers.TextVectorization, after: flatten}", "TextVectorization 'fit' reads texts"),
        ("{_target_: keras.layers.StringLookup, vocabulary: [a], after: input}", "reads texts"),
        ("{_target_: keras.layers.TimeDistributed, layer: {_target_: keras.layers.Normalization}, after: input}",
         "Normalization stands inside TimeDistributed 'fit'"),
        ("{_target_: keras.layers.Discretization, num_bins: 40, epsilon: 0.2, output_mode: one_hot, after: input}", "fewer different values"),
    ],
)  # fmt: skip
def test_what_the_data_cannot_feed_is_one_sentence_before_a_folder_is_made(lab, layer, said):
    with pytest.raises(ConfigError) as caught:
        train(f"+model.layers.fit={layer}")
    assert said in str(caught.value) and "model.layers.fit" in str(caught.value.key or caught.value.among)
    assert not list(Path("outputs").glob("*/*"))


def test_a_lookup_of_numbers_that_were_scaled_proposes_not_to(lab):
    with pytest.raises(ConfigError, match=r"reads whole numbers, but .* Write: data.scale=none"):
        train(*LAYERS["words"], "data.scale=unit")


def test_numbers_that_are_given_are_kept(lab):
    run = train("+model.layers.fit={_target_: keras.layers.Normalization, mean: 8, variance: 4, after: input}")
    assert "adapted" not in run.folder.joinpath("log.txt").read_text()


def test_cells_that_train_together_are_adapted_as_each_alone(lab):
    layer = "{_target_: keras.layers.Normalization, after: input}"
    table = stackfit.sweep(*RAW, f"+model.layers.fit={layer}", "seed=1,2", reporter=QUIET)
    alone = train(f"+model.layers.fit={layer}", "seed=2")
    digests = [run_files.read_metrics(Path(path))["weights_sha256"] for path in table["folder"]]
    assert run_files.read_metrics(alone.folder)["weights_sha256"] == digests[1] != digests[0]
