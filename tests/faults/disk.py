"""Disks that are full, folders that cannot be written, that vanish, or that are something else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from faults import lab
from faults.fault import NotHere, Wrong, draw, expect, fault
from faults.lab import GRID, SHORT, Process, decent, stackfit
from faults.reference import reference


class Room(NamedTuple):
    """A case: how much room there is, of which kind, for which command."""

    kind: str
    amount: int
    sweep: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return GRID if self.sweep else SHORT


def sizes() -> list[Room]:
    """Just too small for each file of the folder in turn, smallest first; and nothing at all."""
    found = {path.stat().st_size for path in reference(*SHORT).folder.rglob("*") if path.is_file()}
    swept = {path.stat().st_size for path in reference(*GRID).folder.rglob("*") if path.is_file()}
    rooms = [Room("file size", size - 1) for size in sorted(found)]
    return [Room("file size", 0), *rooms, *(Room("file size", size - 1, True) for size in sorted(swept)[::3])]


def pages() -> list[Room]:
    """A disk of n blocks of 4 KiB, or of n files, for every n until everything fits."""
    rooms = [Room("blocks", number) for number in (*range(1, 13), 14, 16, 20, 30)]
    rooms += [Room("files", number) for number in range(2, 12)]
    return rooms + [Room("blocks", number, True) for number in range(4, 40, 6)]


def left_whole(folder: Path) -> None:
    """Whatever is there can be read: files are whole or not there."""
    found = lab.folders(folder)
    for path in (folder / "outputs").glob("*/*"):
        expect(not path.is_dir() or any(path.iterdir()), "leaves an empty folder")
    for path in found:
        lab.status(path)
        if (path / "predictions.npz").exists() and (path / "metrics.json").exists():
            lab.numbers(path)
    for file in (folder / "outputs").rglob("*"):
        if file.suffix in (".json", ".yaml", ".keras", ".npz") and file.is_file():
            expect(file.stat().st_size > 0, f"{file.name} is empty")
        hidden = file.name.startswith(".") and not file.name.startswith(".claim-")
        expect(not (file.is_file() and hidden), f"leaves the temporary file {file.name}")


def states(folder: Path) -> set[str]:
    return {lab.status(path)["status"] for path in lab.folders(folder)}


def expect_resumes(room: Room, folder: Path) -> None:
    """With enough room, the same command gives the numbers of an undisturbed one."""
    answer = stackfit(folder, *room.words, warm=True)
    expect(answer.code == 0, f"with room again: {answer.err[-500:]}")
    expected = reference(*room.words)
    done = [path for path in lab.folders(folder) if lab.status(path)["status"] == "finished"]
    for path in done:
        lab.same(path, expected.numbers[lab.axes(path)])
    expect({lab.axes(path) for path in done} == expected.numbers.keys(), "a run is missing")


def judged(answer: lab.Answer, folder: Path) -> str:
    left_whole(folder)
    found = states(folder)
    if answer.code == 0:
        expect(found == {"finished"}, f"code 0, but {found}")
        return "enough room"
    expect("rror" in answer.err or "cannot be written" in answer.err or "failed" in answer.err, answer.err)
    for words in ("No space left", "File too large", "cannot be written"):
        if words in answer.err:
            break
    else:
        raise Wrong(f"does not say that there was no room: {answer.err[-500:]}")
    expect("running" not in found or "status could not be written" in answer.err, f"says {found}: {answer.err[-400:]}")
    what = "its status could not be written"
    if not found:
        what = "no run folder is left"
    elif "failed" in found:
        what = "the run's status is failed"
    return f"code {answer.code}, a message, {what}; with room again: identical digest"


@fault("file-too-large", "a limit on the size of files (RLIMIT_FSIZE) one byte below that of each file in turn, and 0", 1, sizes)
def file_too_large(room: Room, folder: Path) -> str:
    answer = stackfit(folder, *room.words, warm=True, fsize=room.amount)
    outcome = judged(answer, folder)
    if answer.code:
        expect_resumes(room, folder)
    return outcome


def mounted(folder: Path, words: tuple[str, ...], options: str) -> lab.Answer:
    """Run a command with a small disk of its own at `outputs`; what it holds at the end is copied out."""
    if os.geteuid():
        raise NotHere("only root may mount a small tmpfs")
    for name in ("outputs", "left"):
        (folder / name).mkdir()
    process = Process(folder, words, warm=True, disk=options)
    answer = process.finish()
    if answer.code == 99:
        raise NotHere("a tmpfs cannot be mounted")
    (folder / "outputs").rmdir()
    (folder / "left").rename(folder / "outputs")
    return decent(answer)


@fault("disk-full", "a disk (tmpfs) of n blocks or of n files, for every n until everything fits: ENOSPC", 1, pages)
def disk_full(room: Room, folder: Path) -> str:
    options = f"size={4 * room.amount}k" if room.kind == "blocks" else f"nr_inodes={room.amount},size=10m"
    answer = mounted(folder, room.words, options)
    outcome = judged(answer, folder)
    if answer.code and room.amount % 3 == 0:
        expect_resumes(room, folder)
    return outcome.removesuffix("; with room again: identical digest") + ("; with room again: identical digest" if answer.code and room.amount % 3 == 0 else "")


# ---- places that cannot be written

PLACES = (
    "outputs read-only", "its experiment's folder read-only", "outputs on a read-only disk", "outputs is a file",
    "its experiment's folder is a file", "outputs is a dangling link", "outputs is a loop of links",
    "the folder became read-only", "a sweep's folder read-only", "the working folder read-only",
)  # fmt: skip
# Root may write anywhere; without these two rights it is like any other user.
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@fault("unwritable", "outputs that are read-only (for a user without root's rights), a file, or a dead link", 0, lambda: PLACES)
def unwritable(place: str, folder: Path) -> str:
    outputs = folder / "outputs"
    if UNPRIVILEGED and not shutil.which("setpriv"):
        raise NotHere("root, and no setpriv to give up its rights")
    if place == "outputs on a read-only disk":
        answer = mounted(folder, SHORT, "size=1m,ro")
    elif place == "the folder became read-only":
        process = Process(folder, (*SHORT[:2], "epochs=1000000", *SHORT[3:]), UNPRIVILEGED)
        process.wait_until(lambda: any(map(lab.epochs_in, lab.folders(folder))))
        (path,) = lab.folders(folder)
        path.chmod(0o555)
        answer = decent(process.finish(30))
        path.chmod(0o755)
    elif place == "a sweep's folder read-only":
        shutil.copytree(reference(*GRID).folder / "outputs", outputs)
        sweep = lab.folders(folder)[0].parent
        shutil.rmtree(lab.folders(folder)[0])
        kept = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
        sweep.chmod(0o555)
        answer = stackfit(folder, *GRID, wrapper=UNPRIVILEGED)
        sweep.chmod(0o755)
        expect({path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()} == kept, "a finished cell was changed")
    else:
        if place == "outputs read-only":
            outputs.mkdir(mode=0o555)
        elif place == "its experiment's folder read-only":
            outputs.mkdir()
            (outputs / "digits_quickstart").mkdir(mode=0o555)
        elif place == "outputs is a file":
            outputs.write_text("mine")
        elif place == "its experiment's folder is a file":
            outputs.mkdir()
            (outputs / "digits_quickstart").write_text("mine")
        elif place == "outputs is a dangling link":
            outputs.symlink_to(folder / "nowhere" / "at all")
        elif place == "outputs is a loop of links":
            outputs.symlink_to(outputs)
        else:
            folder.chmod(0o555)
        answer = stackfit(folder, *SHORT, wrapper=UNPRIVILEGED)
        folder.chmod(0o755)
        if outputs.is_file():
            expect(outputs.read_text() == "mine", "the user's file was changed")
    expect(answer.code in (1, 2), f"ended with {answer.code}: {answer.err[-300:]}")
    expect("cannot be written" in answer.err, f"says: {answer.err[-400:]}")
    expect("epoch 2/2" not in answer.err, "trained for nothing")
    return f"a message, code {answer.code}"


# ---- folders that vanish


class Gone(NamedTuple):
    """A case: what is removed, when, of which command."""

    number: int
    what: str
    sweep: bool


@fault(
    "vanished",
    "rm -r of the run's folder, its experiment's, or outputs, at a random moment of the training",
    1,
    lambda: [Gone(number, what, sweep) for number in range(2) for what in ("the run's folder", "its parent", "outputs")
             for sweep in (False, True)],
)  # fmt: skip
def vanished(case: Gone, folder: Path) -> str:
    words = GRID if case.sweep else SHORT
    process = Process(folder, [word if not word.startswith("epochs") else "epochs=3000" for word in words], warm=True)
    process.wait_until(lambda: lab.folders(folder))
    time.sleep(draw(case.number).random() * 3.0)
    found = lab.folders(folder)
    expect(found, "no folder")
    target = {"the run's folder": found[0], "its parent": found[0].parent, "outputs": folder / "outputs"}[case.what]
    for _ in range(5):  # while the command writes into it
        shutil.rmtree(target, ignore_errors=True)
    answer = decent(process.finish(120))
    expect(answer.code == 1, f"ended with {answer.code}: {answer.err[-300:]}")
    said = "cannot be written" if case.what == "the run's folder" else "is gone: something has removed it"
    expect(said in answer.err, f"says: {answer.err[-400:]}")
    expect(case.what == "the run's folder" or answer.err.count("error:") + answer.err.count("failed:") == 1, f"says more: {answer.err[-800:]}")
    if case.sweep and case.what == "the run's folder":
        expect("finished" in states(folder) or "failed" in states(folder), "the other cell is also lost")
    left_whole(folder)
    return "code 1, a message"
