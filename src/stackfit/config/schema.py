"""The config's top level as dataclasses: a misspelt key or a wrong type is an error, never a silent default.

The keys below `model.layers`, `optimizer`, `task.loss`, `task.metrics` and `callbacks` are the real arguments of the
class that `_target_` names; no class here repeats a Keras signature.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stackfit.config.forms import mapping_form
from stackfit.config.override_text import override_text
from stackfit.errors import did_you_mean
from stackfit.keys import flatten


@dataclass
class About:
    """What an experiment asks and where it comes from; never changes a result."""

    question: str = ""
    expected: str = ""  # what to expect, and why
    source: str = ""
    published: str = ""  # as printed by the source
    long: bool = False  # takes minutes: checked only with --long
    seconds: float | None = None  # start to end on 2 cores, data cached
    ours: str = ""  # what we added to the source


@dataclass
class Data:
    """Which data, and what they declare; the loader checks every declaration against the data."""

    kind: str = MISSING  # the reader: csv, npz or images for your own data, tfds, or one data set by its name
    name: str | None = None  # name in the TFDS catalogue, for kind tfds
    order: str = "tfds"  # fashion_mnist: tfds, or keras for the order of keras.datasets
    path: str | None = None  # csv, npz: a file; images: a folder with one subfolder per class
    test_path: str | None = None  # held-out data of the same form; else test_split applies
    test_split: float = 0.2  # share of a user's data held out for the test, drawn with split_seed
    split_seed: int = 0
    label: str | None = None  # csv: the label's column; npz: the label's array
    resize: list[int] = field(default_factory=list)  # images: [height, width] of every picture; else they must be alike
    background: str = "white"  # images: the colour behind what is transparent, by name or as #rrggbb
    splits: dict[str, str] = field(default_factory=dict)  # tfds: {train: …, test: …}
    examples: dict[str, int | None] = field(default_factory=dict)  # declared sizes: {train: 60000, test: 10000}
    input_shape: list[int] = MISSING  # of one example, without the batch axis
    num_classes: int = MISSING  # 0 for values (regression)
    class_names: list[str] = field(default_factory=list)
    scale: str = "unit"  # unit (÷ 255), standardize (per feature, training split), none
    validation_split: float = 0.0  # the last part of the training split, as in Keras
    max_memory_bytes: int = 2_000_000_000  # above this, stream from TFDS
    columns: Any = None  # csv: {COLUMN: number, category, category_or_other, flag, date or drop}, or auto
    impute: str | None = None  # csv: what missing cells get: median, mean, most_frequent (of the training part)
    missing: list[str] = field(default_factory=[""].copy)  # csv: cells that count as missing
    decimal: str | None = None  # csv: the decimal sign
    thousands: str | None = None  # csv: the sign that groups thousands
    header: bool | None = None  # csv: whether the first line holds names; null: yes, if it looks so
    separator: str | None = None  # csv: null: found in the first line
    encoding: str | None = None  # csv: null: UTF-8
    stratify: bool = False  # the validation part has the same share of every class
    group: str | None = None  # csv: a column; no value of it is in two parts
    split_by: str | None = None  # csv: a column; earlier rows train, later rows test
    scale_target: bool = False  # regression: train on targets of mean 0 and deviation 1, report in their own units


@dataclass
class Task:
    """Loss, metrics and label form. A metric's key is its name in every table."""

    labels: str = "class"  # class (numbers), one_hot, value (regression)
    loss: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    class_weight: Any = None  # balanced, or {class number or name: weight}; a class that is not named weighs 1


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
    jit_compile: bool = False  # XLA: other bits, a slower start
    engine: str = "tensorflow"  # what trains: tensorflow, or jax (the extra), many cells at once on a GPU
    stack: Any = "auto"  # engine jax: members of one program, a number, or auto: 64 with a GPU, else 1
    deterministic: bool = True
    save: list[str] = field(default_factory=lambda: ["keras"])  # keras, h5; [] for none
    verbosity: int = 1  # print a line every this many epochs; 0: results only
    silence: list[str] = field(default_factory=list)  # warnings to hide, by name


COSMETIC = ("about", "expect", "save", "verbosity", "silence")
"""Keys that never change a number, and so do not enter the fingerprint."""

LATER: dict[str, Any] = {
    "engine": "tensorflow",
    "stack": "auto",
    "data.resize": [],
    "data.background": "white",
    "data.columns": None,
    "data.impute": None,
    "data.missing": [""],
    "data.decimal": None,
    "data.thousands": None,
    "data.header": None,
    "data.separator": None,
    "data.encoding": None,
    "data.stratify": False,
    "data.group": None,
    "data.split_by": None,
    "data.scale_target": False,
}
"""Keys that were added after runs had been made, each with the value that means what those runs did. It is written once and
stays when a default changes: a key with this value is not in the fingerprint, and a stored config without the key has it."""


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config as `{dotted key: value}`; lists stay lists.

    Without keys that never change a number, and without later ones at their omission value: in a table with runs of earlier
    versions they would seem to differ.
    """
    flat = flatten({key: value for key, value in config.items() if key not in COSMETIC})
    return {key: value for key, value in flat.items() if key not in LATER or value != LATER[key]}


SILENCEABLE = (
    *("activation_loss", "metric_meaning", "inner_softmax", "extra_outputs", "value_range", "half_precision"),
    *("schedule_length", "class_gaps", "no_test_part", "one_colour", "replaced_option", "almost_hook"),
    *("row_numbers", "look_alike", "auto_columns", "part_sizes", "foreign_conf", "lost_digits"),
    *("few_trials", "searched_test", "unread_setting"),
)
"""The names of warnings: for configs that are unusual, or wrong unless they are meant so."""

PARTS: dict[str, type] = {"": Experiment, "about": About, "data": Data, "task": Task, "model": Model}


def keys_of(part: type) -> tuple[str, ...]:
    """The keys of one of the dataclasses."""
    return tuple(field.name for field in fields(part))


def unknown_keys(config: Mapping[str, Any]) -> list[str]:
    """The dotted keys of a resolved config that no dataclass declares."""
    found = []
    for name, part in PARTS.items():
        node = config.get(name) if name else config
        prefix = f"{name}." if name else ""
        found += [f"{prefix}{key}" for key in (node if isinstance(node, Mapping) else ()) if key not in keys_of(part)]
    return found


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
    """What the schema expects of a value, in words: `a whole number`; None for keys that it does not type."""
    parent, _, name = key.rpartition(".")
    if parent not in PARTS:
        parent, _, name = parent.rpartition(".")
    hint = hint_of(f"{parent}.{name}" if parent else name) or ""
    words = _WORDS.get(hint) or _WORDS.get(hint.removesuffix(" | None"))
    return f"{words} or null" if words and hint.endswith(" | None") else words


def find_misfits(value: Any, path: tuple[str, ...] = (), typed: bool = False) -> Iterator[tuple[tuple[str, ...], str]]:
    """The parts of a plain value that the schema refuses, as `(keys from the top, sentences)`; `${…}` is accepted anywhere.

    Args:
        value: the value at `path`; the whole config if that is empty.
        typed: as an override; else in a file.
    """
    is_open = isinstance(value, str) and (value == MISSING or "${" in value)
    if is_open and not any(_is_unknown(path[:end]) for end in range(1, len(path) + 1)):
        return
    key, parent, name = ".".join(path), ".".join(path[:-1]), path[-1] if path else ""
    hint = hint_of(key)
    message = None
    above = next((path[:end] for end in range(1, len(path)) if _is_unknown(path[:end])), None)
    if above:  # `++data.scaling.x=1`: the key is wrong further up
        path, key, parent, name = above, ".".join(above), ".".join(above[:-1]), above[-1]
    if path and parent not in PARTS:  # an item of a mapping, such as data.examples.train, or an argument of a target
        above = ".".join(path[:-2])
        if above in PARTS and hint_of(parent) and not _holds(above, path[-2], {name: value}):
            message = _misfit(key, value, typed)
    elif path and hint is None:
        known = keys_of(PARTS[parent])
        place = f" in {parent}" if parent else ""
        near = did_you_mean(name, known)
        message = f"There is no key {name!r}{place}.{near} Expected one of: {', '.join(known)}. Correct the name."
    elif value is None:
        if hint != "Any" and "None" not in str(hint):
            example = ": …" if not typed else "=…"
            message = f"{key} is null. Expected {expected(key) or 'a value'}. Write: {name if not typed else key}{example}"
    elif key in PARTS or str(hint).startswith("dict"):
        if isinstance(value, Mapping):
            for item in value:
                inside = (*path, str(item))
                if str(hint).startswith("dict[str") and not isinstance(item, str):
                    yield inside, f"{'.'.join(inside)} is not a word. Expected one as a key. Write it in quotes."
                else:
                    yield from find_misfits(value[item], inside, typed)
        else:
            message = f"{key} is {_brief(value)}. Expected a mapping. {mapping_form(key, value, typed)}"
    elif str(hint).startswith("list") and not isinstance(value, list):
        inside = "…" if isinstance(value, Mapping) else value
        form = override_text(key, [value]) if typed and inside == value else f"{name}: [{inside}]"
        message = f"{key} is {_brief(value)}. Expected a list. Write: {form}"
    elif not _holds(parent, name, value):
        message = _misfit(key, value, typed)
    if message:
        yield path, message


def _is_unknown(path: tuple[str, ...]) -> bool:
    return ".".join(path[:-1]) in PARTS and hint_of(".".join(path)) is None


def _misfit(key: str, value: Any, typed: bool = False) -> str:
    cure = "Correct the value."
    whole = isinstance(value, float) and value.is_integer() and hint_of(key) in ("int", "int | None")
    if whole or (value == "None" and str(hint_of(key)).endswith("None")):
        plain = int(value) if whole else "null"
        cure = f"Write: {key}={plain}" if typed else f"Write: {key.rpartition('.')[2]}: {plain}"
    return f"{key} is {_brief(value)}. Expected {expected(key) or 'a value of another type'}. {cure}"


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)


def hint_of(key: str) -> str | None:
    """The type that a dataclass declares for a key, as written; None if it declares no such key."""
    parent, _, name = key.rpartition(".")
    declared = fields(PARTS[parent]) if parent in PARTS else ()
    return next((str(field.type) for field in declared if field.name == name), None)


def _holds(part: str, name: str, value: Any) -> bool:
    try:
        _blank(PARTS[part])[name] = value
    except OmegaConfBaseException:
        return False
    return True


@functools.cache
def _blank(part: type) -> DictConfig:
    return OmegaConf.structured(part)
