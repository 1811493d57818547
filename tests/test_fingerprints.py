"""Every shipped experiment keeps its fingerprint: finished runs of earlier versions are found and reused.

`fingerprints.json` was written by the program as it was before its modules moved into packages (commit 32a40d2), with
the versions that it names and with "data of KIND" in the place of the data's digest. A cell is written as its overrides,
joined by spaces; `gsp631_base` has one more for every option of the groups.
"""

from __future__ import annotations

import copy
import importlib.metadata
import itertools
import json
from pathlib import Path

import pytest
import yaml

from stackfit.config import project, schema
from stackfit.config.checks import check_stored
from stackfit.execution import fingerprint

WRITTEN = json.loads(Path(__file__).with_name("fingerprints.json").read_text(encoding="utf-8"))
FINGERPRINTS: dict[str, dict[str, str]] = WRITTEN["experiments"]
GROUPS = ("callbacks", "model", "optimizer", "task")


@pytest.fixture(autouse=True)
def versions_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    version, versions = importlib.metadata.version, {**WRITTEN["versions"], "jax": "0.10.2"}  # an extra, which may be absent
    monkeypatch.setattr(importlib.metadata, "version", lambda name: versions.get(name) or version(name))


@pytest.mark.parametrize("experiment", FINGERPRINTS)
def test_a_shipped_experiment_has_the_fingerprints_that_it_had(compose, experiment):
    now = {}
    for overrides in FINGERPRINTS[experiment]:
        cell = compose(experiment, *overrides.split())
        now[overrides] = cell.fingerprint(f"data of {cell.config['data']['kind']}")
    assert now == FINGERPRINTS[experiment]


def test_every_shipped_experiment_and_every_cell_of_its_sweep_is_written_down():
    declared = {}
    for path in sorted(project.shipped("experiments").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sweeper = content.get("hydra", {}).get("sweeper", {})
        if {"override hydra/sweeper": "search"} in content["defaults"]:  # a search, whose cells nobody can list
            declared[path.stem] = {""}
            continue
        assert set(sweeper) <= {"params"}
        axes = [[f"{key}={value}" for value in values.split(",")] for key, values in sweeper.get("params", {}).items()]
        declared[path.stem] = {" ".join(cell) for cell in itertools.product(*axes)}
    for group in GROUPS:
        declared["gsp631_base"] |= {f"{group}={path.stem}" for path in (project.shipped("conf") / group).glob("*.yaml")}
    assert declared == {experiment: {*cells} for experiment, cells in FINGERPRINTS.items()}


# ---- how a fingerprint may change


@pytest.fixture
def cells(compose):
    return {
        "plain": compose("digits_quickstart").config,
        "with the key": {**compose("digits_quickstart").config, "engine": "jax"},
        "with the key as omitted": {**compose("digits_quickstart").config, "engine": "tensorflow"},
        "with validation": compose("digits_quickstart", "data.validation_split=0.2").config,
    }


def digests(cells):
    return {name: fingerprint.fingerprint_of(config, "data") for name, config in cells.items()}


def test_a_later_key_changes_only_the_cells_that_set_it_to_something_else(cells, monkeypatch):
    before = digests(cells)["plain"]
    monkeypatch.setitem(schema.LATER, "engine", "tensorflow")
    monkeypatch.setitem(schema.LATER, "data.impute", None)
    after = digests(cells)
    assert after["plain"] == after["with the key as omitted"] == before != after["with the key"]
    cells["plain"]["data"]["impute"] = None
    assert digests(cells)["plain"] == before
    cells["plain"]["data"]["impute"] = "mean"
    assert digests(cells)["plain"] != before


def test_a_revision_changes_only_the_cells_that_use_what_it_fixes(cells, monkeypatch):
    before = digests(cells)
    fixes_validation = fingerprint.Revision("validation_hooks", 2, lambda config: config["data"]["validation_split"] > 0)
    monkeypatch.setattr(fingerprint, "REVISIONS", (*fingerprint.REVISIONS, fixes_validation))
    after = digests(cells)
    assert {name for name in cells if after[name] != before[name]} == {"with validation"}


def test_a_stored_config_without_a_later_key_has_what_its_run_did(compose, monkeypatch):
    monkeypatch.setitem(schema.LATER, "verbosity", 7)  # not its present default
    stored = compose("digits_quickstart").config
    del stored["verbosity"]
    assert check_stored(stored, (), "config.yaml")["verbosity"] == 7
    assert check_stored({**stored, "verbosity": 2}, (), "config.yaml")["verbosity"] == 2


def test_a_tables_settings_leave_out_later_keys_as_runs_did_that_did_not_know_them(compose):
    config = compose("digits_quickstart").config
    assert not schema.LATER.keys() & schema.settings_of(config).keys()
    config["data"]["impute"] = "median"
    assert schema.settings_of(config)["data.impute"] == "median"


def test_every_run_on_jax_has_its_revision(cells):
    assert [fix.name for fix in fingerprint.REVISIONS if fix.used_by(cells["with the key"])] == ["jax"]
    assert [fix.name for fix in fingerprint.REVISIONS if fix.used_by(cells["plain"])] == []


def test_class_weights_by_names_that_are_other_numbers_are_a_revision(cells):
    config = cells["plain"]
    config["task"]["class_weight"] = {1: 2.0}
    before = fingerprint.fingerprint_of(config, "data")
    assert [fix.name for fix in fingerprint.REVISIONS if fix.used_by(config)] == []
    config["data"]["class_names"] = ["1", "2", "3"]
    assert [fix.name for fix in fingerprint.REVISIONS if fix.used_by(config)] == ["class_weight"]
    assert fingerprint.fingerprint_of(config, "data") != before


def test_hooks_around_validation_and_metrics_of_one_output_are_revisions_of_the_cells_that_have_them(cells):
    def revisions(callback=None, metric="keras.metrics.Poisson", labels="one_hot", split=0.2, engine="tensorflow"):
        config = copy.deepcopy(cells["plain"]) | {"engine": engine}
        config["callbacks"] = {"own": callback and {"_target_": callback}}
        config["task"] |= {"labels": labels, "metrics": {"own": {"_target_": metric}}}
        config["data"]["validation_split"] = split
        return [fix.name for fix in fingerprint.REVISIONS if fix.used_by(config)]

    assert revisions("keras.callbacks.SwapEMAWeights") == ["validation_hooks"]
    assert revisions("keras.callbacks.SwapEMAWeights", split=0.0) == []  # nothing is validated
    assert revisions("keras.callbacks.SwapEMAWeights", engine="jax") == ["validation_hooks", "jax"]
    assert revisions("keras.callbacks.SwapEMAWeights", split=0.0, engine="jax") == revisions(engine="jax") == ["jax"]
    # TensorBoard has such hooks, but they change no number.
    for callback in ("TensorBoard", "EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "CSVLogger"):
        assert revisions(f"keras.callbacks.{callback}") == []
    assert revisions("stackfit.callbacks.StopAt") == revisions("experiments.lab_callbacks.PrintAverages") == revisions() == []
    assert revisions(labels="value") == revisions(labels="class", metric="keras.metrics.Hinge") == ["metric_labels"]
    assert revisions(labels="value", metric="keras.metrics.MeanAbsoluteError") == []
