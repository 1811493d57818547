"""Any data set of tensorflow-datasets: decoded once into the array cache, or streamed when it is too big.

TFDS starts TensorFlow's runtime (after which threads can no longer be set), prints to both streams, keeps
memory and waits minutes for a missing network: it runs in a child process, whose output goes to a log.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.config.machine import child
from stackfit.config.schema import Data
from stackfit.data.arrays import Stored, absent, build_arrays
from stackfit.data.dataset import Progress, Scaling, StreamedDataset
from stackfit.data.kinds import Kind
from stackfit.data.settings import check_declared, split_at, unit_scaling, wrong
from stackfit.errors import DataError, counted
from stackfit.files import locked

# TFDS itself also reads arguments from a name (`mnist/data_dir=…`) and runs code of others (`kaggle:…`).
_NAME = re.compile(r"[A-Za-z]\w*(/[\w.\-]+)?(:[\d.*]+)?")
SPLITS = {"train": "train", "test": "test"}
BUFFER_BYTES = 64_000_000  # of a stream's shuffle buffer, which holds at most 10,000 examples


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


def tfds_folder() -> Path:
    """The data folder of TFDS: `$TFDS_DATA_DIR`, else its default."""
    return project.in_home(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets", "TFDS_DATA_DIR")


def tfds_files(name: str) -> list[Path]:
    """Where a data set is when it is on this machine: prepared by TFDS, decoded by us."""
    return [*(project.cache() / "arrays").glob(f"{name}-*"), tfds_folder() / name]


def tfds_script(name: str, splits: Mapping[str, str]) -> str:
    """Source that loads a data set into memory, as arrays by the name of our split."""
    parts = [part for part in ("train", "test") if part in splits]
    pairs = ", ".join(f"(x_{part}, y_{part})" for part in parts) + ("," if len(parts) == 1 else "")
    return f"""\
import tensorflow_datasets as tfds
data = tfds.load(
    {json.dumps(name)},
    split={json.dumps([splits[part] for part in parts])},
    batch_size=-1,  # everything at once, in the order in which TFDS has stored it
    as_supervised=True,
)
{pairs} = tfds.as_numpy(data)"""


def check_resident(size: int, limit: int) -> None:
    """Refuse data that are read while training: their order is that of TFDS's buffer, which no short script has."""
    if size > limit:
        raise DataError(
            f"These data are streamed: {counted(size, 'byte')} are above data.max_memory_bytes, {limit:,}. "
            "Expected data that fit in memory, in an order that a script can draw. "
            f"Run it with data.max_memory_bytes={size}, then eject that run",
            key="data.max_memory_bytes",
        )


def digest_of(*values: Any) -> str:
    """SHA-256 over values as JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def run_tfds(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Let a child process prepare, describe and decode a data set; see `tfds_worker.work` for the request."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise DataError(
            f"{request['name']} has not been prepared on this machine: that takes tensorflow-datasets, which is not installed. "
            f"Expected its arrays in {project.cache() / 'arrays'}. Type `stackfit data fetch` where it is installed, and copy that "
            "folder, or pip install tensorflow-datasets"
        )
    command, environment = child("stackfit.data.tfds_worker", json.dumps(request))
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}  # training may want the GPU whole
    answer: dict[str, Any] = {"step": None}
    lock = project.cache() / "tfds" / digest_of(request["name"])[:16]  # TFDS must not prepare a data set twice at once
    lock.mkdir(parents=True, exist_ok=True)
    with locked(lock), tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        try:
            for answer in map(json.loads, process.stdout or ()):
                if "step" not in answer:
                    break
                progress.step(*answer["step"])
        finally:
            process.kill()  # it has answered, or we were interrupted
            process.communicate()
        if "step" in answer:
            log.seek(0)
            answer = {"error": f"its process died: {log.read()[-500:].strip()}", "key": None}
    if answer.get("key"):
        raise DataError(answer["error"], key=answer["key"])
    if "error" in answer:
        found = f"tensorflow-datasets could not load {request['name']!r}: {answer['error']}."
        cure = "If that folder cannot be written, set TFDS_DATA_DIR to one that can."
        raise DataError(f"{found} Expected it in {tfds_folder()}. {cure}")
    return answer


def open_stream(settings: Data, name: str, splits: dict[str, str], progress: Progress) -> StreamedDataset:
    """Describe a data set without decoding it. What TFDS says of it is kept until its files have changed."""
    share = settings.validation_split
    if settings.stratify:
        cure = "Type data.stratify=false, or a larger data.max_memory_bytes"
        raise wrong("stratify", f"data.stratify is set, but {name} is streamed in its own order.", "data in memory", cure)
    statistics = share if settings.scale == "standardize" else None
    folder = project.cache() / "streams" / digest_of(name, splits, statistics)[:16]

    def write(private: Path) -> dict[str, Any]:
        progress.say(f"{name} is above data.max_memory_bytes and will be streamed; reading its files once.")
        request = {"name": name, "splits": splits, "folder": str(private), "stream": statistics}
        return run_tfds(request, progress)

    stored = build_arrays(folder, write, progress)
    for file, known in stored.facts["files"].items():
        path = Path(stored.facts["folder"]) / file
        if not path.exists() or [path.stat().st_size, path.stat().st_mtime_ns] != known[:2]:
            if not progress.build:
                raise absent(name)
            shutil.rmtree(folder)
            return open_stream(settings, name, splits, progress)
    facts, sizes, shape = stored.facts, dict(stored.facts["sizes"]), stored.facts["input_shape"]
    check_declared(settings, name, input_shape=shape, examples=sizes, num_classes=len(facts["class_names"]))
    if share:
        at = split_at(sizes["train"], share)
        sizes |= {"train": at, "validation": sizes["train"] - at}
    scaling = Scaling(stored.arrays.get("mean"), stored.arrays.get("deviation"))
    if settings.scale == "unit":
        scaling = unit_scaling(name, shape, 255 if facts["dtype"] == "uint8" else math.nan)
    checksums = [[file, checksum] for file, (*_, checksum) in facts["files"].items()]
    return StreamedDataset(
        name=name,
        sizes=sizes,
        input_shape=tuple(shape),
        class_names=tuple(map(str, settings.class_names or facts["class_names"])),
        scaling=scaling,
        fingerprint=digest_of(name, facts["version"], splits, checksums),
        batches=partial(_batches, facts, splits, sizes),
    )


def _batches(
    facts: Any, splits: Any, sizes: Any, split: str, batch_size: int, seed: int | None = None, epoch: int = 0
) -> Any:
    """A `tf.data.Dataset` of `(x, y)` in TFDS's types: in stored order, or with a seed in the order of (seed, epoch)."""
    import tensorflow_datasets as tfds

    source, cut = splits["test" if split == "test" else "train"], sizes["train"]
    divided = split != "test" and "validation" in sizes
    if jump := divided and re.fullmatch(r"\w+", source):  # TFDS need not decode what it jumps over
        source += f"[:{cut}]" if split == "train" else f"[{cut}:]"
    builder, config = tfds.builder_from_directory(facts["folder"]), tfds.ReadConfig(try_autocache=False)
    examples = builder.as_dataset(split=source, as_supervised=True, shuffle_files=False, read_config=config)
    if divided and not jump:
        examples = examples.take(cut) if split == "train" else examples.skip(cut)
    if seed is not None:
        state = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
        example_bytes = np.dtype(facts["dtype"]).itemsize * int(np.prod(facts["input_shape"]))
        buffer = max(1, min(10_000, BUFFER_BYTES // example_bytes))
        examples = examples.shuffle(buffer, seed=state, reshuffle_each_iteration=False)
    return examples.batch(batch_size)


KIND = Kind(read, script, files, reads=("name", "splits"))
