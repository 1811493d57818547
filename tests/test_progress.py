"""`progress`: plain lines, and the live screen on a terminal."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

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
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(reporter._live.renderable)
    return console.file.getvalue().splitlines()


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
    reporter.epoch(0, 1, {"loss": 0.5, "accuracy": 0.75})
    (line, _) = screen_of(reporter)
    assert (
        line.startswith("digits  ") and "epoch 1/4" in line and line.rstrip().endswith("best accuracy 0.7500")
    )
    reporter.end()
    assert "epoch 1/4  loss 0.5\n" in plain(screen.getvalue()).replace("\r", "")


def test_a_sweep_shows_its_cells_and_prints_only_what_stays(terminal):
    screen = terminal()
    reporter = LiveReporter(1)
    reporter.sweep(5, 2)
    reporter.begin(["units=3", "units=4"], [2, 2])
    reporter.step(1, 1.0, [0, 1])
    reporter.detail("epoch 1/2  loss 0.5")
    reporter.line("units=3  hello")
    reporter.epoch(0, 1, {"val_loss": 0.5, "loss": 0.1})
    reporter.epoch(0, 2, {"val_loss": 0.7, "loss": 0.1})
    reporter.step(2, 0.5, [0])
    reporter.ended("units=4", "failed")
    first, second, outlook = screen_of(reporter)
    assert "epoch 2/2" in first and first.rstrip().endswith("best val_loss 0.5000")
    assert "failed" in second and outlook.startswith("3 of 5 cells, about 0:00 left")
    reporter.end()
    shown = plain(screen.getvalue())
    assert "units=3  hello" in shown and "epoch 1/2  loss" not in shown


def test_brackets_in_labels_and_lines_are_not_markup(terminal):
    screen = terminal()
    reporter = LiveReporter(1)
    reporter.begin(["act=[relu]"], [1])
    reporter.step(1, 0.5, [0])
    reporter.line("said [bold]x[/bold]")
    assert screen_of(reporter)[0].startswith("act=[relu]")
    reporter.end()
    assert "said [bold]x[/bold]" in screen.getvalue()


def test_a_long_label_gives_way_on_a_narrow_terminal_and_every_cell_stays_on_one_line(terminal, monkeypatch):
    terminal()
    monkeypatch.setenv("COLUMNS", "80")
    reporter = LiveReporter(1)
    reporter.sweep(2, 0)
    reporter.begin(["model.layers.hidden.units=[512,256,128]", "b"], [100, 100])
    reporter.step(50, 0.5, [0, 1])
    reporter.epoch(0, 50, {"val_accuracy": 0.5})
    lines = screen_of(reporter, 80)
    reporter.end()
    assert (
        len(lines) == 3
        and "…" in lines[0]
        and "epoch 50/100" in lines[0]
        and "val_accuracy 0.5000" in lines[0]
    )


@pytest.mark.parametrize(
    "worked, to_do, passed, text",
    [
        (0.5, 0.5, 10, "about 0:10 left"),
        (1, 3, 600, "about 30:00 left"),
        (1, 9, 3600, "about 9 h 00 min left"),
        (0, 1, 5, ""),
    ],
)
def test_the_outlook_is_what_is_left_at_the_speed_so_far(monkeypatch, worked, to_do, passed, text):
    reporter = LiveReporter(1)
    monkeypatch.setattr("stackfit.execution.progress.time.monotonic", lambda: reporter._began + passed)
    assert reporter._left(worked, to_do) == text


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
    shown = b""
    while b"epoch 3/100000  loss" not in shown:
        shown += os.read(leader, 65536)
    os.write(leader, b"\x03")
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(leader)
    assert process.wait(10) == 130
    text = shown.decode()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back
    assert plain(text).rstrip().endswith("Interrupted. Run the same command again to resume.") and "Traceback" not in text
