"""Which examples train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stackfit.config.schema import Data
from stackfit.data.labels import different
from stackfit.data.settings import split_at, wrong
from stackfit.errors import counted


@dataclass(frozen=True)
class Division:
    """Positions in the file: `train` in its order of use, validation from `cut` on, and `test`."""

    train: np.ndarray
    test: np.ndarray
    cut: int


def divide(
    y: np.ndarray, settings: Data, groups: np.ndarray | None = None, order: np.ndarray | None = None
) -> Division:
    """Hold out `test_split` of the examples, unless there is a `test_path`, and `validation_split` of the others.

    Args:
        y: `(examples,)` class numbers, or values.
        groups: `(examples,)` of `data.group`: no group is in two parts.
        order: `(examples,)` numbers of `data.split_by`: earlier examples train, later ones test, equal ones stay together.

    Raises:
        DataError: a part would be empty.
    """
    share = 0 if settings.test_path else settings.test_split
    if groups is not None and order is not None:
        raise wrong("group", "data.group and data.split_by are both set.", "one of them", "Leave one out")
    if settings.stratify and (groups is not None or order is not None):
        cure = "Leave data.stratify out"
        raise wrong(
            "stratify", "data.stratify is set with a group or an order, which decide the parts.", "one of them", cure
        )
    if groups is not None:
        return _by_group(groups, share, settings)
    if order is not None:
        return _by_order(order, share, settings)
    train, test = hold_out(y, share, settings.split_seed)
    cut = split_at(len(train), settings.validation_split)
    if settings.stratify:
        train = train[stratified(y[train], cut, settings)]
    return Division(train, test, cut)


def target_scale(y: np.ndarray, division: Division) -> dict[str, float]:
    """Mean and deviation of the values of the training part, in float64.

    Raises:
        DataError: they are all the same.
    """
    values = y[division.train[: division.cut]].astype(np.float64)
    if not values.std():
        raise wrong(
            "label", f"Every label of the training part is {values[0]:g}.", "different values", "Set another data.label"
        )
    return {"mean": float(values.mean()), "deviation": float(values.std())}


def hold_out(y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions for training and for the test, in a drawn order: the last part, which validates, is a fair sample too.

    Held out are the first of each class, or of all values; one example of each class stays in training.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    kinds = y[order] if y.dtype.kind == "i" else np.zeros(len(y))
    held_out = np.zeros(len(y), bool)
    for kind in different(kinds):
        members = np.flatnonzero(kinds == kind)
        held_out[members[: min(round(len(members) * share), len(members) - 1)]] = True
    return order[~held_out], order[held_out]


def stratified(y: np.ndarray, cut: int, settings: Data) -> np.ndarray:
    """See `order_by_shares`.

    Raises:
        DataError: the labels are values.
    """
    if y.dtype.kind != "i":
        raise wrong(
            "stratify", "data.stratify is set, but the labels are values.", "classes", "Type data.stratify=false"
        )
    return order_by_shares(y, cut)


def order_by_shares(y: np.ndarray, cut: int) -> np.ndarray:
    """An order of examples in which those from `cut` on have the same share of every class.

    Taken are the last examples of each class. Both parts keep their order, so that a second call
    changes nothing.
    """
    wanted = len(y) - cut
    kinds, counts = np.unique(y, return_counts=True)
    exact = counts * wanted / len(y)
    taken = np.minimum(np.floor(exact).astype(int), counts - 1)
    for place in np.argsort(taken - exact, kind="stable"):  # the largest remainders first
        taken[place] += taken.sum() < wanted and taken[place] < counts[place]
    last = np.zeros(len(y), bool)
    for kind, count in zip(kinds, taken, strict=True):
        members = np.flatnonzero(y == kind)
        last[members[len(members) - count :]] = True
    return np.concatenate([np.flatnonzero(~last), np.flatnonzero(last)])


def _by_group(groups: np.ndarray, share: float, settings: Data) -> Division:
    """Whole groups in a drawn order, until a part has its share."""
    draw = np.random.default_rng(settings.split_seed)
    names, members = np.unique(groups, return_inverse=True)
    parts = 1 + bool(share) + bool(settings.validation_split)
    if len(names) < parts:
        found = f"Column {settings.group!r} has {counted(len(names), 'group')} for {counted(parts, 'part')}."
        raise wrong("group", found, "at least one group for each part", "Set another column")
    drawn = draw.permutation(len(names))
    ends = np.cumsum(np.bincount(members)[drawn])
    tested = _count(ends, share, len(names) - parts + 1) if share else 0
    before = ends[tested - 1] if tested else 0
    held = 0
    if settings.validation_split:
        held = _count(ends[tested:] - before, settings.validation_split, len(names) - tested - 1)
    part = np.zeros(len(names), int)
    part[drawn[:tested]], part[drawn[tested : tested + held]] = 2, 1
    of = part[members]
    rows = draw.permutation(len(groups))
    train, validation, test = (rows[of[rows] == number] for number in range(3))
    return Division(np.concatenate([train, validation]), test, len(train))


def _count(ends: np.ndarray, share: float, most: int) -> int:
    """How many groups in a row come nearest to a share of all examples: at least one, and at most `most`."""
    return min(max(int(np.abs(ends - share * ends[-1]).argmin()) + 1, 1), most)


def _by_order(order: np.ndarray, share: float, settings: Data) -> Division:
    rows = np.argsort(order, kind="stable")
    sorted_order = order[rows]
    end = _boundary(sorted_order, len(rows) - round(len(rows) * share), settings) if share else len(rows)
    cut = end
    if settings.validation_split:
        cut = _boundary(sorted_order[:end], split_at(end, settings.validation_split), settings)
    return Division(rows[:end], rows[end:], cut)


def _boundary(values: np.ndarray, at: int, settings: Data) -> int:
    """The position nearest to `at` at which a sorted column changes."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    if not len(changes):
        found = f"Column {settings.split_by!r} has one value only in {counted(len(values), 'row')} to divide: none is later than another."
        raise wrong("split_by", found, "at least two values in each part but the last", "Set another column")
    return int(changes[np.abs(changes - at).argmin()])
