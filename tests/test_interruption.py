"""`cli.interruption`: what Ctrl-C meets, and that it cannot be swallowed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

HEAD = """
import os, signal, sys, time
from stackfit.cli.interruption import interruptible

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's is ignored

def work():
    with interruptible() as interruption:
        try:
            print("ready", flush=True)
            busy()
        except KeyboardInterrupt:
            print("caught")
            interruption.end()
            time.sleep(0.3)  # further signals change nothing
            print("ended in order")
            sys.exit(130)
"""
SWALLOWS_ONCE = """
def busy():
    try:
        time.sleep(30)
    except BaseException:
        pass
    time.sleep(30)
"""
SWALLOWS_ALL = """
def busy():
    while True:
        try:
            time.sleep(30)
        except BaseException:
            pass
"""
DESTRUCTOR = """
class Slow:
    def __del__(self):
        time.sleep(0.5)

def busy():
    Slow()
    time.sleep(30)
"""


def stop(code: str, *numbers: int) -> tuple[int, str, str, float]:
    """Run the code, send the signals when it is ready; code, stdout, stderr, and seconds to its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + code + "\nwork()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    while process.stdout.readline() != "ready\n":
        pass
    time.sleep(0.1)
    began = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_ends_the_program_in_order_and_more_of_them_change_nothing(number):
    code, out, err, _ = stop("def busy(): time.sleep(30)", number, number, signal.SIGINT)
    assert (code, out, err) == (130, "caught\nended in order\n", "")


def test_an_interrupt_that_some_code_swallows_comes_again():
    code, out, err, seconds = stop(SWALLOWS_ONCE, signal.SIGINT)
    assert (code, out, err) == (130, "caught\nended in order\n", "") and seconds < 4


def test_code_that_swallows_every_interrupt_is_ended_within_five_seconds():
    code, out, err, seconds = stop(SWALLOWS_ALL, signal.SIGINT)
    assert (code, out, err) == (130, "", "\nInterrupted.\n") and seconds < 5


def test_an_interrupt_in_a_destructor_is_not_lost_and_prints_nothing():
    code, out, err, seconds = stop(DESTRUCTOR, signal.SIGINT)
    assert (code, out, err) == (130, "caught\nended in order\n", "") and seconds < 1.4  # before it would come anyway


@pytest.mark.parametrize("words, resumes", [(["run", "x"], True), (["check", "x"], True), (["run", "x", "--fresh"], False), (["show", "x"], False)])
def test_only_what_the_same_command_resumes_is_said_to_be_resumed(cli, monkeypatch, words, resumes):
    def stop(typed, start):
        raise KeyboardInterrupt

    monkeypatch.setattr("stackfit.cli._dispatch", stop)
    answer = cli(*words)
    assert answer.code == 130 and ("again to resume" in answer.err) == resumes and "Interrupted." in answer.err
