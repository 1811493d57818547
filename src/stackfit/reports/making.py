"""From run folders to a page: one run, or several, or the verdicts of a class."""

from __future__ import annotations

import errno
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, RunFolderError, counted
from stackfit.files import shown, write_text, writing
from stackfit.keys import label_of
from stackfit.reports.figures import Section
from stackfit.reports.findings import sections_of
from stackfit.reports.overview import Overview
from stackfit.reports.page import Page, Table, made, render
from stackfit.reports.runs_table import addresses, columns_of_page, commands, opened
from stackfit.reports.searched import command_of_sweep, read_searches, searches
from stackfit.reports.words import duration
from stackfit.results import run_files
from stackfit.results.differences import columns_of, in_order
from stackfit.results.directions import check_direction
from stackfit.results.frames import Paths, Runs, read_runs
from stackfit.results.search_rank import best_mean
from stackfit.results.selection import no_match, rows_where
from stackfit.results.sweep_folder import SweepFolder
from stackfit.waiting import doing

MOST_QUESTIONS = 6
MOST_COMMANDS = 12
LONGEST = 10_000  # characters of a question


def report_of(
    paths: Paths, out: Path, metric: str | None = None, direction: str | None = None, filter: str | None = None
) -> tuple[str, list[str]]:
    """The page about all runs at or below `paths`, and what could not be read.

    Args:
        out: where it will lie: its links lead to the runs' folders from there.
        metric: by which runs are held against each other; `test_accuracy` if there is one.
        direction: `max` or `min`, where the metric's class does not say it.
        filter: a query that picks runs, as in `tables.build_table`.

    Raises:
        RunFolderError: a path holds no run; ConfigError: there is no such metric or direction.
    """
    check_direction(direction)
    runs, problems = chosen_runs(paths, filter)
    return _render(page_of(runs, problems, out, metric, direction)), problems


def chosen_runs(paths: Paths, filter: str | None = None) -> tuple[Runs, list[str]]:
    """The runs that a query picks, in the order of their settings, and what could not be read."""
    runs, problems = read_runs(paths)
    if filter is not None:
        runs = runs.pick(rows_where(columns_of(runs), filter).index)
        if runs.about.empty:
            raise ConfigError(no_match(filter))
    return in_order(runs), problems


def check_out(path: Path) -> None:
    """Find out whether the page can be written before anything is read or trained; ConfigError if not."""
    if path.is_dir():
        raise ConfigError(f"{shown(path)} is a folder. Expected a file's name. Write for example: --out {shown(path / 'report.html')}")
    with _writing(path):
        if not os.access(path.parent, os.W_OK | os.X_OK):
            os.listdir(path.parent)  # says what is the matter, or the next line does
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write_report(text: str, path: Path) -> None:
    """Write the page whole, or not at all; ConfigError if that is not possible."""
    with _writing(path):
        write_text(path, text)


def _writing(path: Path) -> Any:
    return writing(path, "a file's name in a folder that exists", f"Write for example: --out {path.name}", ConfigError)


@doing("Drawing the charts")
def _render(page: Page) -> str:
    return render(page)


@doing("Summing up the runs")
def page_of(runs: Runs, problems: list[str], out: Path, metric: str | None, direction: str | None) -> Page:
    """The page of one run, or of several."""
    if len(runs.about) == 1:
        from stackfit.reports.portrait import portrait

        return portrait(runs, problems)
    folders = runs.about["folder"].tolist()
    swept = sorted(path for path in {Path(folder).parent for folder in folders} if SweepFolder(path).index.is_file())
    found = read_searches(swept, problems)
    overview = Overview.of(runs, problems, metric, direction)
    table = Table(
        columns_of_page(overview),
        addresses(folders, out),
        folders,
        commands(folders),
        *opened(overview),
        best=overview.ranks[0] if overview.ranks and overview.direction else None,
    )
    experiments = [*dict.fromkeys(runs.settings["experiment"].astype(str))]
    sections = [*searches(overview, found), *sections_of(overview), _repeat(runs, swept)]
    return Page(
        title=experiments[0] if len(experiments) == 1 else f"{len(folders)} runs of {len(experiments)} experiments",
        questions=questions(runs, experiments),
        facts=[*facts(overview)],
        warnings=[*dict.fromkeys(problems)],
        sections=sections,
        table=table,
        made=made(),
    )


def questions(runs: Runs, experiments: list[str]) -> list[tuple[str, str]]:
    """What experiments ask, from the config of a run of each."""
    found = []
    for experiment in experiments[:MOST_QUESTIONS]:
        folder = runs.about["folder"][runs.settings["experiment"].astype(str) == experiment].iloc[0]
        try:
            about = run_files.read_config(Path(folder)).get("about")
        except RunFolderError:
            continue  # the config is not what the page is about
        question = about.get("question") if isinstance(about, dict) else None
        if question:
            found.append((experiment, str(question)[:LONGEST]))
    return found


def facts(overview: Overview) -> list[tuple[str, str]]:
    """The figures that stand at the top: how many runs, the best value, the time."""
    runs, ranking = overview.runs, overview.ranking
    states = Counter(runs.about["state"])
    words = ", ".join(f"{count} {state}" for state, count in states.most_common())
    found = [(f"{len(runs.about):,}", f"runs: {words}" if len(states) > 1 else f"runs, all {next(iter(states))}")]
    extreme = "highest" if overview.direction == "max" else "lowest"
    values = {runs.about["folder"].iloc[number]: overview.values[number] or 0.0 for number in overview.ranks}
    if ranking and ranking.settings and overview.direction and values.keys() & ranking.settings.keys():
        folders, mean, _ = best_mean(values, ranking.settings, overview.direction)
        of = f"{extreme} mean {overview.metric} over {counted(len(folders), 'seed')}"
        found.append((f"{mean:.4g}", f"{of}: {label_of(dict(ranking.settings[folders[0]]))}"))
    elif overview.ranks and overview.direction:
        best = overview.ranks[0]
        found.append((f"{overview.values[best]:.4g}", f"{extreme} {overview.metric}: {overview.labels[best]}"))
    seconds = runs.about["seconds"].astype(float).sum()
    if seconds > 0:
        found.append((duration(seconds), "of training in all"))
    return found


def _repeat(runs: Runs, swept: list[Path]) -> Section:
    """What to type to have all of it again, and to go on."""
    section = Section("again", "Repeat it")
    lines = [line for path in swept if (line := command_of_sweep(path))]
    section.commands = [("The sweep", line) for line in lines[:MOST_COMMANDS]]
    names = [*dict.fromkeys(runs.settings["experiment"].astype(str))]
    section.commands.append(("The table", shlex.join(["stackfit", "table", *names[:MOST_COMMANDS]])))
    return section
