"""`environment`: what decides a number beside the config."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from stackfit.config import trust
from stackfit.execution import environment
from stackfit.execution.fingerprint import NUMERICS, code_digests
from stackfit.execution.members import make_model
from stackfit.training.tensorflow import runtime
from stackfit.training.tensorflow.engine import TensorFlow


@pytest.mark.tf
def test_the_record_is_plain_json_and_names_what_decides_a_number(keras, compose, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cell = compose("digits_quickstart")
    record = environment.describe_environment(cell, "data digest", make_model(cell, (8, 8, 1)), environment.describe_process(TensorFlow()))
    assert json.loads(json.dumps(record)) == record
    assert record["versions"]["keras"] == keras.__version__
    assert record["devices"] and record["cores"] >= 1 and record["instruction_set"]
    assert set(record["threads"]) == {"intra_op", "inter_op"}
    assert record["variables"]["OMP_NUM_THREADS"] == "1"
    assert (record["data_fingerprint"], record["numerics"], record["code"]) == ("data digest", NUMERICS, {})


@pytest.mark.tf
@pytest.mark.parametrize("wanted", [False, True])
def test_determinism_is_what_tensorflow_and_the_model_report(keras, compose, wanted):
    from tensorflow.python.framework import config

    dropout = "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.5, after: hidden}"
    cell = compose("digits_quickstart", f"deterministic={wanted}", "precision=mixed_bfloat16", "seed=7", dropout)
    try:
        runtime.start(deterministic=wanted)
        model = make_model(cell, (8, 8, 1))
        record = environment.describe_determinism(cell, model, runtime.describe())
        assert record["op_determinism"] == config.is_op_determinism_enabled() == record["asked"] == wanted
        config.enable_op_determinism()  # what is in force counts, not what was asked for
        assert environment.describe_determinism(cell, model, runtime.describe())["op_determinism"] is True
    finally:
        runtime.start()
    assert (record["seed"], record["dtype_policies"]) == (7, ["mixed_bfloat16"])
    assert record["dropout_seeds"] == {"drop": model.get_layer("drop").seed_generator.state.numpy().tolist()}


@pytest.mark.tf
def test_every_generator_of_the_model_is_recorded_nested_ones_too(keras):
    layers = keras.layers
    pipeline = layers.Pipeline([layers.RandomFlip(seed=3), layers.RandomContrast(0.2, seed=4)], name="pipe")
    cells = layers.Bidirectional(layers.GRU(2, dropout=0.2, seed=5), name="both")
    inner = keras.Sequential([layers.GaussianNoise(0.1, seed=6), layers.Dense(1)], name="inner")
    stack = [layers.RandomRotation(0.1, seed=2, name="turn"), pipeline, layers.Reshape((4, 12)), cells, inner]
    model = keras.Sequential([keras.Input((4, 4, 3)), *stack])
    found = environment.generator_states(model)
    assert list(found) == ["turn", "pipe.1", "pipe.2", "both.1", "both.2", "inner"]
    assert [found[name] for name in ("turn", "pipe.1", "pipe.2", "inner")] == [[2, 0], [3, 0], [4, 0], [6, 0]]
    assert len(found) == sum(each.name == "seed_generator_state" for each in model.variables)


def test_the_code_of_a_trusted_module_is_recorded_by_its_digest(compose):
    cell = compose("gsp631_callback_acc84")
    content = trust.module_file("experiments.lab_callbacks").read_bytes()
    assert code_digests(cell.modules) == {"experiments.lab_callbacks": hashlib.sha256(content).hexdigest()}


def test_a_package_that_is_not_there_has_no_version():
    assert environment.version("no-such-package") is None
    assert environment.version("stackfit")


def git(*words: str) -> None:
    name = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *name, *words], check=True, capture_output=True)


def test_the_commit_and_whether_it_is_clean(lab):
    assert environment.git_state() == (None, None)
    git("init")
    Path("a.txt").write_text("a")
    git("add", "a.txt")
    git("commit", "-m", "a")
    commit, clean = environment.git_state()
    assert len(commit) == 40 and clean is True
    Path("a.txt").write_text("b")
    assert environment.git_state() == (commit, False)


def test_without_git_there_is_no_commit(lab, monkeypatch):
    monkeypatch.setenv("PATH", str(lab))
    assert environment.git_state() == (None, None)
