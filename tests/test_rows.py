"""`rows`: new rows of a table, from a file or a DataFrame, become what training made of the same rows."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stackfit
from stackfit.data import Scaling, load_dataset
from stackfit.data.inputs import Inputs
from stackfit.errors import DataError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.proof.predictions import predict_frame
from stackfit.proof.saved import evaluate_run

COUNT = 60
COLUMNS = {"when": "date", "city": "category", "zip": "category", "ok": "flag", "name": "drop"}
DATA = {"kind": "csv", "path": "t.csv", "label": "y", "scale": "standardize", "columns": COLUMNS, "impute": "median",
        "test_split": 0.0, "group": "patient"}  # fmt: skip


def table() -> pd.DataFrame:
    number = np.arange(COUNT)
    return pd.DataFrame({
        "when": pd.Timestamp("2024-01-30") + pd.to_timedelta(number, "D"),
        "city": np.array(["Bern", "Chur", "Genf"])[number % 3],
        "zip": np.array(["007", "7", "12"])[number % 3],
        "ok": number % 2 == 0,
        "a": np.where(number % 7, number / 3, np.nan),
        "b": 1.7e9 + number,
        "n": np.where(number % 7, number, np.nan),  # whole numbers with gaps: floats in pandas
        "name": [f"row {each}" for each in number],
        "patient": number // 2,
        "y": np.array(["no", "yes"])[number % 2],
    })  # fmt: skip


@pytest.fixture
def trained(lab) -> tuple[Inputs, np.ndarray, pd.DataFrame]:
    """The inputs of a data set as a run's folder gives them; the scaled training rows in the file's order; the table."""
    frame = table()
    frame.to_csv("t.csv", index=False)
    data = DATA | {"input_shape": [14], "num_classes": 2, "class_names": ["no", "yes"]}
    dataset = load_dataset(data)
    record = json.loads(json.dumps(Inputs.of(dataset, data).record()))
    order = np.argsort(dataset.rows["train"])
    return Inputs.read(record, data, "scaling.json", RunFolderError), dataset.scaling.apply(dataset.train.x)[order], frame


def test_a_file_and_a_frame_give_the_bits_of_training(trained):
    inputs, expected, frame = trained
    said: list[str] = []
    x, rows = inputs.file(Path("t.csv"), said.append)
    np.testing.assert_array_equal(x, expected)
    assert rows.tolist() == list(range(2, COUNT + 2))
    np.testing.assert_array_equal(inputs.frame(frame, "the table", said.append), expected)
    other_order = frame[frame.columns[::-1]].drop(columns=["y", "patient", "name"]).convert_dtypes()
    np.testing.assert_array_equal(inputs.frame(other_order, "the table", said.append), expected)
    as_read = pd.read_csv("t.csv", dtype={"zip": str})  # dates are text there
    np.testing.assert_array_equal(inputs.frame(as_read.astype({"city": "category"}), "the table", said.append), expected)
    np.testing.assert_array_equal(inputs.frame(pd.read_csv("t.csv", dtype=str), "the table", said.append), expected)
    assert said == []  # the label, the group and a dropped column need no word


@pytest.mark.parametrize("row", [0, 1, 7, 59])  # rows 0 and 7 have gaps
def test_a_single_row_is_what_it_was_among_the_others(trained, row):
    """Its column is empty in all rows then, which is no reason to refuse what training filled."""
    inputs, expected, frame = trained
    np.testing.assert_array_equal(inputs.frame(frame.iloc[[row]], "the table", print), expected[[row]])
    frame.iloc[[row]].to_csv("one.csv", index=False)
    np.testing.assert_array_equal(inputs.file(Path("one.csv"), print)[0], expected[[row]])


def test_numbers_that_look_grouped_are_what_they_are_in_new_rows(trained):
    """In a table to train on, 1.036 beside 999 is refused; here training has settled what a dot is."""
    inputs, _, frame = trained
    new = frame.head(2).astype({"a": object}).assign(a=["1.036", "999"])
    new.to_csv("two.csv", index=False)
    x, _ = inputs.file(Path("two.csv"), print)
    at = inputs.encoding.features.index("a")
    raw = x[:, at] * inputs.scaling.divisor[at] + inputs.scaling.offset[at]
    np.testing.assert_allclose(raw, [1.036, 999], rtol=1e-5)


@pytest.mark.parametrize("form, of", [("%d.%m.%Y", "%d.%m.%Y"), ("%m/%d/%Y", "%m/%d/%Y")])
def test_dates_of_a_frame_are_read_as_the_training_table_writes_them(lab, form, of):
    frame = table()
    frame.assign(when=frame.when.dt.strftime(form)).to_csv("t.csv", index=False)
    data = DATA | {"input_shape": [14], "num_classes": 2, "class_names": ["no", "yes"]}
    dataset = load_dataset(data)
    inputs = Inputs.of(dataset, data)
    expected = dataset.scaling.apply(dataset.train.x)[np.argsort(dataset.rows["train"])]
    for dates in (frame.when, frame.when.dt.tz_localize("UTC"), frame.when.dt.date, frame.when.dt.strftime(of)):
        np.testing.assert_array_equal(inputs.frame(frame.assign(when=dates), "the table", print), expected)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"city": "Basel"}, "Column 'city' of the table is 'Basel' in row 0, and 59 more cells are like this. Expected one of "
                            "'Bern', 'Chur', 'Genf'. Correct the cells, or remove the rows."),
        ({"zip": 7.5}, "Column 'zip' of the table holds numbers such as 7.5, but the training data have words such as '007'. "
                       "Expected text. Read it with pandas.read_csv(path, dtype={'zip': str})."),
        ({"zip": pd.array([7] * 59 + [None], "Int64")}, "holds numbers such as 7, but"),
        ({"zip": ["007"] * 59 + [7]}, "holds numbers such as 7, but"),  # it would be the class '7'
        ({"ok": "maybe"}, "Column 'ok' of the table is 'maybe' in row 0"),
        ({"when": "yesterday"}, "Column 'when' of the table is 'yesterday' in row 0"),
        ({"a": "x"}, "Column 'a' of the table is 'x' in row 0"),
        ({"a": np.inf}, "Column 'a' of the table is 'inf' in row 0"),
        ({"a": pd.Timestamp(0)}, "Column 'a' of the table is '1970-01-01 00:00:00' in row 0"),
    ],
)  # fmt: skip
def test_what_training_did_not_have_is_refused_and_no_setting_is_proposed(trained, change, said):
    inputs, _, frame = trained
    with pytest.raises(DataError) as caught:
        inputs.frame(frame.assign(**change), "the table", print)
    assert said in caught.value.message and "data." not in caught.value.message and caught.value.key is None


def test_a_file_that_no_setting_names_is_converted_and_the_runs_own_encoding_counts(lab):
    frame = table().assign(city=np.array(["Köln", "Chur", "Genf"])[np.arange(COUNT) % 3])
    made, read = {}, []
    for encoding in ("utf-8", "cp1252"):
        frame.to_csv("t.csv", index=False, encoding=encoding)
        data = DATA | {"input_shape": [14], "num_classes": 2, "class_names": ["no", "yes"], "encoding": encoding}
        data |= {"encoding": None} if encoding == "utf-8" else {}
        made[encoding] = Inputs.of(load_dataset(data), data)
        read.append(made[encoding].file(Path("t.csv"), print)[0])
    np.testing.assert_array_equal(*read)
    for encoding in ("cp1252", "utf-16", "utf-16-le"):
        frame.to_csv("new rows.csv", index=False, encoding=encoding)
        with pytest.raises(DataError) as caught:
            made["utf-8"].file(Path("new rows.csv"), print)
        assert caught.value.key is None and "data." not in caught.value.message
        assert f"iconv -f {encoding} -t utf-8 'new rows.csv' > utf8.csv" in caught.value.message
    frame.to_csv("new.csv", index=False, encoding="utf-8")
    with pytest.raises(DataError, match="is 'KÃ¶ln' in row 2, and 19 more"):  # read as the training data were
        made["cp1252"].file(Path("new.csv"), print)
    Path("new.csv").write_text("1.5,0.5,3\n4,5,6\n4,7,9\n")
    with pytest.raises(DataError, match=r"looks like data.*Add them as the first line\.$"):
        made["utf-8"].file(Path("new.csv"), print)


def test_all_faults_are_named_at_once(trained):
    inputs, _, frame = trained
    with pytest.raises(DataError, match="the table has 3 faults"):
        inputs.frame(frame.assign(city="Basel", ok="maybe", a="x"), "the table", print)


def test_arrays_are_columns_where_all_are_numbers(trained, lab):
    inputs, _, _ = trained
    with pytest.raises(DataError, match=r"of which when, city, zip, ok are not numbers. Expected a DataFrame or a CSV file"):
        inputs.arrays(np.zeros((1, 14)))
    seconds = pd.DataFrame({"t": 1.7e9 + np.arange(40) % 20, "y": np.arange(40) % 2})
    seconds.to_csv("s.csv", index=False)
    data = {"kind": "csv", "path": "s.csv", "label": "y", "scale": "standardize", "input_shape": [1], "num_classes": 2}
    inputs = Inputs.of(load_dataset(data), data)
    array = inputs.arrays(seconds[["t"]].to_numpy())
    np.testing.assert_array_equal(array, inputs.frame(seconds, "the table", print))
    assert len(np.unique(array)) == 20  # float64 until the mean is subtracted
    np.savez("s.npz", x=seconds[["t"]].to_numpy())
    np.testing.assert_array_equal(inputs.npz(Path("s.npz")), array)
    with pytest.raises(DataError, match=r"Column 't' of the array is empty in row 1. Expected a number"):
        inputs.arrays([[1.7e9], [np.nan]])


def test_an_npz_file_has_an_array_x_in_the_shape_of_training(lab):
    inputs = Inputs((8, 8, 1), Scaling(divisor=np.float32(16)))
    x = np.arange(128).reshape(2, 8, 8)
    np.savez("a.npz", x=x, y=[0, 1])
    np.savez("b.npz", mine=x)
    for name in ("a.npz", "b.npz"):
        np.testing.assert_array_equal(inputs.npz(Path(name))[..., 0], x.astype(np.float32) / 16)
    np.savez("c.npz", a=x, b=x)
    with pytest.raises(DataError, match=r"c.npz holds a, b. Expected an array x"):
        inputs.npz(Path("c.npz"))
    np.savez("d.npz", x=x.reshape(2, 64))
    with pytest.raises(DataError, match=r"the shape \(2, 64\). Expected numbers of shape \(examples, 8, 8, 1\)"):
        inputs.npz(Path("d.npz"))
    Path("e.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"e.npz cannot be read"):
        inputs.npz(Path("e.npz"))


@pytest.mark.parametrize(
    "column",
    [{"kind": "other"}, {"kind": "flag", "words": []}, {"fill": "x"}, {"base": float("nan")}, {"form": "%Q", "kind": "date"},
     {"words": [1], "kind": "category"}, {"kind": "category", "words": ["a"], "fill": "b"}, {"more": 1}],
)  # fmt: skip
def test_a_record_of_columns_that_no_run_writes_is_refused(lab, column):
    pd.DataFrame({"a": range(9), "y": [0, 1, 0] * 3}).to_csv("t.csv", index=False)
    data = {"kind": "csv", "path": "t.csv", "label": "y", "input_shape": [1], "num_classes": 2, "scale": "none"}
    record = Inputs.of(load_dataset(data), data).record()
    record["columns"][0] |= column
    with pytest.raises(RunFolderError, match=r"scaling.json cannot be read"):
        Inputs.read(record, data, "scaling.json", RunFolderError)


def test_numbers_that_mean_a_gap_in_the_table_mean_one_in_new_rows(lab):
    """A frame's -999 was a number."""
    numbers = np.arange(40) + 0.5
    pd.DataFrame({"a": np.where(numbers == 3.5, -999, numbers), "y": np.arange(40) % 3 // 2}).to_csv("t.csv", index=False)
    data = {"kind": "csv", "path": "t.csv", "label": "y", "scale": "none", "missing": ["-999"], "impute": "median"}
    data |= {"input_shape": [1], "num_classes": 2}
    inputs = Inputs.of(load_dataset(data), data)
    gap = inputs.frame(pd.DataFrame({"a": [np.nan]}), "the table", print)
    Path("new.csv").write_text("a\n-999.0\n")
    given = [inputs.frame(pd.DataFrame({"a": value}), "the table", print) for value in ([-999], [-999.0], ["-999"])]
    for each in [*given, inputs.arrays(np.array([[-999]])), inputs.file(Path("new.csv"), print)[0]]:
        np.testing.assert_array_equal(each, gap)
    assert inputs.arrays(np.array([[-998]])) == -998


def test_a_column_of_dates_may_be_missing_as_a_whole(trained):
    inputs, _, frame = trained
    filled = inputs.frame(frame.assign(when=pd.NaT), "the table", print)
    assert len(filled) == COUNT and np.isfinite(filled).all()


# ---- a run


@pytest.mark.tf
def test_a_run_predicts_and_evaluates_other_rows_by_its_own_encoding(lab, keras, cli):
    frame = table()
    frame.to_csv("t.csv", index=False)
    words = ["data=csv", "data.path=t.csv", "data.label=y", "data.impute=median", "data.columns=auto", "epochs=30",
             "model.layers.flatten=null", "optimizer.learning_rate=0.05", "silence=[row_numbers]"]  # fmt: skip
    run = stackfit.run("digits_quickstart", *words, reporter=Reporter(0))
    kept = run.predict(frame)
    assert (kept.predicted == frame.y).mean() > 0.9  # ok is the label
    with contextlib.redirect_stderr(io.StringIO()) as told:
        stackfit.load_model(run)
    assert "takes inputs encoded and scaled as in training" in told.getvalue() and "scaling.json" in told.getvalue()
    few = frame.iloc[[3, 8]].drop(columns="y")
    few.to_csv("few.csv", index=False)
    Path("t.csv").rename("kept.csv")
    answer = cli("predict", str(run.folder), "few.csv", "--format", "csv")
    assert answer.code == 0 and answer.err == "", answer
    assert [line.split(",")[:2] for line in answer.out.splitlines()[1:]] == [["row 2", kept.predicted[3]], ["row 3", kept.predicted[8]]]
    pd.testing.assert_frame_equal(run.predict(few).reset_index(drop=True), kept.iloc[[3, 8]].reset_index(drop=True), atol=1e-6)
    # Other rows, far from the mean of training: fitted on them, the scaling would hide that.
    frame.assign(b=frame.b + 1000, a=frame.a + 50).to_csv("other.csv", index=False)
    again = stackfit.Run(run.folder, Path("other.csv"))
    said: list[str] = []
    splits = evaluate_run(again, said.append)
    assert len(said) == 1 and "The data have changed since" in said[0]
    predicted = predict_frame(again, pd.read_csv("other.csv", dtype={"zip": str}))
    right = (predicted.predicted == frame.y).mean()
    sizes = {"train": 48, "test": 12}
    assert sum(splits[part]["accuracy"] * size for part, size in sizes.items()) / COUNT == pytest.approx(right, abs=1e-6)
    frame.assign(city="Basel").to_csv("other.csv", index=False)
    with pytest.raises(DataError, match="'Basel' in row 2"):
        evaluate_run(again)
