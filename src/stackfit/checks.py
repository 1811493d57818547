"""Checks of a composed config that need no TensorFlow: what is missing, what is out of range, what is not trusted."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException

from stackfit.errors import ConfigError, ConfigErrors, Problems, did_you_mean
from stackfit.origins import Origins
from stackfit.schema import Experiment
from stackfit.trust import check_targets

CHOICES = {
    "precision": ("float32", "mixed_bfloat16", "mixed_float16", "float64"),
    "data.kind": ("fashion_mnist", "tfds", "digits", "xor", "csv", "npz", "images"),
    "data.order": ("tfds", "keras"),
    "data.scale": ("unit", "standardize", "none"),
    "task.labels": ("class", "one_hot", "value"),
}
RANGES = {
    "epochs": (1, 2**31 - 1),
    "batch_size": (1, 2**31 - 1),
    "seed": (0, 2**32 - 1),  # as NumPy takes it
    "verbosity": (0, 2**31 - 1),
    "data.max_memory_bytes": (1, 2**63 - 1),
}
SAVE_FORMS = ("keras", "h5")


def resolve(config: DictConfig, origins: Origins) -> dict[str, Any]:
    """The config as plain containers, every interpolation resolved.

    Raises:
        ConfigErrors: interpolations that point nowhere and values that are missing, all of them, each with its place.
    """
    removed = list(_absent(_schema(), config, ""))
    with contextlib.suppress(OmegaConfBaseException, RecursionError):
        if not removed:
            return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    errors = [
        ConfigError(f"{key} was removed. Expected a value. Leave ~{key} out, or write null.", key=key)
        for key in removed
    ]
    for key, value in _leaves(config, ""):
        try:
            value()
        except InterpolationToMissingValueError:
            continue  # the key that it refers to is reported itself
        except MissingMandatoryValue:
            errors.append(
                ConfigError(f"{key} has no value. Expected one, since it has no default. Write: {key}=…", key=key)
            )
        except (RecursionError, OmegaConfBaseException) as error:
            text = str(getattr(error, "msg", None) or error).partition("\n")[0]
            if isinstance(error, RecursionError) or text.startswith("Recursive"):
                text = "This value refers to itself"
            errors.append(
                ConfigError(
                    f"{text.rstrip('.')}. Expected a value, or ${{…}} with a key of this config. Correct it.", key=key
                )
            )
    raise_all(errors, origins)
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    return resolved


@functools.cache
def _schema() -> Mapping[str, Any]:
    return OmegaConf.to_container(OmegaConf.structured(Experiment))  # type: ignore[return-value]


def _absent(schema: Mapping[str, Any], config: DictConfig, prefix: str) -> Iterator[str]:
    """The schema's keys that the config does not have: `~key` took them away."""
    for key, value in schema.items():
        if key not in config._content:
            yield prefix + key
        elif value and isinstance(value, Mapping):
            yield from _absent(value, config[key], f"{prefix}{key}.")


def _leaves(node: DictConfig, prefix: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every value as `(dotted key, function that reads it)`."""
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_interpolation() and not child._is_missing():
            if not child._is_none():
                yield from _leaves(child, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", lambda key=key: OmegaConf.to_container(OmegaConf.create([node[key]]), resolve=True)


def check_values(config: Mapping[str, Any], trusted: tuple[str, ...]) -> Iterator[ConfigError]:
    """One error for each value out of range and each target out of its role."""
    for key, (low, high) in RANGES.items():
        if not low <= (value := _at(config, key)) <= high:
            yield ConfigError(f"{key} is {value}. Expected {low} to {high}. Write: {key}={low}", key=key)
    for key, choices in CHOICES.items():
        if (value := _at(config, key)) not in choices:
            yield ConfigError(
                f"{key} is {value!r}.{did_you_mean(str(value), choices)} Expected one of: {', '.join(choices)}. "
                f"Write: {key}={choices[0]}",
                key=key,
            )
    for key in ("data.validation_split", "data.test_split"):
        if not 0 <= (value := _at(config, key)) < 1:
            yield ConfigError(f"{key} is {value}. Expected a share from 0 to below 1. Write: {key}=0.2", key=key)
    for form in config["save"]:
        if form not in SAVE_FORMS:
            yield ConfigError(
                f"save holds {form!r}. Expected some of: {', '.join(SAVE_FORMS)}. Write: 'save=[keras]'", key="save"
            )
    layers = {name: layer for name, layer in (config["model"]["layers"] or {}).items() if layer is not None}
    if not layers:
        yield ConfigError(
            "The model has no layers. Expected at least an output layer. Write: model=mlp", key="model.layers"
        )
    for key, cure in (("task.loss", "task=classification"), ("optimizer", "optimizer=adam")):
        if not _at(config, key):
            yield ConfigError(f"There is no {key}. Expected a mapping with `_target_`. Write: {cure}", key=key)
    yield from _check_class_weight(config["task"]["class_weight"], config["data"]["num_classes"])
    yield from _check_units(layers)
    yield from check_targets(config, trusted)


def check_stored(config: Mapping[str, Any], trusted: tuple[str, ...], where: str) -> dict[str, Any]:
    """Hold a run's resolved config against the schema and the rules for a new one: it may be somebody else's.

    Args:
        where: the file it stands in.

    Returns:
        The config with the schema's types; keys that it is too old to have get their defaults.

    Raises:
        ConfigErrors: what would be refused in a new config.
    """
    try:
        if "${" in str(config):
            raise ValueError("it holds a ${…} that is not resolved")
        known = OmegaConf.merge(OmegaConf.structured(Experiment), dict(config))
        plain = OmegaConf.to_container(known, throw_on_missing=True)
        errors = list(check_values(plain, trusted))  # type: ignore[arg-type]
    except (OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
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


def _check_class_weight(weights: Any, classes: int) -> Iterator[ConfigError]:
    if weights is None:
        return
    good = isinstance(weights, Mapping) and all(
        str(number).isdecimal() and int(number) < classes and isinstance(weight, (int, float)) and weight >= 0
        for number, weight in weights.items()
    )
    if not good:
        yield ConfigError(
            f"task.class_weight is {weights!r}. Expected class numbers from 0 to {classes - 1}, each with a weight of at "
            "least 0. Write: 'task.class_weight={0: 2.0, 3: 0.5}'",
            key="task.class_weight",
        )


def _check_units(layers: Mapping[str, Any]) -> Iterator[ConfigError]:
    for name, layer in layers.items():
        units = layer.get("units") if isinstance(layer, Mapping) else None
        for width in units if isinstance(units, list) else [units]:
            if width is not None and (isinstance(width, bool) or not isinstance(width, int) or width < 1):
                key = f"model.layers.{name}.units"
                yield ConfigError(
                    f"units is {width!r}. Expected a whole number of at least 1. Write: {key}=64", key=key
                )


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def raise_all(errors: list[ConfigError], origins: Origins) -> None:
    """Raise what was found, each with its place: one error as itself, several together."""
    placed = [origins.add_place(error) for error in errors]
    if len(placed) == 1:
        raise placed[0]
    if placed:
        raise ConfigErrors(placed)
