"""`owner`: whether whoever works in a run folder still lives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stackfit.results import owner


def test_this_process_is_alive_and_is_me():
    me = owner.this_process()
    assert owner.is_alive(me) and owner.is_me(me)
    assert me["pid"] == os.getpid() and abs(me["heartbeat"] - time.time()) < 5


def test_a_process_that_ended_is_dead():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not owner.is_alive(owner.this_process() | {"pid": ended.pid})


@pytest.mark.parametrize("changed", [{"boot_id": "another boot"}, {"process_start": "1"}])
def test_a_reused_pid_is_not_the_owner(changed):
    assert not owner.is_alive(owner.this_process() | changed)


ELSEWHERE = {"host": "another.host", "pid": 2**22 + 1, "boot_id": "x"}


@pytest.mark.parametrize("place", [ELSEWHERE, {"namespace": "pid:[1]"}, {"boot_id": "x", "machine": "another one"}])
def test_in_another_place_only_the_age_of_the_last_write_tells(place):
    elsewhere = owner.this_process() | place
    assert not owner.is_here(elsewhere) and not owner.is_alive(elsewhere)
    assert owner.is_alive(elsewhere, 1.0) and owner.is_alive(elsewhere | {"silent_seconds": 1.0})
    assert not owner.is_alive(elsewhere, owner.SILENT_SECONDS + 1) and not owner.is_alive(elsewhere | {"lifetime": 5}, 6.0)
    assert owner.is_alive(elsewhere | {"heartbeat": 0}, 1.0)  # the clock of its machine does not matter


def test_two_containers_with_the_same_name_and_the_same_pid_are_not_the_same_process():
    me = owner.this_process()
    assert not owner.is_me(me | {"token": "0" * 16})


def test_another_process_of_a_fork_has_another_token():
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, owner.token().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 16).decode() != owner.token()


@pytest.mark.parametrize("damaged", [None, {}, [], "me", {"pid": "7"}, {"pid": None}])
def test_a_damaged_owner_is_dead(damaged):
    assert not owner.is_alive(damaged) and not owner.is_me(damaged)


@pytest.mark.parametrize("silent", ["yesterday", [1], {}, None])
def test_a_damaged_age_is_dead(silent):
    assert not owner.is_alive({"host": "another.host", "pid": 1, "silent_seconds": silent})
    assert not owner.is_alive({"host": "another.host", "pid": 1, "lifetime": silent}, 1.0) or silent is None


@pytest.mark.parametrize("pid", [0, -1, 2**80])
def test_a_pid_that_names_no_single_process_is_dead(pid):
    assert not owner.is_alive(owner.this_process() | {"pid": pid})


def test_an_unknown_process_has_no_start():
    assert owner.process_start(2**22 + 1) == ""


def test_on_linux_the_start_is_the_kernels_as_earlier_versions_recorded_it():
    recorded = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    assert owner.this_process()["process_start"] == recorded


def test_an_owner_recorded_without_a_start_lives_while_its_pid_does():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    recorded = owner.this_process() | {"process_start": ""}
    assert owner.is_alive(recorded) and not owner.is_alive(recorded | {"pid": ended.pid})


def test_elsewhere_the_start_is_the_time_of_day_and_needs_no_boot_id(monkeypatch):
    import psutil

    monkeypatch.setattr(psutil, "LINUX", False)
    me = owner.this_process() | {"boot_id": owner.boot_id()}
    assert abs(float(me["process_start"]) - psutil.Process().create_time()) < 0.01
    assert owner.is_alive(me) and not owner.is_alive(me | {"process_start": "1.00"})
