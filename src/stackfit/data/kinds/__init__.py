"""The kinds of data. Each module here is one: its name is what `data.kind` takes, its `KIND` says all there is to know.

A new one is a module of this folder and an option of the `data` group, `conf/data/NAME.yaml`; nothing lists them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.config.schema import Data
from stackfit.data.arrays import Stored
from stackfit.data.dataset import Progress, StreamedDataset
from stackfit.errors import DataError

Warn = Callable[[DataError], None]

EVERY = ("kind", "examples", "input_shape", "num_classes", "class_names", "scale", "validation_split", "max_memory_bytes", "stratify")
"""The keys of `data` that mean something to all kinds."""


@dataclass(frozen=True)
class Kind:
    """How one kind of data is read, and what else is asked about it."""

    read: Callable[[Data, Progress], Stored | StreamedDataset]
    # Source that leaves `x_train, y_train` (and `x_test, y_test`) as `read` does, for a script without stackfit; None:
    # the user's own data, whose arrays are written next to the script.
    script: Callable[[Data], str] | None = None
    # Where they are kept when they are on this machine; None: they are part of an installed package.
    files: Callable[[Data], list[Path]] | None = None
    # What they declare themselves of `input_shape`, `num_classes` and `class_names`, given the task's `labels`.
    declare: Callable[[Data, str | None, Warn], dict[str, Any]] = lambda settings, form, warn: {}
    tells: bool = False  # `declare` is asked even if nothing is open: it warns, or names columns
    # Called after `stackfit data fetch`.
    fetched: Callable[[Progress], None] = lambda progress: None
    white: float = 255.0  # the value that `scale: unit` makes 1
    reads: tuple[str, ...] = ()  # the keys of `data` that mean something to it, besides those of `EVERY`
    # Of a user's own file: that it is divided into parts already, in words; empty if it is not, or cannot be read.
    divided: Callable[[Data], str] = lambda settings: ""

    @property
    def own(self) -> bool:
        """Whether these are a user's own data, which nobody else can fetch."""
        return self.script is None


def kind_of(name: str) -> Kind:
    """The record of one of `project.data_kinds()`."""
    return importlib.import_module(f"stackfit.data.kinds.{name}").KIND
