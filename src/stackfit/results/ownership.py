"""Whether a run was made and signed here, and has not been changed since: what came with a folder is not reused."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from stackfit.errors import RunFolderError
from stackfit.files import write_json, writing
from stackfit.results.run_files import RunFiles, read_signature
from stackfit.results.signing import is_signed_here, sign


def sign_run(folder: Path) -> None:
    """Write `signature.json` for a run that has ended here.

    Raises:
        RunFolderError: the folder or the key cannot be written.
    """
    record = {"run": _digests(folder)}
    signed = {**record, "signature": sign(record)}
    with writing(folder):
        write_json(RunFiles(folder).signature, signed)


def is_ours(folder: Path) -> bool:
    """Whether `sign_run` of this user signed the run's files as they are now."""
    stored = read_signature(folder)
    record = {"run": stored.get("run")}
    with contextlib.suppress(OSError, RunFolderError):  # a file or the key cannot be read
        return is_signed_here(record, stored.get("signature")) and record == {"run": _digests(folder)}
    return False


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file that a verdict can rest on, by name."""
    run = RunFiles(folder)
    files = [run.status, run.config, run.metrics, run.history, run.predictions, run.log, run.model("keras"), run.model("h5")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
