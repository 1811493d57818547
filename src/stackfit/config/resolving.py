"""From a composed config to plain values: every interpolation resolved, every missing value named."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException

from stackfit.config.schema import Experiment, expected
from stackfit.errors import ConfigError, Problems, did_you_mean


def resolve(config: DictConfig, problems: Problems) -> dict[str, Any]:
    """The config as plain containers, every interpolation resolved.

    Args:
        problems: takes interpolations of keys that do not exist, and missing values; such a key gets None or the
            schema's default.
    """
    removed = dict(_absent(_schema(), config, ""))
    if not removed:
        with contextlib.suppress(OmegaConfBaseException, RecursionError):
            return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    resolved: dict[str, Any] = {}
    for key in removed:
        problems.add([ConfigError(f"{key} was removed. Expected a value. Leave out ~{key}, or write null.", key=key)])
    for path, value in _leaves(config, ()):
        key = ".".join(map(str, path))
        plain = None
        try:
            plain = value()
        except InterpolationToMissingValueError:
            problems.unknown.add(key)  # the key that it refers to is reported instead
        except MissingMandatoryValue:
            problems.add([ConfigError(f"{key} has no value. Expected one, since it has no default. Write: {key}=…", key=key)])
        except (RecursionError, OmegaConfBaseException) as error:
            problems.add([_unresolved(error, key, config)])
        _put(resolved, path, plain)
    for key, default in removed.items():  # last: a section of which nothing is left is an empty value itself
        _put(resolved, key.split("."), default)
    return resolved


def read_section(section: DictConfig) -> dict[str, Any] | None:
    """A section as plain containers, `???` where a value is missing; None if an interpolation leads to no value."""
    with contextlib.suppress(RecursionError, OmegaConfBaseException):
        return OmegaConf.to_container(section, resolve=True)  # type: ignore[return-value]
    return None


def missing_keys(section: DictConfig) -> list[str]:
    """The keys of a section that have no value yet."""
    return [str(key) for key in section if OmegaConf.is_missing(section, key)]


def _unresolved(error: Exception, key: str, config: DictConfig) -> ConfigError:
    said = str(getattr(error, "msg", None) or error).partition("\n")[0]
    text, near = f"The ${{…}} of {key} cannot be read", ""
    if isinstance(error, RecursionError) or said.startswith("Recursive"):
        text = "This value refers to itself"
    elif match := re.search(r"Interpolation key '(.*)' not found", said):
        known = [".".join(map(str, path)) for path, _ in _leaves(config, ())]
        text = f"There is no key {match.group(1)!r} to refer to"
        near = did_you_mean(match.group(1), known)
    elif match := re.search(r"Value '(.*)' of type", said):
        text = f"{key} is {match.group(1)!r} once its ${{…}} is replaced"
        near = f" {key} takes {expected(key)}." if expected(key) else ""
    return ConfigError(
        f"{text}.{near} Expected a value, or ${{…}} with a key of this config. Correct it.", key=key
    )


def _put(node: dict[str, Any], path: Sequence[Any], value: Any) -> None:
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = value


@functools.cache
def _schema() -> Mapping[str, Any]:
    return OmegaConf.to_container(OmegaConf.structured(Experiment))  # type: ignore[return-value]


def _absent(schema: Mapping[str, Any], config: DictConfig, prefix: str) -> Iterator[tuple[str, Any]]:
    """The schema's keys that the config does not have, with their defaults: `~key` removed them."""
    for key, value in schema.items():
        if key not in config._content:
            yield prefix + key, value
        elif value and isinstance(value, Mapping):
            section = config._get_node(key)  # a reference is judged where it is resolved
            if isinstance(section, DictConfig) and isinstance(section._content, dict):
                yield from _absent(value, section, f"{prefix}{key}.")


def _leaves(node: DictConfig, above: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Callable[[], Any]]]:
    """Every value as `(keys, function that reads it)`; an empty mapping counts as a value."""
    for key in node:
        child = node._get_node(key)
        inside = isinstance(child, DictConfig) and not child._is_interpolation() and not child._is_missing()
        if inside and not child._is_none() and len(child):
            yield from _leaves(child, (*above, key))
        else:
            yield (*above, key), lambda key=key: OmegaConf.to_container(OmegaConf.create([node[key]]), resolve=True)[0]
