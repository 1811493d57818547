"""How many threads share one operation of a cell: a function of its config, because it decides bits.

Measured with TensorFlow 2.21 on 1 and 2 threads: convolutions of all kinds, attention, LayerNormalization,
SpectralNormalization and products of two sides of 1000 or more end with other weights; what is in `STEADY` does not. With 4
threads 128 units do too, at batches of 1000.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

# One thread beats several up to batches of a few hundred (2 cores: an epoch of 32 units 0.36 s against 0.50 s). Above, a
# fixed number and not that of the cores, or the same run had other bits on another machine.
LARGE_BATCH, LARGE_BATCH_THREADS = 512, 2
STEADY = {
    "stackfit.layers.dense_stack",
    *(f"keras.layers.{name}" for name in ("Flatten", "Dense", "Dropout", "Activation", "ReLU", "Rescaling")),
    "keras.layers.BatchNormalization",
}
WIDE = 1000


def threads_of(config: Mapping[str, Any]) -> int:
    """The threads of one operation."""
    size = config["batch_size"]
    return LARGE_BATCH_THREADS if isinstance(size, int) and size >= LARGE_BATCH else 1


def need_threads(config: Mapping[str, Any]) -> bool:
    """Whether another number of threads may give the cell other bits. The config may be wrong: `plan` names all that is."""
    layers = [node for node in (config["model"]["layers"] or {}).values() if isinstance(node, Mapping)]
    shape = config["data"]["input_shape"] or ()
    sizes = [math.prod(size for size in shape if isinstance(size, int)), *_widths(layers)]
    other = config["precision"] != "float32" or any(str(node.get("_target_")) not in STEADY for node in layers)
    return other or sum(size >= WIDE for size in sizes) > 1


def gained_threads(config: Mapping[str, Any]) -> bool:
    """Whether the cell had as many threads as there were cores, before the number was fixed, and may have other bits now."""
    return threads_of(config) == LARGE_BATCH_THREADS and need_threads(config)


def _widths(layers: list[Mapping[str, Any]]) -> Iterator[int]:
    for node in layers:
        units = node.get("units")
        yield from (width for width in (units if isinstance(units, list) else [units]) if isinstance(width, int))
