"""`environment`: what decides a number beside the config."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from stackfit import environment


@pytest.mark.tf
def test_the_record_is_plain_json_and_names_what_decides_a_number(keras, lab, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    record = environment.describe_environment("data digest", deterministic=True)
    assert json.loads(json.dumps(record)) == record
    assert record["versions"]["keras"] == keras.__version__
    assert record["devices"] and record["cores"] >= 1 and record["instruction_set"]
    assert set(record["threads"]) == {"intra_op", "inter_op"}
    assert record["variables"]["OMP_NUM_THREADS"] == "1"
    assert (record["data_fingerprint"], record["deterministic"], record["git_commit"]) == ("data digest", True, None)


def test_a_package_that_is_not_there_has_no_version():
    assert environment.version("no-such-package") is None
    assert environment.version("stackfit")


def git(*words: str) -> None:
    name = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *name, *words], check=True, capture_output=True)


def test_the_commit_and_whether_it_is_clean(lab):
    assert environment.git_state() == (None, None)
    git("init")
    Path("a.txt").write_text("a")
    git("add", "a.txt")
    git("commit", "-m", "a")
    commit, clean = environment.git_state()
    assert len(commit) == 40 and clean is True
    Path("a.txt").write_text("b")
    assert environment.git_state() == (commit, False)


def test_without_git_there_is_no_commit(lab, monkeypatch):
    monkeypatch.setenv("PATH", str(lab))
    assert environment.git_state() == (None, None)
