"""`list` and `show`: what experiments there are and how one is composed. No TensorFlow."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from stackfit.config.experiments import Record, list_experiments
from stackfit.errors import ConfigError, printable, raising
from stackfit.results.layout import lay_out


def print_experiments(pattern: str | None) -> None:
    """One entry an experiment: name and typical time, question, published result.

    Raises:
        ConfigError: nothing matches the pattern.
    """
    broken: list[ConfigError] = []
    records = list_experiments(pattern, broken)
    for error in broken:
        print(printable(f"warning: {error}"), file=sys.stderr)
    if not records:
        raise ConfigError(f"No experiment matches {pattern!r}. Expected part of a name or question. Try: stackfit list")
    room = max(40, shutil.get_terminal_size((100, 24)).columns - max(len(record.name) for record in records) - 2)
    for line in lay_out([(record.name, _entry(record, room)) for record in records], "ll", ()):
        sys.stdout.write(f"{printable(line)}\n")
    sys.stdout.write(f"\nRun one:  stackfit run {records[0].name}\n")


def _entry(record: Record, width: int) -> str:
    """Question and typical time, then what was published."""
    seconds = record.about.get("seconds")
    takes = f"about {seconds:g} s" if isinstance(seconds, (int, float)) else ""
    mark = "  (yours)" if record.own else ""
    question = str(record.about.get("question", "")).strip()
    lines = textwrap.wrap(f"{question}{mark}  [{takes}]" if takes else question + mark, width)
    if published := record.about.get("published"):
        lines += textwrap.wrap(f"published: {published}", width)
    return "\n".join(lines)


def print_config(experiment: str, overrides: list[str], *, origin: bool, diff: str | None, resolve: bool) -> None:
    """The composed config on stdout.

    Raises:
        ConfigError: as `compose`.
    """
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.resolving import resolve as resolve_config

    with raising() as problems:
        composition = Composer(experiment).compose(overrides, problems)
        if resolve:
            config = resolve_config(composition.config, problems)
            problems.place(composition.origins)
        else:
            config = plain(composition)
    for option in composition.replaced:
        print(f"note: {option} is yours, from ./conf; it replaces the shipped one", file=sys.stderr)
    if diff is not None:
        with raising() as problems:
            other = plain(Composer(diff).compose((), problems))
        for line in differences(config, other, diff):
            sys.stdout.write(line + "\n")
        return
    if not origin:
        sys.stdout.write(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        return
    from stackfit.config.explanation import Explainer

    explainer = Explainer(composition)
    lines = [(line, explainer.place(key)) for key, line in _lines(config, "", 0)]
    width = min(60, max(len(line) for line, _ in lines))
    for line, place in lines:
        sys.stdout.write(f"{line:<{width}}  # {place}\n")


def plain(composition: Any) -> dict[str, Any]:
    """A composition as plain containers, its ${…} as written."""
    from omegaconf import OmegaConf

    container = OmegaConf.to_container(composition.config, resolve=False)
    assert isinstance(container, dict)
    return container


def _lines(node: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        here, indent = f"{prefix}.{key}" if prefix else str(key), "  " * depth
        if isinstance(value, dict) and value:
            yield here, f"{indent}{key}:"
            yield from _lines(value, here, depth + 1)
        else:
            text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
            yield here, f"{indent}{key}: {text.removesuffix(chr(10)).removesuffix('...').rstrip()}"


def differences(config: dict[str, Any], other: dict[str, Any], name: str) -> Iterator[str]:
    """One line for each key whose value differs from that of the experiment `name`."""
    from stackfit.keys import flatten

    ours, theirs = flatten(config), flatten(other)
    for key in dict.fromkeys((*theirs, *ours)):
        if key.startswith(("about.", "expect")) or ours.get(key) == theirs.get(key):
            continue
        there = theirs.get(key, "not there")
        here = ours.get(key, "not there")
        yield f"{key}: {here}   # {name}: {there}"
