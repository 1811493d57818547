"""An encoding that was written down encodes new rows as it encoded those of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stackfit.config.schema import Data
from stackfit.data import load_dataset
from stackfit.data.tables.encoding import Encoding
from stackfit.data.tables.table import Table, read_table
from stackfit.errors import DataError

SETTINGS = Data(kind="csv", path="t.csv", label="y", scale="standardize", impute="median", test_split=0.0,
                columns={"when": "date", "city": "category_or_other", "ok": "flag"})  # fmt: skip
ROWS = "when,city,ok,t,a,y\n" + "".join(
    f"2024-0{1 + i % 9}-11,{('Bern', 'Chur')[i % 2]},{('no', 'yes')[i % 2]},{1e9 + i},{i or ''},{i % 2}\n"
    for i in range(60)
)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(ROWS, encoding="utf-8")
    return load_dataset({**vars(SETTINGS), "input_shape": [10], "num_classes": 2})


def test_it_survives_json_and_gives_every_training_row_the_same_bits(trained):
    encoding = Encoding.from_json(json.loads(json.dumps(trained.encoding.as_json())))
    assert encoding == trained.encoding
    table = read_table(Path("t.csv"), SETTINGS, "path", {"when", "city", "ok"})
    order = trained.rows["train"] - 2
    assert np.array_equal(encoding.encode(table, SETTINGS)[order], trained.train.x)


def test_new_rows_are_encoded_by_name_with_the_training_parts_values(trained):
    cells = {
        "a": [np.nan, 5.0],
        "t": [1e9 + 3, 1e9],
        "ok": ["yes", None],
        "city": ["Genf", "Chur"],
        "when": ["2024-01-12", None],
    }
    columns = {name: np.array(of, float if name in "at" else object) for name, of in cells.items()}
    x = trained.encoding.encode(Table("new", "path", columns, np.array([2, 3])), SETTINGS)
    new = [dict(zip(trained.encoding.features, row, strict=True)) for row in x.tolist()]
    assert [row["a"] for row in new] == [30, 5]  # the median of 1 to 59
    assert [row["city=(other)"] for row in new] == [1, 0] and [row["city=Chur"] for row in new] == [0, 1]
    assert new[0]["ok"] == 1 and new[0]["when.seconds"] == 86400 and new[0]["when.day"] == 12
    assert (x + trained.encoding.bases)[:, trained.encoding.features.index("t")].tolist() == [1e9 + 3, 1e9]


def test_every_cell_that_it_does_not_know_is_named_at_once(trained):
    columns = {name: np.array(["?", "?"], object) for name in ("when", "city", "ok", "t", "a")}
    with pytest.raises(DataError) as caught:
        trained.encoding.encode(Table("new.csv", "path", columns, np.array([2, 3])), SETTINGS)
    assert "new.csv has 4 faults" in caught.value.message  # the city is another one
    for name in ("when", "ok", "t", "a"):
        assert f"Column {name!r} of new.csv is '?' in row 2" in caught.value.message
