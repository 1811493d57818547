"""Which data sets there are, which are here, and fetching one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit import places
from stackfit.data import fashion_mnist, tfds_sets
from stackfit.data.checks import OWN
from stackfit.data.load import load_with_progress
from stackfit.data.own import declare
from stackfit.data.progress import SILENT, Progress
from stackfit.data.settings import declared, settings_of
from stackfit.data.tfds_process import tfds_folder
from stackfit.schema import Data


@dataclass(frozen=True)
class Row:
    """A line of `stackfit data list`; `state` is ready, can be fetched, part of a package, or your own."""

    name: str
    examples: dict[str, int | None]
    shape: tuple[int, ...]
    classes: int | None
    state: str
    bytes: int  # on disk, 0 where nothing is
    where: str


def list_data() -> list[Row]:
    """One row for each file of the `data` group, the shipped ones and those in `./conf`, sorted by name."""
    import yaml

    files: dict[str, Path] = {}
    for conf in (places.shipped("conf"), places.own("conf")):
        if conf:
            files |= {path.stem: path for path in (conf / "data").glob("*.yaml")}
    rows = []
    for name, path in sorted(files.items()):
        section = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        section.pop("defaults", None)
        rows.append(describe(name, section))
    return rows


def describe(name: str, data: Mapping[str, Any]) -> Row:
    """The row of one `data` section."""
    settings = settings_of(data)
    sizes = {str(folder): _bytes(folder) for folder in _folders(settings) if folder.exists()}
    if settings.kind in ("digits", "xor"):
        state = "part of a package"
    elif settings.kind in OWN or (settings.kind == "tfds" and not declared(settings, "name")):
        state = "your own"
    else:
        state = "ready" if sizes else "can be fetched"
    return Row(
        name=name,
        examples=dict(settings.examples),
        shape=tuple(declared(settings, "input_shape") or ()),
        classes=declared(settings, "num_classes"),
        state=state,
        bytes=sum(sizes.values()),
        where=", ".join(sizes),
    )


def _folders(settings: Data) -> list[Path]:
    """Where the data lie once they are here: decoded arrays, what TFDS has prepared, a user's own path."""
    if settings.kind == "fashion_mnist":
        prepared = [fashion_mnist.prepared_folder()] if settings.order == "tfds" else []
        return [fashion_mnist.cache_folder(settings.order), *prepared]
    if settings.kind == "tfds" and declared(settings, "name"):
        name, splits = tfds_sets.name_and_splits(settings)
        return [tfds_sets.cache_folder(name, splits), tfds_folder() / name.partition(":")[0]]
    return [Path(settings.path or "")] if settings.kind in OWN and declared(settings, "path") else []


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def fetch(name: str, data: Mapping[str, Any], progress: Progress = SILENT) -> Row:
    """Bring a data set here, prepare it, decode it and check it, so that later runs need no network.

    Args:
        name: what to call it.
        data: the resolved `data` section.
        progress: `step(what, done, total)` suits a progress bar: bytes or examples, total 0 while unknown.

    Returns:
        Its row as it is now.

    Raises:
        DataError: as `load_dataset`.
    """
    load_with_progress({**data, **declare(data)}, progress)
    return describe(name, data)
