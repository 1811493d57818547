"""Damaged files: of run folders, of sweeps, of the data cache; each followed by the commands that read them."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from faults import lab
from faults.fault import NotHere, draw, expect, fault
from faults.lab import GRID, OTHER, SHORT, Answer
from faults.reference import reference
from faults.session import stackfit

DAMAGES = ("empty", "truncated", "random bytes", "one byte", "missing")
RUN_FILES = ("config.yaml", "status.json", "environment.json", "history.csv", "metrics.json", "predictions.npz",
             "model.keras", "log.txt")  # fmt: skip


def damage(file: Path, how: str, seed: object = 0) -> None:
    """Damage a file in the way that a crash, a full disk or a failing disk does."""
    content, chance = file.read_bytes(), draw(f"{file.name} {how} {seed}")
    if how == "missing":
        file.unlink()
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "truncated":
        file.write_bytes(content[: chance.randrange(1, max(2, len(content)))])
    elif how == "random bytes":
        file.write_bytes(chance.randbytes(len(content)))
    else:
        at = chance.randrange(len(content))
        file.write_bytes(content[:at] + bytes([content[at] ^ chance.randrange(1, 256)]) + content[at + 1 :])


def copied(words: Sequence[tuple[str, ...]], folder: Path) -> list[Path]:
    """The finished runs of these commands, copied into `folder`."""
    paths = []
    for number, command in enumerate(words):
        (original,) = lab.folders(reference(*command).folder)
        paths.append(folder / "outputs" / original.parent.name / f"2026-01-0{number + 1}_00-00-00")
        shutil.copytree(original, paths[-1])
    return paths


_lock = Lock()


class Damage(NamedTuple):
    """A case: which file, how, and the command that reads it."""

    file: str
    how: str
    command: str


def commands(run: Path, other: Path) -> dict[str, tuple[str, ...]]:
    one, two = (str(path.relative_to(path.parents[2])) for path in (run, other))
    return {
        "table": ("table", "--csv", "-"),
        "table --epochs": ("table", "--epochs"),
        "compare": ("compare", one, two),
        "evaluate": ("evaluate", one),
        "predict": ("predict", one, "--item", "3"),
        "verify": ("verify", one),
        "check": ("check", "checked"),
        "the same run": SHORT,
    }


def bytes_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir()}


@fault(
    "damaged-run",
    "a file of a finished run emptied, truncated, or filled with random bytes; then a command that reads runs",
    2,
    lambda: [Damage(file, how, command) for command in commands(Path("a/b/c"), Path("a/b/d"))
             for file in RUN_FILES for how in DAMAGES[:3]],
)  # fmt: skip
def damaged_run(case: Damage, folder: Path) -> str:
    run, other = copied([SHORT, OTHER], folder)
    if case.command == "check":
        lab.write_checked(folder)
        (original,) = lab.folders(reference("run", "checked").folder)
        run = folder / "outputs" / "checked" / original.name
        shutil.copytree(original, run)
    damage(run / case.file, case.how)
    before, untouched = bytes_of(run), bytes_of(other)
    answer = stackfit(folder, *commands(run, other)[case.command])
    after = bytes_of(run)
    if case.command == "verify":
        after.pop("certificate.json", None)
    expect(after == before, "the command changed the damaged folder")
    expect(bytes_of(other) == untouched, "the command changed another run's folder")
    if case.command in ("the same run", "check"):
        expect(answer.code == 0, f"ended with {answer.code}: {answer.last}")
    if case.command == "table":
        expect(answer.code == 0 and other.name in answer.out, f"the other run is not in the table: {answer.last}")
    return judged(answer, case.file)


def judged(answer: Answer, file: str) -> str:
    """The outcome in words; a file that stops a command is named by it."""
    if answer.code == 0:
        return "a warning, the rest is shown" if answer.err.startswith("warning") else "works without it"
    expect(file in answer.err or "holds no model" in answer.err, f"does not name {file}: {answer.err[-600:]}")
    return f"a message that names the file, code {answer.code}"


# ---- a run that was killed


@cache
def killed() -> Path:
    """A folder in which `lab.RUN` was killed while it trained."""
    folder = Path(tempfile.mkdtemp(prefix="stackfit-reference-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    process = lab.Process(folder, lab.RUN, warm=True)
    process.wait_until(lambda: any(lab.epochs_in(path) > 7 for path in lab.folders(folder)))
    process.kill()
    return folder


@fault(
    "damaged-killed-run",
    "a file of a killed run damaged in the same ways, including its checkpoint; then the same command",
    0,
    lambda: [Damage(file, how, "the same run") for file in ("checkpoint.npz", "history.csv", "status.json", "config.yaml",
             "environment.json", "log.txt") for how in DAMAGES[:3]],
)  # fmt: skip
def damaged_killed_run(case: Damage, folder: Path) -> str:
    with _lock:
        shutil.copytree(killed() / "outputs", folder / "outputs")
    (run,) = lab.folders(folder)
    damage(run / case.file, case.how)
    answer = stackfit(folder, *lab.RUN)
    expect(answer.code == 0, f"ended with {answer.code}: {answer.err[-500:]}")
    expected = reference(*lab.RUN).numbers["{}"]
    done = [path for path in lab.folders(folder) if lab.numbers_or_none(path) is not None]
    expect(len(done) == 1, f"{len(done)} finished runs")
    lab.same(done[0], expected)
    if "Resuming after epoch" in answer.err:
        return "resumed, identical digest"
    return "starts again in its folder, identical digest" if done == [run] else "a new folder, identical digest"


# ---- a sweep's own files


@fault(
    "damaged-sweep",
    "a file of a sweep damaged in the same ways; then the same sweep",
    1,
    lambda: [Damage(file, how, "the same sweep") for file in ("sweep.json", "results.csv", *RUN_FILES) for how in DAMAGES[:3]],
)
def damaged_sweep(case: Damage, folder: Path) -> str:
    expected = reference(*GRID)
    shutil.copytree(expected.folder / "outputs", folder / "outputs")
    cells = lab.folders(folder)
    file = (cells[0] if case.file in RUN_FILES else cells[0].parent) / case.file
    damage(file, case.how)
    other = bytes_of(cells[1])
    answer = stackfit(folder, *GRID)
    expect(answer.code == 0, f"ended with {answer.code}: {answer.err[-500:]}")
    expect(bytes_of(cells[1]) == other, "the other cell was trained again")
    results = (cells[0].parent / "results.csv").read_text()
    expect(results.count(",finished,") == 2, f"results.csv: {results}")
    index = json.loads((cells[0].parent / "sweep.json").read_bytes())
    expect([cell["folder"] for cell in index["cells"]] == [cell.name for cell in cells], "sweep.json has other cells")
    again = "1 to run" in answer.err
    if again or case.file in ("sweep.json", "results.csv"):
        expected.same(folder)
    return "its cell trained again, identical digest" if again else "nothing to train, index and results written again"


# ---- the data cache

CACHED = ("manifest.json", "train_x.npy", "train_y.npy", "test_x.npy", "test_y.npy")


def real_cache(*parts: str) -> Path:
    from stackfit.config import project

    path = project.cache().joinpath(*parts)
    if not path.exists():
        raise NotHere(f"no Fashion-MNIST in the data cache ({parts[-1]}): stackfit data fetch fashion_mnist")
    return path


def copy_cache(folder: Path) -> Path:
    """A private data cache with the original files of Fashion-MNIST."""
    downloads = ("downloads", "fashion-mnist")
    shutil.copytree(real_cache(*downloads), folder.joinpath("cache", *downloads))
    return folder / "cache"


SHOW = ("data", "show", "fashion_mnist", "5", "data.order=keras")


@fault(
    "damaged-cache",
    "a file of the data cache damaged in the same ways, or in one byte; then a command that reads the data",
    0,
    lambda: [Damage(file, how, "data show") for file in CACHED for how in DAMAGES[:4]],
)
def damaged_cache(case: Damage, folder: Path) -> str:
    cache = copy_cache(folder)
    sound = stackfit(folder, *SHOW, STACKFIT_CACHE=str(cache))
    expect(sound.code == 0, sound.err)
    arrays = cache / "arrays" / "fashion_mnist-keras"
    before = bytes_of(arrays)
    damage(arrays / case.file, case.how)
    answer = stackfit(folder, *SHOW, STACKFIT_CACHE=str(cache))
    expect(answer.code == 0, answer.err)
    expect(answer.out == sound.out, "shows something else")
    expect(bytes_of(arrays) == before, "the cache is not as it was before the damage")
    expect("is damaged" in answer.err, f"does not say that the cache was damaged: {answer.err}")
    return "reported as damaged, built again, the same bytes"


@fault(
    "damaged-download",
    "an original file of the data damaged in the same ways, and no arrays in the cache",
    0,
    lambda: [Damage(file, how, "data show") for file in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
             for how in DAMAGES],
)  # fmt: skip
def damaged_download(case: Damage, folder: Path) -> str:
    cache = copy_cache(folder)
    damage(cache / "downloads" / "fashion-mnist" / case.file, case.how)
    path = f"{_without_apt(folder)}:{os.environ['PATH']}"
    answer = stackfit(folder, *SHOW, STACKFIT_CACHE=str(cache), PATH=path, https_proxy="http://127.0.0.1:9")
    if answer.code == 0:
        return "fetched again"
    expect(re.search(rf"{case.file}|SHA-256|download folder", answer.err), answer.err)
    return "a message with every source and its reason, code 2"


def _without_apt(folder: Path) -> Path:
    """A folder for PATH in which `apt-get` finds no archive: this is about files, not about the network."""
    (folder / "bin").mkdir()
    (folder / "bin" / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (folder / "bin" / "apt-get").chmod(0o755)
    return folder / "bin"


@fault(
    "damaged-tfds",
    "a prepared file of tensorflow-datasets damaged, and no arrays in the cache",
    0,
    lambda: [Damage(file, how, "data show") for file, how in ((TFDS[0], "truncated"), (TFDS[2], "random bytes"))],
)  # fmt: skip
def damaged_tfds(case: Damage, folder: Path) -> str:
    from stackfit.data.kinds.tfds import tfds_folder

    prepared = tfds_folder() / "fashion_mnist" / "3.0.1"
    if not prepared.is_dir():
        raise NotHere("Fashion-MNIST is not prepared by tensorflow-datasets: stackfit data fetch fashion_mnist")
    copy = folder / "tfds" / "fashion_mnist" / "3.0.1"
    shutil.copytree(prepared, copy)
    copy_cache(folder)
    damage(copy / case.file, case.how)
    places = {"STACKFIT_CACHE": str(folder / "cache"), "TFDS_DATA_DIR": str(folder / "tfds")}
    answer = stackfit(folder, *SHOW[:4], **places)
    expect(answer.code == 0, answer.err)
    sound = stackfit(folder, *SHOW[:4])
    expect(answer.out == sound.out, "shows something else")
    return "reported as damaged, made from the original files" if "is damaged" in answer.err else "works without it"


TFDS = ("fashion_mnist-train.tfrecord-00000-of-00001", "fashion_mnist-test.tfrecord-00000-of-00001",
        "dataset_info.json", "features.json", "label.labels.txt")  # fmt: skip
