"""Records signed with a key that only this user has: what came with somebody else's folder is not taken for our own."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackfit.config import project
from stackfit.errors import ConfigError, RunFolderError
from stackfit.files import finite, reading, writing

CURE = "Make it readable and writable for yourself, or set XDG_CONFIG_HOME to a folder that is."


def sign(record: Mapping[str, Any]) -> str:
    """The HMAC-SHA256 of a record, as 64 hex digits; the key is made when it is first needed.

    Args:
        record: what JSON can hold. As it is read back from JSON, it has the same signature.

    Raises:
        RunFolderError: the key cannot be read or written.
    """
    key = _read_key() or _make_key()
    return hmac.new(key, _text(record), hashlib.sha256).hexdigest()


def is_signed_here(record: Mapping[str, Any], signature: object) -> bool:
    """Whether `sign(record)` gave this signature, with the key of this user; False while there is no key.

    Raises:
        RunFolderError: the key cannot be read.
    """
    key = _read_key()
    if key is None or not isinstance(signature, str) or not signature.isascii():
        return False
    return hmac.compare_digest(hmac.new(key, _text(record), hashlib.sha256).hexdigest(), signature)


def key_path() -> Path:
    """`stackfit/key` in the user's config folder (XDG).

    Raises:
        RunFolderError: this user has no home folder to have one in.
    """
    try:
        folder = project.in_home(os.environ.get("XDG_CONFIG_HOME") or "~/.config", "XDG_CONFIG_HOME", "a key")
    except ConfigError as error:
        raise RunFolderError(error.message) from None
    return folder / "stackfit" / "key"


def _text(record: Mapping[str, Any]) -> bytes:
    return json.dumps(finite(dict(record)), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read_key() -> bytes | None:
    path = key_path()
    with reading(path, "64 hex digits", "Delete it: runs and verdicts signed with it then count as another's."):
        if not path.exists():
            return None
        key = bytes.fromhex(path.read_text(encoding="ascii"))
        if len(key) != 32:
            raise ValueError(f"it holds {len(key)} bytes")
    return key


def _make_key() -> bytes:
    """Make the key, or read the one that another process has just made: a link never replaces a file."""
    path = key_path()
    with writing(path, "a folder of your own", CURE):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # readable for this user only
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            os.unlink(name)
    key = _read_key()
    assert key is not None
    return key
