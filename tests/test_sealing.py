"""`sealing`: a byte that was changed, and who wrote a file."""

from __future__ import annotations

import json

import pytest

from stackfit.results.sealing import Sealed, read_sealed, write_sealed

RECORD = {"verdict": "bit-equal", "files": {"ä": [1, 2.5, None]}, "odd": "\udc80", "nan": float("nan")}


def test_a_sealed_file_is_json_and_comes_back_signed(lab):
    path = lab / "a.json"
    assert write_sealed(path, RECORD) is None
    sealed = read_sealed(path)
    assert sealed.intact and sealed.is_ours
    assert sealed.record == json.loads(path.read_bytes())
    assert {key: sealed.record[key] for key in RECORD} == RECORD | {"nan": None}


def test_a_change_of_any_byte_is_seen(lab):
    path = lab / "a.json"
    write_sealed(path, {"a": 1})
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert not read_sealed(path).intact and not read_sealed(path).is_ours, at
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        assert not read_sealed(path).intact, cut


def test_another_users_file_and_one_under_another_name_are_intact_and_not_ours(lab, monkeypatch):
    write_sealed(lab / "a.json", RECORD)
    (lab / "b.json").write_bytes((lab / "a.json").read_bytes())
    assert read_sealed(lab / "b.json").intact and not read_sealed(lab / "b.json").is_ours
    monkeypatch.setenv("XDG_CONFIG_HOME", str(lab / "another"))
    assert read_sealed(lab / "a.json").intact and not read_sealed(lab / "a.json").is_ours


def test_without_a_key_a_file_is_written_unsigned_and_the_reason_is_given(lab, monkeypatch):
    (lab / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(lab / "file"))
    assert "cannot be" in write_sealed(lab / "a.json", RECORD)
    sealed = read_sealed(lab / "a.json")
    assert sealed.intact and sealed.signature is None and not sealed.is_ours


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "[" * 99_999, "{}", '{"sha256": "x"}'])
def test_a_damaged_file_is_not_intact_and_a_missing_one_is_none(lab, content):
    assert read_sealed(lab / "a.json") is None
    (lab / "a.json").write_text(content)
    sealed = read_sealed(lab / "a.json")
    assert sealed == Sealed(sealed.record) and not sealed.is_ours
