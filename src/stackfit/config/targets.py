"""The targets of Keras and of ours that the shipped schema lists: found by a word, without importing Keras."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from stackfit.config import project

# Which modules a role may name.  `building.py` then checks that the name is a class of the role's base class.
ROLES: dict[str, tuple[str, ...]] = {
    "layers": ("keras.layers", "stackfit.layers"),
    "optimizer": ("keras.optimizers",),
    "loss": ("keras.losses",),
    "metrics": ("keras.metrics",),
    "callbacks": ("keras.callbacks", "stackfit.callbacks"),
}


@cache
def _shipped() -> dict[str, Any]:
    return json.loads(project.EXPERIMENT_SCHEMA.read_bytes())


def definition(name: str) -> dict[str, Any] | None:
    """The schema of a target, or of what it refers to; None for a name that the schema does not list."""
    node = _shipped()["$defs"].get(name)
    while node is not None and set(node) == {"$ref"}:  # `keras.layers.MaxPool2D` is another name
        node = _shipped()["$defs"].get(node["$ref"].rpartition("/")[2])
    return node


def names_in(modules: Sequence[str]) -> list[str]:
    """The full names of a role's targets; of two names for the same, the first one comes first."""
    found = [name for name in _shipped()["$defs"] if name.rpartition(".")[0] in modules]
    return sorted(found, key=lambda name: "$ref" in _shipped()["$defs"][name])


def is_ours(target: str) -> bool:
    """Whether one of our own modules defines the target: in a checkout it may be newer than the schema."""
    module, _, name = target.removeprefix("stackfit.").rpartition(".")
    file = project.PACKAGE / f"{module}.py"
    found = target.startswith("stackfit.") and module.isidentifier() and file.is_file()
    return bool(found and re.search(rf"^(class|def) {re.escape(name)}\b", file.read_text(encoding="utf-8"), re.M))


@cache
def all_arguments() -> frozenset[str]:
    """The names of all arguments of all targets."""
    return frozenset(name for node in _shipped()["$defs"].values() for name in node.get("properties", ()))


@cache
def is_current() -> bool:
    """Whether the schema was made with the Keras that is installed; with another one, it may miss what is new."""
    return _shipped().get("$comment") == f"keras {importlib.metadata.version('keras')}"


def target_named(word: str, modules: Sequence[str]) -> str | None:
    """The target that a word means: `keras.layers.Dense` for `Dense`, `dense` or `tf.keras.layers.Dense`, MeanSquaredError
    for `mse` or `mean_squared_error`."""
    plain = _plain(word.rpartition(".")[2])
    names = names_in(modules)
    same = [name for name in names if _plain(name.rpartition(".")[2]) == plain]
    short = [name for name in names if len(plain) > 2 and "".join(re.findall("[A-Z]", name)).lower() == plain]
    return next(iter([*same, *short]), None)


def _plain(word: str) -> str:
    return re.sub(r"[\W_]", "", word).lower()
