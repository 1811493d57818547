"""`core_shares`: workers of one sweep on one machine divide its cores, however they were started."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from stackfit.execution import core_shares
from stackfit.execution.core_shares import share_of_cores, usable_cores, use_cores
from stackfit.results import owner
from stackfit.results.sweep_folder import SweepFolder

ME = os.getpid()


def worker(pid: int, cores: list[int], **other: object) -> dict[str, object]:
    return {**owner.this_process(), "pid": pid, "cores": cores, **other}


@pytest.mark.parametrize(
    "cores, others, share",
    [
        ([0, 1, 2, 3], [], [0, 1, 2, 3]),
        ([0, 1, 2, 3], [(ME + 1, [0, 1, 2, 3])], [0, 2]),
        ([0, 1, 2, 3], [(ME - 1, [0, 1, 2, 3])], [1, 3]),
        ([0, 1, 2, 3], [(ME - 1, [4, 5])], [0, 1, 2, 3]),  # taskset, or a Slurm task of its own
        ([0, 1, 2, 3], [(ME + 1, [0, 1]), (ME + 2, [2, 3])], [0, 3]),
        ([0, 1], [(ME - 2, [0, 1]), (ME - 1, [0, 1]), (ME + 1, [0, 1])], [0]),  # more workers than cores
        ([0, 1], [(ME, [0, 1])], [0, 1]),
    ],
)
def test_cores_are_divided_among_workers_that_may_use_the_same(cores, others, share):
    assert share_of_cores(cores, [worker(*other) for other in others]) == share


def test_workers_of_another_machine_or_container_and_of_an_earlier_version_have_cores_of_their_own():
    far = [worker(ME + 1, [0, 1], host="far", boot_id="x"), worker(ME + 2, [0, 1], namespace="pid:[1]"), {**owner.this_process(), "pid": 1}]
    assert share_of_cores([0, 1], far) == [0, 1]


def test_shares_are_all_the_cores_and_no_core_twice():
    pids = [ME, ME + 1, ME + 2]
    shares = []
    for pid in pids:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core_shares.os, "getpid", lambda pid=pid: pid)
            shares += share_of_cores([*range(8)], [worker(each, [*range(8)]) for each in pids])
    assert sorted(shares) == [*range(8)]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind threads to cores")
def test_threads_that_run_already_are_moved_too():
    before, go, end, seen = usable_cores(), threading.Event(), threading.Event(), []

    def look() -> None:
        go.wait()
        seen.append(usable_cores())
        end.wait()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        use_cores(before[:1])
        go.set()
        assert usable_cores() == before[:1]
    finally:
        end.set()
        thread.join()
        use_cores(before)
    assert seen == [before[:1]] and usable_cores() == before


def test_a_worker_that_lives_says_which_cores_it_may_use_and_a_dead_one_is_not_listed(tmp_path):
    folder = SweepFolder(tmp_path)
    code = f"import json; from stackfit.results import owner; print(json.dumps({{'owner': owner.this_process() | {{'cores': {usable_cores()}}}}}))"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    with folder.registered(None, usable_cores()):
        (folder.jobs / "worker-here-1.json").write_text(dead)
        assert [(each["pid"], each["cores"]) for each in folder.workers()] == [(ME, usable_cores())]
        assert share_of_cores(usable_cores(), folder.workers()) == usable_cores()
