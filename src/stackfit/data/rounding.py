"""Different values that float32, which holds 7 digits, makes one."""

from __future__ import annotations

import numpy as np

from stackfit.errors import counted

EXACT = 2**24  # up to here, float32 holds every whole number
FEW = 100  # steps of float32 between the lowest and the highest value of a feature: fewer are rounded away
CELLS, ROWS, LEAST = 1 << 20, 1 << 14, 100  # that are looked at: so many cells, in at most and at least so many rows


def are_merged(values: np.ndarray, columns: int = 1) -> np.ndarray:
    """Whether float32 leaves at most half of the different values of each column, `(rows, …)`; by its first rows.

    The last digits of measurements are noise, of which few fall together; of seconds since 1970 nearly all do, whatever else
    the column holds.

    Args:
        columns: how many such arrays the data have; of many, fewer rows are looked at.
    """
    width = columns * max(1, int(np.prod(values.shape[1:])))
    some = np.sort(values[: min(ROWS, max(LEAST, CELLS // width))], axis=0)  # NaNs are last
    with np.errstate(over="ignore"):
        left = some.astype(np.float32)
    left[np.abs(left) < np.finfo(np.float32).tiny] = 0  # as processors do in training
    before, after = (((each[1:] != each[:-1]) & (each[:-1] == each[:-1])).sum(axis=0) + 1 for each in (some, left))
    return np.asarray(2 * after <= before)


def rounded(x: np.ndarray, name: str, cure: str) -> str:
    """What float32 loses of examples `(examples, …)`, in words; empty if nothing.

    Seconds since 1970 and the like differ in their last digits only, which float32 does not keep; of keys, different ones
    become one.
    """
    low, high = x.min(axis=0).astype(np.float64).ravel(), x.max(axis=0).astype(np.float64).ravel()
    if not np.isfinite([low, high]).all():
        return ""
    with np.errstate(over="ignore"):
        step = np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(np.float64)
        lost = (high > low) & (high - low < FEW * step)
    if not np.can_cast(x.dtype, np.float32):
        lost |= are_merged(x).ravel()
    if x.dtype.kind in "iu":
        flat = x.reshape(len(x), -1)
        for at in np.flatnonzero((np.maximum(-low, high) > EXACT) & ~lost):
            lost[at] = len(np.unique(flat[:, at])) > len(np.unique(flat[:, at].astype(np.float32)))
    if not lost.any():
        return ""
    first = int(lost.argmax())
    return (
        f"float32 loses the differences of {int(lost.sum()):,} of {counted(len(low), 'feature')} in {name}, such as number "
        f"{first} (from 0), {low[first]:.10g} to {high[first]:.10g}. Expected numbers whose first 7 digits tell them apart. {cure}."
    )
