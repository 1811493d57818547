"""The code that a saved model names, checked before Keras reads the file, which may come from somebody else."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stackfit.config.trust import REFUSED, SHIPPED_MODULES
from stackfit.errors import RunFolderError, TrustError
from stackfit.files import shown

MOST_BYTES = 50_000_000  # of the description; of a model with a thousand layers it has one million
FUNCTIONS = ("builtins", "keras.activations", "keras.losses", "keras.metrics")
"""Modules whose functions a description may name."""


def check_archive(path: Path, trusted: tuple[str, ...]) -> None:
    """Refuse a `.keras` or `.h5` file that names code beyond Keras and the trusted modules.

    Keras's safe mode refuses most of this while it loads; this looks before anything is imported or built.

    Raises:
        TrustError: it names such code. RunFolderError: it cannot be read.
    """
    try:
        for text in _read_h5(path) if path.suffix == ".h5" else _read_keras(path):
            for found in _foreign(json.loads(text), trusted):
                raise TrustError(
                    f"This model names {found}, which is refused: it can run code, read or send data. Expected layers of "
                    "Keras, or of a module that you trust. Run the experiment again, or add --trust MODULE",
                    where=shown(path),
                )
    except TrustError:
        raise
    except Exception as error:  # whatever the readers of a damaged or forged file raise
        raise RunFolderError(
            f"{shown(path)} cannot be loaded: {str(error).partition(chr(10))[0]}. Expected a model as "
            "stackfit saves it. Run the experiment again."
        ) from error


def _read_keras(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        if (size := archive.getinfo("config.json").file_size) > MOST_BYTES:
            raise ValueError(f"its config.json has {size:,} bytes")
        yield archive.read("config.json")


def _read_h5(path: Path) -> Iterator[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        yield from (file.attrs[name] for name in ("model_config", "training_config") if name in file.attrs)


def _foreign(node: Any, trusted: tuple[str, ...]) -> Iterator[str]:
    """Every class, function and module of a description that nobody trusts."""
    if isinstance(node, list):
        for part in node:
            yield from _foreign(part, trusted)
    if not isinstance(node, Mapping):
        return
    if "class_name" in node:
        name, module = str(node["class_name"]), node.get("module")
        allowed = module is None or module in (*trusted, *SHIPPED_MODULES)
        if name == "function":
            name = str(node.get("config"))
            allowed = allowed or module in FUNCTIONS
        else:
            allowed = allowed or str(module).split(".")[0] in ("keras", "builtins")
        if not allowed or name.rpartition(">")[2] in (*REFUSED, "__lambda__"):
            yield f"{module}.{name}" if module else name
    for part in node.values():
        yield from _foreign(part, trusted)
