"""What a search does besides training: how long its own functions take in a search, of all of the command's time.

    python search_overhead.py EXPERIMENT OVERRIDE…

They are timed where they are entered first: asking and telling (a new sampler, the study read from the folders), ranking and
pruning, the index, and the journal. Composing, checking and training a cell is what any sweep does.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from stackfit.cli import main
from stackfit.execution import optuna_trials, rungs, samplers, searching
from stackfit.results import study

OWN = (
    (samplers, "ask"),
    (searching, "read_study"),
    (study, "read_study"),
    (searching, "write_journal"),
    (searching.Search, "read_trials"),
    (searching.Search, "close_batch"),
    (optuna_trials, "tell"),
    (rungs.Rungs, "rank"),
    (rungs.Rungs, "settle"),
    (rungs.Rungs, "rank_members"),
)
inside, spent = 0, 0.0


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; its time counts unless it is called by another one that is timed."""

    def run(*arguments: Any, **named: Any) -> Any:
        global inside, spent
        began, inside = time.perf_counter(), inside + 1
        try:
            return function(*arguments, **named)
        finally:
            inside -= 1
            if not inside:
                spent += time.perf_counter() - began

    return run


for owner, name in OWN:
    setattr(owner, name, timed(getattr(owner, name)))
began = time.perf_counter()
try:
    main(["run", *sys.argv[1:], "--quiet"])
except SystemExit as ended:
    if ended.code:
        raise
whole = time.perf_counter() - began
print(json.dumps({"own": spent, "share": 100 * spent / whole}))
