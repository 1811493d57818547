"""`run_folder`: claiming, states, whole files, what a damaged one says."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from stackfit.errors import RunFolderError
from stackfit.results import owner, run_folder
from stackfit.results.run_folder import RunFolder, find_continuable, find_run_folders, read_status, state_of

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
        "format": run_folder.FORMAT,
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
    assert json.loads(folder.metrics.read_text()) == {"loss": 0.5, "weights_sha256": "x"}


@pytest.mark.parametrize("state", ["failed", "interrupted", "pruned"])
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
    assert run_folder.read_history(folder.path)[1] == {"epoch": "2", "loss": "0.25", "lr": "0.1"}


def test_before_the_first_epoch_the_history_is_empty(lab):
    assert run_folder.read_history(create(lab).path) == []


def test_a_heartbeat_is_renewed_only_when_it_is_old(lab):
    folder = create(lab)
    first = read_status(folder.path)["owner"]["heartbeat"]
    folder.beat()
    assert read_status(folder.path)["owner"]["heartbeat"] == first
    folder._status["owner"]["heartbeat"] = time.time() - run_folder.HEARTBEAT_SECONDS - 1
    folder.beat()
    assert read_status(folder.path)["owner"]["heartbeat"] >= first


def test_the_log_grows(lab):
    folder = create(lab)
    folder.append_log("one\n")
    folder.append_log("zwei ä\n")
    assert folder.log.read_text(encoding="utf-8") == "one\nzwei ä\n"


# ---- claiming


def test_a_cell_whose_owner_lives_cannot_be_claimed(lab):
    path = lab / "outputs" / "base" / "sweep-1" / "a"
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


def test_a_certificate_does_not_outlive_the_run_that_it_is_about(lab):
    folder = RunFolder(lab / "a")
    folder.claim("f", ABOUT)
    folder.finish({}, {})
    folder.certificate.write_text('{"verdict": "bit-equal"}')
    assert run_folder.read_certificate(folder.path) == {"verdict": "bit-equal"}
    assert RunFolder(lab / "a").claim("g", ABOUT)
    assert not folder.certificate.exists() and run_folder.read_certificate(folder.path) == {}


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


def test_a_damaged_status_beside_it_does_not_stop_a_new_run(lab):
    damaged, good = create(lab), create(lab)
    damaged.status.write_text("{")
    change_status(good, owner=DEAD)
    assert find_continuable(lab / "outputs" / "base", "f" * 64).path == good.path


def test_a_status_without_its_start_does_not_stop_a_new_run(lab):
    folder = create(lab)
    folder.status.write_text(json.dumps({"status": "interrupted", "fingerprint": "f" * 64}))
    assert find_continuable(lab / "outputs" / "base", "f" * 64).path == folder.path


def test_discarding_leaves_no_empty_experiment_folder(lab):
    first, second = create(lab), create(lab)
    first.discard()
    assert os.listdir(lab / "outputs" / "base") == [second.path.name]
    second.discard()
    assert os.listdir(lab / "outputs") == []


# ---- reading


def test_run_folders_are_found_at_any_depth_and_not_inside_one_another(lab):
    deep = RunFolder(lab / "outputs" / "base" / "sweep-1" / "cell")
    deep.claim("f", ABOUT)
    (deep.path / "inside").mkdir()
    RunFolder(deep.path / "inside").claim("f", ABOUT)
    single = create(lab)
    assert set(find_run_folders([lab / "outputs"])) == {deep.path, single.path}
    assert list(find_run_folders([deep.path])) == [deep.path]


def test_a_folder_that_is_no_run_says_so(lab):
    with pytest.raises(RunFolderError, match=r"^x is not a run folder: .*Expected a folder .*Try: stackfit table$"):
        read_status(lab / "x")


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "status.json cannot be read: .*Expected JSON.*Run the experiment again"),
        ("", "cannot be read"),
        ("[]", "holds no run status. Expected one of running, finished"),
        ('{"status": "happy"}', "holds no run status"),
        ('{"status": ["finished"]}', "holds no run status"),
        ('{"status": "finished", "format": 99}', "has format 99. This stackfit reads up to 1. Update stackfit"),
        ('{"status": "finished", "format": "a"}', "has format 'a'"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_damaged_status_is_named(lab, content, said):
    folder = create(lab)
    folder.status.write_text(content)
    with pytest.raises(RunFolderError, match=said):
        read_status(folder.path)


def test_a_damaged_or_missing_config_is_named(lab):
    folder = create(lab)
    for content, said in ((None, "cannot be read"), ("a: [", "cannot be read"), ("3", "holds no config")):
        if content is not None:
            folder.config.write_text(content)
        with pytest.raises(RunFolderError, match=f"config.yaml {said}.*Expected.*Run the experiment again"):
            run_folder.read_config(folder.path)


def test_config_and_environment_come_back(lab):
    folder = create(lab)
    assert run_folder.read_environment(folder.path) == {}
    folder.write_start("epochs: 2\n", {"cores": 2})
    assert run_folder.read_config(folder.path) == {"epochs": 2}
    assert run_folder.read_environment(folder.path) == {"cores": 2}
    folder.environment.write_text("[]")
    assert run_folder.read_environment(folder.path) == {}


def test_predictions_come_back_and_missing_or_truncated_ones_are_named(lab):
    folder = create(lab)
    with pytest.raises(RunFolderError, match=r"predictions.npz cannot be read"):
        run_folder.read_predictions(folder.path)
    scores = np.eye(3, dtype=np.float32)
    folder.write(folder.predictions, lambda path: np.savez(path, scores=scores, labels=np.arange(3)))
    assert [array.tolist() for array in run_folder.read_predictions(folder.path)] == [scores.tolist(), [0, 1, 2]]
    whole = folder.predictions.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        folder.predictions.write_bytes(whole[:length])
        with pytest.raises(RunFolderError, match=r"predictions.npz cannot be read"):
            run_folder.read_predictions(folder.path)


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
        folder.write(folder.model(), full)
    assert sorted(os.listdir(folder.path)) == ["history.csv", "status.json"]
    assert run_folder.read_history(folder.path) == [{"epoch": "1", "loss": "0.5"}]
