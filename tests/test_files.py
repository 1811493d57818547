"""`files`: a file is there whole or not at all."""

from __future__ import annotations

import json
import math
import os
import threading

import pytest

from stackfit import files
from stackfit.errors import DataError
from stackfit.files import reading, writing


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_next_to_it(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left"):
        files.write_file(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["metrics.json"]


def test_a_pipe_is_written_into_and_not_replaced(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    files.write_text(pipe, "a page")
    reader.join(10)
    assert read == ["a page"] and pipe.is_fifo() and [*tmp_path.iterdir()] == [pipe]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_device_that_is_full_is_an_error_and_stays_a_device(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        files.write_text(tmp_path / "full", "a page")
    assert not os.path.isfile("/dev/full")


def test_an_interrupted_write_leaves_nothing_next_to_it(tmp_path):
    def interrupt(temporary):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_file(tmp_path / "a.json", interrupt)
    assert os.listdir(tmp_path) == []


def test_the_temporary_file_has_the_suffix_that_savers_look_at(tmp_path):
    seen = []
    files.write_file(tmp_path / "model.keras", lambda path: seen.append(path) or path.write_bytes(b"x"))
    assert seen[0].suffix == ".keras" and seen[0].parent == tmp_path


def test_only_what_a_killed_writer_left_is_cleared_away(tmp_path):
    for name in (".status-a1b2c3_d.json", ".model-abcdefgh.keras", "status.json", ".hidden", ".mine-1.txt"):
        (tmp_path / name).touch()
    files.clear_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".hidden", ".mine-1.txt", "status.json"]


def test_text_that_is_not_utf8_is_written_as_escapes(tmp_path):
    files.write_json(tmp_path / "a.json", {"name": "\udcff"})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "\udcff"}


def test_results_are_readable_for_others(tmp_path):
    files.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_json_is_strict_a_nan_becomes_null(tmp_path):
    files.write_json(tmp_path / "a.json", {"loss": math.nan, 1: [math.inf, (-math.inf, 2.5)], "name": "Kleid ä"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"loss": None, "1": [None, [None, 2.5]], "name": "Kleid ä"}
    assert "ä" in text and text.endswith("\n")


def test_a_lock_is_held_by_one_at_a_time_and_freed(tmp_path):
    order = []
    inside = threading.Event()

    def wait_for_it():
        inside.wait()
        with files.locked(tmp_path):
            order.append("second")

    other = threading.Thread(target=wait_for_it)
    other.start()
    with files.locked(tmp_path):
        inside.set()
        other.join(timeout=0.2)
        order.append("first")
    other.join(timeout=5)
    assert order == ["first", "second"]


def test_a_refused_write_names_the_path_the_reason_what_was_expected_and_what_to_do(lab):
    with pytest.raises(DataError) as caught, writing(lab / "a" / "b", "room", "Free some.", DataError):
        raise OSError(28, "No space left on device")
    assert caught.value.message == "a/b cannot be written: No space left on device. Expected room. Free some."


def test_whatever_a_parser_raises_names_the_file_and_its_first_line(lab):
    for raised, said in (
        (ValueError("column 3.\nand more"), "column 3"),
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (RecursionError(), "RecursionError"),
    ):
        with (
            pytest.raises(DataError) as caught,
            reading(lab / "x.csv", "numbers", "Correct it.", DataError, key="data.path"),
        ):
            raise raised
        assert caught.value.message == f"x.csv cannot be read: {said}. Expected numbers. Correct it."
        assert caught.value.key == "data.path" and caught.value.__cause__ is raised


def test_an_error_that_says_it_all_already_stays_as_it_is(lab):
    with pytest.raises(DataError, match=r"^Said.$"), reading(lab / "x", "numbers", kind=DataError):
        raise DataError("Said.")
