"""Waiting for a sweep that others train: what is said meanwhile, and that the screen goes away at the end."""

from __future__ import annotations

import io

import pytest
from made_runs import make_run

from stackfit.execution import following
from stackfit.execution.progress import LiveReporter, Reporter


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(following, "SAY_SECONDS", 0.0)
    folder = tmp_path / "sweep-1a2b3c4d"
    for seed, failed in ((0, None), (1, "The loss is not finite.")):
        make_run(folder / f"seed={seed}", {"seed": seed}, {"loss": 0.5}, axes={"seed": str(seed)}, failed=failed, sweep=folder.name)
    return folder


class Here:
    """A job, as far as its folder's name goes."""

    def __init__(self, path):
        self.path = path


def looks(number):
    """True so many times."""
    left = iter([True] * number)
    return lambda: next(left, False)


def test_without_a_screen_a_line_says_how_many_are_in_each_state_and_again_only_after_a_change(sweep, capsys):
    jobs = [Here(path) for path in sweep.iterdir()]
    assert following.follow(sweep, jobs, looks(5), Reporter()) == 1
    assert capsys.readouterr().err == "2 cells: 1 failed, 1 finished\n"


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
