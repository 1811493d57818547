"""Data too big for memory: read from TFDS's own files while training, in a seeded buffer-shuffled order."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.arrays import Stored, build_arrays
from stackfit.data.checks import check_class_names, check_examples, check_shape
from stackfit.data.dataset import Scaling, StreamedDataset, split_at
from stackfit.data.progress import Progress
from stackfit.data.tfds_process import run_tfds
from stackfit.errors import DataError
from stackfit.schema import Data

BUFFER_BYTES = 64_000_000
"""Size of the shuffle buffer; it holds at most 10,000 examples."""


@dataclass(frozen=True)
class Batches:
    """Reads batches of a prepared data set; called as `StreamedDataset.batches`."""

    folder: str
    splits: dict[str, str]
    sizes: dict[str, int]
    types: tuple[str, str]
    buffer: int

    def __call__(self, split: str, batch_size: int, seed: int | None = None, epoch: int = 0) -> Any:
        """A `tf.data.Dataset` of `(x, y)`: in stored order, or with a seed in the order of (seed, epoch)."""
        import tensorflow as tf

        examples = self._examples(split)
        if seed is not None:
            state = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
            examples = examples.shuffle(self.buffer, seed=state, reshuffle_each_iteration=False)
        x_type, y_type = self.types
        return (
            examples.batch(batch_size).map(lambda x, y: (tf.cast(x, x_type), tf.cast(y, y_type))).prefetch(2)
        )

    def _examples(self, split: str) -> Any:
        import tensorflow_datasets as tfds

        def read(source: str) -> Any:
            config = tfds.ReadConfig(try_autocache=False)
            return builder.as_dataset(
                split=source, as_supervised=True, shuffle_files=False, read_config=config
            )

        builder = tfds.builder_from_directory(self.folder)
        source = self.splits["train" if split == "validation" else split]
        if split == "test" or "validation" not in self.sizes:
            return read(source)
        cut = self.sizes["train"]
        if re.fullmatch(r"\w+", source):  # TFDS can jump to the cut instead of decoding what it skips
            return read(f"{source}[:{cut}]" if split == "train" else f"{source}[{cut}:]")
        return read(source).take(cut) if split == "train" else read(source).skip(cut)


def open_stream(settings: Data, name: str, splits: dict[str, str], progress: Progress) -> StreamedDataset:
    """Describe a data set without decoding it; TensorFlow is imported when its first batches are asked for.

    Raises:
        DataError: it cannot be had, or is not what is declared.
    """
    stored = _stored_facts(settings, name, splits, progress)
    facts, shape = stored.facts, tuple(stored.facts["input_shape"])
    check_shape(settings, name, shape)
    check_examples(settings, name, facts["sizes"])
    check_class_names(settings, name, facts["class_names"])
    sizes, whole = dict(facts["sizes"]), facts["sizes"]["train"]
    if settings.validation_split:
        sizes["train"] = split_at(whole, settings.validation_split)
        sizes["validation"] = whole - sizes["train"]
    contents = [
        name,
        facts["version"],
        splits,
        {file: digest for file, (_, _, digest) in facts["files"].items()},
    ]
    example_bytes = int(np.prod(shape)) * np.dtype(facts["dtype"]).itemsize
    buffer = max(1, min(10_000, BUFFER_BYTES // example_bytes))
    return StreamedDataset(
        name=name,
        sizes=sizes,
        input_shape=shape,
        class_names=tuple(map(str, settings.class_names or facts["class_names"])),
        scaling=_scaling(settings, name, stored),
        fingerprint=hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest(),
        batches=Batches(facts["folder"], splits, sizes, (facts["dtype"], facts["label_dtype"]), buffer),
    )


def _scaling(settings: Data, name: str, stored: Stored) -> Scaling:
    if settings.scale == "standardize":
        return Scaling(stored.arrays["mean"], stored.arrays["deviation"])
    if settings.scale == "none":
        return Scaling()
    if stored.facts["dtype"] != "uint8":
        raise DataError(
            f"data.scale is unit, which divides pictures by 255, but the examples of {name!r} are "
            f"{stored.facts['dtype']}. Expected uint8. Type data.scale=standardize or data.scale=none.",
            key="data.scale",
        )
    return Scaling(divisor=np.array(255, np.float32))


def _stored_facts(settings: Data, name: str, splits: dict[str, str], progress: Progress) -> Stored:
    """What the worker says of the data set, kept as long as its files have the same sizes and times."""
    standardize = settings.scale == "standardize"
    key = [name, splits, settings.validation_split if standardize else None]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = places.cache() / "streams" / digest[:16]

    def write(private: Path) -> dict[str, Any]:
        progress.say(f"{name} is above data.max_memory_bytes and will be streamed; reading its files once.")
        statistics_to = str(private) if standardize else None
        stream = {"validation_split": settings.validation_split, "statistics_to": statistics_to}
        return run_tfds({"name": name, "splits": splits, "stream": stream}, progress)

    stored = build_arrays(folder, write, progress)
    for file, (size, modified, _) in stored.facts["files"].items():
        path = Path(stored.facts["folder"]) / file
        if not path.exists() or [path.stat().st_size, path.stat().st_mtime_ns] != [size, modified]:
            shutil.rmtree(folder)
            return build_arrays(folder, write, progress)
    return stored
