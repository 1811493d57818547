"""What a fault is, and how its cases are run: two at a time, each in its own folder, and how each ended."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AT_ONCE = int(os.environ.get("FAULTS_AT_ONCE", "2"))


class Wrong(AssertionError):
    """Harm that no fault may do: lose a result, change a number, hang, print a traceback."""


class NotHere(Exception):
    """This machine cannot inject the fault; the text says what it lacks."""


def expect(holds: object, found: str) -> None:
    """Raise `Wrong` unless it holds."""
    if not holds:
        raise Wrong(found)


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    `cases` lists what can be injected; `inject(case, folder)` injects one in an empty folder and returns the outcome
    in a few words, or raises `Wrong`. `few` cases are enough for `make test`. A case injects it `times` times.
    """

    name: str
    what: str
    few: int
    cases: Callable[[], Sequence[Any]]
    inject: Callable[[Any, Path], str]
    times: int = 1


@dataclass
class Result:
    """The outcomes of a fault's cases with their counts, the `wrong` ones with their case, and the `seconds` taken."""

    injected: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)
    seconds: float = 0.0


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, what: str, few: int, cases: Callable[[], Sequence[Any]], times: int = 1
) -> Callable[[Callable[[Any, Path], str]], Callable[[Any, Path], str]]:
    """Add the decorated `inject` to the list of faults."""

    def enter(inject: Callable[[Any, Path], str]) -> Callable[[Any, Path], str]:
        FAULTS[name] = Fault(name, what, few, cases, inject, times)
        return inject

    return enter


def run_fault(one: Fault, count: int | None = None, said: Callable[[str], None] = lambda line: None) -> Result:
    """Inject every case, or `count` of them: always the same sample."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job of a shell; what it starts would inherit this
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cases = list(one.cases())
    if count is not None and count < len(cases):
        cases = draw(f"some {one.name}").sample(cases, count)
    result, began = Result(), time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for case, outcome in pool.map(lambda case: (case, _inject(one, case)), cases):
            if isinstance(outcome, NotHere):
                result.impossible.append(str(outcome))
                continue
            result.injected += one.times
            if isinstance(outcome, Wrong):
                result.wrong.append(f"{case}: {outcome}")
                said(f"{one.name}: WRONG: {case}: {outcome}")
            else:
                result.outcomes[outcome] += one.times
                said(f"{one.name}: {case}: {outcome}")
    result.seconds = time.perf_counter() - began
    return result


def _inject(one: Fault, case: Any) -> str | Exception:
    folder = Path(tempfile.mkdtemp(prefix="stackfit-fault-"))
    try:
        return one.inject(case, folder)
    except (Wrong, NotHere) as error:
        if isinstance(error, Wrong) and "KEEP_FAULTS" in os.environ:
            folder.rename(kept := folder.with_name(f"{folder.name}-wrong"))
            return Wrong(f"{error}\n  kept in {kept}")
        return error
    except Exception:
        return Wrong(f"the injection itself failed: {traceback.format_exc()}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def draw(seed: object) -> random.Random:
    """The random numbers of a case: the same every time."""
    return random.Random(str(seed))
