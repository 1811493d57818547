"""`progress`: plain lines, and the live screen on a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable

import pyte
import pytest
from made_runs import claim, write_sweep

from stackfit import waiting
from stackfit.execution.progress import LiveReporter, Reporter, make_reporter


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Callable[[], Terminal]:
    """`terminal()` puts a terminal of 100 columns in the place of stderr, which pytest has replaced too."""

    def take_over() -> Terminal:
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        return screen

    return take_over


def plain(text: str) -> str:
    """Without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def screen_of(reporter: LiveReporter, width: int = 100) -> list[str]:
    """The lines that the live screen would show now."""
    return str(reporter._renderable()).splitlines() if width == 100 else reporter.lines(width)


# ---- plain lines


def test_plain_lines_go_to_stderr_one_by_one(capsys):
    reporter = Reporter(1)
    reporter.line("one\n")
    reporter.detail("two")
    assert capsys.readouterr() == ("", "one\ntwo\n")


def test_a_line_that_nobody_reads_any_more_does_not_end_the_run(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    Reporter(1).line("epoch 1/5")


def test_a_quiet_reporter_says_only_what_must_be_said(capsys):
    reporter = Reporter(0)
    reporter.line("one")
    reporter.detail("two")
    reporter.line("failed", always=True)
    assert capsys.readouterr() == ("", "failed\n")


def test_off_a_terminal_there_are_plain_lines(capsys):
    assert type(make_reporter()) is Reporter


# ---- live


def test_on_a_terminal_there_is_a_live_screen(terminal):
    terminal()
    assert type(make_reporter()) is LiveReporter


def test_a_single_run_prints_its_epochs_above_its_bar(terminal):
    screen = terminal()
    reporter = LiveReporter(1)
    reporter.begin(["digits"], [4])
    reporter.step(1, 0.5, [0])
    reporter.detail("epoch 1/4  loss 0.5")
    reporter.epoch(0, 1, {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.6, "val_accuracy": 0.7})
    (line,) = screen_of(reporter)  # how long it will take is not known
    assert line.startswith("digits  ━━━━────────────  epoch 1/4") and line.endswith("val_accuracy 0.7000")
    reporter.end()
    assert "epoch 1/4  loss 0.5\n" in plain(screen.getvalue()).replace("\r", "")


def test_runs_without_a_sweeps_folder_show_what_trains_and_print_only_what_stays(terminal, monkeypatch):
    screen = terminal()
    reporter = LiveReporter(1)
    reporter.sweep(5, 2)
    reporter.begin(["units=3", "units=4"], [2, 2])
    reporter.step(1, 1.0, [0, 1])
    reporter.detail("epoch 1/2  loss 0.5")
    reporter.line("units=3  hello")
    reporter.epoch(0, 1, {"val_loss": 0.5, "loss": 0.1})
    reporter.step(2, 0.5, [0])
    assert screen_of(reporter)[-1] == "2 of 5 runs finished"  # what a whole run takes is not known
    reporter.ended("units=4", "failed")
    first, second, outlook = screen_of(reporter)
    assert "epoch 2/2" in first and first.endswith("val_loss 0.5000")
    assert "failed" in second and outlook == "3 of 5 runs finished"
    reporter.end()
    shown = plain(screen.getvalue())
    assert "units=3  hello" in shown and "epoch 1/2  loss" not in shown


def test_a_sweep_shows_what_its_folder_says(terminal, tmp_path):
    terminal()
    write_sweep(tmp_path, ["a", "b"])
    reporter = LiveReporter(1)
    claim(tmp_path, "a", epochs=4, rows=[{"epoch": 1, "loss": 0.5}])
    reporter.sweep(2, 0, tmp_path)
    reporter.begin(["units=a"], [4])
    reporter.step(2, 0.5, [0])
    with waiting.doing("Evaluating"):
        assert reporter.lines(80) == [
            "units=a  ━━━━━━──────────  epoch 2/4  loss 0.5000",
            "best so far: units=a, loss 0.5000, after epoch 1",
            "0 of 2 cells finished, 1 running, 1 of 8 epochs, Evaluating …",
        ]
    reporter.end()


def test_brackets_in_labels_and_lines_are_not_markup(terminal):
    screen = terminal()
    reporter = LiveReporter(1)
    reporter.begin(["act=[relu]"], [1])
    reporter.step(1, 0.5, [0])
    reporter.line("said [bold]x[/bold] :smile:")
    assert screen_of(reporter)[0].startswith("act=[relu]")
    reporter.end()
    assert "said [bold]x[/bold] :smile:" in screen.getvalue()


def test_data_that_are_read_show_how_much_of_them(terminal):
    terminal()
    reporter = LiveReporter(1)
    reporter.load("pictures", 1500, 3000)
    assert screen_of(reporter) == ["pictures  ━━━━━━━━────────  1,500 of 3,000"]
    reporter.load("pictures", 1500, 0)
    assert screen_of(reporter) == ["pictures  ────────────────  1,500"]
    reporter.end()


def test_what_is_left_of_a_run_is_said_after_a_while_and_by_its_pace(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("stackfit.execution.progress.time.monotonic", lambda: now[0])
    reporter = LiveReporter(0)
    reporter.begin(["a"], [10])
    found = []
    for seconds, epoch in ((0, 1), (0.5, 2), (10, 3), (40, 6)):  # starting took until the first epoch
        now[0] = 100 + seconds
        reporter.step(epoch, 1.0, [0])
        found.append(reporter.lines(80)[1:])
    assert found == [[], [], ["about 0:35 left"], ["about 0:32 left"]]


@pytest.mark.parametrize("live", [True, False])
def test_what_a_callback_prints_without_a_line_end_stays_on_its_line(terminal, live):
    screen = terminal()
    reporter = LiveReporter(1) if live else Reporter(1)
    reporter.begin(["a"], [3])
    for epoch in (1, 2, 3):
        reporter.printed(".")
        reporter.detail(f"epoch {epoch}/3")
    if live:
        assert screen_of(reporter)[0] == "..."
    reporter.printed(" three\nand more")
    reporter.printed("of b", "b  ")
    reporter.end()
    emulated = pyte.Screen(80, 24)
    pyte.Stream(emulated).feed(screen.getvalue().replace("\n", "\r\n"))
    lines = [line.rstrip() for line in emulated.display if line.strip()]
    assert lines == ["epoch 1/3", "epoch 2/3", "epoch 3/3", "... three", "and more", "b  of b"]


def test_a_screen_that_has_ended_leaves_the_cursor_and_plain_lines(terminal):
    screen = terminal()
    reporter = LiveReporter(1)
    for _ in range(2):  # a second cohort begins a second screen
        reporter.begin(["a"], [1])
        reporter.end()
    reporter.end()
    reporter.line("after")
    shown = screen.getvalue()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 2 and shown.endswith("after\n")


def test_a_quiet_terminal_shows_nothing(terminal):
    screen = terminal()
    reporter = LiveReporter(0)
    reporter.begin(["a"], [1])
    reporter.step(1, 0.5, [0])
    reporter.epoch(0, 1, {"loss": 1.0})
    reporter.ended("a", "finished")
    reporter.end()
    assert screen.getvalue() == ""


# ---- a real terminal


@pytest.mark.tf
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_on_a_terminal_leaves_it_clean(lab):
    """The user's Ctrl-C, typed into a pseudo-terminal while the bar is shown."""
    import pty

    leader, follower = pty.openpty()
    words = [sys.executable, "-m", "stackfit", "run", "digits_quickstart", "epochs=100000"]
    process = subprocess.Popen(
        words, cwd=lab, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(follower)
    late = threading.Timer(120, process.kill)  # rather than for ever
    late.start()
    shown = b""
    try:
        while b"epoch 3/100000  loss" not in shown:
            shown += os.read(leader, 65536)
        os.write(leader, b"\x03")
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    late.cancel()
    os.close(leader)
    assert process.wait(10) == 130, shown[-2000:]
    text = shown.decode()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back
    assert plain(text).rstrip().endswith("Interrupted. Run the same command again to resume.") and "Traceback" not in text
