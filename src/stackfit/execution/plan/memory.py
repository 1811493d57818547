"""What a cohort takes of the memory while it trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from stackfit.execution import members
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of
from stackfit.model.sizes import ModelSize


def describe_memory(cells: Sequence[Cell], sizes: Sequence[ModelSize], data_bytes: int | None) -> dict[str, Any]:
    """`memory`: bytes by what they are for, the data once; `stack`: the size of the stack that they are of, or None.

    Args:
        sizes: of the cells' models. A stack takes the same however few of its rows are cells.
    """
    engine, stack = engine_of(cells[0].config), members.settings_of(cells[0].config).stack
    rows = [sizes[0]] * stack if stack > 1 else sizes
    found: Counter[str] = Counter()
    for size in rows:
        found.update(engine.member_bytes(size.weights_bytes, size.gradients_bytes, size.optimizer_bytes))
        found["activations"] += cells[0].config["batch_size"] * size.activation_bytes
    return {"stack": stack if stack > 1 else None, "memory": {**found, "data": data_bytes}}
