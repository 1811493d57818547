"""`--by KEY`: runs in groups, such as a class's hand-ins by student."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from stackfit.errors import ConfigError
from stackfit.results.differences import key_of
from stackfit.results.frames import Runs

PART = r"part(?:\.([1-9]\d*))?"


def with_groups(runs: Runs, by: str | None) -> tuple[Runs, str | None]:
    """The runs with the groups' key as their first setting, and this key; None for no groups.

    Args:
        by: a setting; or `part`, the first part of the runs' folders in which they differ, `part.2` for the next.
    """
    if by is None:
        return runs, None
    if re.fullmatch(PART, by):
        settings = runs.settings.assign(**{by: parts_of(list(runs.about["folder"]), by)})
        key = by
    else:
        settings, key = runs.settings, key_of(runs, by, "--by")
    first = [*dict.fromkeys(["experiment", key, *settings])]
    return replace(runs, settings=settings[first]), key


def parts_of(paths: Sequence[str], by: str) -> list[str]:
    """Of each path the part that `by` names: `s01` of `hand-ins--s01--net`; an empty text where a path is shorter.

    Raises:
        ConfigError: see `parts_and_rests`.
    """
    return [part for part, _ in parts_and_rests(paths, by)]


def parts_and_rests(paths: Sequence[str], by: str) -> list[tuple[str, str]]:
    """Of each path the part that `by` names, and the other parts in which the paths differ.

    Raises:
        ConfigError: `by` is no part, or the paths do not differ.
    """
    found = re.fullmatch(PART, by)
    if found is None:
        raise ConfigError(
            f"There is no part {by!r} of a path. Expected part, the first in which the paths differ, or part.2, the next. "
            "Try: --by part",
            where="--by",
        )
    split = [re.split(rf"--|{re.escape(os.sep)}", path) for path in paths]
    length = max(map(len, split))
    filled = [[*parts, *[""] * (length - len(parts))] for parts in split]
    first = next((at for at in range(length) if len({parts[at] for parts in filled}) > 1), 0 if len(paths) == 1 else None)
    at = length if first is None else first + int(found[1] or 1) - 1
    if at >= length:
        raise ConfigError(
            f"{by!r} is not a part of these paths: they end before it, or are alike up to it. Expected a part in which "
            "they differ, or a setting. Try: --by part",
            where="--by",
        )
    others = [place for place in range(length) if place != at and len({parts[place] for parts in filled}) > 1]
    return [(parts[at], "--".join(parts[place] for place in others)) for parts in filled]
