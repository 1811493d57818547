"""`parsing`: a table that is parsed in pieces is, to the bit and to the word, the table that is parsed as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackfit.config.schema import Data
from stackfit.data.tables import parsing
from stackfit.data.tables.table import read_table
from stackfit.errors import DataError


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outcome(path: Path, cores: int, monkeypatch, **data):
    """A table, or the sentence that refuses it; and how many pieces it had."""
    pieces, real = [], parsing.Reader._parse
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "cores", lambda: cores)
        patch.setattr(parsing.Reader, "_parse", lambda *args, **options: pieces.append(args[2]) or real(*args, **options))
        try:
            table = read_table(path, Data(kind="csv", path=str(path), **data), "path", ["y"])
        except DataError as error:
            return error.message, pieces
    columns = {name: (cells.dtype, cells.tobytes() if cells.dtype != object else cells.tolist()) for name, cells in table.columns.items()}
    return (columns, table.rows.tolist(), table.left_out), pieces


CELL = st.one_of(
    st.integers(-99, 99).map(str), st.floats(-9, 9).map("{:.6g}".format), st.sampled_from(["", "True", "False", "NA", "1e3", "007", " 4"]),
    st.sampled_from(["word", '"a, b"', '"two\nlines"', '"it ""said"""', "ü", "1,2", "\r", "\0", "inf"]),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_pieces_give_the_table_of_one_piece(tmp_path, monkeypatch, data):
    monkeypatch.setattr(parsing, "CELLS", 8)  # two rows of three columns
    odd = data.draw(st.integers(0, 2))  # most tables are numbers, and some are not
    cells = CELL if odd == 2 else st.one_of(*CELL.original_strategies[: 2 + odd])
    lines = [",".join(row) for row in data.draw(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=12))]
    for place in data.draw(st.lists(st.integers(0, len(lines)), max_size=2)):
        lines.insert(place, data.draw(st.sampled_from(["", "1,2", "1,2,3,4", ",,"])))
    end = data.draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    path = tmp_path / "t.csv"
    path.write_bytes((data.draw(st.sampled_from(["", "\n\n"])) + end.join(["a,b,y", *lines]) + data.draw(st.sampled_from(["", end]))).encode())
    header = data.draw(st.sampled_from([None, True]))
    assert outcome(path, 3, monkeypatch, header=header)[0] == outcome(path, 1, monkeypatch, header=header)[0]


ROWS = ["1,2,0"] * 4001  # a piece starts in row 2664; the first 1,000 lines are looked at before anything is parsed


@pytest.mark.parametrize(
    "first, line, pieces",
    [
        (0, "1,2,0", 3),
        (4000, "1,2,0,9", 4),  # refused, and read again as one for the sentence
        (2664, "1,2,0,9", 1),  # where a piece starts
        (4000, "1,2", 3),
        (2664, "", 1),
        (4000, "x,2,0", 4),  # words are read again
        (4000, "True,2,0", 4),
        (4000, '"1",2,0', 1),
        (4000, "1,2,0\r", 1),
        (4000, "1,2,ü", 1),
        (4000, "", 3),
    ],
)
def test_a_file_has_pieces_where_lines_are_rows(first, line, pieces, tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "CELLS", 32)  # eight rows of three columns
    path = tmp_path / "t.csv"
    path.write_bytes("\n".join(["a,b,y", *ROWS[:first], line, *ROWS[first:-1], ""]).encode())
    found, parsed = outcome(path, 3, monkeypatch)
    assert len(parsed) == pieces and found == outcome(path, 1, monkeypatch)[0]


@pytest.mark.parametrize("block", range(7, 40, 4))
def test_a_piece_starts_with_a_line_wherever_blocks_of_bytes_end(block, tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "CELLS", 32)
    monkeypatch.setattr(parsing, "BLOCK", block)  # before: the end of a first cell, such as 17 of 100017, could be taken for the cell
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,y", *(f"{100000 + number},2,{number % 2}" for number in range(40)), ""]))
    found, pieces = outcome(path, 3, monkeypatch)
    assert len(pieces) == 3 and found == outcome(path, 1, monkeypatch)[0]


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "\n1,2,0", "\n-0,,0\n"])
def test_the_ends_that_a_parser_notes_are_those_of_the_column(end, tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "CELLS", 32)
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,y", *(f"{number - 7},{number / 8},1" for number in range(40))]) + end)
    table = read_table(path, Data(kind="csv", path=str(path)), "path", ["y"])
    known = {name: (np.min(table.columns[name]), np.max(table.columns[name])) for name in table.ends}
    assert set(table.ends) <= {"a", "b"} and (table.ends or end == "\n\n\n")
    np.testing.assert_equal(table.ends, known)


def test_truth_values_in_one_piece_and_numbers_in_another_are_words(tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "CELLS", 32)
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,y", *["True,1,0"] * 8, *["1,1,0"] * 8, ""]))
    found, pieces = outcome(path, 2, monkeypatch)
    assert len(pieces) == 3 and found[0]["a"] == (np.dtype(object), ["True"] * 8 + ["1"] * 8)
    assert found[0]["a"] == outcome(path, 1, monkeypatch)[0][0]["a"]


def test_pieces_end_where_pandas_decides_anew_what_a_column_is(tmp_path):
    width, path = 4096, tmp_path / "t.csv"
    row = ",".join(["1"] * width)
    path.write_text("\n".join([",".join(f"c{n}" for n in range(width)), *[row] * 299, "x" + row[1:]]))
    with pytest.warns(pd.errors.DtypeWarning):
        cells = pd.read_csv(path)["c0"]
    border = next(number for number, cell in enumerate(cells) if isinstance(cell, str))
    assert parsing.rows_at_once(width) == 128 and border == 256
