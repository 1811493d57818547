"""Every shipped experiment composes, says what it asks and builds as declared; one of each kind runs a tiny epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from composing import compose as compose_config

import stackfit
from stackfit.config import project
from stackfit.config.experiments import Record, read_record
from stackfit.config.hydra.composition import Composer
from stackfit.config.trust import targets_in
from stackfit.errors import ConfigError
from stackfit.execution.members import make_model
from stackfit.execution.progress import Reporter
from stackfit.proof.saved import reloads_equal

RECORDS = {path.stem: read_record(path.stem, path) for path in sorted(project.shipped("experiments").glob("*.yaml"))}
SMALL = ("digits", "xor")  # these data are small enough as they are


def claims(record: Record, key: str) -> list[Any]:
    return [claim[key] for claim in record.expect if key in claim]


BROKEN = [name for name, record in RECORDS.items() if claims(record, "error")]
SOUND = [name for name in RECORDS if name not in BROKEN]

# Among them, every stack and everything that a config names. The others differ from one of these in numbers only, and
# train in the full counts.
ONE_OF_EACH_KIND = ("cb_epoch_log", "cb_lr_schedule", "cb_min_loss", "digits_quickstart", "dlai_digits_512",
    "gsp631_save_and_load", "overfit_large_combined", "tf_hparams_grid", "xor_needs_a_hidden_layer", "zalando_cnn_113k",
    "zalando_mlp_256_128_100", "zalando_mlp_relu_10")  # fmt: skip
FULL_COUNT = [pytest.param(name, marks=pytest.mark.slow) for name in SOUND if name not in ONE_OF_EACH_KIND]


@pytest.fixture(scope="module")
def cut_down(tmp_path_factory: pytest.TempPathFactory):
    """Overrides that put 40 + 20 noise pictures of the declared shape in the place of the declared data."""
    folder, files = tmp_path_factory.mktemp("cut_down"), {}

    def overrides(config: Any) -> list[str]:
        if config.data.kind in SMALL:
            return []
        shape, classes = tuple(config.data.input_shape), config.data.num_classes
        if (shape, classes) not in files:
            noise = np.random.default_rng(0)
            arrays = {}
            for split, size in (("train", 40), ("test", 20)):
                arrays[f"x_{split}"] = noise.integers(0, 256, (size, *shape), dtype=np.uint8)
                arrays[f"y_{split}"] = np.arange(size) % classes
            files[shape, classes] = folder / f"{len(files)}.npz"
            np.savez(files[shape, classes], **arrays)
        words = ["data=npz", f"data.path={files[shape, classes]}", f"data.num_classes={classes}"]
        shown = ",".join(map(str, shape))
        return [*words, f"data.input_shape=[{shown}]", "++data.examples={train: null, test: null}"]

    return overrides


@pytest.mark.parametrize("name", RECORDS)
def test_it_states_its_question_its_source_and_its_time(name):
    about = RECORDS[name].about
    assert about["question"].strip().endswith("?")
    assert about["expected"].strip() and about["source"].strip()
    assert isinstance(about["seconds"], (int, float)) and about["seconds"] > 0


@pytest.mark.parametrize("name", RECORDS)
def test_its_first_line_is_the_command_that_runs_it(name):
    first = RECORDS[name].path.read_text(encoding="utf-8").splitlines()[0]
    assert first.split()[:4] == ["#", "stackfit", "run", name]


def test_there_is_one_of_each_kind_among_those_that_run(compose):
    def kinds(name: str) -> set[str]:
        config = compose(name).config
        stack = [layer["_target_"] for layer in config["model"]["layers"].values() if layer]
        return {*targets_in(config), " ".join(stack), config["data"]["kind"], f"saves {config['save']}"}

    assert set().union(*map(kinds, SOUND)) == set().union(*map(kinds, ONE_OF_EACH_KIND))


@pytest.mark.tf
@pytest.mark.parametrize("name", SOUND)
def test_it_builds_with_the_claimed_parameters(compose, name, keras):
    cell = compose(name)
    model = make_model(cell, tuple(cell.config["data"]["input_shape"]))
    assert claims(RECORDS[name], "parameters") in ([], [model.count_params()])


@pytest.mark.tf
@pytest.mark.parametrize("name", [*ONE_OF_EACH_KIND, *FULL_COUNT])
def test_it_runs_one_tiny_epoch(lab, name, cut_down, keras):
    words = cut_down(compose_config(Composer(name), ["hydra.mode=RUN"]).config)
    run = stackfit.run(name, "hydra.mode=RUN", "epochs=1", *words, reporter=Reporter(0))
    assert run.state == "finished" and run.metrics["stopped_epoch"] == 1
    assert np.isfinite(list(run.metrics.values())).all()
    assert len(run.history) == 1
    assert claims(RECORDS[name], "parameters") in ([], [run.metrics["parameters"]])
    assert reloads_equal(run)  # its arrays, in the model that its config describes, give the stored scores to the bit
    keras.backend.clear_session()


@pytest.mark.tf
@pytest.mark.parametrize("name", BROKEN)
def test_an_error_that_it_claims_comes_before_any_training(lab, name, keras):
    with pytest.raises(ConfigError) as error:
        stackfit.run(name, reporter=Reporter(0))
    assert claims(RECORDS[name], "error") == [error.value.kind]
    assert f"{RECORDS[name].path}:" in str(error.value)  # the line that is to blame is the experiment's own
    assert not Path("outputs").exists()
