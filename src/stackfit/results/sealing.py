"""JSON files that tell whether they are as they were written, and whether this user wrote them.

The last two lines hold a signature and a digest of the bytes before them, so that reading 10,000 takes no time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.errors import RunFolderError
from stackfit.results import signing
from stackfit.results.bounds import MOST_BYTES

END = b"\n}\n"
TAIL = re.compile(rb',\n "signature": (?:null|"([0-9a-f]{64})")(,\n "sha256": "([0-9a-f]{64})"\n}\n)\Z')


@dataclass(frozen=True)
class Sealed:
    """What a file holds. `intact`: not a byte was changed since it was written."""

    record: dict[str, Any]
    intact: bool = False
    signature: str | None = None
    signed: Mapping[str, str] | None = None  # the signature is of this

    @property
    def is_ours(self) -> bool:
        """Whether this user signed it; False too if the key cannot be read."""
        try:
            return self.intact and self.signed is not None and signing.is_signed_here(self.signed, self.signature)
        except RunFolderError:
            return False


def write_sealed(path: Path, record: Mapping[str, Any]) -> str | None:
    """Write the record with its signature and digest; see `files.write_file`.

    Returns:
        Why it is not signed, or None if it is.
    """
    body = files.json_bytes(record).removesuffix(END)
    signature, reason = None, None
    try:
        signature = signing.sign(_signed(path, body))
    except RunFolderError as error:
        reason = str(error)
    body += f',\n "signature": {json.dumps(signature)}'.encode()
    tail = f',\n "sha256": "{hashlib.sha256(body).hexdigest()}"'.encode()
    files.write_file(path, lambda temporary: temporary.write_bytes(body + tail + END))
    return reason


def read_sealed(path: Path) -> Sealed | None:
    """What the file holds: no record if it is damaged, and None if there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read() if os.fstat(file.fileno()).st_size <= MOST_BYTES[".json"] else b""
        record = json.loads(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return Sealed({})
    tail = TAIL.search(data, max(0, len(data) - 300))
    if not isinstance(record, dict) or tail is None:
        return Sealed(record if isinstance(record, dict) else {})
    signature = tail[1].decode() if tail[1] else None
    intact = hashlib.sha256(data[: tail.start(2)]).hexdigest() == tail[3].decode()
    return Sealed(record, intact, signature, _signed(path, data[: tail.start()]))


def _signed(path: Path, body: bytes) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(body).hexdigest()}
