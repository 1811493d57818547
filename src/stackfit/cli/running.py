"""`run`: Hydra's flags in the order Hydra wants, then the engine."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from stackfit.errors import ConfigError

# Hydra's own flags, and whether a value follows. Folders and config names are stackfit's to choose.
FLAGS = {"--multirun": 0, "-m": 0, "--run": 0, "-r": 0, "--resolve": 0, "--hydra-help": 0,
         "--cfg": 1, "-c": 1, "--package": 1, "-p": 1, "--info": "?", "-i": "?"}  # fmt: skip
INFOS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


@dataclass
class Typed:
    """What stood after `stackfit run`."""

    experiment: str
    overrides: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def multirun(self) -> bool:
        return "--multirun" in self.flags


def parse_words(words: list[str]) -> Typed:
    """Tell the experiment, Hydra's flags and the overrides apart, wherever the flags stand.

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
            raise ConfigError(
                f"There is no option {name!r}. Expected key=value, --fresh, --quiet, --trust, or Hydra's "
                "-m, --cfg, --info, --package, --resolve. Try: stackfit run --help"
            )
        else:
            if FLAGS[name] == 1 and not equals:
                if not rest:
                    raise ConfigError(f"{name} needs a value. Expected for example --cfg job. Write it behind {name}.")
                value = rest.pop(0)
            elif FLAGS[name] == "?" and not equals:
                value = rest.pop(0) if rest and rest[0] in INFOS else "all"
            flags[long.get(name, name)] = value
    if not others and "--hydra-help" not in flags:
        raise ConfigError("No experiment was named. Expected one. Try: stackfit list, then stackfit run NAME")
    return Typed(others[0] if others else "digits_quickstart", others[1:], flags)


def run_command(words: list[str], *, fresh: bool, quiet: bool, trust: tuple[str, ...]) -> int:
    """Run one experiment; prints the metrics and, last, the run folder. Returns the exit code."""
    typed = parse_words(words)
    if "=" in typed.experiment:
        raise ConfigError(
            f"{typed.experiment!r} is no experiment. Expected its name before the overrides. "
            f"Write: stackfit run NAME {typed.experiment}"
        )
    if {"--cfg", "--info", "--hydra-help"} & typed.flags.keys():
        from stackfit.composition import hydra_shows

        hydra_shows(typed.experiment, typed.overrides, typed.flags)
        return 0
    from stackfit import api
    from stackfit.progress import Reporter

    run = api.run(typed.experiment, *typed.overrides, trust=trust, fresh=fresh, reporter=Reporter(0) if quiet else None)
    print_run(run.folder, run.metrics)
    return 0


def print_run(folder: Path, metrics: dict[str, float]) -> None:
    """The metrics that matter on one line, and the folder on the last."""
    from stackfit.places import shown

    shown_first = [name for name in metrics if name.startswith("test_")] or list(metrics)
    sys.stdout.write("  ".join(f"{name} {metrics[name]:.4f}" for name in shown_first) + "\n")
    sys.stdout.write(f"{shown(folder)}\n")
