"""What a search found, as a part of a page: its best value and what chance would have found, which axes mattered, where trials
ended, and the front of two metrics. The numbers are those of `results.search_summary`."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackfit.config.override_text import override_lines
from stackfit.errors import RunFolderError, StackfitError
from stackfit.keys import label_of, short_names
from stackfit.reports import charts, search_charts
from stackfit.reports.figures import Figure, Grid, Section, named, rounded
from stackfit.reports.overview import Overview, clipped
from stackfit.reports.scales import kind_of_costs
from stackfit.results.numbers import measured
from stackfit.results.search_lines import front_rows, interval, numbers_of, search_facts
from stackfit.results.search_rank import confirmation_of, search_at, seeds_of
from stackfit.results.search_summary import space_of, summarize_search
from stackfit.results.study import SETTLED, Study, Trial, read_study
from stackfit.results.sweep_folder import STUDY, SweepFolder

MOST_SEARCHES = 4  # with a section of their own
MOST_SHOWN = 100  # trials in a table
SEARCH = "the search"
CHANCE = (
    "Bars: what chance is expected to find in so many epochs, from the least to the most that the recorded curves allow. A single tick "
    "is an exact value, or the known end of an open interval."
)


def read_searches(sweeps: Sequence[Path], problems: list[str]) -> list[tuple[SweepFolder, Study]]:
    """Those of the sweeps that are searches; one that cannot be read goes to the problems."""
    found: list[tuple[SweepFolder, Study]] = []
    for path in sweeps:
        folder = SweepFolder(path)
        try:
            if study := read_study(folder):
                found.append((folder, study))
        except RunFolderError as error:
            problems.append(str(error))
    return found


def searches(overview: Overview, found: Sequence[tuple[SweepFolder, Study]]) -> Iterator[Section]:
    """A section for each search."""
    for number, (folder, study) in enumerate(found[:MOST_SEARCHES]):
        yield _section(overview, folder, study, number, is_only=len(found) == 1)
    if left := found[MOST_SEARCHES:]:
        paths = ", ".join(str(folder.path) for folder, _ in left)
        yield Section("searches", "More searches", [f"{MOST_SEARCHES} of {len(found)} searches have a part of this page. The others: {paths}"])


def _section(overview: Overview, folder: SweepFolder, study: Study, number: int, is_only: bool) -> Section:
    confirmation, shown = confirmation_of(folder), {Path(path).parent for path in overview.runs.about["folder"]}
    summary = summarize_search(folder, study, confirmation if confirmation and confirmation.path in shown else None)
    assert summary is not None
    word, said = "", []
    for own, text in search_facts(summary):
        word = own or word
        said.append(f"{word.capitalize()}: {text}.")
    place = "search" if is_only else f"search-{number + 1}"
    section = Section(place, "What the search found" if is_only else f"What the search {folder.path.name} found", said)
    of = "" if is_only else f" ({folder.path.name})"  # no two parts of a page have one name
    for figure in (_progress(summary), _front(overview, folder, study, summary), _importance(summary), _endings(study)):
        if figure is not None:
            section.figures.append(replace(figure, title=figure.title + of))
    if summary["front"]:
        head = ("trial", *study.metrics, "setting")
        section.grids.append(Grid(head, front_rows(summary["front"][:MOST_SHOWN]), f"The front{of}", frozenset({1, 2})))
    section.grids += _pruned(study, of)
    if summary["command"]:
        section.commands = [("The best setting", summary["command"]), ("As an experiment", f"stackfit new NAME --from-best {shlex.quote((summary['confirmed'] or summary)['folder'])}")]
    overview.told.add(folder.path)
    return section


def command_of_sweep(path: Path) -> str | None:
    """The newest command of a sweep, from its list of cells; None if that cannot be read, or is neither a search, nor the
    confirmation of one, nor one grid."""
    try:
        search, confirmation = search_at(path)
        if search is not None:
            index = search.read_index()
            command = search_command(index, index[STUDY])
            return command if confirmation is None else f"{command} --confirm {seeds_of(confirmation)}"
        index = SweepFolder(path).read_index()
    except StackfitError:
        return None
    axes: dict[str, dict[str, None]] = {name: {} for name in index["axes"]}
    cells = [cell["axes"] for cell in index["cells"] if cell.get("planned", True)]
    for name, value in (pair for cell in cells for pair in cell.items()):
        axes.setdefault(name, {})[value] = None
    if len(cells) != math.prod(map(len, axes.values())):
        return None  # several grids
    words = [_axis(name, ",".join(values), len(values) == 1) for name, values in axes.items()]
    return shlex.join(["stackfit", "run", index["experiment"], *index["overrides"], "-m", *words])


def search_command(index: Mapping[str, Any], study: Mapping[str, Any]) -> str:
    """What repeats a search, or goes on with it, whatever its experiment declares."""
    words = [f"hydra.sweeper.{name}={_as_typed(value)}" for name, value in study.items() if name not in ("space", "union")]
    words += override_lines([{"hydra.sweeper.union": study["union"]}]) if "union" in study else []
    single = {axis.key for axis in space_of(study).grids[0] if not axis.scale and len(axis.values) == 1}
    axes = [_axis(name, text, name in single) for name, text in study["space"].items()]
    return shlex.join(["stackfit", "run", index["experiment"], *index["overrides"], "-m", "hydra/sweeper=search", *words, *axes])


def _axis(name: str, text: str, is_single: bool) -> str:
    return f"{name}=choice({text})" if is_single else f"{name}={text}"  # a value alone is no axis


def _as_typed(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if len(value) == 1 else f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value)


def _progress(summary: Mapping[str, Any]) -> Figure | None:
    """The best value by the epochs spent, next to what chance would have found."""
    steps, metric = summary["progress"], summary["metrics"][0]
    if not steps:
        return None
    epochs, values = [step[0] for step in steps], [rounded(step[1]) for step in steps]
    if epochs[-1] < summary["epochs"]:
        epochs, values = [*epochs, summary["epochs"]], [*values, values[-1]]
    numbers = numbers_of(summary)
    known = [baseline for baseline in summary["chance"] if baseline["settings"]]
    texts = [interval(baseline, numbers) for baseline in known]
    chance: dict[str, Any] = {"name": [baseline["name"] for baseline in known], "epochs": [baseline["epochs"] for baseline in known]}
    chance |= {end: [rounded(baseline[end]) for baseline in known] for end in ("low", "high")}
    chance |= {"expected": texts, "open": [text[len(text.partition(" or ")[0]) + 1 :] for text in texts]}
    expected = "".join(f" Of {baseline['name']} {text} is expected." for baseline, text in zip(known, texts, strict=True))
    return Figure(
        f"Best {metric} by epochs spent",
        f"The best {metric} of the search over {summary['epochs']:,} epochs: {values[-1]}.{expected}",
        search_charts.progress(named("steps"), named("chance"), metric, [SEARCH, *chance["name"]], summary["epochs"]),
        {"steps": {"name": [SEARCH] * len(epochs), "epochs": epochs, "best": values}, "chance": chance},
        CHANCE if known else "",
        wide=True,
    )


def _importance(summary: Mapping[str, Any]) -> Figure | None:
    shares = summary["importance"]
    if not shares:
        return None
    names = short_names(shares)
    faint = [axis in summary["importance_by_chance"] for axis in shares]
    columns: dict[str, Any] = {"axis": [clipped(names[axis]) for axis in shares], "share": [rounded(share) for share in shares.values()]}
    columns |= {"said": ["may be chance" if each else "more than chance does" for each in faint], "faint": faint}
    first = columns["axis"][0], columns["share"][0], columns["said"][0]
    return Figure(
        "Which axes mattered",
        f"The share of {len(shares)} axes in what sets the best quarter of the trials apart. First: {first[0]}, {first[1]:.2f} ({first[2]}).",
        search_charts.importance(named("shares"), len(shares)),
        {"shares": columns},
        f"{summary['importance_of']}." + (" Faint: values dealt to the trials at random do as much." if any(faint) else ""),
    )


def _endings(study: Study) -> Figure | None:
    """After which epochs trials ended; None if none was pruned."""
    ended = [trial for trial in study.trials if trial.state in SETTLED]
    counts = Counter((len(trial.curve), trial.state) for trial in ended)
    states = [state for state in reversed(SETTLED) if any(trial.state == state for trial in ended)]
    if "pruned" not in states:
        return None
    order = sorted(counts, key=lambda key: (key[0], states.index(key[1])))
    pruned = Counter(len(trial.curve) for trial in ended if trial.state == "pruned")
    words = ", ".join(f"{count} after epoch {epoch}" for epoch, count in sorted(pruned.items()))
    return Figure(
        "Where trials ended",
        f"Pruned: {words}. {sum(trial.state == 'finished' for trial in ended)} trials trained to their end.",
        search_charts.endings(named("ends"), states),
        {"ends": {"epoch": [epoch for epoch, _ in order], "state": [state for _, state in order], "trials": [counts[key] for key in order]}},
    )


def _pruned(study: Study, of: str) -> Iterator[Grid]:
    """The pruned trials with their reasons, rung by rung."""
    pruned = sorted((trial for trial in study.trials if trial.state == "pruned"), key=lambda trial: (len(trial.curve), trial.number))
    if not pruned:
        return
    shown = pruned[:MOST_SHOWN]
    values = measured([None if trial.value is None else float(trial.value) for trial in shown])
    rows = [
        (str(trial.number), str(len(trial.curve)), _called(trial), value, trial.reason)
        for trial, value in zip(shown, values, strict=True)
    ]
    more = "" if len(shown) == len(pruned) else f", the first {len(shown)} of {len(pruned)}"
    head = ("trial", "epochs", "setting", f"last {study.metrics[0]}", "reason")
    yield Grid(head, rows, f"Pruned trials, rung by rung{more}{of}", frozenset({1, 3}))


def _front(overview: Overview, folder: SweepFolder, study: Study, summary: Mapping[str, Any]) -> Figure | None:
    """One metric against the other, of a search with two."""
    trials = [trial for trial in study.trials if len(trial.values) == 2 and None not in map(rounded, trial.values)]
    if len(study.metrics) < 2 or not trials:
        return None
    (metric, cost), directions = study.metrics, study.directions
    place = {str(path): number for number, path in enumerate(overview.runs.about["folder"].astype(str))}
    front = {entry["trial"] for entry in summary["front"]}
    columns: dict[str, Any] = {
        "run": [place.get(str(folder.path / trial.folders[0]), -1) for trial in trials],
        "label": [f"trial {trial.number}: {_called(trial)}" for trial in trials],
        "cost": [rounded(trial.values[1]) for trial in trials],
        "value": [rounded(trial.values[0]) for trial in trials],
        "front": [trial.number in front for trial in trials],
    }
    single = all(len(trial.folders) == 1 for trial in trials)
    best = [columns["label"][number] for number, is_front in enumerate(columns["front"]) if is_front]
    return Figure(
        f"The front of {metric} and {cost}",
        f"{metric} ({directions[0]}) of {len(trials)} trials against {cost} ({directions[1]}). Not beaten in both: {len(best)} trials, "
        f"such as {best[0]}.",
        charts.pareto(
            named("costs"), cost, metric, kind_of_costs(columns["cost"]), more_is_better=directions[1] == "max", brushed=single
        ),
        {"costs": columns},
        "The line joins the trials that no other one beats in both." + ("" if single else " Each is the mean of its seeds."),
    )


def _called(trial: Trial) -> str:
    return clipped(label_of(trial.axes))
