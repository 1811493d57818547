"""`status`: the line that says what goes on, on a real terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

if os.name != "posix":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)
import pty

from stackfit import waiting
from stackfit.cli import status
from stackfit.terminal import Folding


class Leader:
    """The other end of a pseudo-terminal: what was written to it."""

    def __init__(self):
        self.descriptor, follower = pty.openpty()
        self.stream = os.fdopen(follower, "w", encoding="utf-8")

    def read(self) -> str:
        self.stream.flush()
        os.set_blocking(self.descriptor, False)
        text = b""
        while True:
            try:
                text += os.read(self.descriptor, 65536)
            except OSError:
                return text.decode()


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    leader = Leader()
    yield leader
    leader.stream.close()
    os.close(leader.descriptor)


class Clock:
    """Lets `StatusLine.watch` tick by hand: each number is a tick at that second; then it is over."""

    def __init__(self, line: status.StatusLine, monkeypatch):
        self.line, self.now = line, 0.0
        monkeypatch.setattr(status.time, "monotonic", lambda: self.now)

    def run(self, *ticks: float) -> None:
        rest = [*ticks]

        class Over:
            def wait(over, seconds: float) -> bool:
                if rest:
                    self.now = rest.pop(0)
                    return False
                return True

            def is_set(over) -> bool:
                return False

            def set(over) -> None:
                rest.clear()

        self.line._over = Over()
        self.line.watch()


def test_what_takes_its_time_is_said_with_a_clock_and_taken_away(terminal, monkeypatch):
    line = status.StatusLine(terminal.stream, True, 80)
    clock = Clock(line, monkeypatch)
    with waiting.doing("Starting TensorFlow"):
        clock.run(0.1, 0.2)
        assert terminal.read() == ""  # shorter than a moment
        clock.run(5.0, 5.5)
        first = terminal.read()
        assert first.startswith("\r") and "Starting TensorFlow …" in first and "\n" not in first
        clock.run(7.6)
    Folding(terminal.stream, line, escapes=False).write("done\n")
    assert terminal.read().endswith("\r\x1b[Kdone\r\n")


def test_work_without_a_name_is_said_too_and_half_a_line_is_left_alone(terminal, monkeypatch):
    line = status.StatusLine(terminal.stream, True, 80)
    clock = Clock(line, monkeypatch)
    clock.run(0.1, 1.5)
    assert "Working …" in terminal.read()
    line.clear()
    stream = Folding(terminal.stream, line, escapes=False)
    stream.write("Train them? [y/N] ")
    terminal.read()
    clock.run(3.0, 9.0)
    assert terminal.read() == ""  # somebody types there


def test_another_screen_keeps_the_terminal(terminal, monkeypatch):
    line = status.StatusLine(terminal.stream, True, 80)
    with waiting.elsewhere(), waiting.doing("Evaluating"):
        Clock(line, monkeypatch).run(0.1, 9.0)
    assert terminal.read() == ""


def test_without_escape_codes_each_text_is_one_plain_line(terminal, monkeypatch):
    line = status.StatusLine(terminal.stream, False, 80)
    with waiting.doing("Evaluating"):
        Clock(line, monkeypatch).run(0.1, 1.0, 2.0, 3.0)
    line.end()
    assert terminal.read() == "Evaluating …\r\n"


def test_the_line_fits_a_narrow_terminal(terminal, monkeypatch):
    line = status.StatusLine(terminal.stream, True, 12)
    with waiting.doing("Starting TensorFlow"):
        Clock(line, monkeypatch).run(0.1, 1.0)
    assert terminal.read() == "\r⠙ Starting \x1b[K"


def test_a_pipe_has_no_status_line(tmp_path):
    with (tmp_path / "pipe").open("w") as stream, status.status_line(stream) as line:
        assert line is None


def test_it_is_drawn_while_descriptor_2_leads_elsewhere(terminal):
    """As while TensorFlow is imported: what its C++ side writes is kept off the terminal."""
    code = (
        "import os, sys, time\n"
        "from stackfit import waiting\n"
        "from stackfit.cli.status import status_line\n"
        "with status_line(sys.stderr), waiting.doing('Starting TensorFlow'):\n"
        "    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
        "    time.sleep(0.7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=terminal.stream, timeout=60)
    shown = terminal.read()
    assert done.returncode == 0 and "Starting TensorFlow …" in shown and shown.endswith("\r\x1b[K")
