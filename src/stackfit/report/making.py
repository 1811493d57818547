"""From run folders to a page: one run, or several, or the verdicts of a class."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import stackfit
from stackfit.errors import RunFolderError, StackfitError
from stackfit.report.figures import Section
from stackfit.report.overview import Overview
from stackfit.report.page import Page, Table, render
from stackfit.report.runs_table import addresses, columns_of_page, commands, opened
from stackfit.results import run_files
from stackfit.results.differences import in_order
from stackfit.results.directions import check_direction
from stackfit.results.frames import Paths, Runs, read_runs
from stackfit.results.sweep_folder import SweepFolder
from stackfit.waiting import doing

MOST_QUESTIONS = 6
MOST_COMMANDS = 12
LONGEST = 10_000  # characters of a question


def report_of(paths: Paths, out: Path, metric: str | None = None, direction: str | None = None) -> tuple[str, list[str]]:
    """The page about all runs at or below `paths`, and what could not be read.

    Args:
        out: where it will lie: its links lead to the runs' folders from there.
        metric: by which runs are held against each other; `test_accuracy` if there is one.
        direction: `max` or `min`, where the metric's class does not say it.

    Raises:
        RunFolderError: a path holds no run; ConfigError: there is no such metric or direction.
    """
    check_direction(direction)
    runs, problems = read_runs(paths)
    runs = in_order(runs)
    return _render(page_of(runs, problems, out, metric, direction)), problems


@doing("Drawing the charts")
def _render(page: Page) -> str:
    return render(page)


@doing("Summing up the runs")
def page_of(runs: Runs, problems: list[str], out: Path, metric: str | None, direction: str | None) -> Page:
    """The page of one run, or of several."""
    if len(runs.about) == 1:
        from stackfit.report.portrait import portrait

        return portrait(runs, problems, out)
    overview = Overview.of(runs, problems, metric, direction)
    folders = runs.about["folder"].tolist()
    table = Table(
        columns_of_page(overview),
        addresses(folders, out),
        folders,
        commands(folders),
        *opened(overview),
        best=overview.ranks[0] if overview.ranks and overview.direction else None,
    )
    experiments = [*dict.fromkeys(runs.settings["experiment"].astype(str))]
    sections = [*overview.sections(), _repeat(runs, folders)]
    return Page(
        title=experiments[0] if len(experiments) == 1 else f"{len(folders)} runs of {len(experiments)} experiments",
        questions=questions(runs, experiments),
        facts=[*facts(overview)],
        warnings=[*dict.fromkeys(problems)],
        sections=sections,
        table=table,
        made=made(),
    )


def made() -> str:
    """When the page was made, and by which version."""
    return f"{stackfit.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


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
    runs = overview.runs
    states = Counter(runs.about["state"])
    words = ", ".join(f"{count} {state}" for state, count in states.most_common())
    found = [(f"{len(runs.about):,}", f"runs: {words}" if len(states) > 1 else f"runs, all {next(iter(states))}")]
    if overview.ranks and overview.direction:
        best = overview.ranks[0]
        extreme = "highest" if overview.direction == "max" else "lowest"
        found.append((f"{overview.values[best]:.4g}", f"{extreme} {overview.metric}: {overview.labels[best]}"))
    seconds = runs.about["seconds"].astype(float).sum()
    if seconds > 0:
        found.append((duration(seconds), "of training in all"))
    return found


def duration(seconds: float) -> str:
    """`42 s`, `3.5 min`, `1.2 h`."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _repeat(runs: Runs, folders: list[str]) -> Section:
    """What to type to have all of it again, and to go on."""
    section = Section("again", "Repeat it")
    sweeps = {Path(folder).parent for folder, sweep in zip(folders, runs.about["sweep"], strict=True) if isinstance(sweep, str)}
    lines = [line for path in sorted(sweeps) if (line := _sweep_command(path))]
    section.commands = [("The sweep", line) for line in lines[:MOST_COMMANDS]]
    if not sweeps:
        names = [*dict.fromkeys(runs.settings["experiment"].astype(str))]
        section.commands += [("The table", f"stackfit table {shlex.join(names[:MOST_COMMANDS])}")]
    return section


def _sweep_command(path: Path) -> str | None:
    """The command of a sweep, from its list of cells; None if that cannot be read."""
    try:
        index = SweepFolder(path).read_index()
        axes: dict[str, dict[str, None]] = {name: {} for name in index["axes"]}
        for cell in index["cells"]:
            for name, value in cell["axes"].items():
                axes.setdefault(name, {})[value] = None
    except StackfitError:
        return None
    words = [f"{name}={','.join(values)}" for name, values in axes.items()]
    return shlex.join(["stackfit", "run", index["experiment"], *index["overrides"], "-m", *words])
