"""`proof.exporting`: a run's model in other programs' forms, held against its stored predictions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import stackfit
from stackfit.errors import RunFolderError

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


@pytest.fixture
def run(lab, finished):
    shutil.copytree(finished, lab / "outputs" / "digits_quickstart" / finished.name)
    return stackfit.Run(Path("outputs", "digits_quickstart", finished.name))


@pytest.mark.parametrize(
    "form, name",
    [
        ("savedmodel", "digits_quickstart_savedmodel"),
        ("tflite", "digits_quickstart.tflite"),
        pytest.param("onnx", "digits_quickstart.onnx", marks=pytest.mark.extra),
    ],
)
def test_the_written_model_gives_the_stored_predictions(run, cli, form, name):
    answer = cli("export", str(run.folder), "--to", form)
    assert (answer.code, answer.out) == (0, f"{name}\n")
    assert "360 examples answered again: largest difference from stored predictions" in answer.err
    assert float(answer.err.partition("predictions ")[2].split()[0]) < 1e-5


def test_a_model_whose_answers_are_others_is_said_so_with_code_1(run, cli):
    with np.load(run.folder / "predictions.npz") as stored:
        changed = {**stored, "scores": stored["scores"][::-1]}
    np.savez(run.folder / "predictions.npz", **changed)
    answer = cli("export", str(run.folder), "--to", "savedmodel")
    assert answer.code == 1
    assert "answers otherwise than the run" in answer.err
    with pytest.raises(RunFolderError, match="its answers differ by"):
        stackfit.export(run, "savedmodel", out="again")


def test_without_stored_predictions_random_inputs_are_compared(run, cli):
    (run.folder / "predictions.npz").unlink()
    answer = cli("export", str(run.folder), "--to", "savedmodel", "--out", "deep/er/model")
    assert answer.code == 0
    assert "compared on 64 random inputs" in answer.err
    assert "64 examples answered again: largest difference from the model 0" in answer.err


@pytest.mark.parametrize(
    "words, said",
    [
        (["--to", "onx"], "There is no form 'onx'. Did you mean 'onnx'?"),
        (["--to", "tflite", "--out", "model.bin"], "Expected a name that ends with .tflite. Write: --out model.bin.tflite"),
        (["--to", "savedmodel", "--out", "outputs"], "outputs exists. Expected a new name."),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_model_is_loaded(run, cli, words, said):
    answer = cli("export", str(run.folder), *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize("form, line", [("onnx", "pip install 'stackfit[onnx]'"), ("ro-crate", "pip install 'stackfit[crate]'")])
def test_a_missing_extra_is_one_line(run, cli, monkeypatch, form, line):
    monkeypatch.setattr("stackfit.proof.exporting.find_spec", lambda name: None)
    answer = cli("export", str(run.folder), "--to", form)
    assert answer.code == 2
    assert line in answer.err
    assert not list(run.folder.parents[2].glob("digits*"))


def test_a_run_that_did_not_finish_is_refused(run, cli):
    status = run.folder / "status.json"
    status.write_text(status.read_text().replace('"finished"', '"failed"', 1))
    answer = cli("export", str(run.folder), "--to", "savedmodel")
    assert answer.code == 2
    assert "is failed. Expected a finished run." in answer.err


@pytest.mark.extra
def test_a_crate_is_read_by_its_library_and_holds_the_run(run, cli):
    from rocrate.rocrate import ROCrate

    answer = cli("export", str(run.folder), "--to", "ro-crate")
    assert (answer.code, answer.out) == (0, "digits_quickstart.crate.zip\n")
    crate = ROCrate("digits_quickstart.crate.zip")
    files = {entity.id for entity in crate.data_entities}
    assert files == {path.name for path in run.folder.iterdir() if not path.name.startswith(".")}
    measured = {each["name"]: each["value"] for each in crate.root_dataset["variableMeasured"]}
    assert measured["test_accuracy"] == run.metrics["test_accuracy"]
    (action,) = crate.get_by_type("CreateAction")
    assert action["name"] == "stackfit run digits_quickstart epochs=1 model.layers.hidden.units=8 'save=[keras,h5]'"
    assert {each.id for each in action["result"]} >= {"model.keras", "metrics.json"}
