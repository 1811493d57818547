"""The config's top level as dataclasses: a misspelt key or a wrong type is an error, never a silent default.

What stands below `model.layers`, `optimizer`, `task.loss`, `task.metrics` and `callbacks` are the real arguments of
the class that `_target_` names; no class here repeats a Keras signature.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass
class About:
    """What an experiment asks and where it comes from; never changes a result."""

    question: str = ""
    expected: str = ""  # what to expect, and why
    source: str = ""
    published: str = ""  # as printed by the source
    long: bool = False  # takes minutes: checked only with --long
    seconds: float | None = None  # start to end on 2 cores, data cached
    ours: str = ""  # what the source leaves out and we added


@dataclass
class Data:
    """Which data, and what they declare; the loader checks every declaration against the data."""

    kind: str = MISSING  # fashion_mnist, tfds, digits, xor, csv, npz, images
    name: str | None = None  # name in the TFDS catalogue, for kind tfds
    order: str = "tfds"  # fashion_mnist: tfds, or keras as keras.datasets has it
    path: str | None = None  # csv, npz: a file; images: a folder with one subfolder a class
    test_path: str | None = None  # held-out data of the same form; else test_split applies
    test_split: float = 0.2  # share of a user's data held out for the test, drawn with split_seed
    split_seed: int = 0
    label: str | None = None  # csv: the label's column; npz: the label's array
    splits: dict[str, str] = field(default_factory=dict)  # tfds: {train: …, test: …}
    examples: dict[str, int | None] = field(default_factory=dict)  # declared sizes: {train: 60000, test: 10000}
    input_shape: list[int] = MISSING  # of one example, without the batch axis
    num_classes: int = MISSING  # 0 for values (regression)
    class_names: list[str] = field(default_factory=list)
    scale: str = "unit"  # unit (÷ 255), standardize (per feature, training split), none
    validation_split: float = 0.0  # the last part of the training split, as in Keras
    max_memory_bytes: int = 2_000_000_000  # above this, stream from TFDS


@dataclass
class Task:
    """Loss, metrics and label form. A metric's key is its name in every table."""

    labels: str = "class"  # class (numbers), one_hot, value (regression)
    loss: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    class_weight: Any = None  # {class number: weight}; a class that is not named weighs 1


@dataclass
class Model:
    """`layers`: a mapping from a layer's name to its `_target_` and arguments, top to bottom."""

    layers: dict[str, Any] = field(default_factory=dict)


@dataclass
class Experiment:
    """The root of every composed config."""

    about: About = field(default_factory=About)
    expect: list[Any] = field(default_factory=list)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optimizer: dict[str, Any] = field(default_factory=dict)
    task: Task = field(default_factory=Task)
    callbacks: dict[str, Any] = field(default_factory=dict)
    epochs: int = 5
    batch_size: int = 32
    shuffle: bool = True  # a new order every epoch, from (seed, epoch)
    seed: int = 0  # weights, dropout and order
    precision: str = "float32"  # a Keras dtype policy: float32, mixed_bfloat16, mixed_float16
    jit_compile: bool = False  # XLA: other bits, slower to start
    deterministic: bool = True
    save: list[str] = field(default_factory=lambda: ["keras"])  # keras, h5; [] for none
    verbosity: int = 1  # print a line every so many epochs; 0: results only
    silence: list[str] = field(default_factory=list)  # warnings, by name, that are not to be shown


COSMETIC = ("about", "expect", "save", "verbosity", "silence")
"""Keys that never change a number, and so do not enter the fingerprint."""

SILENCEABLE = ("activation_loss", "metric_meaning")
"""The names of warnings: what is only unusual, and what is wrong unless it is meant."""

PARTS: dict[str, type] = {"": Experiment, "about": About, "data": Data, "task": Task, "model": Model}


def keys_of(part: type) -> tuple[str, ...]:
    """The keys of one of the dataclasses."""
    return tuple(field.name for field in fields(part))


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a word or text",
    "list[int]": "a list of whole numbers",
    "list[str]": "a list of words",
    "dict[str, int | None]": "a whole number for each name",
    "dict[str, str]": "a word for each name",
}


def expected(key: str) -> str | None:
    """What the schema wants of a value, in words: `a whole number`; None for keys that it does not type."""
    parent, _, name = key.rpartition(".")
    if parent not in PARTS:
        parent, _, name = parent.rpartition(".")
    hints = {one.name: str(one.type) for one in fields(PARTS[parent])} if parent in PARTS else {}
    hint = hints.get(name, "")
    words = _WORDS.get(hint) or _WORDS.get(hint.removesuffix(" | None"))
    return f"{words} or null" if words and hint.endswith(" | None") else words


def misfit(key: str, value: Any) -> str:
    """The sentences about a value of the wrong type."""
    return f"{key} is {value!r}. Expected {expected(key) or 'a value of another type'}. Correct the value."


def misfits(config: DictConfig, part: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The values of a file that the schema cannot hold: `(keys from the file's top, message)`.

    Args:
        part: where the file's content goes, such as `data`; "" for the root.
    """
    if part not in PARTS:
        return
    blank = _blank(PARTS[part])
    for name in map(str, config):
        node = config._get_node(name)
        key = f"{part}.{name}" if part else name
        if name not in keys_of(PARTS[part]) or node is None or node._is_interpolation() or node._is_missing():
            continue
        if key in PARTS and isinstance(node, DictConfig):
            yield from (((name, *keys), message) for keys, message in misfits(node, key))
        elif isinstance(node, DictConfig) and not node._is_none():
            for item in node:
                if not _holds(blank, name, {item: (value := _plain(node._get_node(item)))}):
                    yield (name, str(item)), misfit(f"{key}.{item}", value)
        elif not _holds(blank, name, value := _plain(node)):
            yield (name,), misfit(key, value)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node) if OmegaConf.is_config(node) else node._value()


def _holds(blank: DictConfig, name: str, value: Any) -> bool:
    try:
        blank[name] = value
    except OmegaConfBaseException:
        return False
    return True


@functools.cache
def _blank(part: type) -> DictConfig:
    return OmegaConf.structured(part)
