"""`model_file`: whether a saved model is the run's, and what a file that would do harm is refused for."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import stackfit
from stackfit.proof.evidence import Record
from stackfit.proof.model_file import judge_models
from stackfit.results.run_files import RunFiles

pytestmark = pytest.mark.tf
WEIGHTS = "model.weights.h5"


@pytest.fixture
def run(lab, finished) -> RunFiles:
    return RunFiles(shutil.copytree(finished, lab / "run"))


@pytest.fixture
def wrong(run, finished, keras):
    """`wrong()`: the sentences about the saved models of `run`."""
    model = stackfit.load_model(finished)

    def call(same_keras: bool = True) -> list[str]:
        forms, found = judge_models(Record.read(run.path), finished, model, same_keras)
        assert forms == ["keras", "h5"]
        return found

    return call


def rewrite(path: Path, change) -> None:
    """Write a .keras file again; `change(name, content)` gives each member's new content."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def edit_weights(path: Path, change) -> None:
    def edit(name: str, content: bytes) -> bytes:
        if name != WEIGHTS:
            return content
        weights = path.with_name("weights.h5")
        weights.write_bytes(content)
        with h5py.File(weights, "r+") as file:
            change(file)
        return weights.read_bytes()

    rewrite(path, edit)


def test_a_models_automatic_names_and_shared_objects_may_be_others(run, wrong):
    assert wrong() == []

    def rename(name: str, content: bytes) -> bytes:
        text = content.decode() if name == "config.json" else ""
        return text.replace('"name": "adam"', '"name": "adam_7"').replace("shared_object_id\": ", "shared_object_id\": 9").encode() or content

    rewrite(run.model("keras"), rename)
    assert wrong() == []


@pytest.mark.parametrize("before, after", [("relu", "tanh"), ('"units": 8', '"units": 8.5'), ("Dense", "Lambda"), ("hidden", "hid")])
def test_another_architecture_is_named_in_both_forms(run, wrong, before, after):
    rewrite(run.model("keras"), lambda name, content: content.replace(before.encode(), after.encode()))
    assert wrong() == ["model.keras describes another model than the run's config"]
    with h5py.File(run.model("h5"), "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace(before, after)
    assert len(wrong()) == 2


def test_a_description_by_another_version_of_keras_may_have_more_or_less_of_a_layer(run, wrong):
    def without(name: str, content: bytes) -> bytes:
        return content.replace(b', "quantization_config": null', b"") if name == "config.json" else content

    rewrite(run.model("keras"), without)
    assert len(wrong()) == 1 and wrong(same_keras=False) == []


def test_other_weights_are_named_in_both_forms(run, wrong):
    def nudge(file):
        file["layers/dense/vars/0"][0, 0] = np.nextafter(file["layers/dense/vars/0"][0, 0], np.float32(9))

    edit_weights(run.model("keras"), nudge)
    assert wrong() == ["model.keras holds other weights than the run's"]
    with h5py.File(run.model("h5"), "r+") as file:
        file["model_weights/hidden/hidden/bias"][0] += 1
    assert wrong()[1:] == ["model.h5 holds other weights than the run's"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_garbage_is_named(run, wrong, content):
    run.model("keras").write_bytes(content)
    run.model("h5").write_bytes(content)
    keras, h5 = wrong()
    assert keras.startswith("model.keras cannot be read: ") and h5.startswith("model.h5 cannot be read: ")


def test_arrays_of_other_files_and_arrays_that_fill_the_memory_are_refused(run, wrong, lab):
    def elsewhere(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")

    def outside(file):
        del file["layers/dense/vars/0"]
        (lab / "raw").write_bytes(bytes(64 * 8 * 4))
        file.create_dataset("layers/dense/vars/0", (64, 8), "f4", external=[(str(lab / "raw"), 0, 64 * 8 * 4)])

    def huge(file):
        file.create_dataset("layers/huge", (1 << 40,), "f4", chunks=(1024,), compression="gzip")

    whole = run.model("keras").read_bytes()
    for change, said in ((elsewhere, "is a link"), (outside, "is not stored as"), (huge, "also holds /layers/huge")):
        run.model("keras").write_bytes(whole)
        edit_weights(run.model("keras"), change)
        (fault,) = wrong()
        assert fault.startswith("model.keras cannot be read: ") and said in fault
    run.model("keras").write_bytes(whole)
    rewrite(run.model("keras"), lambda name, content: content + bytes(60_000_000) if name.endswith(".h5") else content)
    assert "its arrays take 60," in wrong()[0]


def test_a_description_of_many_bytes_is_refused(run, wrong):
    rewrite(run.model("keras"), lambda name, content: content + b" " * 50_000_000 if name == "config.json" else content)
    assert "its config.json has 50," in wrong()[0]
