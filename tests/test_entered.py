"""The ways of commands through the house, counted: few steps from room to room, nothing done twice."""

from __future__ import annotations

import sys

import pytest
from entered import DOORS, Recorder, follow, name_of

# The same commands in the flat tree of commit 32a40d2, each module counted for the room that it has moved to.
BEFORE = {
    "run": {"transitions": 118, "modules": 45, "compositions": 1, "models": 2},
    "verify": {"transitions": 170, "modules": 39, "compositions": 0, "models": 1},
    "sweep": {"transitions": 249, "modules": 53, "compositions": 2, "models": 4},
}
SHARE = 0.82  # of the transitions before the move into rooms; a choice of engine, searches and memory that is freed first added some
MORE_MODULES = 64  # since then some were split; runs have manifests, signatures, scaling, claims, a choice of engine and listeners; more is checked


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """A run, its verification, and a sweep of two cells, of two epochs each."""
    run = "run digits_quickstart epochs=2"
    commands = (run, "verify {last}", f"{run} -m model.layers.hidden.units=8,16")
    return dict(zip(BEFORE, follow(tmp_path_factory.mktemp("ways"), *commands), strict=True))


@pytest.mark.tf
@pytest.mark.parametrize("command", BEFORE)
def test_a_command_goes_from_room_to_room_about_as_often_as_before_at_most_and_through_few_more_modules(ways, command):
    assert ways[command].transitions <= SHARE * BEFORE[command]["transitions"], " ".join(ways[command].rooms)
    assert len({*ways[command].modules}) <= BEFORE[command]["modules"] + MORE_MODULES


@pytest.mark.tf
@pytest.mark.parametrize("command", BEFORE)
def test_a_command_composes_and_builds_models_no_more_often_than_before(ways, command):
    assert ways[command].compositions <= BEFORE[command]["compositions"]
    assert ways[command].models <= BEFORE[command]["models"]


def test_files_of_the_package_have_the_names_of_their_modules():
    assert name_of("/x/src/stackfit/results/run.py") == "results.run"
    assert name_of("/x/src/stackfit/data/__init__.py") == "data"
    assert name_of("/x/src/stackfit/__init__.py") in DOORS
    assert name_of("/x/src/keras/run.py") is None


def test_calls_in_a_row_are_one_entry_and_importing_is_not_one():
    recorder, names = Recorder(), {}
    for module in ("a", "b"):
        exec(compile(f"def {module}(): pass", f"/x/src/stackfit/{module}.py", "exec"), names)
    body = compile("class C: pass", "/x/src/stackfit/c.py", "exec")
    sys.setprofile(recorder)
    try:
        names["a"](), names["a"](), exec(body), names["b"](), names["a"]()
    finally:
        sys.setprofile(None)
    assert recorder.modules == ["a", "b", "a"]
