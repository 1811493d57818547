"""Which data sets there are and which are here; fetching one; one example of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.data.dataset import SILENT, Dataset, Progress, Split, StreamedDataset
from stackfit.data.kinds import kind_of
from stackfit.data.load import declare, load_dataset
from stackfit.data.settings import settings_of
from stackfit.errors import ConfigError, DataError


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

    from stackfit.config.loader import Loader

    folders = [conf / "data" for conf in (project.shipped("conf"), project.own("conf")) if conf]
    files = {path.stem: path for folder in folders for path in folder.glob("*.yaml")}
    sections = {name: yaml.load(path.read_text(encoding="utf-8"), Loader=Loader) or {} for name, path in sorted(files.items())}
    return [describe(name, section) for name, section in sections.items()]


def describe(name: str, data: Mapping[str, Any]) -> Row:
    """The row of one `data` section."""
    settings = settings_of({key: data[key] for key in data if key != "defaults"})
    kind = kind_of(settings.kind) if settings.kind in project.data_kinds() else None
    try:
        paths = kind.files(settings) if kind and kind.files else []
    except ConfigError:  # a user without a home folder has nothing there
        paths = [Path("~")]
    here = [path for path in paths if path.exists()]
    state = "your own"
    if kind and not kind.files:
        state = "part of a package"
    elif kind and not kind.own and paths:
        state = "ready" if here else "can be fetched"
    files = [file for path in here for file in (path, *path.rglob("*")) if file.is_file()]
    return Row(
        name=name,
        examples=dict(settings.examples),
        shape=tuple(settings.input_shape or ()),
        classes=settings.num_classes,
        state=state,
        bytes=sum(file.stat().st_size for file in files),
        where=", ".join(map(str, here)),
    )


def fetch(name: str, data: Mapping[str, Any], progress: Progress = SILENT) -> Row:
    """Fetch a data set, prepare, decode and check it; returns its row afterwards. DataError as in `load_dataset`."""
    load_dataset({**data, **declare(data)}, progress.say, progress.step)
    kind_of(data["kind"]).fetched(progress)
    return describe(name, data)


@dataclass(frozen=True)
class Item:
    """One example of a data set, `x` as stored; the ranges are those of its whole split (of a stream: its own)."""

    x: np.ndarray
    label: int | float
    class_name: str | None  # None for values
    stored_range: tuple[float, float]
    scaled_range: tuple[float, float]
    picture: np.ndarray | None  # uint8 `(height, width, 1 or 3)`, white being the highest value; None if no picture
    features: dict[str, float] = field(default_factory=dict)  # of a table: what each column became, unscaled
    row: int | None = None  # of a table: the row of the file


def show_item(data: Mapping[str, Any], index: int = 0, split: str = "train", progress: Progress = SILENT) -> Item:
    """Load the data and pick one example of `train`, `validation` or `test`; DataError if there is none."""
    return pick_item(load_dataset(data, progress.say, progress.step), index, split)


def pick_item(dataset: Dataset | StreamedDataset, index: int, split: str) -> Item:
    """One example of `train`, `validation` or `test`; DataError if there is none."""
    whole: Any = getattr(dataset, split, None)
    size = dataset.sizes.get(split, 0) if isinstance(dataset, StreamedDataset) else len(whole or ())
    if not 0 <= index < size:
        found = f"{dataset.name!r} has no example {index} in {split!r}."
        if size:
            raise DataError(f"{found} Expected 0 to {size - 1}. Type another number or split.")
        raise DataError(f"{found} Expected another split, such as train or test. Try: --split test")
    if isinstance(dataset, StreamedDataset):
        whole, index = Split(*next(dataset.batches(split, 1).skip(index).as_numpy_iterator())), 0
    values, x, y = whole.x, whole.x[index], whole.y[index]
    low, high = _range(values)
    picture, black = None, min(low, 0.0)
    if x.ndim == 3 and x.shape[-1] in (1, 3):
        picture = np.round((x.astype(np.float64) - black) * (255 / ((high - black) or 1))).astype(np.uint8)
    named = y.dtype.kind in "iu" and y < len(dataset.class_names)
    return Item(
        x=x,
        label=y.item(),
        class_name=dataset.class_names[y] if named else None,
        stored_range=(low, high),
        scaled_range=_range(dataset.scaling.apply(values)),
        picture=picture,
        **_in_table(dataset, index, split),
    )


def _in_table(dataset: Dataset | StreamedDataset, index: int, split: str) -> dict[str, Any]:
    """The example's row in its file, and its columns by name."""
    if isinstance(dataset, StreamedDataset) or dataset.encoding is None:
        return {}
    whole: Any = getattr(dataset, split)
    values = whole.x[index] + dataset.encoding.bases
    at = index + len(dataset.train) * (split == "validation")
    row = dataset.rows["test" if split == "test" else "train"][at]
    return {"features": dict(zip(dataset.encoding.features, values.tolist(), strict=True)), "row": int(row)}


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())
