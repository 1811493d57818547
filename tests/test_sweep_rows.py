"""`sweep_rows`: the rows of results.csv, of which those that cannot have changed are kept."""

from __future__ import annotations

import json

import pytest
from made_runs import claim

from stackfit.results import sweep_rows
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import SweepFolder
from stackfit.results.sweep_rows import SweepRows

CELLS = [{"folder": str(seed), "axes": {"seed": str(seed)}} for seed in range(4)]


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the cells whose status is read."""
    names: list[str] = []
    read_status = sweep_rows.read_status
    monkeypatch.setattr(sweep_rows, "read_status", lambda path, **more: names.append(path.name) or read_status(path, **more))
    return names


def states(rows: SweepRows) -> list[str]:
    return [row["state"] for row in rows.read(CELLS)]


def test_only_cells_that_run_or_have_changed_are_read_again(tmp_path, read):
    rows = SweepRows(tmp_path)
    ended, failed, runs = (claim(tmp_path, str(seed), 2) for seed in range(3))
    ended.finish({"loss": 0.5}, {"loss": 0.5})
    failed.fail("out of memory")
    assert states(rows) == ["finished", "failed", "running", "waiting"] and read == ["0", "1", "2"]
    assert states(rows) == ["finished", "failed", "running", "waiting"] and read[3:] == ["2"]
    runs.finish({"loss": 0.25}, {"loss": 0.25})
    claim(tmp_path, "1", 2)  # a new command tries it again
    assert states(rows) == ["finished", "running", "finished", "waiting"] and read[4:] == ["1", "2"]
    assert rows.read(CELLS)[2]["loss"] == 0.25


def test_a_running_cell_whose_owner_has_died_and_a_folder_that_is_gone_are_noticed(tmp_path, monkeypatch):
    rows = SweepRows(tmp_path)
    claim(tmp_path, "0", 2)
    gone = claim(tmp_path, "1", 2)
    assert states(rows)[:2] == ["running", "running"]
    monkeypatch.setattr("stackfit.results.owner.is_alive", lambda owner: False)
    gone.give_up("it trains with others")
    assert states(rows)[:2] == ["interrupted", "waiting"]


def test_a_run_that_the_index_does_not_list_has_a_row_and_other_files_have_none(tmp_path):
    RunFolder(tmp_path / "earlier").claim("f", {"experiment": "base", "axes": {"seed": "9"}})
    (tmp_path / "jobs").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    rows = SweepRows(tmp_path).read(CELLS[:1])
    assert [(row["seed"], row["state"]) for row in rows] == [("0", "waiting"), ("9", "running")]


def test_a_damaged_status_is_an_interrupted_run(tmp_path):
    claim(tmp_path, "0", 2)
    (tmp_path / "0" / "status.json").write_text("{half")
    assert states(SweepRows(tmp_path))[0] == "interrupted"


def test_results_are_written_again_rarely_whoever_has_written_them(tmp_path, monkeypatch):
    folder = SweepFolder(tmp_path)
    folder.write_index("base", [], ["seed"], [{**cell, "overrides": [], "fingerprint": "f" * 64} for cell in CELLS])
    claim(tmp_path, "0", 2)
    folder._pause = 60.0  # writing took long before
    folder.write_results()
    assert "running" not in folder.results.read_text()  # another worker wrote it a moment ago
    folder.write_results(at_once=True)
    assert "running" in folder.results.read_text()


def test_an_index_of_a_hundred_thousand_cells_is_read_and_a_status_of_that_size_is_not(tmp_path):
    folder = SweepFolder(tmp_path)
    axes = {"seed": "1", "model.layers.hidden.units": "x" * 300}
    cells = [{"overrides": [f"a={'y' * 300}"], "axes": axes, "fingerprint": "f" * 64, "folder": folder.cell(axes, "f" * 64).name}]
    index = {"format": 1, "experiment": "base", "overrides": [], "axes": [*axes], "cells": cells * 30_000}
    folder.index.write_text(json.dumps(index))
    assert folder.index.stat().st_size > 20_000_000
    assert len(folder.read_index()["cells"]) == 30_000
    assert folder.read_index() is folder.read_index()  # parsed once, as long as it stays as it is
    claim(tmp_path, "0", 2)
    folder.index.rename(tmp_path / "0" / "status.json")
    assert states(SweepRows(tmp_path))[0] == "interrupted"
