"""`run_folder`: claiming, states, whole files, a disk that refuses."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from stackfit.errors import RunFolderError
from stackfit.execution import jobs
from stackfit.execution.jobs import find_continuable
from stackfit.results import owner, run_files, run_folder
from stackfit.results.certificate import Standing
from stackfit.results.run_files import read_status, state_of
from stackfit.results.run_folder import RunFolder

ABOUT = {"experiment": "base", "overrides": ["epochs=2"], "axes": {}, "seed": 0, "settings": {"epochs": 2}}
DEAD = owner.this_process() | {"process_start": "another process"}


def create(lab, fingerprint="f" * 64) -> RunFolder:
    return RunFolder.create(lab / "outputs" / "base", fingerprint, ABOUT)


def change_status(folder: RunFolder, **fields) -> None:
    folder.status.write_text(json.dumps(json.loads(folder.status.read_text()) | fields))


def test_a_new_folder_is_named_by_the_time_and_is_running(lab):
    folder = create(lab)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?", folder.path.name)
    status = read_status(folder.path)
    assert state_of(status) == "running"
    assert status | ABOUT == status
    assert {key: status[key] for key in ("format", "fingerprint", "reason", "metrics")} == {
        "format": run_files.FORMAT,
        "fingerprint": "f" * 64,
        "reason": None,
        "metrics": {},
    }
    assert owner.is_me(status["owner"])


def test_folders_of_one_second_do_not_collide(lab):
    assert len({create(lab).path for _ in range(4)}) == 4


def test_a_finished_run_has_metrics_seconds_and_the_summary_in_its_status(lab):
    folder = create(lab)
    folder.finish({"loss": 0.5, "weights_sha256": "x"}, {"loss": 0.5})
    status = read_status(folder.path)
    assert status["status"] == "finished" and status["metrics"] == {"loss": 0.5} and status["seconds"] >= 0
    assert json.loads(folder.metrics.read_text()) == {"results_format": 2, "loss": 0.5, "weights_sha256": "x"}


@pytest.mark.parametrize("state", ["failed", "interrupted", "paused", "pruned"])
def test_a_run_that_does_not_finish_says_why(lab, state):
    folder = create(lab)
    folder.fail("Because.", "Traceback …", status=state)
    status = read_status(folder.path)
    assert (status["status"], status["reason"], status["traceback"]) == (state, "Because.", "Traceback …")


def test_running_with_a_dead_owner_is_interrupted(lab):
    folder = create(lab)
    change_status(folder, owner=DEAD)
    assert state_of(read_status(folder.path)) == "interrupted"


def test_the_history_is_complete_after_every_epoch(lab):
    folder = create(lab)
    folder.append_history({"epoch": 1, "loss": 0.5})
    assert folder.history.read_text() == "epoch,loss\n1,0.5\n"
    folder.append_history({"epoch": 2, "loss": 0.25, "lr": 0.1})
    assert folder.history.read_text() == "epoch,loss,lr\n1,0.5,\n2,0.25,0.1\n"
    assert run_files.read_history(folder.path)[1] == {"epoch": 2, "loss": 0.25, "lr": 0.1}


def test_the_history_is_on_the_disk_at_the_end_and_not_waited_for_in_each_epoch(lab, monkeypatch):
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(Path(os.readlink(f"/proc/self/fd/{file}")).name))
    folder = create(lab)
    flushed.clear()
    for epoch in (1, 2, 3):
        folder.append_history({"epoch": epoch, "loss": 0.5})
    assert flushed == []
    folder.finish({"loss": 0.5}, {"loss": 0.5})
    assert sum(name.startswith(".history-") for name in flushed) == 1


def test_before_the_first_epoch_the_history_is_empty(lab):
    assert run_files.read_history(create(lab).path) == []


def test_a_heartbeat_is_renewed_only_when_it_is_old(lab):
    folder = create(lab)
    first = read_status(folder.path)["owner"]["heartbeat"]
    folder.heartbeat()
    assert read_status(folder.path)["owner"]["heartbeat"] == first
    folder._status["owner"]["heartbeat"] = time.time() - run_folder.HEARTBEAT_SECONDS - 1
    folder.heartbeat()
    assert read_status(folder.path)["owner"]["heartbeat"] >= first


def test_the_log_grows(lab):
    folder = create(lab)
    folder.append_log("one\n")
    folder.append_log("zwei ä\n")
    assert folder.log.read_text(encoding="utf-8") == "one\nzwei ä\n"


# ---- claiming


def test_a_cell_whose_owner_lives_cannot_be_claimed(lab):
    path = lab / "a"
    assert RunFolder(path).claim("f", ABOUT)
    change_status(RunFolder(path), owner=owner.this_process() | {"host": "another.host"})
    assert not RunFolder(path).claim("f", ABOUT)


def test_a_cell_left_by_a_dead_owner_is_claimed_and_its_results_are_gone(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.append_history({"epoch": 1, "loss": 9.0})
    change_status(folder, owner=DEAD)
    again = RunFolder(lab / "a")
    assert again.claim("f", ABOUT)
    assert not again.history.exists() and owner.is_me(read_status(again.path)["owner"])


def test_a_certificate_and_a_manifest_do_not_outlive_the_run_that_they_are_about(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.finish({}, {})
    assert folder.write_certificate({"verdict": "bit-equal"}) is None
    assert folder.certificate.exists() and folder.manifest.exists()
    assert RunFolder(lab / "a").claim("g", ABOUT)
    assert not folder.certificate.exists() and not folder.manifest.exists()


def test_a_finished_cell_is_claimed_only_for_another_fingerprint(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.finish({}, {})
    assert not RunFolder(lab / "a").claim("f", ABOUT)
    assert RunFolder(lab / "a").claim("g", ABOUT)


def test_a_failed_cell_and_one_with_a_damaged_status_run_again(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.fail("Because.")
    assert RunFolder(lab / "a").claim("f", ABOUT)
    folder.status.write_text("{")
    assert RunFolder(lab / "a").claim("f", ABOUT)


def test_the_newest_interrupted_run_of_a_fingerprint_goes_on(lab):
    first, second = create(lab), create(lab)
    assert find_continuable(lab / "outputs" / "base", "f" * 64) is None  # both run
    change_status(first, owner=DEAD)
    change_status(second, owner=DEAD)
    found = find_continuable(lab / "outputs" / "base", "f" * 64)
    assert found is not None and found.path == second.path
    assert find_continuable(lab / "outputs" / "base", "another") is None


def test_an_interrupted_run_older_than_a_finished_one_stays_as_it_is(lab):
    first, second = create(lab), create(lab)
    change_status(first, owner=DEAD)
    second.finish({}, {})
    assert find_continuable(lab / "outputs" / "base", "f" * 64) is None
    assert find_continuable(lab / "nothing", "f") is None


def test_a_damaged_status_next_to_it_does_not_stop_a_new_run(lab):
    damaged, good = create(lab), create(lab)
    damaged.status.write_text("{")
    change_status(good, owner=DEAD)
    assert find_continuable(lab / "outputs" / "base", "f" * 64).path == good.path


def test_a_status_without_its_start_does_not_stop_a_new_run(lab):
    folder = create(lab)
    folder.status.write_text(json.dumps({"status": "interrupted", "fingerprint": "f" * 64}))
    assert find_continuable(lab / "outputs" / "base", "f" * 64).path == folder.path


def test_giving_up_a_new_folder_leaves_no_empty_experiment_folder(lab):
    first, second = create(lab), create(lab)
    first.give_up("")
    assert os.listdir(lab / "outputs" / "base") == [second.path.name]
    second.give_up("")
    assert os.listdir(lab / "outputs") == []


# ---- a disk that refuses


def test_an_outputs_folder_that_is_a_file_is_named(lab):
    (lab / "outputs").write_text("")
    with pytest.raises(RunFolderError, match=r"^outputs/base cannot be written: .*Expected a folder.* again\.$"):
        create(lab)


def test_a_place_that_takes_no_folders_is_named():
    with pytest.raises(RunFolderError, match=r"^/proc/outputs/base cannot be written: No such file or directory"):
        create(Path("/proc"))  # root may write everywhere else


def test_a_full_disk_keeps_the_earlier_files(lab):
    folder = create(lab)
    folder.append_history({"epoch": 1, "loss": 0.5})

    def full(path):
        path.write_bytes(b"half a model")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunFolderError, match=r"cannot be written: No space left on device"):
        folder.finish({}, {}, models={"keras": full})
    assert sorted(os.listdir(folder.path)) == ["history.csv", "status.json"]
    assert run_files.read_history(folder.path) == [{"epoch": 1, "loss": 0.5}]


def test_only_statuses_of_the_same_fingerprint_are_parsed_to_find_the_run_to_continue(lab, monkeypatch):
    for number in range(20):
        create(lab, fingerprint=f"{number:064d}")
    wanted = create(lab)
    change_status(wanted, owner=DEAD)
    parsed = []
    monkeypatch.setattr(jobs, "read_status", lambda path, **options: parsed.append(path) or read_status(path))
    assert find_continuable(lab / "outputs" / "base", "f" * 64).path == wanted.path
    assert parsed == [wanted.path]


def test_giving_up_a_run_that_was_to_be_resumed_keeps_its_checkpoint_and_history(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.write_start("epochs: 2\n", {})
    folder.append_history({"epoch": 1, "loss": 0.5})
    folder.save_checkpoint(lambda path, seconds: path.write_bytes(b"weights"))
    change_status(folder, owner=DEAD)
    again = RunFolder(lab / "a")
    assert again.claim("f", ABOUT)
    again.give_up("A callback refuses its arguments.")
    assert again.checkpoint.read_bytes() == b"weights" and run_files.read_history(again.path)
    assert read_status(again.path)["reason"] == "A callback refuses its arguments."
    assert state_of(read_status(again.path)) == "interrupted" and RunFolder(lab / "a").claim("f", ABOUT)


def test_a_run_whose_status_could_not_be_written_at_the_end_fails_without_a_manifest(lab, monkeypatch):
    folder = create(lab)
    write = run_folder.files.write_json

    def refuse(path, value):
        if value.get("status") == "finished":
            raise OSError(28, "No space left on device")
        write(path, value)

    monkeypatch.setattr(run_folder.files, "write_json", refuse)
    with pytest.raises(RunFolderError, match="No space left"):
        folder.finish({"loss": 0.5}, {"loss": 0.5})
    assert folder.manifest.exists() and read_status(folder.path)["status"] == "running"
    folder.fail("No space left.")
    assert not folder.manifest.exists() and Standing.of(folder.path, read_status(folder.path), whole=True) == Standing()


@pytest.mark.parametrize("end", [lambda folder: folder.finish({"loss": 0.5}, {"loss": 0.5}), lambda folder: folder.fail("Lost.")])
def test_this_version_knows_every_key_that_it_writes_into_a_status(lab, end):
    folder = create(lab)
    end(folder)
    assert {*read_status(folder.path)} <= {*run_files.STATUS_KEYS}
