"""`signing`: what this user signed, and nobody else."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from stackfit.errors import RunFolderError
from stackfit.results.signing import is_signed_here, key_path, sign

RECORD = {"verdict": "bit-equal", "loss": 0.1 + 0.2, "nothing": float("nan"), "files": {"b": 1, "a": [1, (2, 3)]}, "ü": None}


@pytest.fixture(autouse=True)
def empty_config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_record_read_back_from_json_has_its_signature_and_a_changed_one_has_not():
    signature = sign(RECORD)
    back = json.loads(json.dumps(RECORD).replace("NaN", "null"))
    assert is_signed_here(dict(reversed(back.items())), signature)
    for changed in ({**back, "loss": 0.3}, {**back, "more": 1}, {key: back[key] for key in ("verdict", "files")}):
        assert not is_signed_here(changed, signature)
    for wrong in (None, 3, "", "é", signature[:-1], signature.upper()):
        assert not is_signed_here(back, wrong)


def test_the_key_is_for_this_user_alone_and_another_users_signature_does_not_count(tmp_path, monkeypatch):
    assert not is_signed_here(RECORD, "0" * 64)
    assert not key_path().exists()  # asking makes no key
    signature = sign(RECORD)
    assert stat.S_IMODE(key_path().stat().st_mode) == 0o600 and [*key_path().parent.iterdir()] == [key_path()]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    assert not is_signed_here(RECORD, signature) and sign(RECORD) != signature


def test_processes_that_sign_at_the_same_moment_share_one_key():
    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(sign, [RECORD] * 32)}) == 1


@pytest.mark.parametrize("content", ["", "abc", "ab" * 31, "xy" * 32])
def test_a_damaged_key_is_named_and_not_replaced(content):
    key_path().parent.mkdir(parents=True)
    key_path().write_text(content)
    for use in (lambda: sign(RECORD), lambda: is_signed_here(RECORD, "0" * 64)):
        with pytest.raises(RunFolderError, match=r"key cannot be read: .* Expected 64 hex digits. Delete it"):
            use()
    assert key_path().read_text() == content


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "config").write_text("")
    with pytest.raises(RunFolderError, match=r"stackfit.key cannot be (read|written): .* "):
        sign(RECORD)
