"""What a `sweep.json` says before its cells, however many these are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from test_search_rank import NAME, NEW, confirm, make_search

from stackfit.results.best import find_best
from stackfit.results.pruned import find_pruned
from stackfit.results.search_rank import search_at
from stackfit.results.sweep_folder import SweepFolder
from stackfit.results.sweep_head import ROOM, Head, is_search, read_head

CELLS = '"overrides": ["epochs=2"], "axes": ["a"], "cells": [{"axes": {"a": '


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ('{"format": 2, "experiment": "x", ' + CELLS + '"1"}, "trial": 0', Head("x", ("epochs=2",), ("a",), True)),
        ('{"format": 2, "experiment": "x", ' + CELLS + '"the \\"trial\\": 0"}}', Head("x", ("epochs=2",), ("a",), False)),
        ('{"experiment": "the \\"cells\\": [", ' + CELLS + "1", Head('the "cells": [', ("epochs=2",), ("a",), False)),
        ('{"experiment": "x", "overrides": [], "axes": [], "cells": []}', Head("x", (), (), False)),
        ('{"experiment": "x", "overrides": [], "axes": [], "cells": [], "study": {}}', Head("x", (), (), True)),
        ('{"experiment": "x", "cells": [', None),
        ("[" + CELLS, None),
        ("", None),
    ],
)
def test_what_stands_before_the_cells_is_the_head(tmp_path, text, head):
    index = tmp_path / "sweep.json"
    index.write_text(text)
    assert read_head(index) == head and is_search(index) is bool(head and head.is_search)


def test_there_is_no_head_of_what_is_no_file(tmp_path):
    assert read_head(tmp_path / "sweep.json") is None
    os.mkfifo(tmp_path / "sweep.json")
    assert read_head(tmp_path / "sweep.json") is None


@pytest.mark.parametrize("axis", ["epochs", "seed"])  # with seeds, it may confirm a search that has the same overrides
def test_the_cells_of_a_large_sweep_next_to_a_search_are_not_read(lab, monkeypatch, axis):
    search, again = make_search(), confirm(NEW)
    large = Path("outputs") / NAME / "sweep-large" / "sweep.json"
    large.parent.mkdir()
    cells = [{"overrides": [], "axes": {axis: str(number)}} for number in range(ROOM // 30)]
    large.write_text(json.dumps({"format": 2, "experiment": NAME, "overrides": ["epochs=9"], "axes": [axis], "cells": cells}))
    assert large.stat().st_size > ROOM
    os.utime(large, (1, 1))
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    assert [each.path.name for each in search_at(Path(NAME))] == [search.path.name, again.path.name]
    assert find_best(search.path)[1].startswith("val_accuracy 0.9")
    assert find_pruned(Path("outputs") / NAME, "none") is None
    assert not SweepFolder.find(Path("outputs") / NAME, NAME, [], ["epochs"]).path.is_dir()
    assert {path.parent.name for path in read if path.name == large.name} == {search.path.name, again.path.name}
