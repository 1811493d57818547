"""`picture_workers`: more than one process reads pictures, and nobody can tell it from what comes out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from stackfit.data import declare, load_dataset, picture_workers
from stackfit.data.picture_workers import Reading
from stackfit.errors import DataError

COUNT = 90  # pictures


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures of both colours and of several forms, two classes; `data` names them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture_workers, "PATIENCE", 0.0)
    monkeypatch.setattr(picture_workers, "cores", lambda: 2)
    noise = np.random.default_rng(0)
    for number in range(COUNT):
        array = noise.integers(0, 256, (6, 5, 3) if number % 3 else (6, 5), np.uint8)
        path = Path("photos", "ab"[number % 2], f"ü{number:02d}.{('png', 'jpg', 'bmp')[number % 3]}")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return {"kind": "images", "path": "photos", "input_shape": [6, 5, 3], "num_classes": 2}


def alone(data, monkeypatch):
    monkeypatch.setattr(picture_workers, "cores", lambda: 1)
    return load_dataset(data)


def children():
    return [child for child in psutil.Process().children() if "picture_workers" in " ".join(child.cmdline())]


@pytest.mark.parametrize("changes", [{}, {"resize": [4, 7], "input_shape": [4, 7, 3]}, {"test_split": 0.0, "background": "#123456"}])
def test_workers_give_the_bytes_of_one_process(folder, monkeypatch, changes):
    data, started = folder | changes, []
    clear = Image.fromarray(np.full((6, 5, 4), 90, np.uint8))
    clear.save("photos/b/zz.png")  # transparent, and a worker's
    real = Reading._worker
    monkeypatch.setattr(Reading, "_worker", lambda self, blocks: started.append(blocks) or real(self, blocks))
    steps = []
    many = load_dataset(data, step=lambda *step: steps.append(step))
    assert len(started) == 2 and sum(map(len, started[0] + started[1])) == COUNT + 1 - 2  # two were read meanwhile
    assert steps == [("reading photos", COUNT + 1, COUNT + 1)] and children() == []
    one = alone(data, monkeypatch)
    assert many.fingerprint == one.fingerprint and np.array_equal(many.train.x, one.train.x)


def test_a_single_core_and_little_work_start_nothing(folder, monkeypatch):
    monkeypatch.setattr(Reading, "_worker", lambda *args: pytest.fail("started"))
    monkeypatch.setattr(picture_workers, "PATIENCE", 60.0)
    load_dataset(folder)
    alone(folder, monkeypatch)


@pytest.mark.parametrize("fault", ["cut", "words", "size", "gone", "colour"])
def test_the_first_picture_that_is_wrong_is_named_as_by_one_process(folder, monkeypatch, fault):
    data, bad = dict(folder), [Path("photos/b/ü51.png"), Path("photos/b/ü81.png")]
    if fault == "colour":
        data["input_shape"] = [6, 5, 1]
    for path in bad:
        if fault == "cut":
            path.write_bytes(path.read_bytes()[:60])
        elif fault == "words":
            path.write_text("not a picture")
        elif fault == "size":
            Image.new("RGB", (9, 9)).save(path)
        elif fault == "gone":
            path.unlink()
            path.symlink_to("nowhere")
    with pytest.raises(DataError) as many:
        load_dataset(data)
    with pytest.raises(DataError) as one:
        alone(data, monkeypatch)
    assert many.value.message == one.value.message and many.value.key == one.value.key
    assert ("ü51.png" in one.value.message or fault == "colour") and children() == []


def test_who_is_killed_or_cannot_start_is_not_needed(folder, monkeypatch):
    expected = alone(folder, monkeypatch).fingerprint
    monkeypatch.setattr(picture_workers, "cores", lambda: 2)
    real, killed, answered = Reading._worker, [], []

    @contextlib.contextmanager
    def worker(self, blocks):
        with real(self, blocks) as answers:
            if not killed:  # the first one, while it starts
                killed.extend(children())
                killed[0].kill()
            yield SimpleNamespace(get=lambda: answered.append(answers.get()) or answered[-1])

    monkeypatch.setattr(Reading, "_worker", worker)
    assert load_dataset(folder).fingerprint == expected
    assert len(killed) == 1 and 0.4 < np.mean([bool(missed) for missed in answered]) < 0.6  # every second block
    monkeypatch.setattr(Reading, "_worker", real)
    monkeypatch.setattr(sys, "executable", str(Path("nowhere").absolute()))
    assert load_dataset(folder).fingerprint == expected


def test_a_warning_of_pillow_is_seen_whoever_reads_the_picture(folder):
    for number in (3, 87, 88):
        Image.new("RGB", (5, 6)).save(f"photos/b/z{number}.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\0")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        load_dataset(folder)
    assert len(seen) == 3 and "EXIF" in str(seen[0].message)


def test_an_interruption_ends_the_workers(folder):
    script = (
        "import time, sys, psutil\nfrom stackfit.data import load_dataset, picture_workers\n"
        "picture_workers.PATIENCE, picture_workers.CHUNK = 0, 1\npicture_workers.cores = lambda: 2\n"
        "def step(what, done, total):\n"
        "    if done > 30:\n"
        "        print(*[child.pid for child in psutil.Process().children()], flush=True)\n        time.sleep(60)\n"
        f"load_dataset({folder}, step=step)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        workers = [psutil.Process(int(word)) for word in process.stdout.readline().split()]
        assert len(workers) == 2
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    until = time.monotonic() + 10
    while any(worker.is_running() for worker in workers) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(worker.is_running() for worker in workers)


def test_declaring_pictures_reads_names_and_the_first_one_only(folder):
    os.truncate("photos/b/ü51.png", 10)
    assert declare({"kind": "images", "path": "photos"})["num_classes"] == 2
