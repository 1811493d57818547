"""Any data set of tensorflow-datasets: decoded once into the array cache, or streamed when it is too big."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from stackfit import places
from stackfit.data.arrays import build_arrays
from stackfit.data.dataset import StreamedDataset
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded, declared
from stackfit.data.stream import open_stream
from stackfit.data.tfds_process import run_tfds
from stackfit.errors import DataError
from stackfit.schema import Data


class _TooBig(Exception):
    pass


def read_tfds(settings: Data, progress: Progress) -> Loaded | StreamedDataset:
    """From the array cache, else decoded by TFDS, else a stream; TFDS fetches and prepares where it has to.

    Raises:
        DataError: no such data set, no network to fetch it from, or it has no pair of example and label.
    """
    name, splits = name_and_splits(settings)

    def write(folder: Path) -> dict[str, Any]:
        request = {"name": name, "splits": splits, "max_bytes": settings.max_memory_bytes}
        progress.say(f"Reading {name} with tensorflow-datasets.")
        answer = run_tfds({**request, "decode_to": str(folder)}, progress)
        if not answer["arrays"]:
            raise _TooBig
        return answer

    try:
        stored = build_arrays(cache_folder(name, splits), write, progress)
        if sum(array.nbytes for array in stored.arrays.values()) > settings.max_memory_bytes:
            raise _TooBig
    except _TooBig:
        return open_stream(settings, name, splits, progress)
    return Loaded(name, stored.arrays, stored.fingerprint, tuple(stored.facts["class_names"]))


def name_and_splits(settings: Data) -> tuple[str, dict[str, str]]:
    """TFDS's name of the data set, and its splits that are our `train` and `test`.

    Raises:
        DataError: no name, or splits other than these.
    """
    if not declared(settings, "name"):
        raise DataError(
            "data.name is not set. Expected a name of tensorflow.org/datasets/catalog. Type "
            "data.name=kmnist.",
            key="data.name",
        )
    splits = dict(settings.splits) or {"train": "train", "test": "test"}
    if "train" not in splits or set(splits) - {"train", "test"}:
        raise DataError(
            f"data.splits has {', '.join(splits)}. Expected train, and test where there is one. "
            "Type for example 'data.splits={train: train, test: validation}'.",
            key="data.splits",
        )
    return str(settings.name), splits


def cache_folder(name: str, splits: dict[str, str]) -> Path:
    """Where the decoded arrays of these splits are kept."""
    digest = hashlib.sha256(json.dumps([name, splits], sort_keys=True).encode()).hexdigest()
    return places.cache() / "arrays" / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{digest[:8]}"
