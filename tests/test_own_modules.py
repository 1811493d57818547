"""The user's own modules: what is executed is what was hashed, also where a file changes while a process lives."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys

import pytest

import stackfit
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter
from stackfit.model import own_modules
from stackfit.results import run_files

NAME = "own_in_a_notebook"


@pytest.fixture
def saved(write, lab, monkeypatch):
    """`saved(text)` writes the module's file; returns its SHA-256."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(lab)])

    def save(text: str) -> str:
        path = write(f"{NAME}.py", text)
        os.utime(path, (2e9, 2e9))  # always in the same second: Python's own cache of compiled files does not notice
        return hashlib.sha256(text.encode()).hexdigest()

    yield save
    sys.modules.pop(NAME, None)


def imported(refresh: bool = True) -> int:
    if refresh:
        own_modules.refresh([NAME])
    return own_modules.import_trusted(NAME, "callbacks.own").VALUE


def test_a_file_that_has_changed_is_executed_again_before_the_next_run_and_its_hash_is_that_of_what_was_executed(saved):
    first = saved("VALUE = 1\n")
    assert imported() == 1 and own_modules.digest_of(NAME) == first
    second = saved("VALUE = 2\n")
    assert imported() == 2 and own_modules.digest_of(NAME) == second != first


def test_while_a_command_runs_the_code_of_its_start_stays_and_is_what_is_recorded(saved):
    first = saved("VALUE = 1\n")
    assert imported() == 1
    saved("VALUE = 2\n")
    assert imported(refresh=False) == 1 and own_modules.digest_of(NAME) == first


def test_a_file_that_changes_between_its_hash_and_its_import_is_refused(saved):
    saved("VALUE = 1\n")
    own_modules.refresh([NAME])
    own_modules.digest_of(NAME)
    saved("VALUE = 2\n")
    with pytest.raises(ConfigError, match=rf"{NAME}.py has changed while this command was running\. .* Run the same command"):
        imported(refresh=False)
    assert imported() == 2  # the same command again


def test_a_module_that_is_executed_again_is_another_object_and_what_was_made_before_keeps_its_class(saved):
    text = "VALUE = {}\nclass Own:\n    def value(self):\n        return VALUE\n"
    saved(text.format(1))
    imported()
    made = sys.modules[NAME].Own()
    saved(text.format(2))
    assert imported() == 2 and (made.value(), sys.modules[NAME].Own().value()) == (1, 2)


def test_a_users_own_import_stays_unless_the_file_may_have_changed_after_it(saved, lab):
    saved("VALUE = 1\n")
    importlib.invalidate_caches()
    theirs = importlib.import_module(NAME)
    assert imported() == 1 and sys.modules[NAME] is not theirs  # the file is newer than this process
    own_modules._forget([NAME])
    os.utime(lab / f"{NAME}.py", (1e9, 1e9))
    theirs = importlib.import_module(NAME)
    assert imported() == 1 and sys.modules[NAME] is theirs


def test_a_module_that_fails_leaves_nothing_and_is_imported_once_it_is_corrected(saved):
    saved("VALUE = 1 / 0\n")
    with pytest.raises(ConfigError, match="cannot be imported: ZeroDivisionError"):
        imported()
    assert NAME not in sys.modules
    saved("VALUE = 3\n")
    assert imported() == 3


CALLBACK = """import keras


class Own(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = {rate}
"""


@pytest.mark.tf
def test_a_run_after_an_edit_trains_with_the_new_code_and_records_it(saved, keras):
    def train() -> stackfit.Run:
        words = ("epochs=1", f"+callbacks.own={{_target_: {NAME}.Own}}")
        return stackfit.run("xor_needs_a_hidden_layer", *words, trust=[NAME], reporter=Reporter(0))

    digests, weights = [], []
    for rate in (0.25, 0.75, 0.25):
        digest = saved(CALLBACK.format(rate=rate))
        run = train()
        assert run_files.read_environment(run.folder)["code"] == {NAME: digest}
        digests.append(run.status["fingerprint"])
        weights.append(run_files.read_metrics(run.folder)["weights_sha256"])
    assert (digests[0], weights[0]) == (digests[2], weights[2]) and digests[0] != digests[1] and weights[0] != weights[1]
