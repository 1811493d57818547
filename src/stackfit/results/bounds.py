"""How much is read of a file of a run, whose folder may be somebody else's."""

from __future__ import annotations

import math
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A run's own files are far below.
MOST_BYTES = {".json": 20_000_000, ".yaml": 5_000_000, ".csv": 100_000_000, ".npz": 2_000_000_000}
MOST_BYTES["sweep.json"] = 500_000_000  # about 300 bytes for each cell of a million


def read_bounded(file: Path) -> bytes:
    """The content of a file of a run.

    Raises:
        OSError: it cannot be read, is not a file, or is larger than any that stackfit writes.
    """
    check_size(file, file.stat().st_size)
    return file.read_bytes()


def check_size(file: Path, size: int) -> None:
    """Refuse a file of a run, or what is packed in it, above `MOST_BYTES`, and what is not a file, such as a pipe.

    Raises:
        OSError: see above.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError("it is not a file")
    if size > (most := MOST_BYTES.get(file.name) or MOST_BYTES[file.suffix]):
        raise OSError(f"it has {size:,} bytes, and at most {most:,} are read")


def check_arrays(file: Path) -> None:
    """Refuse an NPZ file that unpacks to more than `MOST_BYTES`, or whose arrays claim more than they hold.

    Raises:
        OSError, ValueError: see above.
    """
    from numpy.lib import format

    with zipfile.ZipFile(file) as archive:
        check_size(file, sum(member.file_size for member in archive.infolist()))
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = format.read_magic(stream)
                read = format.read_array_header_1_0 if version == (1, 0) else format.read_array_header_2_0
                shape, _, dtype = read(stream)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} claims the shape {shape} and has {member.file_size:,} bytes")


LEAST = {"n_trials": 1, "batch": 1, "seeds": 1, "seed": 0, "eta": 2, "first_rung": 1}  # of a search's settings


def check_study(study: Mapping[str, Any]) -> None:
    """Refuse what is not the settings and the space of a search, as `sweep.json` has them.

    Raises:
        KeyError, TypeError, ValueError: see above.
    """
    metrics, directions = study["metric"], study["direction"]
    if not (isinstance(metrics, list) and isinstance(directions, list) and len(metrics) == len(directions) > 0):
        raise ValueError("not every metric has a direction")
    if not {*directions} <= {"max", "min"}:
        raise ValueError(f"a direction is {directions}")
    for key, least in LEAST.items():
        value = study.get(key, least)
        if type(value) is not int and not (value is None and key == "n_trials"):
            raise TypeError(f"{key} is {value!r}")
        if value is not None and value < least:
            raise ValueError(f"{key} is {value}")
    if not isinstance(study.get("minutes"), (int, float, type(None))):
        raise TypeError(f"minutes is {study['minutes']!r}")
    grids = [study.get("space", {}), *study.get("union", [])]
    texts = [*metrics, study.get("sampler", ""), study.get("pruner", ""), *(text for grid in grids for text in grid.values())]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is missing")
