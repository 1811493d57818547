"""Any data set of tensorflow-datasets: decoded once into the array cache, or streamed when it is too big."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

from stackfit.config import project
from stackfit.config.schema import Data
from stackfit.data.arrays import Stored, absent, build_arrays
from stackfit.data.dataset import Progress, StreamedDataset
from stackfit.data.kinds import Kind
from stackfit.data.settings import wrong
from stackfit.data.tfds import check_resident, digest_of, open_stream, run_tfds, tfds_files, tfds_script

# TFDS itself also reads arguments from a name (`mnist/data_dir=…`) and runs code of others (`kaggle:…`).
_NAME = re.compile(r"[A-Za-z]\w*(/[\w.\-]+)?(:[\d.*]+)?")
SPLITS = {"train": "train", "test": "test"}


def read(settings: Data, progress: Progress) -> Stored | StreamedDataset:
    """From the array cache, else decoded by TFDS, which fetches and prepares if need be; else a stream."""
    limit, splits = settings.max_memory_bytes, settings.splits or SPLITS
    if not (name := settings.name):
        raise wrong("name", "data.name is not set.", "one of tensorflow.org/datasets/catalog", "Type data.name=kmnist")
    if not _NAME.fullmatch(name):
        cure = "Type for example data.name=emnist/letters"
        raise wrong("name", f"data.name is {name!r}.", "a name of the catalogue, without other arguments", cure)
    if "train" not in splits or set(splits) - {"train", "test"}:
        cure = "Type for example 'data.splits={train: train, test: validation}'"
        raise wrong("splits", f"data.splits has {', '.join(splits)}.", "train, and test if there is one", cure)

    def write(private: Path) -> dict[str, Any]:
        progress.say(f"Reading {name} with tensorflow-datasets.")
        request = {"name": name, "splits": splits, "folder": str(private), "max_bytes": limit}
        return run_tfds(request, progress)

    cache = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{digest_of(name, splits)[:8]}"
    stored = build_arrays(folder := project.cache() / "arrays" / cache, write, progress)
    if stored.facts["bytes"] > limit:
        return open_stream(settings, name, splits, progress)
    if not stored.arrays:  # only described, for the limit was lower then
        if not progress.build:
            raise absent(name)
        shutil.rmtree(folder)
    return stored if stored.arrays else build_arrays(folder, write, progress)


def script(settings: Data) -> str:
    """All at once with `tfds.load`. DataError if they are streamed."""
    examples = sum(count or 0 for count in settings.examples.values())
    check_resident(examples * (math.prod(settings.input_shape) + 8), settings.max_memory_bytes)
    return tfds_script(str(settings.name), settings.splits or SPLITS)


def files(settings: Data) -> list[Path]:
    """TFDS's folder and the decoded arrays; nothing while no name is set."""
    return tfds_files(settings.name.partition(":")[0]) if settings.name else []


KIND = Kind(read, script, files)
