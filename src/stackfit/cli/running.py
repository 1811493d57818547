"""`run`: train an experiment or a sweep; Hydra's information flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import NAME_HELP, Multirun, Overrides, Trust, option, word
from stackfit.cli.usage import no_option
from stackfit.errors import ConfigError, RunFolderError, TrainingError

if TYPE_CHECKING:
    from stackfit.execution.sweep import Sweep

# Hydra's own flags, and whether a value follows. Those for folders and config names are not here: stackfit sets them.
FLAGS = {"--multirun": 0, "-m": 0, "--run": 0, "-r": 0, "--resolve": 0, "--hydra-help": 0,
         "--cfg": 1, "-c": 1, "--package": 1, "-p": 1, "--info": "?", "-i": "?"}  # fmt: skip
SETTINGS = {"ignore_unknown_options": True}  # Hydra's flags stay among the words
INFOS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


@dataclass
class Typed:
    """The words after `stackfit run`."""

    experiment: str
    overrides: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def multirun(self) -> bool:
        return "--multirun" in self.flags


def parse_words(words: list[str], command: str = "run") -> Typed:
    """Separate the experiment, Hydra's flags and the overrides; the flags may be anywhere.

    Raises:
        ConfigError: an unknown flag, a flag without its value, or no experiment.
    """
    long = {"-m": "--multirun", "-r": "--run", "-c": "--cfg", "-p": "--package", "-i": "--info"}
    flags: dict[str, str] = {}
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word[1:2].isdigit():
            others.append(word)
        elif name not in FLAGS:
            from stackfit.cli.app import load_command

            raise no_option(name, [word, *rest], load_command(command), f"stackfit {command}")
        else:
            if FLAGS[name] == 1 and not equals:
                if not rest:
                    raise ConfigError(f"{name} needs a value. Expected a value, such as --cfg job. Write it after {name}.")
                value = rest.pop(0)
            elif FLAGS[name] == "?" and not equals:
                value = rest.pop(0) if rest and rest[0] in INFOS else "all"
            flags[long.get(name, name)] = value
    for name, choices in (("--cfg", ("job", "hydra", "all")), ("--info", INFOS)):
        if name in flags and flags[name] not in choices:
            raise ConfigError(f"{name} is {flags[name]!r}. Expected {', '.join(choices)}. Write: {name} {choices[0]}")
    for name, needed in (("--resolve", "--cfg"), ("--package", "--cfg")):
        if name in flags and needed not in flags:
            raise ConfigError(f"{name} does nothing without {needed}. Expected both. Add {needed} job, or leave it out.")
    kinds = [name for name in ("--cfg", "--info", "--hydra-help", "--run", "--multirun") if name in flags]
    if len(kinds) > 1:
        raise ConfigError(f"{kinds[1]} does nothing beside {kinds[0]}. Expected one of them. Leave out {kinds[1]}.")
    if not others and "--hydra-help" not in flags:
        raise ConfigError("No experiment was named. Expected one. Try: stackfit list, then stackfit run NAME")
    return Typed(others[0] if others else "digits_quickstart", others[1:], flags)


def command(
    experiment: Annotated[str | None, word(NAME_HELP, completion.overrides)] = None,
    overrides: Overrides = None,
    multirun: Multirun = False,
    fresh: Annotated[bool, option("Make a new folder; do not continue an interrupted run.", "--fresh")] = False,
    quiet: Annotated[bool, option("No progress, only the result.", "--quiet", "-q")] = False,
    trust: Trust = None,
    fail_fast: Annotated[bool, option("Stop a sweep at its first failure.", "--fail-fast")] = False,
    detach: Annotated[bool, option("Of a sweep: start workers and return at once.", "--detach")] = False,
    yes: Annotated[bool, option("Do not ask before thousands of cells.", "--yes")] = False,
    confirm: Annotated[
        int | None, option("After a search: train the best three settings with N new seeds, and test them.", metavar="N")
    ] = None,
) -> int:
    """The last line printed is the folder of the run or the sweep.

    stackfit run gsp631_base

    stackfit run gsp631_base model.layers.hidden.units=128 epochs=3

    stackfit run gsp631_base callbacks=[stop_at] callbacks.stop_at.value=0.84

    stackfit run gsp631_base -m model.layers.hidden.units=32,64 'seed=range(5)'

    An interrupted run is resumed; in a sweep, the same command trains only unfinished cells. Hydra's own flags
    work too: --cfg job, --info.
    """
    words = [] if experiment is None else [experiment]
    words += [*(overrides or ()), *(["-m"] if multirun else [])]
    typed = parse_words(words)
    if "=" in typed.experiment:
        raise ConfigError(
            f"{typed.experiment!r} is not an experiment. Expected its name before the overrides. "
            f"Write: stackfit run NAME {typed.experiment}"
        )
    multirun = typed.multirun
    from stackfit.config.hydra.composition import Composer

    if {"--cfg", "--info", "--hydra-help"} & typed.flags.keys():
        refuse_idle({"--fresh": fresh, "--quiet": quiet, "--trust": trust, "--fail-fast": fail_fast, "--detach": detach, "--yes": yes}, "without a run")
        from stackfit.config.hydra.information import print_information

        print_information(typed.experiment, typed.overrides, typed.flags)
        return 0
    from stackfit.execution.cells import compose_command
    from stackfit.execution.progress import Reporter, make_reporter

    composer = Composer(typed.experiment)
    composition, problems, is_sweep = compose_command(composer, typed.overrides, multirun)
    if not is_sweep:
        refuse_idle({"--fail-fast": fail_fast, "--detach": detach, "--yes": yes, "--confirm": confirm is not None}, "without a sweep")
    try:
        if is_sweep:
            from stackfit.execution.sweep import Sweep

            sweep = Sweep(
                composer,
                composition,
                problems,
                trust=trust or (),
                fresh=fresh,
                reporter=Reporter(0) if quiet else make_reporter(),
                confirm=lambda cells: yes or ask(cells),
            )
            if confirm is not None:
                from stackfit.execution.confirming import check_confirmation

                check_confirmation(confirm, sweep)
                refuse_idle({"--detach": detach}, "with --confirm, which waits for the search")
            if detach:
                return tell_place(sweep.run(fail_fast, detach))
            code = finish_sweep(sweep.run(fail_fast), has_table=confirm is None)
            return code if confirm is None else max(code, confirm_best(sweep, confirm, trust or ()))
        from stackfit.execution.single import train
        from stackfit.results.run_folder import RunFolder

        made = (lambda verbosity: Reporter(0)) if quiet else make_reporter
        run = train(composition, problems, trust=trust or (), fresh=fresh, reporter=made)
        metrics = run.metrics
        items = [claim.item for claim in composition.claims if claim.item is not None]
        if items and RunFolder(run.folder).predictions.is_file():  # the experiment is about their predictions
            from stackfit.cli.predicting import print_items

            print_items(run, items, trust=trust or ())
        print_run(run.folder, metrics, said=not quiet and sys.stdout.isatty() and sys.stderr.isatty())
        return 0
    finally:
        completion.remember_keys(composition)


def refuse_idle(options: dict[str, object], when: str) -> None:
    """Refuse the first of these options that was given: it would be ignored.

    Raises:
        ConfigError: see above.
    """
    for name in (name for name, value in options.items() if value):
        raise ConfigError(f"{name} does nothing {when}. Expected it only with one. Leave it out.")


def ask(cells: int) -> bool:
    """Ask on a terminal before training this many cells; elsewhere the answer is no."""
    if not sys.stdin.isatty():
        return False
    print(f"This sweep has {cells:,} cells. Train them? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def finish_sweep(sweep: Sweep, has_table: bool = True) -> int:
    """Print the sweep's table, what a search found and, last, the folder; return 1 unless every cell is finished."""
    from stackfit.cli.text import complain, say, width
    from stackfit.files import shown
    from stackfit.results import formats, tables

    found = None
    if sweep.axes.study:
        from stackfit.results.search_lines import decisive_of, render_search
        from stackfit.results.search_summary import summarize_search

        found = summarize_search(sweep.folder)
    if has_table:
        try:
            frame, problems = tables.read_table(sweep.folder.path)
        except RunFolderError as error:  # they were removed meanwhile
            raise TrainingError(str(error)) from None
        complain(problems)
        if found:
            frame.attrs["decisive"] = decisive_of(found, frame.attrs["short"])
        sys.stdout.write(formats.render(frame, "text", width()))
    if found:
        sys.stdout.write(render_search(found, "text", width()).removeprefix("" if has_table else "\n") + "\n")
    sys.stdout.write(f"{shown(sweep.folder.path)}\n")
    left = sweep.unfinished
    if waits := len(left) - left.count("failed"):
        say(f"Not finished: {waits} of {len(sweep.jobs)} cells. To continue, run the same command again.")
    return 1 if left else 0


def confirm_best(search: Sweep, seeds: int, trust: Sequence[str]) -> int:
    """Train the best settings of a search with new seeds, print how they compare and, last, their folder."""
    from stackfit.cli.text import complain, say, width
    from stackfit.execution.confirming import confirm
    from stackfit.files import shown
    from stackfit.results import formats, tables
    from stackfit.results.comparison import compare

    sweep = confirm(search, seeds, trust)
    if sweep is None:
        say("There is nothing to confirm: the search is not complete, or no trial has finished.")
        return 1
    (metric,) = (search.axes.study or {})["metric"]
    try:
        comparison = compare([job.path for job in sweep.jobs if job.path], metric)
        complain(comparison.problems)
        sys.stdout.write("\n" + comparison.render("text", width()))
    except ConfigError:  # there is one setting alone, or others have failed
        frame, problems = tables.read_table([job.path for job in sweep.jobs if job.path], over="seed")
        complain(problems)
        frame.attrs["decisive"] = [metric]
        sys.stdout.write("\n" + formats.render(frame, "text", width()))
    sys.stdout.write(f"{shown(sweep.folder.path)}\n")
    return 1 if sweep.unfinished else 0


def tell_place(sweep: Sweep) -> int:
    """How to follow a sweep that others train, if anything is left to train, on stderr; its folder, the last line of stdout."""
    from stackfit.cli.text import say
    from stackfit.files import shown

    folder = shown(sweep.folder.path)
    if any(job.waits for job in sweep.jobs):
        say(f"Its workers go on without this command.\n  stackfit watch {folder}\n  stackfit table {folder}\n  stackfit stop {folder}")
    else:
        say("No worker was started: no cell is left that needs one.")
    sys.stdout.write(f"{folder}\n")
    return 0


def print_run(folder: Path, metrics: dict[str, float | None], said: bool = False) -> None:
    """The metrics that matter on one line, and the folder on the last.

    Args:
        said: whether the reader has seen the test metrics just now.
    """
    from stackfit.files import shown

    tested = [name for name in metrics if name.startswith("test_")]
    known = {name: value for name in tested or metrics if (value := metrics[name]) is not None}
    if not (said and tested):
        sys.stdout.write("  ".join(f"{name} {value:.4f}" for name, value in known.items()) + "\n")
    sys.stdout.write(f"{shown(folder)}\n")
