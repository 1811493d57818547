"""`duration`: a run's share of the time that it trained in with others."""

from __future__ import annotations

import json

import pytest
from made_runs import make_run

from stackfit.results.duration import share_of, times_of, trained_seconds
from stackfit.results.tables import table


def test_the_shares_of_a_cohort_add_up_to_its_time_also_where_one_ends_early():
    # Two members: two epochs together, the third alone. One second an epoch, and two to start and to end.
    together, alone = {"seconds": 1.0, "members": 2}, {"seconds": 1.0, "members": 1}
    long, short = share_of(5.0, [together, together, alone]), share_of(2.0, [together, together])
    assert long == {"members": 2, "own_seconds": pytest.approx(5 * 2 / 3, abs=1e-3)}
    assert short == {"members": 2, "own_seconds": 1.0}
    a, b = share_of(4.0, [together] * 2), share_of(4.0, [together] * 2)
    assert a["own_seconds"] + b["own_seconds"] == 4.0


def test_a_run_trained_for_its_share_of_its_epochs_without_their_start_and_end():
    together, alone = {"seconds": 1.0, "members": 4}, {"seconds": 2.0, "members": 1}
    assert trained_seconds([together, together, alone, {"seconds": None, "members": None}]) == 2.5
    assert trained_seconds([]) == 0


def test_a_run_alone_took_its_own_time_and_so_did_one_without_an_epoch():
    assert share_of(3.0, [{"seconds": 1.0, "members": 1}]) == {"members": 1, "own_seconds": 3.0}
    assert share_of(3.0, []) == {"members": 1, "own_seconds": 3.0}
    assert share_of(3.0, [{"epoch": 1, "loss": 0.5}, {"seconds": None, "members": None}])["own_seconds"] == 3.0


def fused(path, together, seconds, **status):
    """A run as if it had trained with others."""
    make_run(path, {"seed": int(path.name)}, history=1)
    rows = f"epoch,loss,seconds,members\n1,0.5,1.0,{together}\n"
    (path / "history.csv").write_text(rows)
    file = path / "status.json"
    written = {key: value for key, value in json.loads(file.read_text()).items() if key not in ("members", "own_seconds", "manifest")}
    file.write_text(json.dumps({**written, "seconds": seconds, **status}))
    (path / "manifest.json").unlink()


def test_tables_have_the_share_next_to_the_cohorts_time_of_old_runs_too(tmp_path):
    fused(tmp_path / "0", 4, 8.0)  # of an earlier version: its history says it
    fused(tmp_path / "1", 4, 8.0, members=4, own_seconds=2.5)
    fused(tmp_path / "2", 1, 3.0)
    frame = table(tmp_path)
    assert frame["seconds"].tolist() == [2.0, 2.5, 3.0]
    assert frame["cohort_seconds"].tolist()[:2] == [8.0, 8.0] and frame["cohort_seconds"].isna().tolist() == [False, False, True]
    assert frame["members"].tolist() == [4, 4, 1]
    assert "members" not in table(tmp_path / "2")


@pytest.mark.parametrize("seconds", [None, "long", True])
def test_a_time_that_is_none_is_not_known(tmp_path, seconds):
    assert times_of(tmp_path, {"seconds": seconds}) == {"seconds": None, "cohort_seconds": None, "members": None}


def test_a_damaged_history_leaves_the_share_open(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,seconds\n1,?\n")
    assert times_of(tmp_path, {"seconds": 4.0})["seconds"] is None
