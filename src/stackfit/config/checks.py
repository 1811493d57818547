"""Checks of a composed config that need no TensorFlow: what is missing, what is out of range, what is not trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from stackfit.config import project
from stackfit.config.class_weights import class_number
from stackfit.config.engine_choice import check_engine
from stackfit.config.schema import LATER, SILENCEABLE, Experiment, unknown_keys
from stackfit.config.signatures import check_signatures
from stackfit.config.trust import check_targets
from stackfit.errors import ConfigError, Problems, did_you_mean, made_by_newer, nearest

CHOICES = {
    "engine": ("tensorflow", "jax"),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16", "float64"),
    "data.kind": project.data_kinds(),
    "data.order": ("tfds", "keras"),
    "data.scale": ("unit", "standardize", "none"),
    "data.impute": ("median", "mean", "most_frequent"),
    "task.labels": ("class", "one_hot", "value"),
}
COLUMN_KINDS = ("number", "category", "category_or_other", "flag", "date", "drop")
RANGES = {
    "epochs": (1, 2**31 - 1),
    "batch_size": (1, 2**31 - 1),
    "seed": (0, 2**32 - 1),  # as NumPy takes it
    "verbosity": (0, 2**31 - 1),
    "data.max_memory_bytes": (1, 2**63 - 1),
    "data.num_classes": (0, 2**31 - 1),
    "data.split_seed": (0, 2**32 - 1),
}
# Arguments that mean the same everywhere in Keras: whole numbers of at least 1, each with an example.
COUNTS = {"units": 64, "filters": 32, "kernel_size": 3, "pool_size": 2, "num_heads": 2, "key_dim": 32, "decay_steps": 1000}
_ABOVE, _FROM = math.nextafter(0, 1), (0, math.inf, "a number of at least 0")
SHARES = {
    "learning_rate": (_ABOVE, math.inf, "a number above 0, or a schedule", 0.001),
    "initial_learning_rate": (0, math.inf, "a number of at least 0", 0.001),
    "rate": (0, 1, "a fraction from 0 to 1", 0.5),
    "momentum": (0, 1, "a fraction from 0 to 1", 0.9),
    "beta_1": (0, 1, "a fraction from 0 to 1", 0.9),
    "beta_2": (0, 1, "a fraction from 0 to 1", 0.999),
    "label_smoothing": (0, 1, "a fraction from 0 to 1", 0.1),
    "weight_decay": (*_FROM, 0.004),
    "l1": (*_FROM, 0.01),
    "l2": (*_FROM, 0.01),
    "patience": (*_FROM, 3),
    "min_delta": (*_FROM, 0.001),
}
SAVE_FORMS = ("keras", "h5")
# Columns of a run's history, metrics and tables: a metric of such a name would be lost, or replace what stands there.
RESERVED_METRICS = ("loss", "epoch", "seconds", "members", "stopped_epoch", "learning_rate", "parameters", "weights_sha256",
                    "weights_epoch", "experiment", "folder", "folders", "state", "reason", "n")  # fmt: skip


def check_values(config: Mapping[str, Any], trusted: tuple[str, ...], known: Problems | None = None) -> Iterator[ConfigError]:
    """One error for each value out of range and each target out of its role.

    Args:
        known: the problems found so far; a value that they cover is not checked.
    """
    known = known or Problems()
    for key, (low, high) in RANGES.items():
        if not known.covers(key) and not low <= (value := _at(config, key)) <= high:
            yield ConfigError(f"{key} is {value}. Expected {low} to {high}. Write: {key}={low}", key=key)
    for key, choices in CHOICES.items():
        value = _at(config, key)
        if value is not None and value not in choices and not known.covers(key):
            yield ConfigError(
                f"{key} is {value!r}.{did_you_mean(str(value), choices)} Expected one of: {', '.join(choices)}. "
                f"Write: {key}={nearest(str(value), choices) or choices[0]}",
                key=key,
            )
    for key in ("data.validation_split", "data.test_split"):
        if not known.covers(key) and not 0 <= (value := _at(config, key)) < 1:
            yield ConfigError(f"{key} is {value}. Expected a fraction from 0 to less than 1. Write: {key}=0.2", key=key)
    for key, choices in (("save", SAVE_FORMS), ("silence", SILENCEABLE)):
        for form in config[key] or ():
            if form not in choices:
                yield ConfigError(
                    f"{key} holds {form!r}.{did_you_mean(str(form), choices)} Expected some of: {', '.join(choices)}. "
                    f"Write: '{key}=[{choices[0]}]'",
                    key=key,
                )
    for size in config["data"]["input_shape"] or ():
        if not isinstance(size, int) or size < 1:
            yield ConfigError(
                f"data.input_shape holds {size!r}. Expected whole numbers of at least 1. Write: 'data.input_shape=[28,28,1]'",
                key="data.input_shape",
            )
    if not known.covers("engine"):
        yield from check_engine(config)
    layers = {name: layer for name, layer in (config["model"]["layers"] or {}).items() if layer is not None}
    if not layers:
        yield ConfigError(
            "The model has no layers. Expected at least an output layer. Write: model=mlp", key="model.layers"
        )
    for key, cure in (("task.loss", "task=classification"), ("optimizer", "optimizer=adam")):
        if not _at(config, key):
            yield ConfigError(f"There is no {key}. Expected a mapping with `_target_`. Write: {cure}", key=key)
    for name, metric in (config["task"]["metrics"] or {}).items():
        own = str(name).removeprefix("val_").removeprefix("test_")
        if metric is not None and (own != name or own in RESERVED_METRICS):
            yield ConfigError(
                f"A metric is called {name!r}, which is a column of every run. Expected a name of its own, without val_ or test_. "
                f"Write: {own if own not in RESERVED_METRICS else f'my_{own}'}",
                key=f"task.metrics.{name}",
            )
    if not known.covers("data.num_classes"):
        names = [str(name) for name in config["data"]["class_names"] or ()]
        yield from _check_class_weight(config["task"]["class_weight"], config["data"]["num_classes"], names)
    yield from check_targets(config, trusted)  # first: another error at the same place must not cover it
    for part in ("model.layers", "optimizer", "task.loss", "task.metrics", "callbacks"):
        yield from _check_arguments(_at(config, part), part)
    yield from check_signatures(config)


def check_stored(config: Mapping[str, Any], trusted: tuple[str, ...], where: str) -> dict[str, Any]:
    """Check a run's resolved config by the schema and the rules for a new one: it may come from another user.

    Args:
        where: the file that holds it.

    Returns:
        The config with the schema's types. Keys that were added after it was written get the value that means what runs did
        then (`schema.LATER`), or else their default.

    Raises:
        ConfigErrors: everything that is refused in a new config.
    """
    if unknown := unknown_keys(config):
        raise ConfigError(made_by_newer("This config", unknown), where=where)
    try:
        if "${" in str(config):
            raise ValueError("it holds a ${…} that is not resolved")
        later = OmegaConf.create()
        for key, omitted in LATER.items():
            OmegaConf.update(later, key, omitted)
        known = OmegaConf.merge(OmegaConf.structured(Experiment), later, dict(config))
        plain = OmegaConf.to_container(known, throw_on_missing=True)
        errors = list(check_values(plain, trusted))  # type: ignore[arg-type]
    except Exception as error:  # OmegaConf passes on any exception: the file may hold anything
        text = str(error).partition("\n")[0].rstrip(".")
        raise ConfigError(
            f"This is not a run's config: {text}. Expected the resolved config that stackfit wrote. "
            "Run the experiment again.",
            where=where,
        ) from None
    for error in errors:
        error.where = where
    Problems(errors).raise_errors()
    return plain  # type: ignore[return-value]


def _check_class_weight(weights: Any, classes: int, names: Sequence[str]) -> Iterator[ConfigError]:
    if weights is None or (weights == "balanced" and classes):
        return
    good = isinstance(weights, Mapping) and all(
        class_number(key, classes, names) is not None and isinstance(weight, (int, float)) and weight >= 0
        for key, weight in weights.items()
    )
    if not good:
        unknown = [str(key) for key in weights if class_number(key, classes, names) is None] if isinstance(weights, Mapping) else []
        near = did_you_mean(unknown[0], names) if unknown else ""
        named = f", or names ({', '.join(names[:5])}{', …' * (len(names) > 5)})" if names else ""
        yield ConfigError(
            f"task.class_weight is {weights!r}.{near} Expected balanced, or class numbers from 0 to {classes - 1}{named}, each "
            "with a weight of at least 0. Write: task.class_weight=balanced, or 'task.class_weight={0: 2.0, 3: 0.5}'",
            key="task.class_weight",
        )
    elif weights and not any(weights.values()) and len(weights) == classes:
        yield ConfigError(
            "task.class_weight gives every class the weight 0: nothing would be learnt. Expected a weight above 0 for at least "
            "one class. Write: task.class_weight=null",
            key="task.class_weight",
        )


def _check_arguments(node: Any, key: str) -> Iterator[ConfigError]:
    """Check the arguments of Keras's targets and ours, at every depth, by what their names mean."""
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from _check_arguments(item, key)
    if not isinstance(node, Mapping):
        return
    ours = str(node.get("_target_")).startswith(("keras.", "stackfit."))
    for name, value in node.items():
        here = f"{key}.{name}"
        if ours and name in COUNTS:
            counts = value if isinstance(value, (list, tuple)) else [value]
            for count in counts:
                if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                    yield ConfigError(
                        f"{name} is {count!r}. Expected a whole number of at least 1. Write: {here}={COUNTS[name]}", key=here
                    )
        elif ours and name in SHARES and not isinstance(value, (Mapping, type(None))):
            low, high, words, example = SHARES[name]
            if isinstance(value, (bool, str, list)) or not low <= value <= high:
                yield ConfigError(f"{name} is {value!r}. Expected {words}. Write: {here}={example}", key=here)
        yield from _check_arguments(value, here)


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value
