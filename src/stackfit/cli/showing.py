"""`show`: how an experiment is composed. No TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from stackfit.cli import completion
from stackfit.cli.arguments import Name, Overrides, Trust, option
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, flow, say
from stackfit.errors import ConfigError, Problems, raising

if TYPE_CHECKING:
    from stackfit.config.hydra.composition import Composition

IDLE = (Idle("origin", beside="diff"),)


def command(
    experiment: Name,
    overrides: Overrides = None,
    origin: Annotated[bool, option("file:line after every value.", "--origin")] = False,
    diff: Annotated[
        str | None,
        option("Only what differs from another experiment.", offers=completion.experiments, metavar="OTHER"),
    ] = None,
    resolve: Annotated[bool, option("Put values in place of ${…}.", "--resolve")] = False,
    trust: Trust = None,
) -> None:
    """Trains nothing and loads no TensorFlow. What may not be trained without --trust is named in a warning."""
    from stackfit.config import project
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.overrides import refuse_axes
    from stackfit.config.resolving import resolve as resolve_config

    with raising() as problems:
        composition = Composer(experiment).compose(overrides or (), problems)
        refuse_axes(composition.axes, problems)
        config = resolve_config(composition.config, problems) if resolve else plain(composition)
        if resolve:
            problems.place(composition.origins)
    completion.remember_keys(composition)
    for file in composition.replaced:
        say(f"note: {file} is yours, from ./conf; it replaces the shipped one")
    for note in project.foreign_conf():
        if note.kind not in (config["silence"] or ()):
            say(note.as_warning())
    warn_of_targets(composition, trust or ())
    if diff is not None:
        with raising() as problems:
            compared = Composer(diff).compose((), problems)
            other = resolve_config(compared.config, problems) if resolve else plain(compared)
        for line in differences(config, other, diff):
            sys.stdout.write(line + "\n")
        return
    if not origin:
        import yaml

        sys.stdout.write(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        return
    from stackfit.config.explanation import Explainer

    explainer = Explainer(composition)
    lines = [(line, explainer.place(key)) for key, line in _lines(config, "", 0)]
    width = min(60, max(len(line) for line, _ in lines))
    for line, place in lines:
        sys.stdout.write(f"{line:<{width}}  # {place}\n")


def warn_of_targets(composition: Composition, trust: Sequence[str]) -> None:
    """Name on stderr the targets that a run would refuse. They are shown all the same: showing imports nothing."""
    from stackfit.config.project import project_trust
    from stackfit.config.resolving import resolve
    from stackfit.config.trust import check_targets

    def refused(config: dict[str, Any]) -> list[ConfigError]:
        errors = check_targets(config, (*trust, *project_trust()))
        return [error for error in errors if str(error.key).endswith("._target_")]

    problems = Problems()
    with problems.collect():
        if refused(plain(composition)):  # a name may be a ${…}: those are read only where it matters, it takes a while
            problems.add(refused(resolve(composition.config, Problems())))
    if problems.errors:
        problems.place(composition.origins)
        complain(map(str, problems.errors))


def plain(composition: Composition) -> dict[str, Any]:
    """A composition as plain containers, its ${…} as written."""
    from omegaconf import OmegaConf

    container: Any = OmegaConf.to_container(composition.config, resolve=False)
    return container


def _lines(node: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        here, indent = f"{prefix}.{key}" if prefix else str(key), "  " * depth
        if isinstance(value, dict) and value:
            yield here, f"{indent}{key}:"
            yield from _lines(value, here, depth + 1)
        else:
            yield here, f"{indent}{key}: {flow(value)}"


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
