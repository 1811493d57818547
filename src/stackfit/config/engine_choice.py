"""What `engine` asks of other keys, and how many members `stack: auto` means on this machine."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stackfit.errors import ConfigError

GPU_STACK = 64  # measured on an H100: 64 members take 2.8 times as long as one
LARGEST = 2**16
NOT_ON_JAX = {
    "precision": ("float64", "precision is float64, but engine is jax, which trains in float32. Expected at most that", "float32"),
    "jit_compile": (True, "jit_compile is true, but engine is jax, which compiles every program. Expected false", "false"),
}


# The library of each engine, with what installs it.
LIBRARIES = {"tensorflow": "tensorflow", "jax": "'stackfit[jax]'"}


def check_engine(config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """One error for each key that does not go with the engine."""
    engine, stack = config["engine"], config["stack"]
    if engine in LIBRARIES and importlib.util.find_spec(engine) is None:
        yield ConfigError(
            f"engine is {engine}, and {engine} is not installed. Expected its library. Type: pip install {LIBRARIES[engine]}",
            key="engine",
        )
    if stack != "auto" and (isinstance(stack, bool) or not isinstance(stack, int) or not 1 <= stack <= LARGEST):
        yield ConfigError(f"stack is {stack!r}. Expected auto, or a number of members from 1 to {LARGEST}. Write: stack=auto", key="stack")
    elif engine == "tensorflow" and stack != "auto":
        yield ConfigError(
            f"stack is {stack}, but engine is tensorflow, which does not stack members. Expected auto. Leave stack out, or write: "
            "engine=jax",
            among=("stack", "engine"),
        )
    if engine == "jax":
        for key, (value, found, cure) in NOT_ON_JAX.items():
            if config[key] == value:
                yield ConfigError(f"{found}. Write: {key}={cure}, or engine=tensorflow", among=(key, "engine"))


def stack_of(config: Mapping[str, Any]) -> Any:
    """The value of `stack` that a cell trains with, wherever it trains: what `auto` means when it is planned."""
    if config["engine"] != "jax" or config["stack"] != "auto":
        return config["stack"]
    return GPU_STACK if has_gpu() else 1


def has_gpu() -> bool:
    """Whether JAX would use a GPU: its CUDA wheel brings a plugin. Answers without importing JAX."""
    if os.environ.get("JAX_PLATFORMS", "").lower() == "cpu" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any("cuda" in name or "rocm" in name for name in _plugins(importlib.metadata.entry_points))


@functools.cache
def _plugins(read: Callable[..., Any]) -> list[str]:
    """The names of JAX's plugins, read once: it takes 5 ms, and every cell of a sweep asks."""
    return [plugin.name for plugin in read(group="jax_plugins")]
