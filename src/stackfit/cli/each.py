"""Commands over several runs: a broken one is named, and the others are still done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, TypeVar

from stackfit.errors import StackfitError, printable

T = TypeVar("T")


def for_each(
    things: Iterable[T], act: Callable[[T], Any], name: Callable[[T], str] = str, out: TextIO | None = None
) -> int:
    """Call `act` for each; of several, one that raises is an `error` line on `out`, stdout if it is None.

    Returns:
        0, or 1 if some failed, or 2 if all did.

    Raises:
        StackfitError: of the only one there is.
    """
    several, failed = list(things), 0
    for thing in several:
        try:
            act(thing)
        except StackfitError as error:
            if len(several) == 1:
                raise
            failed += 1
            print(printable(f"error  {name(thing)}  {' '.join(str(error).split())}"), file=out or sys.stdout, flush=True)
    if failed == len(several):
        return 2
    return 1 if failed else 0
