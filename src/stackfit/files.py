"""Files appear whole: each is written next to the old one, flushed and renamed over it; failures name the file.

And what one thread prints is kept for a log.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError, StackfitError

try:
    import fcntl
except ImportError:  # not a POSIX system: then only the owner in status.json guards a claim
    fcntl = None  # type: ignore[assignment]


def write_file(path: Path, fill: Callable[[Path], object], flush: bool = True) -> None:
    """Let `fill(temporary)` write a file next to `path` with the same suffix, then rename it over `path`.

    A device or a pipe is written into: it must not be replaced.

    Args:
        flush: wait until it is on the disk; without it, the file survives the end of the process but not a power failure.

    Raises:
        OSError: the file cannot be written; `path` is unchanged, and nothing is left next to it.
    """
    is_file = path.is_file() or path.is_dir() or not path.exists()
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent if is_file else None)
    os.close(handle)
    temporary = Path(name)
    try:
        fill(temporary)
        if not is_file:
            path.write_bytes(temporary.read_bytes())
            temporary.unlink()
            return
        if flush:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; anyone who can read the folder can read results
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed writers; only for the process that alone writes in `folder`."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\.\w+-\w{8}\.\w+", path.name) and path.is_file():
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str, flush: bool = True) -> None:
    """Write `text` as UTF-8; lone surrogates, as in names that are not UTF-8, are escaped. See `write_file`."""
    write_file(path, lambda temporary: temporary.write_bytes(text.encode(errors="backslashreplace")), flush)


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON. See `json_bytes`, `write_file`."""
    write_file(path, lambda temporary: temporary.write_bytes(json_bytes(value)))


def json_bytes(value: Any) -> bytes:
    """Strict JSON: a float that is not finite becomes null, a lone surrogate is escaped."""
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV under the union of their keys, in order of first appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity replaced by None, at any depth."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shown(path: Path | str) -> str:
    """A path as a user would type it: relative to the current folder if it is below it."""
    path = Path(path)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextlib.contextmanager
def writing(
    path: Path | str,
    expected: str = "a folder with room and permission",
    cure: str = "Free space or change into another folder, then run the same command again.",
    kind: type[StackfitError] = RunFolderError,
) -> Iterator[None]:
    """Turn an OSError into an error that says which path, what was expected and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise kind(f"{shown(path)} cannot be written: {reason}. Expected {expected}. {cure}") from error


@contextlib.contextmanager
def reading(
    path: Path | str,
    expected: str,
    cure: str = "Run the experiment again.",
    kind: type[StackfitError] = RunFolderError,
    **details: Any,
) -> Iterator[None]:
    """Turn any exception for a damaged or missing file into an error that names the file; an error of `kind` passes.

    `details` are further arguments of `kind`, such as `key`.
    """
    try:
        yield
    except kind:
        raise
    except Exception as error:  # parsers raise all kinds for a damaged file
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
        reason = reason.partition("\n")[0].rstrip(".") or type(error).__name__
        raise kind(f"{shown(path)} cannot be read: {reason}. Expected {expected}. {cure}", **details) from error


@contextlib.contextmanager
def locked(folder: Path, must_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on `folder` among the processes of this host; the kernel frees it when its holder dies.

    Args:
        must_wait: called if another process has it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a network file system without locks: the owner check remains
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    must_wait()
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Printed(io.StringIO):
    """`sys.stdout` for one thread; the others see the stream that was there."""

    def __init__(self, stream: Any):
        super().__init__()
        self.stream, self.thread = stream, threading.get_ident()

    @property
    def text(self) -> str:
        """What was printed; empty if a callback has closed the stream."""
        return "" if self.closed else self.getvalue()

    def write(self, text: str) -> int:
        if threading.get_ident() == self.thread:
            return super().write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        if threading.get_ident() != self.thread:
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def printed() -> Iterator[Printed]:
    """Keep what this thread prints inside the block; what others print meanwhile goes where it always goes."""
    kept = Printed(sys.stdout)
    try:
        with contextlib.redirect_stdout(kept):
            yield kept
    finally:
        kept.thread = 0  # another thread may have noted it as its stream, and put it back later
