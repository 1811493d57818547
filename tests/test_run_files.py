"""`run_files`: what comes back from a run folder, and what a damaged one says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_runs import make_run

from stackfit.errors import RunFolderError
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_files import find_run_folders, read_layers, read_status
from stackfit.results.run_folder import RunFolder


def create(lab) -> RunFolder:
    return RunFolder.create(lab / "outputs" / "base", "f" * 64, {})


def test_run_folders_are_found_at_any_depth_and_not_inside_one_another(lab):
    deep = RunFolder(lab / "outputs" / "base" / "sweep-1" / "cell")
    deep.path.parent.mkdir(parents=True)
    deep.claim("f", {})
    (deep.path / "inside").mkdir()
    RunFolder(deep.path / "inside").claim("f", {})
    single = create(lab)
    assert set(find_run_folders([lab / "outputs"])) == {deep.path, single.path}
    assert list(find_run_folders([deep.path])) == [deep.path]


def test_a_folder_that_is_not_a_run_says_so(lab):
    with pytest.raises(RunFolderError, match=r"^x is not a run folder: .*Expected a folder .*Try: stackfit table$"):
        read_status(lab / "x")


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "status.json cannot be read: .*Expected JSON.*Run the experiment again"),
        ("", "cannot be read"),
        ("[]", "holds no run status. Expected one of running, finished"),
        ('{"status": "happy"}', "does not know the status 'happy'"), ('{"status": 3}', "holds no run status"),
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
            run_files.read_config(folder.path)


def test_config_and_environment_come_back(lab):
    folder = create(lab)
    assert run_files.read_environment(folder.path) == {}
    folder.write_start("epochs: 2\n", {"cores": 2})
    assert run_files.read_config(folder.path) == {"epochs": 2}
    assert run_files.read_environment(folder.path) == {"cores": 2}
    folder.environment.write_text("[]")
    assert run_files.read_environment(folder.path) == {}


def test_predictions_come_back_and_missing_or_truncated_ones_are_named(lab):
    folder = create(lab)
    with pytest.raises(RunFolderError, match=r"predictions.npz cannot be read"):
        run_files.read_predictions(folder.path)
    scores = np.eye(3, dtype=np.float32)
    np.savez(folder.predictions, scores=scores, labels=np.arange(3))
    assert [array.tolist() for array in run_files.read_predictions(folder.path)] == [scores.tolist(), [0, 1, 2]]
    whole = folder.predictions.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        folder.predictions.write_bytes(whole[:length])
        with pytest.raises(RunFolderError, match=r"predictions.npz cannot be read"):
            run_files.read_predictions(folder.path)


def test_layers_are_read_as_they_were_written_and_an_old_run_has_none(tmp_path):
    folder = make_run(tmp_path / "run")
    assert read_layers(folder) == [] and Run(folder).layers.empty
    row = {"name": "out", "class": "Dense", "output_shape": [None, 2], "parameters": 6}
    (folder / "layers.json").write_text(json.dumps({"layers": [{**row, "later": 1}]}))
    assert read_layers(folder) == [row]
    for damage in ('{"layers": [{}]}', '{"layers": 3}', "[]", "{", '{"layers": [3]}', '{"layers": {"a": 1}}'):
        (folder / "layers.json").write_text(damage)
        with pytest.raises(RunFolderError, match=r"layers.json cannot be read.*Expected the layers of a run"):
            read_layers(folder)
