"""The best settings of a search, trained again with seeds that the search has not used: a sweep next to the search's.

The value by which a setting was chosen is the best of many, so it is better than the setting's mean. New seeds say what a
re-run gives.
"""

from __future__ import annotations

from collections.abc import Iterable

from stackfit.config.hydra.axes import Point
from stackfit.config.hydra.spread import Spread
from stackfit.errors import ConfigError, Problems
from stackfit.execution.sweep import Sweep
from stackfit.results.search_summary import summarize_search
from stackfit.results.study import SEED

MIN_SEEDS = 2


def check_confirmation(seeds: int, sweep: Sweep) -> None:
    """Raise a ConfigError if the sweep is not a search by one metric, or the seeds are too few for a test."""
    said = None
    if sweep.axes.study is None:
        said = "--confirm trains the best settings of a search again, and this sweep is not one. Leave it out."
    elif len(sweep.axes.study["metric"]) > 1:
        said = "--confirm trains the best settings again, and by two metrics there is no best one. Expected one metric. Leave it out."
    elif seeds < MIN_SEEDS:
        said = f"--confirm is {seeds}. Expected at least {MIN_SEEDS} seeds, for a spread. Write: --confirm 5"
    if said:
        raise ConfigError(said)


def confirm(search: Sweep, seeds: int, trust: Iterable[str] = ()) -> Sweep | None:
    """Train the best settings with so many new seeds each, or go on with that; None if the search is not complete, or no
    trial has finished.

    Raises:
        ConfigError: see `Sweep.run`.
    """
    found = summarize_search(search.folder)
    if not found or not found["settled"] or not found["top"]:
        return None
    used = [int(text) for job in search.jobs if (text := job.cell.axes.get(SEED, "")).isdecimal()]
    first = 1 + max([search.first_seed, *used])
    points: dict[tuple[str, ...], Point] = {}
    for setting in found["top"]:
        axes = {key: text for key, text in setting["axes"].items() if key != SEED}
        words = [word for word in setting["overrides"] if not word.startswith(f"{SEED}=")]
        for seed in range(first, first + seeds):
            point = Point((*words, f"{SEED}={seed}"), {**axes, SEED: str(seed)})
            points.setdefault(point.overrides, point)
    names = dict.fromkeys([*search.axes.names, SEED])
    spread = Spread(search.axes.fixed, search.axes.named, tuple(names), tuple(points.values()), search.axes.places)
    problems = Problems()
    composition = search.composer.compose([*search.axes.fixed], problems)
    again = Sweep(search.composer, composition, problems, trust=trust, reporter=search.reporter, axes=spread)
    again.executor = search.executor
    return again.run()
