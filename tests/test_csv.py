"""Tables as people bring them: each case with the value that must come out, or with the sentence that refuses it."""

from __future__ import annotations

import bz2
import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stackfit.data import declare, load_dataset
from stackfit.data.inputs import Inputs
from stackfit.errors import DataError

NOISE = np.random.default_rng(0)
A, B = NOISE.standard_normal(400), NOISE.standard_normal(400)
Y = (A > 0).astype(int)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text, name="t.csv", encoding="utf-8"):
    Path(name).write_bytes(text.encode(encoding))
    return {"kind": "csv", "path": name, "label": "y", "scale": "none"}


def table(name="t.csv", separator=",", **columns):
    """A file with these columns: names as keys, cells as they are written."""
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return write("\n".join(lines) + "\n", name)


def load(data, form=None, **changes):
    """The data set, its declaration and its warnings' names, as a command loads it."""
    data, warnings = {**data, **changes}, []
    declared = declare(data, form, warnings.append)
    return load_dataset({**data, **declared}), declared, [warning.kind for warning in warnings]


def refused(data, *parts, key="path", form="class", **changes):
    """Loading fails with one text about this key, which holds all parts."""
    with pytest.raises(DataError) as caught:
        load(data, form, **changes)
    assert [part for part in parts if part not in caught.value.message] == [], caught.value.message
    assert caught.value.key == f"data.{key}"
    return caught.value.message


def agreement(dataset):
    """The share of test rows whose first feature is above its training mean exactly where the label is 1."""
    return float(((dataset.scaling.apply(dataset.test.x)[:, 0] > 0) == dataset.test.y).mean())


# ---- what could be read before keeps its bytes


def as_before(path, label, seed=0, share=0.2):
    """The arrays by the rule of the reader before columns had names."""
    frame = pd.read_csv(path, sep=",", skip_blank_lines=False, low_memory=False).dropna(how="all")
    x = frame.drop(columns=label).apply(pd.to_numeric).astype(np.float64).to_numpy(np.float32)
    y = frame[label].to_numpy()
    y = np.unique(y.astype(str), return_inverse=True)[1] if y.dtype.kind not in "biuf" else y.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(y))
    test = np.zeros(len(y), bool)
    for kind in np.unique(y):
        members = np.flatnonzero(y[order] == kind)
        test[members[: min(round(len(members) * share), len(members) - 1)]] = True
    return x[order[~test]], y[order[~test]], x[order[test]], y[order[test]]


@pytest.mark.parametrize("words", [False, True])
def test_a_table_of_numbers_has_the_arrays_and_the_fingerprint_that_it_had(words):
    big = NOISE.integers(0, 2**62, 400)
    label = np.where(Y, " yes", " no") if words else Y
    table(a=A, n=np.arange(400), smoker=A > 1, e=[f"{b:.2e}" for b in B], big=big, b=B * 1e30, y=label)
    dataset, declared, _ = load({"kind": "csv", "path": "t.csv", "label": "y", "scale": "standardize"})
    before = as_before("t.csv", "y")
    now = dataset.train.x, dataset.train.y, dataset.test.x, dataset.test.y
    for old, new in zip(before, now, strict=True):
        assert old.dtype == new.dtype and np.array_equal(old, new)
    from stackfit.data.arrays import fingerprint

    assert dataset.fingerprint == fingerprint(before)
    assert declared.get("class_names") == ([" no", " yes"] if words else None)


def test_blank_lines_are_dropped_silently_and_lines_of_separators_are_said():
    data = write("a,b,y\n1,2,0\n\n3,4,1\n,,\n5,6,0\n7,8,1\n\n")
    said = []
    dataset = load_dataset({**data, "test_split": 0.0}, said.append)
    assert sorted(dataset.train.x[:, 0]) == [1, 3, 5, 7]
    assert said == ["t.csv: left out 1 row of nothing but separators: 5."]
    assert sorted(dataset.rows["train"]) == [2, 4, 6, 7]


# ---- names


def test_a_test_files_columns_are_matched_by_name():
    data = table(a=A, b=B, y=Y)
    table("test.csv", b=B[:50], y=Y[:50], a=A[:50])
    assert agreement(load(data, test_path="test.csv", scale="standardize")[0]) >= 0.98
    table("test.csv", y=Y[:50], B=B[:50], a=A[:50])
    refused(data, "test.csv lacks 'b' and has 'B' besides, compared with t.csv", key="test_path", test_path="test.csv")
    table("test.csv", y=Y[:50], b=B[:50], a=A[:50], c=A[:50])
    refused(data, "test.csv has 'c' besides", "in any order: a, b, y", key="test_path", test_path="test.csv")
    assert load(data, test_path="test.csv", columns={"c": "drop"})[0].test.x.shape == (50, 2)


def test_a_first_column_without_a_name_that_counts_the_rows_is_a_warning_with_its_cure():
    frame = pd.DataFrame({"a": A, "y": Y}).sort_values("y", ignore_index=True)
    frame.to_csv("t.csv")
    data, found = {"kind": "csv", "path": "t.csv", "label": "y", "scale": "none"}, []
    declare(data, "class", found.append)
    assert [warning.kind for warning in found] == ["row_numbers"]
    assert "first column of t.csv has no name and counts the rows" in found[0].message
    assert "'data.columns={Unnamed\\: 0:drop}'" in found[0].message
    assert load(data, columns={"Unnamed: 0": "drop"})[0].encoding.features == ["a"]
    table(id=np.arange(1, 401), a=A, y=Y)  # a relative: with a name, from 1
    assert load(data)[2] == ["row_numbers"]


@pytest.mark.parametrize("row", ["0.126,-0.360,7,1", "0.126,-0.360,1,", "row1,0.126,-0.360,1"])
def test_more_values_than_names_are_refused_at_their_line(row):
    refused(write("a,b,y\n" + f"{row}\n" * 40), "Line 2 of t.csv has 4 values, the header has 3", "40 lines")


def test_a_single_longer_or_shorter_line_is_refused_at_its_line_wherever_it_stands():
    rows = "1,2,0\n2,3,1\n" * 1500
    refused(write(f"a,b,y\n{rows}1,2,0,9\n"), "Line 3002 of t.csv has 4 values, the header has 3: 1, 2, 0, 9")
    refused(write(f"a,b,y\n{rows}1,2\n"), "Line 3002 of t.csv has 2 values, the header has 3: 1, 2", impute="mean")


def test_a_separator_inside_quotes_in_the_header_is_part_of_the_name():
    data = write('"a, b, c, d";y\n' + "".join(f"{a};{y}\n" for a, y in zip(A, Y, strict=True)))
    assert load(data)[0].encoding.features == ["a, b, c, d"]
    data = write('"a;b",y\n1,0\n2,1\n3,0\n')
    assert load(data)[0].encoding.features == ["a;b"]
    data = write("a|y\n1|0\n2|1\n3|0\n")
    assert load(data)[0].encoding.features == ["a"]
    assert load(write("a y\n1 0\n2 1\n3 0\n"), separator=" ")[0].encoding.features == ["a"]


def test_a_name_that_stands_twice_is_refused():
    refused(table(b=B, y=Y) | write("b,y,y\n1,0,0\n"), "column 'y' stands twice", "columns 2, 3", "Rename")
    refused(write("b, b,y\n1,0,0\n"), "column 'b' stands twice", "columns 1, 2")


def test_blanks_and_unicode_forms_in_names_do_not_hide_a_column():
    data = write("a, gro\u0308ße, income\n1,2,no\n3,4,yes\n5,6,no\n")
    dataset = load(data, label="income", columns={"gr\u00f6ße": "number"})[0]
    assert dataset.encoding.features == ["a", "gr\u00f6ße"]


IRIS = "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-virginica\n5.0,3.1,1.5,0.1,Iris-setosa\n"


@pytest.mark.parametrize("label", ["Iris-setosa", "y"])
def test_a_file_without_a_header_is_refused_with_the_way_to_read_it(label):
    data = write(IRIS * 10) | {"label": label}
    refused(data, "first line of t.csv looks like data", "data.header=false data.label=4")
    dataset, declared, _ = load(data, header=False, label="4")
    assert len(dataset.train) + len(dataset.test) == 30 and declared["class_names"] == ["Iris-setosa", "Iris-virginica"]
    assert set(dataset.rows["train"]) | set(dataset.rows["test"]) == {*range(1, 31)}


@pytest.mark.parametrize("line", ["6,148,72,0", "8,5,1,1", "p,x,s,n"])
def test_other_first_lines_of_data_are_seen_too(line):
    refused(write(f"{line}\n" * 30), "looks like data")


@pytest.mark.parametrize(
    "header", ["0,1,2,y", "2019,2020,2021,y", "age,2020,b,y", "400.5,401.5,402,402.5,403,y", "a,b,c,y"]
)
def test_names_that_are_numbers_may_be_names(header):
    width = header.count(",")
    data = write(f"{header}\n" + "".join(",".join(["1.5"] * width) + f",{y}\n" for y in (0, 1) * 5))
    assert load(data)[0].encoding.features == header.split(",")[:-1]


# ---- labels


def test_the_task_says_what_a_label_is_never_its_content():
    data = table(x=A[:200], price=[(10, 20, 50, 100)[i % 4] for i in range(200)]) | {"label": "price"}
    values, declared, _ = load(data, "value")
    assert declared["num_classes"] == 0 and values.train.y.dtype == np.float32
    assert set(values.train.y) == set(values.test.y) == {10, 20, 50, 100}
    classes, declared, _ = load(data, "class")
    assert declared["class_names"] == ["10", "20", "50", "100"] and set(classes.train.y) == {0, 1, 2, 3}
    data = table(x=A[:200], price=[i % 3 for i in range(200)]) | {"label": "price"}
    assert load(data, "value")[0].train.y.dtype == np.float32  # 0, 1, 2 as values, too
    refused(data, "are not 0 to 6", "data.num_classes=0", key="num_classes", form="value", num_classes=7)
    refused(table(x=A, y=np.where(Y, "b", "c")), "are words, such as 'b'", key="label", form="value")


def test_words_that_pandas_takes_for_missing_are_labels():
    words = [("None", "Mild", "Severe")[i % 3] for i in range(400)]
    assert load(table(a=A, y=words))[1]["class_names"] == ["Mild", "None", "Severe"]
    dataset, _, _ = load(table(a=A, y=words), class_names=["None", "Mild", "Severe"])
    assert np.bincount(dataset.train.y).tolist() == [107, 106, 106]
    refused(table(a=A, y=words), "Column 'y' of t.csv is empty in row 2, and 133 more", missing=["", "None"])


def test_labels_that_differ_in_blanks_are_one_class_and_in_case_are_a_warning():
    blanks = [f"{'yes' if y else 'no'}{' ' * (i % 2)}" for i, y in enumerate(Y)]
    dataset, declared, _ = load(table(a=A, b=B, y=blanks), scale="standardize")
    assert declared["class_names"] == ["no", "yes"] and agreement(dataset) >= 0.98
    cases = [("yes", "Yes")[i % 2] if y else "no" for i, y in enumerate(Y)]
    assert load(table(a=A, y=cases))[2] == ["look_alike"]
    assert load(table(a=A, y=np.where(Y, "a", "A")))[2] == []  # letters


def test_a_label_that_training_does_not_have_is_refused_in_the_test_file_at_its_row():
    data = table(a=A, y=[1 + i % 3 for i in range(400)])
    table("test.csv", a=A[:3], y=[3, 1, 0])
    refused(data, "test.csv has the label '0' in row 4", "one of 1, 2, 3", key="test_path", test_path="test.csv")
    data = table(a=A, y=[i % 3 for i in range(400)])
    table("test.csv", a=A[:3], y=[2, 1, 3])
    refused(data, "test.csv has the label 3 in row 4", "0 to 2", key="test_path", test_path="test.csv")
    table("test.csv", a=A[:3], y=[2, 1, "two"])
    refused(data, "Column 'y' of test.csv is 'two' in row 4", key="test_path", test_path="test.csv")
    table("test.csv", a=A[:3], y=[2, 1, ""])
    refused(data, "Column 'y' of test.csv is empty in row 4", key="test_path", test_path="test.csv")


def test_names_for_class_numbers_still_name_them():
    data = table(a=A, y=Y) | {"class_names": ["low", "high"], "num_classes": 2}
    assert (load(data)[0].train.y == (load(table(a=A, y=Y))[0].train.y)).all()


def test_decimals_are_no_classes():
    refused(table(a=A, y=B), "column 'y'", "have decimals", "task=regression model=regressor", key="label")
    assert load(table(a=A, y=B), "value")[1]["num_classes"] == 0


def test_a_label_is_read_as_it_is_written():
    assert load(table(a=A, y=[("007", "7", "08")[i % 3] for i in range(400)]))[1]["class_names"] == ["007", "08", "7"]
    assert load(table(a=A, y=[("1.0", "2.0")[y] for y in Y]))[1]["class_names"] == ["1", "2"]


def test_a_test_file_follows_the_training_files_way_of_reading_labels():
    data = table(a=A, y=[("007", "7", "08")[i % 3] for i in range(400)])
    table("test.csv", a=A[:3], y=["7", "7", "7"])
    assert load(data, test_path="test.csv")[0].test.y.tolist() == [2, 2, 2]


# ---- cells


def test_nothing_is_dropped_silently():
    rows = "".join(
        f"{a},{b},{y}\n" if i % 4 else "NA,null,None\n" for i, (a, b, y) in enumerate(zip(A, B, Y, strict=True))
    )
    text = refused(write("a,b,y\n" + rows), "2 faults", "'NA' in row 2, and 99 more", "'null' in row 2, and 99 more")
    assert '\'data.missing=["",NA,"null"]\'' in text
    missing = ["", "NA", "null", "None"]
    refused(write("a,b,y\n" + rows), "3 faults", "Column 'y' of t.csv is empty in row 2", missing=missing)


def test_decimal_commas_and_grouped_thousands_are_proposed_and_read():
    prices = [("1.036", "999", "2.500")[i % 3] for i in range(400)]
    data = table(separator=";", preis=prices, hoehe=[str(a).replace(".", ",") for a in A], y=Y)
    text = refused(data, "2 faults", "holds 1.036 and 999", "'data.decimal=\",\"'")
    assert "'data.thousands=\".\"' if it does" in text
    refused(data, "Column 'preis' of t.csv is '1.036' in row 2", "'data.thousands=\".\"'", decimal=",")
    dataset, _, _ = load(data, decimal=",", thousands=".")
    assert set(dataset.train.x[:, 0]) == {1036, 999, 2500}
    assert np.array_equal(np.sort(dataset.train.x[:, 1]), np.sort(A.astype(np.float32)[dataset.rows["train"] - 2]))
    data = table(preis=prices, y=Y)
    refused(data, "holds 1.036 and 999: the dot may group thousands")
    assert set(load(data, decimal=".")[0].train.x[:, 0]) == {np.float32(1.036), 999, 2.5}


@pytest.mark.parametrize("changes", [{"decimal": ","}, {"decimal": ",", "thousands": "."}])
def test_two_decimal_signs_in_one_column_are_refused(changes):
    data = table(separator=";", v=["1,5" if i % 2 else "1.5" for i in range(400)], y=Y)
    refused(data, "Column 'v' of t.csv is '1.5' in row 2, and 199 more", **changes)
    refused(data, "Column 'v' of t.csv is '1,5' in row 3", "data.decimal")


@pytest.mark.parametrize(
    ("a", "b", "mixed"),
    [
        (["1.5", "2.25"], ["1,5", "2,25"], True),
        (["-1.5e3", "7"], ["0,1254", ""], True),
        ([".5", "3"], ["1.036,5", "2"], False),  # with dots for thousands: another cure
        (["1.036", "999"], ["1,5", "2,5"], False),  # the dot may group
        (["1.5", "2.5"], ["1,234", "5,678"], False),  # the comma may
        (["7", "8"], ["1,5", "2,5"], False),
    ],
)
def test_two_decimal_signs_in_two_columns_are_named_whichever_is_set(a, b, mixed):
    """The cure for one of them led to the error about the other, and back."""
    data = table(separator=";", dose=a * 200, width=b * 200, y=Y)
    said = "The decimal sign is a comma in 'width' and a dot in 'dose': write it alike in all columns."
    for sign, name in ((None, "width"), (",", "dose")):
        text = refused(data, decimal=sign, impute="median") if mixed or sign is None else ""
        assert (said in text) == mixed
        assert not mixed or (f"Column '{name}' of t.csv" in text and "data.decimal" not in text)


def test_other_signs_in_numbers_are_no_words():
    cells = [("1,234", "999", "12,500")[i % 3] for i in range(400)]
    data = table(separator=";", v=cells, y=Y)
    refused(data, "'1,234' in row 2, and 266 more", "'data.thousands=\",\"'", "'data.decimal=\",\"'")
    assert set(load(data, thousands=",")[0].train.x[:, 0]) == {1234, 999, 12500}
    refused(table(v=[f"{i}%" for i in range(400)], y=Y), "'0%' in row 2, and 399 more", "a number", "Correct the cell")


def test_numbers_with_three_decimals_are_not_taken_for_thousands():
    for cells in (["0.125", "2"], ["1.125", "1.5"], ["1.125", "2.250"], ["1.125", "1000"]):
        load(table(v=[cells[i % 2] for i in range(400)], y=Y))


def test_a_number_that_float32_does_not_hold_is_refused_at_its_cell():
    cells = [*map(str, A)]
    cells[7] = "1e39"
    refused(table(a=cells, y=Y), "Column 'a' of t.csv is '1e39' in row 9", "as float32 holds")
    cells[7] = "1e400"
    refused(table(a=cells, y=Y), "Column 'a' of t.csv is '1e400' in row 9")


MIXED = {
    "date": [f"2024-0{1 + i % 9}-1{i % 9}" for i in range(400)],
    "city": [("Bern", "Basel", "Chur")[i % 3] for i in range(400)],
    "smoker": [i % 2 == 0 for i in range(400)],
    "a": A,
    "y": Y,
}


def test_all_columns_that_are_no_numbers_are_listed_at_once_with_a_ready_mapping():
    text = refused(
        table(**MIXED), "2 faults", "'date' of t.csv holds words in 400 of 400 rows, 9 different", "'Bern' in row 2"
    )
    assert "'data.columns={date:date,city:category}', or data.columns=auto" in text
    dataset, declared, warnings = load(table(**MIXED), columns="auto")
    assert declared["columns"] == {"date": "date", "city": "category"} and warnings == ["auto_columns"]
    assert dataset.encoding.features == [
        "date.day", "date.month", "date.weekday", "date.seconds", "city=Basel", "city=Bern", "city=Chur", "smoker", "a",
    ]  # fmt: skip
    explicit = load(table(**MIXED), columns='{"date": "date", "city": "category"}')
    assert explicit[0].fingerprint == dataset.fingerprint and explicit[1]["columns"] == declared["columns"]


def test_auto_on_a_table_of_numbers_changes_nothing():
    dataset, declared, warnings = load(table(a=A, b=B, y=Y), columns="auto")
    assert dataset.fingerprint == load(table(a=A, b=B, y=Y))[0].fingerprint
    assert declared["columns"] == {} and warnings == []


def test_each_kind_of_column_has_the_values_that_its_cells_mean():
    data = write(
        "day,city,smoker,code,id,y\n"
        "2024-01-31 00:00:10,Bern,yes,7,a,0\n2024-02-01 00:00:00,Chur,no,8,b,1\n2024-01-31 00:00:00,Bern,no,7,c,0\n"
    )
    kinds = {"day": "date", "city": "category", "smoker": "flag", "code": "category", "id": "drop"}
    dataset, _, _ = load(data, columns=kinds, test_split=0.0)
    rows = dict(zip(dataset.rows["train"].tolist(), dataset.train.x.tolist(), strict=True))
    assert dataset.encoding.features[4:] == ["city=Bern", "city=Chur", "smoker", "code=7", "code=8"]
    assert rows[2] == [31, 1, 2, 10, 1, 0, 1, 1, 0]  # a Wednesday, 10 s after the first
    assert rows[3] == [1, 2, 3, 86400, 0, 1, 0, 0, 1]
    assert rows[4] == [31, 1, 2, 0, 1, 0, 0, 1, 0]


def test_a_word_that_training_does_not_have_is_refused_or_gets_its_own_column():
    data = table(city=[("Bern", "Chur")[y] for y in Y], y=Y)
    table("test.csv", city=["Chur", "Genf"], y=[1, 0])
    refused(data, "Column 'city' of test.csv is 'Genf' in row 3", "category_or_other", key="test_path",
            columns={"city": "category"}, test_path="test.csv")  # fmt: skip
    dataset, _, _ = load(data, columns={"city": "category_or_other"}, test_path="test.csv")
    assert dataset.encoding.features == ["city=Bern", "city=Chur", "city=(other)"]
    assert dataset.test.x.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_dates_that_can_be_read_in_two_ways_are_refused():
    data = table(d=["03/04/2024", "05/06/2024"] * 200, y=Y)
    refused(data, "day or month first?", "YYYY-MM-DD", columns={"d": "date"})
    swiss = table(d=["31.12.2024", "1.2.2024"] * 200, y=Y)
    assert load(swiss, columns="auto")[1]["columns"] == {"d": "date"}
    dataset, _, _ = load(table(d=["13/04/2024", "05/06/2024"] * 200, y=Y), columns={"d": "date"})
    assert set(dataset.train.x[:, 1]) == {4, 6}
    refused(table(d=["2024-01-01", "soon"] * 200, y=Y), "'d' of t.csv is 'soon' in row 3", columns={"d": "date"})


@pytest.mark.parametrize(("impute", "expected"), [("median", 2), ("mean", 4), ("most_frequent", 1)])
def test_gaps_are_refused_with_counts_or_imputed_from_the_training_part_only(impute, expected):
    known = ["1", "1", "3", "11"]
    data = table(a=known * 5 + [""] * 2, y=[0, 1] * 11)
    table("test.csv", a=["1000", "1000", ""], y=[0, 1, 0])
    refused(data, "Column 'a' of t.csv is empty in row 22, and 1 more cell is", "data.impute=median", "a number")
    dataset, _, _ = load(data, impute=impute, test_path="test.csv")
    assert dataset.test.x[:, 0].tolist() == [1000, 1000, expected]
    assert sorted(dataset.train.x[:, 0])[-5:] == [11] * 5


def test_gaps_in_words_get_the_most_frequent_word():
    data = table(city=["Bern", "Bern", "Chur", ""] * 5, y=[0, 1] * 10)
    dataset, _, _ = load(data, columns={"city": "category"}, impute="median", test_split=0.0)
    assert dataset.train.x.sum(axis=0).tolist() == [15, 5]


def test_an_empty_column_is_proposed_to_be_dropped():
    refused(
        write("a,y,\n1,0,\n2,1,\n"),
        "'Unnamed: 2' of t.csv is empty in all 2 rows",
        "{Unnamed\\: 2:drop}",
        impute="mean",
    )


# ---- statistics in float64


def test_seconds_since_1970_are_centred_before_float32_rounds_them():
    seconds = [1700000000 + n % 60 for n in range(600)]
    data = table(t=seconds, y=[int(n % 60 >= 30) for n in range(600)])
    dataset, _, _ = load(data, scale="standardize")
    assert agreement(dataset) == 1.0
    (warning,) = load(data)[0].warnings
    assert "Column 't' of t.csv loses its differences in float32, which holds 7 digits." in warning.message
    assert warning.kind == "lost_digits"
    data = table(day=[2460000.5 + n % 60 / 100 for n in range(600)], y=[n % 2 for n in range(600)])  # a relative: not constant, but coarse
    assert "Column 'day'" in load(data)[0].warnings[0].message and load(data, scale="standardize")[0].warnings == ()


def test_only_columns_that_float32_does_not_hold_are_a_revision():
    from stackfit.data.arrays import fingerprint

    def plain(dataset):
        return fingerprint([dataset.train.x, dataset.train.y, dataset.test.x, dataset.test.y])

    near = load(table(a=A, t=1e6 + 100 * B, y=Y), scale="standardize")[0]
    assert near.fingerprint == plain(near) and not near.encoding.bases.any()
    far = load(table(a=A, t=1e9 + B, y=Y), scale="standardize")[0]
    assert far.fingerprint != plain(far) and far.encoding.bases[0] == 0 != far.encoding.bases[1]
    raw = load(table(a=A, t=1e9 + B, y=Y), scale="none")[0]
    assert raw.fingerprint == plain(raw)  # as it was: nothing is subtracted


def lost(data, form=None, **changes):
    return [warning.message for warning in load(data, form, **changes)[0].warnings if warning.kind == "lost_digits"]


def test_whole_numbers_that_become_one_are_a_warning_and_decimals_are_not():
    label, far = [n % 3 // 2 for n in range(60)], [n * 997 for n in range(60)]
    keys = [33_554_432 + n // 2 * 10**6 + n % 2 for n in range(60)]
    (line,) = lost(table(key=keys, y=label))
    assert line.startswith("Column 'key' of t.csv has different whole numbers that are one in float32, such as 33554432 and 33554433, ")
    assert "Expected whole numbers up to 16,777,216. If it names the rows, type 'data.columns={key:drop}'" in line
    assert lost(table(key=[16_777_220 + 4000 * n * n for n in range(60)], y=label)) == []  # none becomes another
    big = [2**60 + 1 + n * 2**40 for n in range(58)]
    (line,) = lost(table(key=[*big, 9_007_199_254_740_992, 9_007_199_254_740_993], a=far, y=label))  # one in float64, too
    assert "such as 9007199254740992 and 9007199254740993. Expected" in line
    assert lost(table(key=[*big, 9_007_199_254_740_993, 9_007_199_254_740_993], a=far, y=label)) == []
    (line,) = lost(table(a=far, y=[1_700_000_000 + n * n for n in range(60)]), "value", num_classes=0)  # the values to predict
    assert line.startswith("Column 'y'") and line.endswith("Subtract an offset, or scale them, in the file")
    assert lost(table(a=[f"{n / 7:.17g}" for n in range(60)] , b=[f"{value:.17f}" for value in A[:60]], y=label)) == []
    (line,) = lost(write("key,a,y\n" + "".join(f"{'' if n == 5 else keys[n]},{n * n},{n % 2}\n" for n in range(60))), impute="median")
    assert "'key'" in line  # with a gap


def test_whole_numbers_that_become_one_in_a_test_file_or_between_both_files_are_a_warning():
    label, far = [n % 3 // 2 for n in range(60)], [n * 997 for n in range(60)]
    train = [2**25 + 1000 * n for n in range(60)]
    data = table(key=train, a=far, y=label)
    known = {"test_path": "test.csv", "validation_split": 0.1}

    def lost_with(key, **changes):
        table("test.csv", key=key, a=far, y=changes.pop("y", label))
        return lost({**data, **known}, **changes)

    assert lost_with(train) == []
    for key in ([2**26 + n for n in range(60)], [train[7] + 1] * 60):  # in the test file alone; one of each file
        (line,) = lost_with(key)
        assert line.startswith("Column 'key' of t.csv and test.csv has different whole numbers that are one in float32, such as ")
    assert "such as 33561432 and 33561433. Expected" in line
    (line,) = lost_with([2**60 + n for n in range(60)])  # one in float64, too
    assert "such as 1152921504606846976 and 1152921504606846977, and 58 more pairs" in line
    assert lost_with([n + 0.5 for n in train]) == [] and lost_with([2**26 + n for n in range(60)], columns={"key": "drop"}) == []
    data = table(a=far, y=train)
    (line,) = lost_with(train, form="value", num_classes=0, y=[2**26 + n for n in range(60)], columns={"key": "drop"})  # the values to predict
    assert line.startswith("Column 'y' of t.csv and test.csv")


@pytest.mark.parametrize(
    "name, cells, how",
    [
        ("row", range(1001, 1101), "counts the rows"),
        ("n", [n + n // 3 for n in range(100)], "counts the rows"),  # rows were taken out
        ("PassengerId", np.random.default_rng(0).permutation(100) + 5, "has another whole number in each row"),
        ("customer_id", [7 * n * n for n in range(100)], "has another whole number in each row"),
        ("", np.random.default_rng(0).permutation(100), "has no name and has another whole number in each row"),
        ("x", range(0, 200, 2), ""),
        ("paid", [7 * n * n for n in range(100)], ""),
        ("id", [n // 2 for n in range(100)], ""),  # a kind, not a row
        ("id", [n * n / 10 for n in range(100)], ""),
        ("age", np.random.default_rng(0).permutation(100), ""),
    ],
)
def test_a_column_that_stands_for_the_row_is_a_warning_with_its_cure(name, cells, how):
    data, found = table(**{name: cells, "a": A[:100], "y": np.arange(100) % 7 // 4}), []
    declare(data, "class", found.append)
    assert [warning.kind for warning in found] == ["row_numbers"] * bool(how)
    for warning in found:
        drop = name or r"Unnamed\: 0"
        assert f"{how}: in a file" in warning.message and f"Type 'data.columns={{{drop}:drop}}'" in warning.message


# ---- files


@pytest.mark.parametrize("first", ["sep=;", "SEP=;\r", '"sep=;"', "\nsep=;\n"])
def test_excels_line_about_the_separator_is_read(first):
    rows = [f"1,{number};{number};{number % 2}" for number in range(30)]
    dataset, _, _ = load(write("\n".join([f"\ufeff{first}", "a;b;y", *rows, ""])), decimal=",")
    assert dataset.encoding.features == ["a", "b"]
    assert sorted(dataset.rows["train"].tolist() + dataset.rows["test"].tolist())[0] == 3 + first.count("\n")
    refused(write("\n".join(["sep=,", "a,b,y", *["1,2,0"] * 3, "1,x,0", ""])), "Column 'b' of t.csv is 'x' in row 6")
    assert load(write("\n".join(["sep=:", "a:b:y", *["1:2:0", "3:2:1"] * 9])))[0].train.x.shape[1] == 2
    refused(write("sep=;\n"), "has no line below sep=", form=None)



def test_packed_files_are_read_and_their_unpacked_size_is_counted():
    plain = load(table(a=A, b=B, y=Y, separator=";"))[0].fingerprint
    text = Path("t.csv").read_bytes()
    for name, packed in (
        ("t.csv.gz", gzip.compress(text)),
        ("t.csv.bz2", bz2.compress(text)),
        ("t.txt", gzip.compress(text)),
    ):
        Path(name).write_bytes(packed)
        data = {"kind": "csv", "path": name, "label": "y", "scale": "none"}
        assert load(data)[0].fingerprint == plain
        refused(data, f"takes {len(text)} bytes", key="max_memory_bytes", max_memory_bytes=len(text) - 1)
    with zipfile.ZipFile("t.zip", "w") as archive:
        archive.writestr("inside/t.csv", text)
        archive.writestr("__MACOSX/._t.csv", b"")
    assert load({**data, "path": "t.zip"})[0].fingerprint == plain
    Path("t.csv.gz").write_bytes(gzip.compress(text)[:-20])
    refused({**data, "path": "t.csv.gz"}, "t.csv.gz cannot be unpacked", "whole file")


@pytest.mark.parametrize("seed", range(12))
def test_the_separator_of_a_packed_file_is_not_looked_for_in_packed_bytes(seed):
    rows = np.random.default_rng(seed).standard_normal(100)
    text = "a;y\n" + "".join(f"{value};{int(value > 0)}\n" for value in rows)
    Path("t.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=seed))
    assert load({"kind": "csv", "path": "t.csv.gz", "label": "y", "scale": "none"})[0].input_shape == (1,)


def test_an_encoding_is_named_with_what_to_type():
    text = "größe,y\n" + "".join(f"{a},{y}\n" for a, y in zip(A, Y, strict=True))
    data = write(text, encoding="cp1252")
    refused(data, "not UTF-8 in line 1", "'größe'", "data.encoding=cp1252")
    assert load(data, encoding="cp1252")[0].encoding.features == ["größe"]
    data = write(text, encoding="utf-16")
    refused(data, "UTF-16 text", "data.encoding=utf-16")
    assert load(data, encoding="utf-16")[0].encoding.features == ["größe"]
    assert load(write(text, encoding="utf-8-sig"))[0].encoding.features == ["größe"]
    refused(write(text), "data.encoding is 'ascii'", key="encoding", encoding="ascii")
    late = "a,y\n" + "1.5,0\n2.5,1\n" * 100_000 + "1.5,é\n"
    refused(write(late, encoding="latin-1"), "not UTF-8 in line 200002", "'é'")


@pytest.mark.parametrize(
    ("names", "what"),
    [(["xl/workbook.xml"], "a workbook"), (["x.npy", "y.npy"], "NPZ"), (["a.csv", "b.csv"], "2 files"), (["content.xml", "m"], "a workbook")],
)  # fmt: skip
def test_a_workbook_under_another_name_is_named(names, what):
    with zipfile.ZipFile("t.csv", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    refused({"kind": "csv", "path": "t.csv", "label": "y"}, what, "Expected a CSV file")


@pytest.mark.parametrize(
    ("start", "what"), [(b"%PDF-1.7", "a PDF"), (b"\xd0\xcf\x11\xe0", "a workbook"), (b"<!DOCTYPE html>", "a web page")]
)
def test_other_files_are_named(start, what):
    Path("t.csv").write_bytes(start + b" " * 100)
    refused({"kind": "csv", "path": "t.csv", "label": "y"}, f"t.csv is {what}")


# ---- parts


def test_no_group_is_in_two_parts():
    people = [f"p{i % 23}" for i in range(400)]
    dataset, _, _ = load(table(person=people, a=A, y=Y), group="person", validation_split=0.25)
    assert dataset.encoding.features == ["a"]
    rows = {"train": dataset.rows["train"][: len(dataset.train)], "validation": dataset.rows["train"][len(dataset.train) :],
            "test": dataset.rows["test"]}  # fmt: skip
    groups = {part: {people[row - 2] for row in of} for part, of in rows.items()}
    assert not (
        groups["train"] & groups["validation"]
        or groups["train"] & groups["test"]
        or groups["validation"] & groups["test"]
    )
    assert 60 <= len(dataset.test) <= 100 and sum(map(len, rows.values())) == 400
    table("test.csv", person=["p1"], a=[1], y=[0])
    refused(table(person=people, a=A, y=Y), "Group 'p1' of row 2 of test.csv is in t.csv too", key="group",
            group="person", test_path="test.csv")  # fmt: skip
    refused(table(person=["p"] * 400, a=A, y=Y), "1 group for 2 parts", key="group", group="person")


@pytest.mark.parametrize("dates", [False, True])
def test_earlier_rows_train_and_later_rows_test(dates):
    order = np.random.default_rng(1).permutation(400)
    when = [f"2024-01-01 {n // 60:02}:{n % 60:02}" if dates else n // 3 for n in order]
    dataset, _, _ = load(table(when=when, a=A, y=Y), split_by="when", validation_split=0.25)
    of = {row: int(n) for row, n in zip(range(2, 402), order, strict=True)}
    train, test = ([of[row] for row in dataset.rows[part]] for part in ("train", "test"))
    cut = len(dataset.train)
    assert max(train[:cut]) < min(train[cut:]) and max(train[cut:]) < min(test)
    assert abs(len(test) - 80) <= 2 and dataset.encoding.features == ["a"]
    if not dates:  # equal times stay together
        assert max(train) // 3 < min(test) // 3


@pytest.mark.parametrize("key", ["group", "split_by"])
def test_parts_that_a_column_decides_are_looked_at_before_training(key):
    """What each part lacks, and how large it is; the cure is none that the column forbids, such as to stratify."""
    half = [n // 200 for n in range(400)]
    unlike, _, _ = load(table(c=half, a=A, y=Y), test_split=0.2, **{key: "c"})
    (warning,) = unlike.warnings
    assert (warning.kind, warning.key) == ("part_sizes", "data.test_split")
    assert warning.message.startswith("The test part has 200 examples, but data.test_split asks for about 80: rows with the same 'c'")
    refused(table(c=half, a=A, y=half), "that is trained on has the label", "two classes in the training part", key=key, **{key: "c"})
    last = [n // 20 for n in range(400)]
    rare = ["rare" if n >= 380 else "xy"[n % 2] for n in range(400)]
    for seed in range(3):
        lacking, _, _ = load(table(c=last, a=A, y=rare), validation_split=0.25, split_seed=seed, **{key: "c"})
        gaps = [warning for warning in lacking.warnings if warning.kind == "class_gaps"]
        assert gaps and {warning.key for warning in gaps} == {f"data.{key}"}
        assert not any(word in warning.message for warning in gaps for word in ("stratify", "shuffle"))
        assert all(len(part) for part in (lacking.train, lacking.validation, lacking.test))
    fine, _, _ = load(table(c=last, a=A, y=Y), validation_split=0.25, **{key: "c"})
    assert not fine.warnings


def test_what_divides_the_rows_may_be_a_feature_too_and_leaves_no_trace_in_the_next_load():
    """The file is read once for several loads: a column that was text for one of them is numbers for the others."""
    data = table(a=A, t=[n % 40 for n in range(400)], y=Y)
    alone = load(data)[0]
    for key in ("split_by", "group"):
        both, _, _ = load(data, columns={"t": "number"}, **{key: "t"})
        assert both.encoding.features == ["a", "t"] and set(both.train.x[:, 1]) <= set(range(40))
        np.testing.assert_array_equal(load(data)[0].train.x, alone.train.x)
    declare({**data, "split_by": "t"}, "class", print)
    np.testing.assert_array_equal(load(data)[0].train.x, alone.train.x)


@pytest.mark.parametrize(
    "cells, features",
    [
        ([10**22 + n * 10**20 for n in range(400)], lambda n: 1e22 + n * 1e20),  # beyond 64 bits
        (["1" * 30 if n == 3 else n for n in range(400)], lambda n: float("1" * 30) if n == 3 else n),
        (["".join(chr(0x660 + int(digit)) for digit in str(n)) for n in range(400)], float),  # Arabic digits
    ],
)
def test_numbers_that_pandas_takes_for_words_are_numbers(cells, features):
    dataset, _, _ = load(table(a=cells, y=Y), test_split=0.0)
    expected = np.array([features(n) for n in range(400)], np.float32)
    np.testing.assert_array_equal(dataset.train.x[:, 0], expected[dataset.rows["train"] - 2])


def test_no_rows_infinities_and_zeros_in_cells_are_refused_in_one_sentence():
    refused(write("a,b,y\n"), "t.csv has 0 rows and 2 columns besides the label. Expected at least one of each")
    refused(table(a=["inf" if n == 3 else "-inf" if n == 4 else n for n in range(400)], y=Y), "'inf' in row 5, and 1 more cell is")
    for rows in (1, 300):
        refused(write("a,y\n" + "1,0\n2,1\n" * rows + "7\x003,1\n"), f"is '7\\x003' in row {2 * rows + 2}. Expected a number")


def test_dates_may_be_written_without_signs_and_years_are_none():
    dates = pd.date_range("2023-12-30", periods=400)
    plain, _, _ = load(table(d=dates.strftime("%Y-%m-%d"), y=Y), columns={"d": "date"})
    compact, _, _ = load(table(d=dates.strftime("%Y%m%d"), y=Y), columns={"d": "date"})
    np.testing.assert_array_equal(compact.train.x, plain.train.x)
    refused(table(d=range(1600, 2000), y=Y), "is '1600' in row 2, and 399 more cells are", "a date such as", columns={"d": "date"})
    refused(table(d=["20240230"] * 400, y=Y), "is '20240230' in row 2, and 399 more", columns={"d": "date"})


def test_dates_far_away_are_dates():
    """Birthdays of the Renaissance, and 9999 for no end."""
    days = [f"{year}-10-14" for year in (1066, 1512, 1969, 2262, 9999)] * 80
    dataset, _, _ = load(table(d=days, y=Y), columns={"d": "date"}, test_split=0.0)
    seconds = [(np.datetime64(day) - np.datetime64("1066-10-14")).astype("timedelta64[s]").astype(int) for day in days]
    np.testing.assert_array_equal(dataset.train.x[:, 3], np.array(seconds, np.float32)[dataset.rows["train"] - 2])
    ordered, _, _ = load(table(d=days, a=A, y=Y), split_by="d")
    assert {days[row - 2] for row in ordered.rows["test"]} == {"9999-10-14"}


def test_too_few_values_to_divide_by_are_refused():
    refused(table(t=[0] * 300 + [1] * 100, a=A, y=Y), "has one value only in 300 rows to divide", key="split_by", split_by="t",
            validation_split=0.2)  # fmt: skip


def test_a_later_test_file_may_not_be_earlier():
    data = table(t=range(400), a=A, y=Y)
    table("test.csv", t=[500, 399, 3], a=[1, 2, 3], y=[0, 1, 0])
    refused(data, "Row 4 of test.csv is earlier in 't'", key="split_by", split_by="t", test_path="test.csv")


def test_a_stratified_validation_part_has_every_class_in_its_share():
    y = [0] * 380 + [1] * 20
    dataset, _, _ = load(table(a=A, y=y), validation_split=0.25, stratify=True)
    assert np.bincount(dataset.validation.y).tolist() == [76, 4] and np.bincount(dataset.train.y).tolist() == [228, 12]


def test_a_declared_table_is_read_once(monkeypatch):
    from stackfit.data.kinds import csv

    read, count = csv.read_table, []
    monkeypatch.setattr(csv, "read_table", lambda *arguments: count.append(1) or read(*arguments))
    load(table(**MIXED), columns="auto")
    assert len(count) == 1
    Path("t.csv").write_text(Path("t.csv").read_text(encoding="utf-8") + "2024-01-10,Bern,True,1,0\n", encoding="utf-8")
    load(table(**MIXED), columns="auto")
    assert len(count) == 2


# ---- what commands say


def test_data_show_names_the_row_and_the_columns(cli):
    table(t=[1e9 + i for i in range(40)], city=["Bern", "Chur"] * 20, y=[0, 1] * 20)
    answer = cli("data", "show", "csv", "3", "data.path=t.csv", "data.label=y", "data.columns=auto")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    row = int(lines[0].partition("row ")[2].partition(" ")[0])
    assert lines[0].startswith(f"csv, train example 3, row {row} of the file: label {row % 2}")
    assert f"t          {1e9 + row - 2:.0f}" in lines and f"city={('Bern', 'Chur')[row % 2]}  1" in lines


@pytest.mark.tf
def test_plan_lists_the_inputs_and_takes_what_auto_proposes(cli, keras):
    table(**MIXED)
    words = ["plan", "digits_quickstart", "data=csv", "data.path=t.csv", "data.label=y"]
    answer = cli(*words, "data.columns=auto")
    assert answer.code == 0, answer.err
    assert "inputs  date.day, date.month, date.weekday, date.seconds, city=Basel, city=Bern," in answer.out
    assert "data.columns=auto takes 'date' date, 'city' category" in answer.err
    answer = cli(*words)
    assert answer.code == 2 and "'data.columns={date:date,city:category}'" in answer.err
    quiet = cli(*words, "data.columns=auto", "silence=[auto_columns]")
    assert "auto takes" not in quiet.err


# ---- as beginners bring them


def test_a_blank_more_or_less_in_the_test_file_is_the_same_label():
    """The training file's words all end in a blank: they keep it, as they did."""
    data = table(a=A[:40], y=["ja " if y else "nein " for y in Y[:40]])
    table("test.csv", a=A[:40], y=["ja" if y else " nein" for y in Y[:40]])
    dataset, declared, _ = load(data, test_path="test.csv")
    assert declared["class_names"] == ["ja ", "nein "]
    assert dataset.test.y.tolist() == (1 - Y[:40]).tolist() == (1 - (dataset.test.x[:, 0] > 0)).tolist()


@pytest.mark.parametrize(
    ("cells", "cure", "settings"),
    [
        ("1'234.5", """'data.thousands="'"'""", {"thousands": "'"}),
        ("1\u00a0234,5", """'data.thousands="\u00a0"' 'data.decimal=","'""", {"thousands": "\u00a0", "decimal": ","}),
        ("1 234", """'data.thousands=" "'""", {"thousands": " "}),
        ("1\u202f234", """'data.thousands="\u202f"'""", {"thousands": "\u202f"}),
    ],
)
def test_thousands_are_grouped_by_blanks_and_apostrophes_too(cells, cure, settings):
    data = table(
        separator=";", a=[cells] * 20 + ["999"] * 20, y=[n % 2 for n in range(40)]
    )
    message = refused(data, f"Column 'a' of t.csv is {cells!r}", "If that sign groups thousands: ")
    assert cure in message or cure.replace("\"'\"", "\"\\'\"") in message, message
    values = {float(value) for value in load(data, **settings)[0].train.x[:, 0]}
    assert values == {1234.5 if "5" in cells[-1] else 1234.0, 999.0}


@pytest.mark.parametrize("cells", ["079 123 45 67", "12 Main St", "3 of 4"])
def test_other_blanks_between_digits_are_words(cells):
    refused(table(a=[cells] * 20 + ["x"] * 20, b=B[:40], y=[n % 2 for n in range(40)]), "holds words")


def test_signs_that_cannot_be_told_apart_are_refused():
    """1.25 became 125."""
    data = table(a=[1.25, 2.5] * 20, y=[0, 1] * 20)
    refused(data, "data.decimal and data.thousands are both '.'. Expected two signs.", key="thousands", decimal=".", thousands=".")
    for sign in ("1", "ab", "-", '"', "e"):
        refused(data, f"data.thousands is {sign!r}. Expected one character", key="thousands", thousands=sign)
        refused(data, f"data.decimal is {sign!r}.", key="decimal", decimal=sign)
    refused(data, "Column 'a' of t.csv is '1.25' in row 2", thousands=".")  # grouped by three, or not at all
    assert set(load(table(a=["1.025", "2.500"] * 20, y=[0, 1] * 20), thousands=".")[0].train.x[:, 0]) == {1025, 2500}


def test_values_that_are_no_numbers_are_cells_not_classes():
    """It said that the labels are words, and to type task=classification."""
    data = table(a=A[:40], y=[f"{n}'000" for n in range(1, 41)])
    refused(data, "Column 'y' of t.csv is \"1'000\" in row 2, and 39 more cells", "If that sign groups thousands", form="value")
    assert load(data, "value", thousands="'", num_classes=0)[0].train.y.min() == 1000
    refused(table(a=A[:40], y=["$5"] * 3 + list(range(37))), "Column 'y' of t.csv is '$5' in row 2, and 2 more", form="value")
    refused(table(a=A[:40], y=["low", "high"] * 20), "are words, such as 'low'", key="label", form="value")


def test_a_group_is_the_same_with_and_without_a_zero_behind_the_point():
    data = table(a=A[:40], g=[n // 4 for n in range(40)], y=Y[:40]) | {"group": "g", "test_path": "test.csv"}
    table("test.csv", a=A[:40], g=[f"{n // 4 + 9}.0" for n in range(40)], y=Y[:40])
    refused(data, "Group '9.0' of row 2 of test.csv is in t.csv too.", key="group")


def test_an_encoding_that_is_not_the_files_is_named():
    """Zürich was called ZÃ¼rich."""
    data = table(a=A[:40], c=["Zürich", "Genf"] * 20, y=Y[:40])
    assert load(data, encoding="cp1252", columns={"c": "category"})[2] == ["unread_setting"]
    assert load(data, encoding="utf-8", columns={"c": "category"})[2] == []
    data = write(Path("t.csv").read_text("utf-8"), encoding="cp1252")
    dataset, _, warnings = load(data, encoding="cp1252", columns={"c": "category"})
    assert warnings == [] and "c=Zürich" in dataset.encoding.features


def test_years_of_two_digits_are_not_guessed():
    refused(table(d=[f"{n % 28 + 1:02}.01.24" for n in range(40)], y=[0, 1] * 20), "is '01.01.24' in row 2", "write years with four digits")


def test_a_label_beyond_float32_is_named_at_its_row():
    data = table(a=A[:40], y=[1e39 if n == 3 else n / 7 for n in range(40)])
    refused(data, "t.csv has the label 1e+39 in row 5, column 'y'. Expected a number up to 3.4e+38", key="label", form="value")


@pytest.mark.parametrize(("factor", "warned"), [(1e35, True), (1e-25, True), (1e15, False), (1e-15, False), (0.01, False)])
def test_values_whose_squares_float32_does_not_hold_are_a_warning(factor, warned):
    """Their loss would be infinite, or 0."""
    dataset = load(table(a=B[:40], y=A[:40] * factor), "value", num_classes=0)[0]
    assert [warning.kind for warning in dataset.warnings] == ["value_range"] * warned


def test_a_column_more_in_the_test_file_is_dropped_by_the_line_that_the_error_says():
    data = table(a=A[:40], y=Y[:40])
    write(",a,y\n" + "".join(f"{n},{A[n]},{Y[n]}\n" for n in range(40)), "test.csv")
    refused(data, "test.csv has 'Unnamed: 0' besides", "type 'data.columns={Unnamed\\: 0:drop}'", key="test_path", test_path="test.csv")
    assert len(load(data, test_path="test.csv", columns={"Unnamed: 0": "drop"})[0].test) == 40


def test_a_test_file_of_another_encoding_is_converted_for_the_setting_holds_for_both():
    data = table(a=[1, 2] * 20, c=["Zürich", "Bern"] * 20, y=[0, 1] * 20)
    Path("test.csv").write_bytes(Path("t.csv").read_bytes().decode().encode("cp1252"))
    message = refused(data, "test.csv is not UTF-8", "iconv -f cp1252 -t utf-8 test.csv", key="test_path", test_path="test.csv", columns={"c": "category"})
    assert "data.encoding" not in message


def test_columns_divided_by_blanks_are_named_with_the_setting():
    data = write("a b y\n" + "".join(f"{A[n]:.3f} {B[n]:.3f} {Y[n]}\n" for n in range(40)))
    refused(data, "No comma, semicolon, tab or | divides its first line", "'data.separator=\" \"'", key="label")
    assert load(data, separator=" ")[0].train.x.shape == (32, 2)
    refused(write("a b y\n1  2 0\n2  3 1\n"), "Line 2 of t.csv has 4 values", "two in a row are an empty cell", separator=" ")
    refused(write("# by me\na,y\n1,0\n2,1\n"), "has 2 values, the header has 1", "If the first line is not the header, remove it: '# by me'")


def test_the_training_file_as_test_file_is_said():
    data = table(a=A[:40], y=Y[:40])
    (warning,) = load(data, test_path="./t.csv")[0].warnings
    assert warning.kind == "no_test_part" and "test metrics say what the model remembers" in warning.message


def test_a_class_of_one_example_is_not_told_to_do_what_was_done():
    data = table(a=A[:40], y=["x", *(["y", "z"] * 20)[:39]])
    gaps = [each.message for each in load(data, stratify=True, validation_split=0.25)[0].warnings]
    assert len(gaps) == 2 and all("a class has too few examples. Add some" in message for message in gaps)


def test_a_time_with_an_offset_is_no_time_without():
    """They count in UTC: half past midnight in Bern was the day before."""
    days = [f"2024-01-{n % 28 + 1:02}T00:30" for n in range(40)]
    east, utc = ([f"{day}{offset}" for day in days] for offset in ("+02:00", "Z"))
    for train, test, expected in ((days, east, "no offset from UTC"), (utc[:5] + days[5:], east, "no offset from UTC"), (east, days, "an offset from UTC")):
        data = table(a=A[:40], d=train, y=Y[:40]) | {"columns": {"d": "date"}, "test_path": "test.csv"}
        table("test.csv", a=A[:40], d=test, y=Y[:40])
        refused(data, f"Column 'd' of test.csv is {test[0]!r} in row 2, and 39 more cells", f"Expected {expected}, as in the training part", key="test_path")
        table("test.csv", a=A[:40], d=train, y=Y[:40])
        table("test.csv", a=A[:40], d=utc, y=Y[:40])
        assert load(data)[0].test.x[0, 1] == 1
        new = pd.DataFrame({"a": [0.0], "d": [pd.Timestamp("2024-01-01T00:30", tz="Europe/Zurich")]})
        inputs = Inputs.of(load(data)[0], data)
        if train is east:
            inputs.frame(new, "the table", print)
        else:
            with pytest.raises(DataError, match="Expected no offset from UTC"):
                inputs.frame(new, "the table", print)
    mixed = table(a=A[:40], d=[*days[:39], east[39]], y=Y[:40])  # as before
    assert len(load(mixed, columns={"d": "date"})[0].train) == 32
