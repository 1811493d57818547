"""Whether a stack fits into the device's memory, before it is compiled."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import jax

from stackfit.errors import ConfigError


def check_room(variables: Sequence[Any], trainable: int, size: int) -> None:
    """Whether `size` rows of these variables have room; the first `trainable` of them have gradients.

    Raises:
        ConfigError: they have none, even without a batch's activations.
    """
    sizes = [each.value.nbytes for each in variables]
    member = 2 * sum(sizes) + sum(sizes[:trainable])  # a step reads the old arrays and writes new ones
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
    known = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in known:
        return float(known["bytes_limit"])
    if jax.devices()[0].platform != "cpu" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return math.inf
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
