"""`manifest`: the files with which a run finished, and those that are others now."""

from __future__ import annotations

import os
import shutil

import pytest
from made_runs import make_run

from stackfit.errors import RunFolderError
from stackfit.results.manifest import changed_files, describe, read_manifest, unlike
from stackfit.results.run_files import RunFiles
from stackfit.results.sealing import write_sealed


@pytest.fixture
def run(tmp_path) -> RunFiles:
    return RunFiles(make_run(tmp_path / "run", history=2, correct=[True, False]))


def changed(run: RunFiles, whole: bool = False) -> list[str]:
    return changed_files(run, read_manifest(run), expected=True, whole=whole)


def test_a_finished_run_has_a_manifest_of_all_its_files(run):
    entries = read_manifest(run)
    assert {*entries} | {"manifest.json"} == {path.name for path in run.path.iterdir() if not path.name.startswith(".claim-")}
    now = describe(run)
    assert entries == now | {"status.json": now["status.json"] | {"mtime_ns": None}}
    assert changed(run) == changed(run, whole=True) == []


def test_what_a_table_reads_is_compared_by_bytes_and_the_rest_by_size_and_time(run):
    def rewrite(path, keep_time):
        about, data = path.stat(), path.read_bytes()
        path.write_bytes(data.replace(b"0.5", b"0.6").replace(b"descr", b"DESCR"))
        if keep_time:
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))

    rewrite(run.predictions, keep_time=True)
    assert (changed(run), changed(run, whole=True)) == ([], ["predictions.npz"])
    rewrite(run.status, keep_time=True)
    assert changed(run) == ["status.json"]
    rewrite(run.history, keep_time=False)
    assert changed(run) == ["status.json", "history.csv"]


def test_a_copied_run_with_new_times_is_unchanged(run, tmp_path):
    copy = RunFiles(shutil.copytree(run.path, tmp_path / "copy", copy_function=shutil.copyfile))
    assert copy.history.stat().st_mtime_ns != run.history.stat().st_mtime_ns
    assert changed(copy) == []


def test_a_file_that_was_not_there_or_is_no_file_any_more_is_named(run):
    run.model("h5").write_text("new")
    run.history.unlink()
    os.mkfifo(run.history)  # nobody waits for its other end
    assert changed(run, whole=True) == ["history.csv", "model.h5"]
    assert "history.csv" not in describe(run)


def test_a_manifest_that_is_gone_or_damaged_or_of_another_run_is_named(run, tmp_path):
    whole = run.manifest.read_bytes()
    run.manifest.unlink()
    assert changed(run) == ["manifest.json"]
    assert changed_files(run, read_manifest(run), expected=False, whole=True) == []
    run.manifest.write_bytes(whole.replace(b'"size": ', b'"size": 1'))
    assert changed(run) == ["manifest.json"]
    other = RunFiles(make_run(tmp_path / "other", metrics={"loss": 2.5}, history=3, correct=[True]))
    shutil.copy(other.manifest, run.manifest)
    assert changed(run) == ["manifest.json", "status.json", "history.csv", "metrics.json", "predictions.npz"]


@pytest.mark.parametrize("entries", [None, [], {}, {"status.json": 3}, {"status.json": {"size": "x"}}])
def test_a_description_of_another_shape_fits_no_file(run, entries):
    assert {*unlike(run, entries, whole=False)} >= {"status.json", "history.csv", "metrics.json", "predictions.npz"}


def test_a_newer_manifest_is_named(run):
    write_sealed(run.manifest, {"format": 2, "files": {}})
    with pytest.raises(RunFolderError, match=r"manifest.json has format 2. This stackfit reads 1. Update stackfit"):
        read_manifest(run)
