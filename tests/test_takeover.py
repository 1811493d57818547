"""`takeover`: of many processes one takes a folder, whatever the disk does, and the late one writes no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from stackfit.errors import RunFolderError
from stackfit.results import owner, takeover
from stackfit.results.run_files import read_status
from stackfit.results.run_folder import RunFolder

ABOUT = {"experiment": "base", "overrides": [], "axes": {}, "seed": 0, "settings": {}}
ELSEWHERE = {"host": "another.host", "boot_id": "x", "token": "0"}


def grow_old(*files) -> None:
    """As if they were written before the lifetime of a claim."""
    then = time.time() - owner.SILENT_SECONDS - 60
    for file in files:
        os.utime(file, (then, then))


def taken_elsewhere(folder: RunFolder) -> None:
    """As if a process on another machine had claimed it."""
    status = json.loads(folder.status.read_text())
    status["owner"] |= ELSEWHERE
    folder.status.write_text(json.dumps(status))
    claim = folder.path / f".claim-{status['claim']}"
    claim.write_text(json.dumps(status["owner"]))


def test_of_sixteen_that_take_at_once_one_does(lab):
    start, got = threading.Barrier(16), []

    def take() -> None:
        start.wait()
        got.append(takeover.take(lab, 0))

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # To one another these threads are the same process, whose next take is allowed: the numbers tell them apart.
    assert sorted(got) == list(range(1, 17)) and len(set(got)) == 16


def test_processes_that_take_at_once_without_locks(lab):
    """Each of eight processes claims the same 40 folders in another order; every folder has one owner."""
    code = (
        "import json, random, sys\n"
        "from pathlib import Path\n"
        "from stackfit import files\n"
        "from stackfit.results.run_folder import RunFolder\n"
        "files.fcntl = None\n"  # a disk that keeps no locks
        "cells = [*range(40)]\n"
        "random.Random(int(sys.argv[1])).shuffle(cells)\n"
        f"about = {ABOUT!r}\n"
        "sys.stdin.readline()\n"
        "mine = [cell for cell in cells if RunFolder(Path(f'cell-{cell}')).claim('f', about)]\n"
        "print(json.dumps(mine), flush=True)\n"
        "sys.stdin.readline()\n"  # it lives until all have tried
    )
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(seed)], stdin=pipe, stdout=pipe, text=True) for seed in range(8)
    ]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    claimed = [json.loads(worker.stdout.readline()) for worker in workers]
    for worker in workers:
        worker.communicate("end\n", timeout=30)
    assert sorted(cell for cells in claimed for cell in cells) == [*range(40)]


def test_a_takeover_is_won_once_and_the_late_owner_stops(lab):
    late = RunFolder(lab / "a")
    assert late.claim("f", ABOUT)
    taken_elsewhere(late)
    assert not RunFolder(lab / "a").claim("f", ABOUT)  # it has written a moment ago
    grow_old(late.status, late.path / ".claim-1")
    assert RunFolder(lab / "a").claim("f", ABOUT)
    assert read_status(lab / "a")["claim"] == 2
    with pytest.raises(RunFolderError, match="taken by another process, because this one was silent for more than 300 s"):
        late.append_history({"epoch": 1, "loss": 1.0})
    with pytest.raises(RunFolderError, match="taken by another process"):
        late.finish({}, {})
    late.fail("too late")
    assert owner.is_me(read_status(lab / "a")["owner"])


def test_who_has_seen_an_old_status_does_not_take_what_another_has_just_taken(lab):
    """A rename that shows late: the status still names the dead owner, and the next number is gone already."""
    folder = RunFolder(lab / "a")
    assert folder.claim("f", ABOUT)
    taken_elsewhere(folder)
    grow_old(folder.status, folder.path / ".claim-1")
    (folder.path / ".claim-2").write_text(json.dumps(owner.this_process() | ELSEWHERE))
    assert not RunFolder(lab / "a").claim("f", ABOUT)
    grow_old(folder.path / ".claim-2")  # that one died before it wrote its status
    assert RunFolder(lab / "a").claim("f", ABOUT) and read_status(lab / "a")["claim"] == 3


def test_a_claim_that_is_being_written_is_held(lab):
    (lab / ".claim-1").write_text("")
    assert takeover.take(lab, 0) is None
    grow_old(lab / ".claim-1")
    assert takeover.take(lab, 0) == 2


def test_a_disk_without_links_still_gives_one_claim(lab, monkeypatch):
    def refuse(*words: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert (takeover.take(lab, 0), takeover.take(lab, 0)) == (1, 2)
    (lab / ".claim-3").write_text(json.dumps(owner.this_process() | ELSEWHERE))
    assert takeover.take(lab, 2) is None


def test_the_age_of_a_file_is_by_the_clock_of_its_disk(lab, monkeypatch):
    (lab / "a").write_text("")
    monkeypatch.setattr(time, "time", lambda: 0.0)  # this machine's clock stands far back
    assert abs(takeover.silent_seconds(lab / "a")) < 5


def test_where_nothing_can_be_written_the_age_is_by_this_machines_clock(lab, monkeypatch):
    (lab / "a").write_text("")

    def refuse(*words: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr(takeover, "_clocks", {})
    assert abs(takeover.silent_seconds(lab / "a")) < 5


def test_who_was_late_removes_nothing_when_it_gives_up(lab):
    late = RunFolder(lab / "a")
    assert late.claim("f", ABOUT)
    taken_elsewhere(late)
    grow_old(late.status, late.path / ".claim-1")
    assert RunFolder(lab / "a").claim("f", ABOUT)
    late.give_up("too late")
    assert read_status(lab / "a")["claim"] == 2
