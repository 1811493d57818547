"""`predictions`: what a run answers to its test items, to pictures, rows and arrays."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_runs import make_run
from PIL import Image

import stackfit
from stackfit.data import Scaling
from stackfit.data.inputs import Inputs
from stackfit.errors import ConfigError, DataError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.proof.predictions import (
    as_frame,
    open_inputs,
    predict_examples,
    predict_frame,
    predict_items,
    read_examples,
)
from stackfit.proof.saved import load_model
from stackfit.results import run_files
from stackfit.results.run import Run


def predict_files(run: Run, files: list[Path]):
    inputs = open_inputs(run)
    return predict_examples(run, [read_examples(inputs, file) for file in files])


def picture(path: Path, size=(8, 8), mode="L", colour: int | tuple[int, ...] = 0) -> Path:
    Image.new(mode, size, colour).save(path)
    return path


def test_test_items_come_from_the_stored_predictions_in_order(finished):
    scores, labels = run_files.read_predictions(finished)
    predictions = predict_items(Run(finished))
    assert [p.label for p in predictions] == labels.tolist()
    assert [p.predicted for p in predictions] == scores.argmax(1).tolist()
    assert all(abs(p.probabilities.sum() - 1) < 1e-5 for p in predictions)


@pytest.mark.tf
def test_pictures_are_predicted_in_order_and_their_probabilities_add_up(finished, lab):
    files = [picture(lab / "a.png", (30, 20), colour=255), picture(lab / "b.jpg", colour=0)]
    predictions = predict_files(Run(finished), files)
    assert [p.name for p in predictions] == [str(file) for file in files]
    assert all(p.label is None and abs(p.probabilities.sum() - 1) < 1e-5 for p in predictions)


@pytest.mark.tf
def test_a_test_items_own_picture_is_predicted_as_the_item_was(finished, lab):
    """A digit's values 0 to 16, written as a picture's 0 to 255, must come back at the data's scale."""
    from stackfit.data import load_dataset

    run = Run(finished)
    test = load_dataset(run.config["data"]).test
    files = []
    for number in range(20):
        pixels = np.asarray(np.round(test.x[number][..., 0].astype(float) * 255 / 16), np.uint8)
        files.append(lab / f"{number}.png")
        Image.fromarray(pixels).save(files[-1])
    stored = [prediction.probabilities for prediction in predict_items(run)[:20]]
    again = [prediction.probabilities for prediction in predict_files(run, files)]
    np.testing.assert_allclose(again, stored, atol=0.02)  # a grey level of 255 is 1/16 of a digit's step


@pytest.mark.tf
def test_files_are_a_frame_in_python(finished, lab):
    files = [picture(lab / "a.png", (30, 20), colour=255), picture(lab / "b.png", colour=0)]
    run = stackfit.Run(finished)
    frame = run.predict(files)
    assert frame.name.tolist() == [str(file) for file in files] and frame.columns[1] == "predicted"
    pd.testing.assert_frame_equal(run.predict(str(files[0])).iloc[:, :2], frame.iloc[:1, :2])
    (lab / "b.png").write_text("no picture")
    with pytest.raises(ConfigError, match=r"b.png cannot be read"):
        run.predict(files)


def test_a_folder_is_not_a_file_of_examples(lab):
    (lab / "photos").mkdir()
    with pytest.raises(DataError, match=r"photos is a folder. Expected files. Type photos/\* for those in it."):
        read_examples(Inputs((8, 8, 1), Scaling()), Path("photos"))


# ---- a table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, keras) -> dict[str, Path]:
    """Runs on one table: its classes, its values, its two classes with one sigmoid output. To read only."""
    folder = tmp_path_factory.mktemp("tables")
    noise = np.random.default_rng(0)
    x = noise.normal(loc=[1000, -3], scale=[200, 0.01], size=(120, 2))  # far from standardised
    table = pd.DataFrame({"big": x[:, 0], "small": x[:, 1]})
    table.assign(label=np.where(table.big > 1100, "high", np.where(table.big > 900, "middle", "low"))).to_csv(
        folder / "classes.csv", index=False
    )
    table.assign(label=table.big / 10 + noise.normal(size=120)).to_csv(folder / "values.csv", index=False)
    table.assign(label=np.where(table.big > 1000, "yes", "no")).to_csv(folder / "two.csv", index=False)
    one = ["model.layers.output.units=1"]
    words = {"classes": [], "values": ["task=regression", "model.layers.output.activation=null", *one],
             "two": ["task=binary", "model.layers.output.activation=sigmoid", *one]}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shared = ["data=csv", "data.label=label", "model.layers.flatten=null", "model.layers.hidden.units=8", "epochs=5"]
        return {
            name: stackfit.run("digits_quickstart", *shared, f"data.path={name}.csv", *more, reporter=Reporter(0)).folder.resolve()
            for name, more in words.items()
        }


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder.parents[2] / f"{Run(folder).config['data']['path']}")


@pytest.mark.tf
def test_rows_are_predicted_with_the_runs_own_scaling_where_its_data_are_not(trained, lab):
    run = stackfit.Run(trained["classes"])
    table = table_of(trained["classes"])
    found = run.predict(table[["label", "small", "big"]].set_index(table.index + 7))
    assert list(found.columns) == ["predicted", "p_high", "p_low", "p_middle"] and list(found.index) == list(table.index + 7)
    by_place = run.predict(table[["big", "small"]].to_numpy())
    assert by_place.predicted.tolist() == found.predicted.tolist()
    numbers = run_files.read_scaling(run.folder)
    raw = table[["big", "small"]].to_numpy(np.float32)
    scaled = (raw - np.float32(numbers["subtract"])) / np.float32(numbers["divide"])
    model = load_model(run)
    np.testing.assert_allclose(found.iloc[:, 1:], model.predict(scaled, verbose=0), atol=1e-6)
    assert abs(found.iloc[:, 1:] - model.predict(raw, verbose=0)).max().max() > 0.1  # the confident nonsense


@pytest.mark.tf
def test_load_model_says_that_inputs_are_scaled_and_where_the_numbers_are(trained, finished, capsys):
    stackfit.load_model(trained["classes"])
    said = capsys.readouterr().err
    assert f"data.scale is standardize, with the numbers of {trained['classes']}/scaling.json." in said
    assert said.endswith("Unscaled ones: Run.predict\n")
    stackfit.load_model(finished)  # digits, as they are
    assert capsys.readouterr().err == ""


@pytest.mark.tf
def test_a_picture_needs_no_data_but_scaling_json(finished, lab, monkeypatch):
    monkeypatch.setattr("stackfit.proof.predictions.load_data", None)
    assert predict_files(Run(finished), [picture(lab / "a.png", colour=255)])[0].name == str(lab / "a.png")


@pytest.mark.tf
def test_a_run_without_scaling_json_reads_its_data(trained, lab):
    """As runs of earlier versions are."""
    shutil.copytree(trained["classes"], lab / "old")
    (lab / "old" / "scaling.json").unlink()
    table = table_of(trained["classes"])
    with pytest.raises(DataError, match=r"and there is no classes.csv in"):
        predict_frame(Run(lab / "old"), table)
    old = predict_frame(Run(lab / "old", trained["classes"].parents[2] / "classes.csv"), table)
    pd.testing.assert_frame_equal(old, predict_frame(Run(trained["classes"]), table))


@pytest.mark.tf
def test_the_rows_of_a_csv_file_are_lines(trained, lab, cli):
    table = table_of(trained["classes"]).head(3)
    table.assign(id=1)[["id", "small", "big"]].to_csv("rows.csv", index=False)
    answer = cli("predict", str(trained["classes"]), "rows.csv")
    assert answer.err == "warning: Not used of rows.csv: id.\n"
    lines = answer.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["row", "2"], ["row", "3"], ["row", "4"]]
    assert all("%)" in line for line in lines)
    frame = pd.read_csv(io.StringIO(cli("predict", str(trained["classes"]), "rows.csv", "--format", "csv").out))
    assert list(frame.columns) == ["name", "predicted", "p_high", "p_low", "p_middle"]
    (lab / "bad.csv").write_text("small,big\n1,2\n\n1,x\n")
    error = cli("predict", str(trained["classes"]), "bad.csv")
    assert error.code == 2 and "Column 'big' of bad.csv is 'x' in row 4. Expected a number." in error.err


# ---- values


@pytest.mark.tf
def test_values_are_shown_with_the_true_value_and_the_error(trained, lab, cli):
    """Not "WRONG 1 (1318.7%), but it is 13"."""
    folder = trained["values"]
    scores, labels = run_files.read_predictions(folder)
    answer = cli("predict", str(folder), "--count", "2")
    first, second, summary = answer.out.splitlines()
    assert first.split() == ["item", "0", f"{scores[0, 0]:.6g}", "true", f"{labels[0]:.6g}", "error",
                             f"{scores[0, 0] - labels[0]:+.4g}"]  # fmt: skip
    assert second.startswith("item 1 ") and "%" not in answer.out and "right" not in answer.out
    errors = np.abs(scores[:, 0].astype(np.float64) - labels)
    mean = Run(folder).metrics["test_mean_absolute_error"]
    assert errors.mean() == pytest.approx(mean, rel=1e-5)
    assert summary == (
        f"{len(labels)} test items: mean absolute error {errors.mean():.4g}, largest {errors.max():.4g} (item {errors.argmax()})."
    )
    assert cli("predict", str(folder), "--wrong", "--count", "1").out.startswith(f"item {errors.argmax()} ")
    one = cli("predict", str(folder), "--item", "1")
    assert one.out == second + "\n" and one.err == ""
    two = pd.read_csv(io.StringIO(cli("predict", str(folder), "--item", "1", "--item", "0", "--format", "csv").out))
    assert two.name.tolist() == ["item 1", "item 0"] and two.label.tolist() == pytest.approx(labels[[1, 0]].tolist())
    far = pd.read_csv(io.StringIO(cli("predict", str(folder), "--wrong", "--format", "csv").out))
    assert far.error.abs().is_monotonic_decreasing and len(far) == len(labels)
    assert "There is no test item 99." in cli("predict", str(folder), "--item", "99", "--format", "csv").err
    table = as_frame(Run(folder), predict_items(Run(folder)))
    assert list(table.columns) == ["name", "predicted", "label", "error"]
    rows = predict_frame(Run(folder), table_of(folder).head(4))
    assert list(rows.columns) == ["predicted"] and rows.predicted.dtype == float


def test_several_values_are_a_column_each(finished, lab):
    folder = shutil.copytree(finished, lab / "run")
    config = (folder / "config.yaml").read_text().replace("labels: class", "labels: value")
    (folder / "config.yaml").write_text(config)
    np.savez(folder / "predictions.npz", scores=np.array([[1, 2], [3, 4]], np.float32), labels=np.array([1.5, 2.5]))
    predictions = predict_items(Run(folder))
    assert [prediction.error for prediction in predictions] == [None, None]
    assert as_frame(Run(folder), predictions).columns.tolist() == ["name", "predicted_1", "predicted_2", "label"]


@pytest.mark.tf
def test_one_sigmoid_output_is_two_classes(trained, lab, cli):
    folder = trained["two"]
    scores, labels = run_files.read_predictions(folder)
    predictions = predict_items(Run(folder))
    assert [p.predicted for p in predictions] == (scores[:, 0] > 0.5).astype(int).tolist()
    right = np.mean([p.predicted == p.label for p in predictions])
    assert right == pytest.approx(Run(folder).metrics["test_accuracy"], abs=1e-6)
    assert f"{round(right * len(labels))} of {len(labels)} test items are right." in cli("predict", str(folder)).out


def test_classes_without_names_or_with_fewer_are_numbers(finished, lab, cli):
    folder = shutil.copytree(finished, lab / "run")
    config = (folder / "config.yaml").read_text()
    head, _, rest = config.partition("  class_names:\n")
    names, rest = rest[: rest.index("  scale")], rest[rest.index("  scale") :]
    assert names.count("-") == 10
    (folder / "config.yaml").write_text(f"{head}  class_names: [zero, one]\n  num_classes: 10\n".replace("  num_classes: 10\n", "", 1) + rest)
    frame = as_frame(Run(folder), [*predict_items(Run(folder))])
    assert frame.columns.tolist()[4:] == ["p_zero", "p_one", *(f"p_{number}" for number in range(2, 10))]


# ---- a run that was moved


@pytest.mark.tf
def test_a_moved_run_finds_its_data_by_data_path(trained, lab, cli):
    folder, home = trained["two"], trained["two"].parents[2]
    for words in (("evaluate", str(folder)), ("verify", str(folder)), ("eject", str(folder), "--out", "x.py")):
        error = cli(*words)
        assert error.code == 2
        assert f"{folder} trained on two.csv, and there is no two.csv in {lab}." in error.err
        assert "Add --data-path with the file or folder" in error.err
    by_file = cli("evaluate", str(folder), "--data-path", str(home / "two.csv"))
    by_folder = cli("evaluate", str(folder), "--data-path", str(home))
    assert by_file.code == 0 and by_file == by_folder and by_file.err == ""
    assert cli("verify", str(folder), "--data-path", str(home), "--quiet").out.startswith("bit-equal ")
    (folder / "certificate.json").unlink()
    assert cli("eject", str(folder), "--out", "x.py", "--data-path", str(home)).out == "x.py\n"
    shutil.copy(home / "values.csv", lab / "two.csv")
    (lab / "two.csv").write_text((home / "two.csv").read_text().replace("yes", "no", 1))
    changed = cli("evaluate", str(folder), "--data-path", "two.csv")
    assert changed.code == 0 and "The data have changed since" in changed.err and "it recorded " in changed.err


@pytest.mark.parametrize(
    "recorded, there, given, found",
    [
        ({"path": "a/x.csv"}, ["new.csv"], "new.csv", {"path": "new.csv"}),
        ({"path": "a/x.csv"}, ["there/x.csv"], "there", {"path": "there/x.csv"}),
        ({"path": "/gone/x.csv", "test_path": "y.csv"}, ["d/x.csv", "d/y.csv"], "d", {"path": "d/x.csv", "test_path": "d/y.csv"}),
        ({"path": "a/x.csv", "test_path": "y.csv"}, ["new.csv"], "new.csv", {"path": "new.csv", "test_path": "y.csv"}),
        ({"path": "a/photos"}, ["mine/cat/1.png"], "mine", {"path": "mine"}),  # the folder itself
        ({"path": "a/photos"}, ["mine/photos/cat/1.png"], "mine", {"path": "mine/photos"}),
    ],
)
def test_a_data_path_is_the_data_or_the_folder_that_holds_them(lab, recorded, there, given, found):
    for name in there:
        (lab / name).parent.mkdir(parents=True, exist_ok=True)
        (lab / name).touch()
    folder = make_run(lab / "run", {})
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": recorded}))
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, "settings": {}}))
    assert Run(folder, Path(given)).config["data"] == found


def test_a_data_path_that_is_not_there_or_not_wanted_is_refused(finished, trained, lab):
    with pytest.raises(RunFolderError, match=r"There is no nope. Expected the data of .*, which it read from two.csv"):
        _ = Run(trained["two"], Path("nope")).config
    with pytest.raises(RunFolderError, match=r"trained on data without a path. .* Leave out --data-path"):
        _ = Run(finished, lab).config
