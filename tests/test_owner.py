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
    assert not owner.is_me(owner.this_process() | changed)


def test_on_another_host_only_the_heartbeat_tells():
    elsewhere = owner.this_process() | {"host": "another.host", "pid": 2**22 + 1, "boot_id": "x"}
    assert owner.is_alive(elsewhere)
    assert not owner.is_alive(elsewhere | {"heartbeat": time.time() - owner.SILENT_SECONDS - 1})
    assert not owner.is_alive(elsewhere | {"heartbeat": time.time() + owner.SILENT_SECONDS + 1})  # a clock set back
    assert not owner.is_alive(elsewhere | {"heartbeat": None})


@pytest.mark.parametrize("damaged", [None, {}, [], "me", {"pid": "7"}, {"pid": None}])
def test_a_damaged_owner_is_dead(damaged):
    assert not owner.is_alive(damaged) and not owner.is_me(damaged)


@pytest.mark.parametrize("heartbeat", ["yesterday", [1], {}])
def test_a_damaged_heartbeat_is_dead(heartbeat):
    assert not owner.is_alive({"host": "another.host", "pid": 1, "heartbeat": heartbeat})


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
