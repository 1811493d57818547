"""A run's fingerprint: a digest over everything that decides a number, and how it may change from version to version.

Runs of earlier versions keep their fingerprints. A key that was added later is left out while it has its omission value
(`config.schema.LATER`); a fix that changes numbers is a revision, and is part of it only for configs that use what it fixes.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackfit.config import adaptation, class_weights, schema, threads
from stackfit.config.methods import defines
from stackfit.model import own_modules

NUMERICS = 1  # never changes: see `Revision`


@dataclass(frozen=True)
class Revision:
    """A fix of ours that changes numbers: `name` and `number` enter the fingerprint of configs for which `used_by` is true."""

    name: str
    number: int
    used_by: Callable[[Mapping[str, Any]], bool]


def _has_named_weights(config: Mapping[str, Any]) -> bool:
    return bool(config["task"]["class_weight"]) and class_weights.means_names(config)


VALIDATION_HOOKS = tuple(f"on_test{when}" for when in ("_begin", "_end", "_batch_begin", "_batch_end"))
# It writes files at these hooks and changes no number.
TENSORBOARD = "keras.callbacks.TensorBoard"
# Of Keras's metrics those that compared each label with every output of the batch where a model has one output.
BROADCAST = {f"keras.metrics.{name}" for name in ("CategoricalHinge", "Hinge", "KLDivergence", "Poisson", "SquaredHinge")}


def _has_validation_hooks(config: Mapping[str, Any]) -> bool:
    targets = _targets(config["callbacks"]) - {TENSORBOARD}
    return bool(config["data"]["validation_split"]) and any(defines(target, VALIDATION_HOOKS) for target in targets)


def _has_broadcast_metrics(config: Mapping[str, Any]) -> bool:
    return config["task"]["labels"] != "one_hot" and bool(_targets(config["task"]["metrics"]) & BROADCAST)


def _is_on_jax(config: Mapping[str, Any]) -> bool:
    return config.get("engine") == "jax"


def _targets(nodes: Mapping[str, Any] | None) -> set[str]:
    return {str(node["_target_"]) for node in (nodes or {}).values() if isinstance(node, Mapping)}


REVISIONS: tuple[Revision, ...] = (
    Revision("class_weight", 2, _has_named_weights),
    Revision("adapt", 1, adaptation.has_adapting),  # before: trained as if the layer were not there
    Revision("validation_hooks", 2, _has_validation_hooks),
    Revision("metric_labels", 2, _has_broadcast_metrics),
    Revision("threads", 2, threads.gained_threads),
    Revision("jax", 2, _is_on_jax),  # before: crossentropy of clipped probabilities; what was set after a last batch was lost
)


def fingerprint_of(config: Mapping[str, Any], data_fingerprint: str, modules: Iterable[str] = ()) -> str:
    """SHA-256 over config, data, the versions of Keras and of the engine's library, revisions, and trusted code.

    Args:
        config: resolved, plain containers.
        data_fingerprint: of the decoded arrays in stored order; for streamed data, of their files.
        modules: the user's modules that the config names.
    """
    parts: dict[str, Any] = {
        "config": _deciding(config),
        "layers": list(config["model"]["layers"]),  # their order; the keys above are sorted
        "data": data_fingerprint,
        "keras": _known(importlib.metadata.version, "keras"),
        "tensorflow": _known(importlib.metadata.version, config.get("engine", "tensorflow")),  # the engine's library
        "numerics": NUMERICS,
        "code": code_digests(modules),
    }
    if revisions := {fix.name: fix.number for fix in REVISIONS if fix.used_by(config)}:
        parts["revisions"] = revisions
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@functools.cache
def _known(read: Callable[[str], str], name: str) -> str:
    """A version, read once: it takes 0.25 ms, and every cell of a sweep needs two."""
    return read(name)


def _deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without keys that never change a number, and without later keys at their omission values."""
    kept = copy.deepcopy({key: value for key, value in config.items() if key not in schema.COSMETIC})
    for key, omitted in schema.LATER.items():
        *above, last = key.split(".")
        node: Any = kept
        for part in above:
            node = node.get(part) or {}
        if last in node and node[last] == omitted:
            del node[last]
    return kept


def code_digests(modules: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each module's code."""
    return {module: own_modules.digest_of(module) for module in sorted(modules)}
