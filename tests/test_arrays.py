"""The array cache: what is damaged is built again, and any number of processes may build at once."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from stackfit.data import Progress
from stackfit.data.arrays import DAY_SECONDS, build_arrays, fingerprint
from stackfit.errors import DataError

ARRAYS = {"train_x": np.arange(24, dtype=np.uint8).reshape(6, 4), "train_y": np.arange(6)}


@pytest.fixture
def cache(tmp_path):
    """A cache folder of two small arrays, the lines that were said and the number of builds."""

    class Cache:
        folder, said, builds = tmp_path / "arrays" / "tiny", [], 0

        def open(self):
            return build_arrays(self.folder, self.write, Progress(self.said.append))

        def write(self, private):
            self.builds += 1
            for name, array in ARRAYS.items():
                np.save(private / f"{name}.npy", array)
            return {"arrays": list(ARRAYS), "source": "here"}

    return Cache()


def test_what_was_built_is_opened_again_without_building(cache):
    first, second = cache.open(), cache.open()
    assert (cache.builds, cache.said) == (1, [])
    assert first.fingerprint == second.fingerprint == fingerprint(ARRAYS.values())
    assert second.facts["source"] == "here" and list(second.arrays) == list(ARRAYS)
    assert all(np.array_equal(second.arrays[name], array) for name, array in ARRAYS.items())


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def other_type(path):
    np.save(path, np.load(path).astype(np.int16))


def delete(path):
    path.unlink()


@pytest.mark.parametrize("name", ["train_x.npy", "train_y.npy", "manifest.json"])
@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, empty, other_type, delete])
def test_every_kind_of_damage_is_said_in_one_line_and_built_again(cache, name, damage):
    if name == "manifest.json" and damage is other_type:
        damage = lambda path: path.write_text(json.dumps({"arrays": 0}))  # noqa: E731
    cache.open()
    damage(cache.folder / name)
    again = cache.open()
    assert cache.builds == 2 and all(
        np.array_equal(again.arrays[key], array) for key, array in ARRAYS.items()
    )
    assert len(cache.said) == 1 and cache.said[0].startswith("The cached tiny is damaged (")
    cache.open()
    assert cache.builds == 2


def test_a_changed_fingerprint_in_the_manifest_is_damage(cache):
    cache.open()
    manifest = cache.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(fingerprint(ARRAYS.values())[:8], "00000000"))
    cache.open()
    assert cache.builds == 2 and "bytes have changed" in cache.said[0]


def test_a_changed_fact_in_the_manifest_is_damage(cache):
    cache.open()
    manifest = cache.folder / "manifest.json"
    content = json.loads(manifest.read_text())
    content["facts"]["class_names"] = ["another"]
    manifest.write_text(json.dumps(content))
    cache.open()
    assert cache.builds == 2 and "bytes have changed" in cache.said[0]


def test_a_build_that_fails_leaves_nothing_and_does_not_touch_what_was_there(cache):
    def fail(private):
        np.save(private / "half.npy", np.zeros(3))
        raise DataError("No network. Expected one. Type: again.")

    with pytest.raises(DataError, match="No network"):
        build_arrays(cache.folder, fail, Progress())
    assert [path.name for path in cache.folder.parent.iterdir()] == [".tiny"]
    cache.open()
    assert build_arrays(cache.folder, fail, Progress()).facts["source"] == "here"


def test_what_a_killed_process_left_behind_is_cleared_away_after_a_day(cache):
    """Not at once: on a disk without locks it may be alive."""
    lock = cache.folder.with_name(".tiny")
    for name, days in (("new-old", 2), ("new-young", 0.5)):
        (lock / name).mkdir(parents=True)
        (lock / name / "half.npy").write_bytes(b"half")
        os.utime(lock / name, (time.time() - days * DAY_SECONDS,) * 2)
    cache.open()
    assert sorted(path.name for path in cache.folder.parent.iterdir()) == [".tiny", "tiny"]
    assert [path.name for path in lock.iterdir()] == ["new-young"]


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    with pytest.raises(DataError) as caught:
        build_arrays(tmp_path / "file" / "tiny", lambda folder: {"arrays": []}, Progress())
    assert "cannot be written: " in caught.value.message
    assert "Set STACKFIT_CACHE to a folder that you can write to" in caught.value.message


BUILD = (
    "import sys, time, numpy as np\n"
    "from pathlib import Path\n"
    "from stackfit import files\n"
    "from stackfit.data.arrays import build_arrays\n"
    "from stackfit.data import Progress\n"
    "files.fcntl = files.fcntl if sys.argv[2] == 'locks' else None\n"
    "def write(folder):\n"
    "    open(sys.argv[1] + '/builds', 'a').write('x')\n"
    "    np.save(folder / 'a.npy', np.arange(1000)); time.sleep(0.5)\n"
    "    return {'arrays': ['a']}\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "print(build_arrays(Path(sys.argv[1]) / 'cache', write, Progress(print)).fingerprint)\n"
)


def build_at_once(folder, locks, number=4):
    """What each of several processes prints that build the same arrays from the same moment on."""
    command, pipe = [sys.executable, "-W", "ignore", "-c", BUILD, str(folder), locks], subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(number)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate()[0].splitlines() for process in processes]


@pytest.mark.parametrize("number", [2, 4])
def test_of_several_processes_one_builds_and_the_others_say_that_they_wait(tmp_path, number):
    answers = sorted(build_at_once(tmp_path, "locks", number), key=len)
    made = fingerprint([np.arange(1000)])
    assert answers == [[made], *[["Another process is preparing cache: waiting for it.", made]] * (number - 1)]
    assert (tmp_path / "builds").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "builds", "cache"]


def test_on_a_disk_without_locks_all_get_the_same(tmp_path):
    assert build_at_once(tmp_path, "no locks") == [[fingerprint([np.arange(1000)])]] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "builds", "cache"]
    assert not [*(tmp_path / ".cache").iterdir()]
