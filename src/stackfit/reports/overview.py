"""Several runs and what all parts of their page need to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import RunFolderError
from stackfit.reports.figures import Columns, plain, rounded
from stackfit.results.dependence import following
from stackfit.results.differences import choose_metric, differing
from stackfit.results.frames import Runs
from stackfit.results.numbers import as_typed
from stackfit.results.run_files import read_history
from stackfit.results.search_rank import Ranking
from stackfit.results.selection import order
from stackfit.results.shapes import in_words

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Overview:
    """Several runs, and the metric by which they are held against each other; None if no run has one."""

    runs: Runs  # in the order of the page's table
    problems: list[str]
    metric: str | None
    direction: str | None = None  # whether more of it is better, if that is known
    ranking: Ranking | None = None  # of the runs of a search, if nobody asked for a metric
    histories: list[list[dict[str, Any]]] = field(default_factory=list)
    asked_group: str | None = None  # the setting whose values have colours of their own among the curves
    told: set[Path] = field(default_factory=set)  # searches whose pruned runs have been named already

    @classmethod
    def of(cls, runs: Runs, problems: list[str], metric: str | None, direction: str | None) -> Overview:
        """Raises ConfigError if there is no such metric; damaged histories go to the problems. Without a metric, it is that of the
        search which the runs are of."""
        ranking = None
        if metric is not None or not runs.metrics.empty:
            metric, direction, ranking = choose_metric(runs, metric, "--metric", direction, strict=False)
        histories = []
        for folder in runs.about["folder"]:
            try:
                histories.append(read_history(Path(folder)))
            except RunFolderError as error:
                problems.append(str(error))
                histories.append([])
        return cls(runs, problems, metric, direction, ranking, histories)

    @cached_property
    def short(self) -> dict[str, str]:
        """The settings that differ and that no other one determines, by key: what people are shown of them."""
        follow = following(self.runs)
        return {key: name for key, name in differing(self.runs).items() if key not in follow}

    @cached_property
    def axes(self) -> list[str]:
        """Those of them whose effect is shown: all but the seed and what equals it."""
        settings = self.runs.settings
        if "seed" not in settings:
            return []
        return [key for key in self.short if key != "seed" and not settings[key].equals(settings["seed"])]

    @cached_property
    def labels(self) -> list[str]:
        """What each run is called in a chart: what differs, by short names."""
        texts = {name: [as_typed([plain(value)])[0] for value in self.runs.settings[key]] for key, name in self.short.items()}
        words = [
            ", ".join(f"{name}={clipped(text)}" for name, text in zip(texts, row, strict=True) if text)
            for row in zip(*texts.values(), strict=True)
        ]
        names = [Path(folder).name for folder in self.runs.about["folder"]]
        return [word or name for word, name in zip(words or names, names, strict=True)]

    @cached_property
    def values(self) -> list[float | None]:
        """The metric of each run."""
        return [rounded(plain(value)) for value in self.runs.metrics[self.metric]] if self.metric else []

    @cached_property
    def ranks(self) -> list[int]:
        """The numbers of the runs that have the metric, the best first; in their order if it is not known what is best."""
        known = [number for number, value in enumerate(self.values) if value is not None]
        sign = {"max": -1, "min": 1}.get(self.direction or "", 0)
        return sorted(known, key=lambda number: sign * (self.values[number] or 0))

    def rows(self, numbers: Sequence[int], **columns: Sequence[Any]) -> Columns:
        """Columns of these runs: their number, their label, and others."""
        return {
            "run": list(numbers),
            "label": [self.labels[number] for number in numbers],
            **{name: [values[number] for number in numbers] for name, values in columns.items()},
        }

    @cached_property
    def curve_metric(self) -> str | None:
        """The metric's values on the validation part in each epoch, or on the training part; else a loss."""
        recorded = {name for history in self.histories for row in history for name, value in row.items() if value is not None}
        base = (self.metric or "loss").removeprefix("test_").removeprefix("val_")
        return next((name for name in (f"val_{base}", base, "val_loss", "loss") if name in recorded), None)


def words_of(values: pd.Series) -> tuple[list[str], list[str]]:
    """A setting in a chart of words: the text of each run's value, another one for each different value, and the texts in order."""
    whole = [*map(str, in_words(values))]
    short = [*map(clipped, whole)]
    texts = short if len({*short}) == len({*whole}) else whole
    ranked = sorted(zip(map(order, map(plain, values)), texts, strict=True), key=lambda pair: pair[0])
    return texts, [*dict.fromkeys(text for _, text in ranked)]


def clipped(text: str, most: int = 60) -> str:
    """The beginning of a text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
