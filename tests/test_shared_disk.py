"""What workers do on a shared disk with bad habits, which are emulated at the file-system calls of other processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from composing import plan_sweep, start_sweep
from shared_disk import HABITS, machine

from stackfit.execution.progress import Reporter
from stackfit.results import owner
from stackfit.results.run_files import read_metrics, read_status

ABOUT = {"experiment": "base", "overrides": [], "axes": {}, "seed": 0, "settings": {}}


class Client:
    """A Python process on a machine of its own that evaluates one expression after another."""

    START = (
        "import fcntl, json, os, socket, sys, time\n"
        "from pathlib import Path\n"
        "for line in sys.stdin:\n"
        "    try:\n"
        "        said = eval(line)\n"
        "    except BaseException as error:\n"
        "        said = f'{type(error).__name__}: {error}'\n"
        "    print(json.dumps(said), flush=True)\n"
    )

    def __init__(self, disk: Path, number: int, *habits: str, more: str = "", inside: Sequence[str] = ()):
        self.process = subprocess.Popen(
            [*inside, sys.executable, "-c", more + self.START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=machine(disk, number, *habits), cwd=disk,
        )  # fmt: skip

    def ask(self, expression: str) -> None:
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self.process.stdout.readline())

    def __call__(self, expression: str) -> Any:
        self.ask(expression)
        return self.answer()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=30)


# ---- the emulation itself


def test_what_others_write_shows_late_or_once_its_folder_is_listed(lab):
    (lab / "a").write_text("old")
    past = time.time() - 60
    with Client(lab, 0, "names that show late") as client:
        assert client("os.path.exists('b')") is False and client("open('a').read()") is not None
        time.sleep(3.1)  # what it knew is forgotten
        assert client("open('a').read()") == "old" and client("os.path.exists('b')") is False
        for name in ("a", "b"):
            (lab / f"{name}.new").write_text("new")
            os.utime(lab / f"{name}.new", (past, past))
            os.replace(lab / f"{name}.new", lab / name)
        assert client("open('a').read()") == "old" and client("os.stat('a').st_nlink") == 0
        assert client("abs(time.time() - os.stat('a').st_mtime) < 30")
        assert client("open('b').read()").startswith("FileNotFoundError")
        assert client("os.access('b', os.R_OK)") is False and client("os.unlink('b')").startswith("FileNotFoundError")
        assert client("os.open('b', os.O_CREAT | os.O_EXCL)").startswith("FileExistsError")  # the server decides
        assert client("open('b').read()") == "new"
        assert client("open('a').read()") == "old"
        assert client("sorted(os.listdir())") == ["a", "b"] and client("open('a').read()") == "new"
        assert client("[open('own', 'w').close(), os.replace('own', 'a'), open('a').read()]")[2] == ""  # its own shows at once
        (lab / "folder").mkdir()
        assert client("os.path.isdir('folder')") is False
        time.sleep(3.1)
        assert client("os.path.isdir('folder')") is True


def test_listings_come_from_memory(lab):
    with Client(lab, 0, "listings from memory") as client:
        assert client("os.listdir()") == []
        (lab / "a").write_text("")
        assert client("[os.listdir(), [*os.scandir()], [*Path().glob('*')]]") == [[], [], []]
        assert client("os.path.exists('a')") is True
        assert client("[os.mkdir('own'), sorted(os.listdir())]")[1] == ["a", "own"]
        (lab / "b").write_text("")
        time.sleep(3.1)
        assert client("sorted(os.listdir())") == ["a", "b", "own"]


def test_locks_are_held_by_everyone_and_clocks_are_apart(lab):
    (lab / "a").write_text("")
    nobody = "locks that lock nobody out"
    with Client(lab, 0, nobody, "clocks an hour apart") as one, Client(lab, 1, nobody, "clocks an hour apart") as two:
        for lock in ("flock", "lockf"):
            for client in (one, two):
                assert client(f"globals().update(held=open('a', 'w')) or fcntl.{lock}(held, fcntl.LOCK_EX | fcntl.LOCK_NB)") is None
        assert 7190 < one("time.time()") - two("time.time()") < 7210
        assert abs(one("[open('b', 'w').close(), os.stat('b').st_mtime]")[1] - time.time()) < 10
        assert (one("socket.gethostname()"), two("socket.gethostname()")) == ("machine-0", "machine-1")
    with Client(lab, 0) as one, Client(lab, 1) as two:  # and without the habit they are not
        assert one("globals().update(held=open('a', 'w')) or fcntl.flock(held, fcntl.LOCK_EX)") is None
        assert two("fcntl.flock(open('a', 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)").startswith("BlockingIOError")


# ---- one owner


def left_behind(folder: Path, silent: float = owner.SILENT_SECONDS + 60) -> None:
    """A cell whose owner, on a machine that is gone, took it and was not heard of again."""
    folder.mkdir()
    held = owner.this_process() | {"host": "gone", "boot_id": "gone", "token": "gone"}
    status = {"format": 1, "status": "running", "fingerprint": "f", "claim": 1, "owner": held, **ABOUT}
    then = time.time() - silent
    for name, content in ((".claim-1", held), ("status.json", status)):
        (folder / name).write_text(json.dumps(content))
        os.utime(folder / name, (then, then))


RACER = (
    "from stackfit.results.run_folder import RunFolder\n"
    "from stackfit.results.run_files import read_status_if_any\n"
    f"about = {ABOUT!r}\n"
    "held = {}\n"
    "def claim(cell):\n"
    "    folder = RunFolder(Path(cell))\n"
    "    if folder.claim('f', about):\n"
    "        held[cell] = folder\n"
    "    return cell in held\n"
    "def get_to_know(cell):\n"
    "    return [os.listdir(), os.listdir(cell), look(cell)][2]\n"
    "def look(cell):\n"
    "    status = read_status_if_any(Path(cell))\n"
    "    return status and status['state']\n"
)


@pytest.mark.parametrize("habits", [*([habit] for habit in HABITS), [*HABITS]], ids=lambda habits: " and ".join(habits))
def test_of_three_machines_that_take_a_dead_cell_at_once_one_has_it(lab, habits):
    winners = []
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(Client(lab, number, *habits, more=RACER)) for number in range(3)]
        for number in range(120 if len(habits) > 1 else 25):
            cell, racing = f"cell-{number}", racers[: 2 + number % 2]
            left_behind(lab / cell)
            for racer in racing:
                assert racer(f"get_to_know({cell!r})") == "interrupted"
            for racer in racing:
                racer.ask(f"claim({cell!r})")
            answers = [racer.answer() for racer in racing]
            assert sorted(map(str, answers)) == sorted(["True", *["False"] * (len(racing) - 1)]), (cell, answers)
            winners.append(answers.index(True))
    status = json.loads((lab / "cell-0" / "status.json").read_text())
    assert status["claim"] == 2 and status["owner"]["host"] == f"machine-{winners[0]}"
    assert len(set(winners)) > 1  # else nobody has raced


def test_who_remembers_a_dead_owner_does_not_train_what_another_has_finished(lab):
    """The one that finished it is gone as well, and its claim with it: only the status can tell."""
    with Client(lab, 0, *HABITS, more=RACER) as one, Client(lab, 1, *HABITS, more=RACER) as two:
        left_behind(lab / "cell")
        assert two("get_to_know('cell')") == "interrupted" and one("claim('cell')") is True
        assert one("held['cell'].finish({'loss': 1.0}, {'loss': 1.0})") is None
        then = time.time() - owner.SILENT_SECONDS - 60
        os.utime(lab / "cell" / ".claim-2", (then, then))
        assert two("look('cell')") == "interrupted"  # it still believes what it knew
        assert two("claim('cell')") is False
        assert json.loads((lab / "cell" / "status.json").read_text())["status"] == "finished"


def test_a_folder_that_is_given_up_while_another_takes_it_is_free_or_taken_and_never_an_error(lab):
    with Client(lab, 0, *HABITS, more=RACER) as one, Client(lab, 1, *HABITS, more=RACER) as two:
        taken = 0
        for number in range(150):
            cell = f"cell-{number}"
            assert one(f"claim({cell!r})") is True
            one.ask(f"held[{cell!r}].give_up('it trains with others')")
            time.sleep(number % 50 / 2000)  # before, while and after it is given up
            two.ask(f"claim({cell!r})")
            assert one.answer() is None
            got = two.answer()
            assert got in (True, False), got
            if got:
                taken += 1
                held = json.loads((lab / cell / "status.json").read_text())
                assert (held["status"], held["owner"]["host"]) == ("running", "machine-1")
            else:
                assert two(f"claim({cell!r})") is True
        assert 0 < taken < 150  # both have happened


CONTAINER = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.mark.skipif(subprocess.run([*CONTAINER, "true"], capture_output=True).returncode != 0, reason="no namespaces for this user")
def test_in_containers_every_owner_is_number_1_of_a_machine_with_the_same_name(lab):
    with contextlib.ExitStack() as stack:
        one, two, three = (Client(lab, 0, *HABITS, more=RACER, inside=CONTAINER) for _ in range(3))
        for client in (two, three):
            stack.enter_context(client)
        assert {client("(os.getpid(), socket.gethostname())")[0] for client in (one, two, three)} == {1}
        assert one("claim('cell')") is True and two("claim('cell')") is False and three("claim('cell')") is False
        for number in range(40):
            left_behind(lab / f"cell-{number}")
            for client in (one, two, three):
                client.ask(f"claim('cell-{number}')")
            assert sorted(client.answer() for client in (one, two, three)) == [False, False, True]
        assert one("held['cell'].append_history({'epoch': 1, 'loss': 1.0})") is None  # nobody has taken it since
        one.__exit__()
        assert two("claim('cell')") is False  # its silence must tell
        for file in ("status.json", ".claim-1"):
            os.utime(lab / "cell" / file, (time.time() - owner.SILENT_SECONDS - 60,) * 2)
        time.sleep(3.1)
        assert sorted([two("claim('cell')"), three("claim('cell')")]) == [False, True]


@pytest.mark.skipif(subprocess.run([*CONTAINER, "true"], capture_output=True).returncode != 0, reason="no namespaces for this user")
def test_a_worker_finds_what_was_planned_just_now_and_the_wish_to_stop_in_a_container_too(lab):
    sweep = plan_sweep("digits_quickstart", ["epochs=1", "seed=range(4)"], reporter=Reporter(0))
    sweep.write_index()
    more = f"from pathlib import Path\nfrom stackfit.results.sweep_folder import SweepFolder\nsweep = SweepFolder(Path({str(sweep.folder.path)!r}))\n"
    more += "entry = sweep.registered()\n"
    with Client(lab, 0, *HABITS, more=more, inside=CONTAINER) as one, Client(lab, 0, *HABITS, more=more, inside=CONTAINER) as two:
        for client in (one, two):
            assert client("len(sweep.read_index()['cells'])") == 4
            assert client("globals().update(began=entry.__enter__())") is None
        assert one("began.name") != two("began.name")  # both are number 1 of a machine with this name
        assert one("entry.__exit__(None, None, None)") is False  # no error is swallowed
        assert two("sweep.must_stop(began)") is False
        sweep.folder.ask_to_stop()
        time.sleep(3.1)
        assert two("sweep.must_stop(began)") is True
        assert len({sweep.folder.begin_launch(1) for _ in range(2)}) == 2


# ---- workers


def work_together(lab: Path, number: int, *habits: str) -> None:
    """Workers on so many machines train a sweep that was planned just now: each cell once, with the digest of the fused sweep."""
    words = ("epochs=2", "batch_size=100", "model.layers.hidden.units=4,8", "seed=range(8)")
    folder = start_sweep("digits_quickstart", words, reporter=Reporter(0)).run().folder
    cells = [folder.path / cell["folder"] for cell in folder.read_index()["cells"]]
    expected = {cell.name: read_metrics(cell)["weights_sha256"] for cell in cells}
    shutil.rmtree(lab / "outputs")
    plan_sweep("digits_quickstart", words, reporter=Reporter(0)).write_index()
    command = [sys.executable, "-m", "stackfit", "work", str(folder.path), "--max-members", "3"]
    workers = []
    for rank in range(number):
        words, variables = ["--rank", str(rank), "--of", str(number)], machine(lab, rank, *habits)
        workers.append(subprocess.Popen([*command, *words], cwd=lab, env=variables, stderr=subprocess.PIPE, text=True))
    said = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * number, said
    trained = [re.findall(r"^(\S.*\S)  test  loss", text, re.M) for text in said]
    assert all(trained) and len({cell for cells in trained for cell in cells}) == sum(map(len, trained)) == 16
    assert {cell.name: read_metrics(cell)["weights_sha256"] for cell in cells} == expected
    assert {(read_status(cell)["status"], read_status(cell)["claim"]) for cell in cells} == {("finished", 1)}
    assert len({read_status(cell)["owner"]["host"] for cell in cells}) == number
    assert folder.results.read_text().count(",finished,") == 16 and not [*folder.jobs.glob("worker-*.json")]


@pytest.mark.slow
@pytest.mark.tf
def test_workers_on_three_machines_train_each_cell_once_whatever_the_disk_does(lab):
    work_together(lab, 3, *HABITS)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.parametrize("habit", HABITS)
def test_workers_on_two_machines_train_each_cell_once_on_a_disk_with(lab, habit):
    work_together(lab, 2, habit)
