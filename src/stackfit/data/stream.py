"""Data too big for memory: read from TFDS's own files while training, in a seeded buffer-shuffled order."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.arrays import unwritable
from stackfit.data.checks import check_class_names, check_examples, check_shape
from stackfit.data.dataset import Scaling, StreamedDataset, split_at
from stackfit.data.progress import Progress
from stackfit.data.tfds_process import run_tfds
from stackfit.errors import DataError
from stackfit.schema import Data

BUFFER_BYTES = 64_000_000
"""Size of the shuffle buffer; it holds at most 10,000 examples."""


def open_stream(settings: Data, name: str, splits: dict[str, str], progress: Progress) -> StreamedDataset:
    """Describe a data set without decoding it; TensorFlow is imported when its first batches are asked for.

    Raises:
        DataError: it cannot be had, or is not what is declared.
    """
    facts = _stream_facts(settings, name, splits, progress)
    check_shape(settings, name, tuple(facts["input_shape"]))
    check_examples(settings, name, facts["sizes"])
    check_class_names(settings, name, facts["class_names"])
    sizes = dict(facts["sizes"])
    if settings.validation_split:
        sizes["train"] = split_at(facts["sizes"]["train"], settings.validation_split)
        sizes["validation"] = facts["sizes"]["train"] - sizes["train"]
    contents = [name, facts["version"], splits, {file: digest for file, (_, _, digest) in facts["files"].items()}]
    return StreamedDataset(
        name=name,
        sizes=sizes,
        input_shape=tuple(facts["input_shape"]),
        class_names=tuple(map(str, settings.class_names or facts["class_names"])),
        scaling=_scaling(settings, facts),
        fingerprint=hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest(),
        batches=Batches(facts["folder"], splits, sizes, facts["dtype"], facts["label_dtype"], tuple(facts["input_shape"])),
    )


@dataclass(frozen=True)
class Batches:
    """Reads batches of a prepared data set; called as `StreamedDataset.batches`."""

    folder: str
    splits: dict[str, str]
    sizes: dict[str, int]
    x_type: str
    y_type: str
    input_shape: tuple[int, ...]

    def __call__(self, split: str, batch_size: int, seed: int | None = None, epoch: int = 0) -> Any:
        """A `tf.data.Dataset` of `(x, y)` batches: stored order for a seed of None, else the order of (seed, epoch)."""
        import tensorflow as tf
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(self.folder)
        read = {"as_supervised": True, "shuffle_files": False, "read_config": tfds.ReadConfig(try_autocache=False)}
        cut = self.sizes["train"] if "validation" in self.sizes else None
        source = self.splits["train" if split == "validation" else split]
        if cut is None or split == "test":
            examples = builder.as_dataset(split=source, **read)
        elif re.fullmatch(r"\w+", source):  # TFDS can then jump to the cut instead of decoding what it skips
            part = f"{source}[:{cut}]" if split == "train" else f"{source}[{cut}:]"
            examples = builder.as_dataset(split=part, **read)
        else:
            whole = builder.as_dataset(split=source, **read)
            examples = whole.take(cut) if split == "train" else whole.skip(cut)
        if seed is not None:
            state = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
            examples = examples.shuffle(self._buffer(), seed=state, reshuffle_each_iteration=False)
        examples = examples.batch(batch_size).map(lambda x, y: (tf.cast(x, self.x_type), tf.cast(y, self.y_type)))
        return examples.prefetch(2)

    def _buffer(self) -> int:
        bytes_each = int(np.prod(self.input_shape)) * np.dtype(self.x_type).itemsize
        return max(1, min(10_000, BUFFER_BYTES // bytes_each))


def _scaling(settings: Data, facts: dict[str, Any]) -> Scaling:
    if settings.scale == "standardize":
        mean, deviation = (np.array(part, np.float32) for part in facts["statistics"])
        return Scaling(mean, deviation)
    if settings.scale == "unit" and facts["dtype"] != "uint8":
        raise DataError(
            f"data.scale is unit, which divides pictures by 255, but the examples of {settings.name!r} are "
            f"{facts['dtype']}. Expected uint8 pictures. Type data.scale=standardize or data.scale=none.",
            key="data.scale",
        )
    return Scaling(divisor=np.array(255, np.float32)) if settings.scale == "unit" else Scaling()


def _stream_facts(settings: Data, name: str, splits: dict[str, str], progress: Progress) -> dict[str, Any]:
    """What the worker says about the data set, kept as long as the record files have the same sizes and times."""
    standardize = settings.scale == "standardize"
    key = [name, splits, standardize and settings.validation_split, standardize]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = places.cache() / "streams" / f"{digest}.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        files = {file: (Path(facts["folder"]) / file).stat() for file in facts["files"]}
        if all([stat.st_size, stat.st_mtime_ns] == facts["files"][file][:2] for file, stat in files.items()):
            return facts
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never made, or out of date: made again
    progress.say(f"{name} is above data.max_memory_bytes and will be streamed; reading its files once.")
    request: dict[str, Any] = {"name": name, "splits": splits, "statistics_of_first": 0}
    facts = run_tfds(request, progress)
    if standardize:
        count = facts["sizes"]["train"]
        count = split_at(count, settings.validation_split) if settings.validation_split else count
        facts = run_tfds({**request, "statistics_of_first": count}, progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        private = path.with_suffix(f".{os.getpid()}.tmp")
        private.write_text(json.dumps(facts), encoding="utf-8")
        os.replace(private, path)
    except OSError as error:
        raise unwritable(path, error) from None
    return facts
