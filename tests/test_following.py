"""Waiting for a sweep that others train: what is said meanwhile, and that the screen goes away at the end."""

from __future__ import annotations

import io

import pytest
from made_runs import make_run, write_sweep

from stackfit.execution import following
from stackfit.execution.progress import LiveReporter, Reporter
from stackfit.results.run_files import read_status_if_any


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(following, "SAY_SECONDS", 0.0)
    folder = tmp_path / "sweep-1a2b3c4d"
    write_sweep(folder, ["seed=0", "seed=1", "seed=2", "seed=3"])
    for seed, failed in ((0, None), (1, "The loss is not finite.")):
        make_run(folder / f"seed={seed}", {"seed": seed}, {"loss": 0.5}, axes={"seed": str(seed)}, failed=failed, sweep=folder.name)
    return folder


class Here:
    """A job, as far as its folder's name goes."""

    def __init__(self, path):
        self.path, self.numbers = path, {}


def looks(number):
    """True so many times."""
    left = iter([True] * number)
    return lambda: next(left, False)


def test_without_a_screen_a_line_says_how_many_are_in_each_state_and_again_only_after_a_change(sweep, capsys):
    jobs = [Here(sweep / f"seed={seed}") for seed in range(3)]
    assert following.follow(sweep, jobs, looks(5), Reporter()) == 1
    assert capsys.readouterr().err == "3 cells: 1 failed, 1 finished, 1 waiting\n"


def test_a_cell_is_read_again_only_when_it_has_changed_however_often_one_looks(sweep, monkeypatch):
    read = []
    monkeypatch.setattr("stackfit.results.underway.read_status_if_any", lambda path: read.append(path.name) or read_status_if_any(path))
    assert following.follow(sweep, [Here(sweep / "seed=1")], looks(5), Reporter()) == 1
    assert sorted(read) == ["seed=0", "seed=1"]


def test_on_a_terminal_the_screen_of_the_sweep_stands_as_long_as_others_work(sweep, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    reporter, shown = LiveReporter(), []
    reporter.sweep(2, 0, sweep)
    monkeypatch.setattr(reporter, "lines", lambda *size: shown.append(size) or ["2 of 2"])

    def is_working():
        assert reporter._live is not None or not shown
        return len(shown) < 3

    following.follow(sweep, [], is_working, reporter)
    assert reporter._live is None and "cells:" not in written.getvalue() and "2 of 2" in written.getvalue()


def test_the_screen_goes_away_when_waiting_is_interrupted(sweep):
    class Noted(Reporter):
        ended = 0

        def end(self):
            super().end()
            self.ended += 1

    def is_working():
        raise KeyboardInterrupt

    reporter = Noted()
    with pytest.raises(KeyboardInterrupt):
        following.follow(sweep, [], is_working, reporter)
    assert reporter.ended == 1
