"""What members take of the device's memory, and whether a stack of them fits, before it is compiled."""

from __future__ import annotations

import math
import os
from typing import Any

from stackfit.errors import ConfigError


def member_bytes(weights: int, gradients: int, optimizer: int) -> dict[str, int]:
    """What the arrays of one member take, by name: a step reads the old values and writes new ones next to them."""
    return {"weights": weights, "gradients": gradients, "optimizer": optimizer, "new values": weights + optimizer}


def check_room(model: Any, size: int) -> None:
    """Whether a stack of `size` such models has room; the optimizer is built.

    Raises:
        ConfigError: it has none, even without a batch's activations.
    """
    parts = (model.weights, model.trainable_weights, model.optimizer.variables)
    member = sum(member_bytes(*(sum(each.value.nbytes for each in part) for part in parts)).values())
    room = memory()
    if size > 1 and size * member > room:
        fitting = 2 ** int(math.log2(max(1.0, room / member)))
        raise ConfigError(
            f"A stack of {size:,} members of this model takes at least {size * member / 1e9:,.1f} GB, and the device has "
            f"{room / 1e9:,.1f} GB. Expected a stack that fits. Write: stack={fitting}",
            key="stack",
        )


def memory() -> float:
    """The device's memory in bytes; a CPU's is the machine's; infinite where it is not known."""
    import jax

    known = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in known:
        return float(known["bytes_limit"])
    if jax.devices()[0].platform != "cpu" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return math.inf
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
