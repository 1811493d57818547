"""`portrait`: the page of one run says what its files say, of classes and of values, whole and damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_runs import make_run
from pages import read_page, sections_of

import stackfit
from stackfit.execution.progress import Reporter
from stackfit.files import shown

HOSTILE = "<b onclick=alert(1)>'\"&"


def written(lab, folder):
    return read_page(stackfit.report(folder, out=lab / "page.html"))


def columns(read, name):
    figure = next(each for each in read.data["figures"] if name in each["rows"])
    return read.rows(figure["rows"][name])


@pytest.mark.tf
def test_a_trained_runs_page_holds_its_curves_its_mistakes_and_its_layers(lab):
    run = stackfit.run("digits_quickstart", "epochs=2", "data.validation_split=0.2", reporter=Reporter(0))
    read = written(lab, run)
    text = (lab / "page.html").read_text(encoding="utf-8")
    assert sections_of(text) == ["verdicts", "curves", "test", "mistakes", "layers", "time", "environment", "again"]
    assert "Can a small network read 8 x 8 handwritten digits?" in read.text
    lines = columns(read, "lines")
    assert lines["part"] == ["training", "validation"] * 2
    assert lines["value"][::2] == pytest.approx(run.history["accuracy"].tolist(), rel=1e-5)
    matrix = columns(read, "matrix")
    frame = stackfit.predict(run)
    assert sum(matrix["count"]) == 360
    right = sum(count for true, said, count in zip(matrix["true"], matrix["predicted"], matrix["count"], strict=True) if true == said)
    assert right / 360 == pytest.approx(run.metrics["test_accuracy"])
    pictures = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(pictures) == min(24, 360 - right) and all(each["src"].startswith("data:image/png;base64,") for each in pictures)
    surest = frame[~frame["right"]].filter(like="p_").max(axis=None)
    assert f"{surest:.1%}" in read.text
    assert f"stackfit verify {shown(run.folder)}" in read.text and "test_accuracy: between 0.9 and 1" in read.text


def make_classes(path, names, **more):
    """A run of two classes with a config; three of four test items are right."""
    folder = make_run(path, correct=[True, False, True, True], history=2, **more)
    task = {"labels": "class", "loss": {"_target_": "keras.losses.SparseCategoricalCrossentropy"}}
    config = {"about": {"question": HOSTILE}, "data": {"class_names": names, "num_classes": 2, "input_shape": [2]}, "task": task}
    (folder / "config.yaml").write_text(json.dumps({**config, **json.loads((folder / "status.json").read_text())["settings"]}))
    (folder / "layers.json").write_text(json.dumps({"layers": [{"name": HOSTILE, "class": "Dense", "output_shape": [2], "parameters": 6}]}))
    return folder


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([HOSTILE, "b"], [HOSTILE, "b"]),
        (["same", "same"], ["0 same", "1 same"]),
        (["x" * 10_000, "y"], None),
        (["only one"], ["only one", "1"]),
        ([], ["0", "1"]),
        ("not a list", ["0", "1"]),
    ],
)
def test_class_names_of_any_kind_tell_classes_apart_and_stay_texts(lab, names, shown):
    read = written(lab, make_classes(lab / "outputs" / "base" / "1", names))
    found = [*dict.fromkeys(columns(read, "matrix")["true"])]
    assert found == shown or (shown is None and len(found) == 2 and len(found[0]) == 60)
    assert "3 of 4 test items are right (75.00%)" in read.text and HOSTILE in read.text
    assert not [attributes for _, attributes in read.tags if "onclick" in attributes]


def test_precision_and_recall_are_by_hand(lab):
    read = written(lab, make_classes(lab / "outputs" / "base" / "1", ["a", "b"]))
    table = next(rows for rows in read.tables if rows and rows[0][:2] == ["class", "test items"])
    assert table[1:] == [["a", "2", "0.6667", "1.0000", "0.8000"], ["b", "2", "1.0000", "0.5000", "0.6667"]]


def test_values_have_residuals(lab):
    folder = make_run(lab / "outputs" / "base" / "1", {"task.labels": "value"}, history=2)
    np.savez(folder / "predictions.npz", scores=np.float32([[1], [2], [4]]), labels=np.float32([1, 2.5, 3]))
    config = {"data": {"input_shape": [2]}, "task": {"labels": "value", "loss": {"_target_": "keras.losses.MeanSquaredError"}}}
    (folder / "config.yaml").write_text(json.dumps({**config, **json.loads((folder / "status.json").read_text())["settings"]}))
    read = written(lab, folder)
    assert "Mean absolute error 0.5 over 3 test items; the largest is +1 (item 2)." in read.text
    assert columns(read, "items") == {"item": [0, 1, 2], "true": [1.0, 2.5, 3.0], "predicted": [1.0, 2.0, 4.0]}
    assert sum(columns(read, "errors")["count"]) == 3


@pytest.mark.parametrize("file", ["config.yaml", "history.csv", "predictions.npz", "layers.json"])
def test_a_file_that_is_damaged_or_gone_is_a_warning_and_the_rest_is_shown(lab, file, capsys):
    folder = make_classes(lab / "outputs" / "base" / "1", ["a", "b"])
    (folder / file).write_bytes(b"\xff\x00{")
    read = written(lab, folder)
    assert f"{file} cannot be read" in capsys.readouterr().err and f"{file} cannot be read" in read.text
    (folder / file).unlink()
    assert "Repeat it" in written(lab, folder).text


def test_a_run_that_failed_says_why_first(lab):
    folder = make_run(lab / "outputs" / "base" / "1", failed=f"ValueError: {HOSTILE}", history=1)
    read = written(lab, folder)
    assert "This run is failed" in read.text and f"ValueError: {HOSTILE}" in read.text
