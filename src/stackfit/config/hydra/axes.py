"""What a sweep varies: axes in Hydra's override grammar become the override lists of its cells.

Axes cross with one another; axes that carry the same `tag(NAME, …)` are zipped instead; a union is several grids, one
after another.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, Sweep
from hydra.errors import HydraException

from stackfit.errors import ConfigError, Problems

MOST = 1_000_000  # values on one axis


@dataclass(frozen=True)
class Axis:
    """One override that takes several values: `values` are the texts after `key=`.

    Of a search, an axis may be an interval: `values` are its two ends, and `scale` says how numbers are drawn between them:
    `float` or `int`, with `log` after a dot where they are drawn by their order of magnitude.
    """

    key: str
    values: tuple[str, ...]
    tag: str | None = None
    scale: str | None = None
    text: str = field(default="", compare=False)  # after `key=`


@dataclass(frozen=True)
class Point:
    """The overrides of one cell: the fixed ones first, then one `key=value` for each axis."""

    overrides: tuple[str, ...]
    axes: dict[str, str]


def read_axes(
    parsed: Sequence[Override], always: Collection[str], problems: Problems, search: bool = False
) -> tuple[list[str], list[Axis]]:
    """Separate fixed overrides from axes; the keys in `always` are axes even with a single value.

    Args:
        problems: takes an axis that has no finite list of values, or more than one tag.
        search: an axis may be an interval; axes are not zipped.
    """
    fixed: list[str] = []
    axes: list[Axis] = []
    for override in parsed:
        with problems.collect():
            _read_axis(override, always, fixed, axes, search)
    return fixed, axes


def _read_axis(override: Override, always: Collection[str], fixed: list[str], axes: list[Axis], search: bool) -> None:
    key, line = override.get_key_element(), override.input_line or ""
    if not override.is_sweep_override():
        if key in always:
            text = override.get_value_element_as_str() if search else line.partition("=")[2]
            axes.append(Axis(key, (text,), text=text))
        else:
            fixed.append(line)
        return
    value = override.value()
    tags = sorted(value.tags) if isinstance(value, Sweep) else []
    if search and isinstance(value, IntervalSweep):
        axes.append(_read_interval(key, value, line))
        return
    if not override.is_discrete_sweep():
        raise ConfigError(
            "This axis is an interval without steps. Expected a list of values. Write: key=a,b,c or key=range(0,5), or search "
            "it with hydra/sweeper=search",
            where=line,
        )
    if search and (tags or getattr(value, "shuffle", False)):
        what = "is shuffled" if not tags else f"has the tag {', '.join(tags)}"
        raise ConfigError(
            f"This axis {what}. Expected plain values: a search crosses its axes, and tag(log, …) is for intervals. "
            f"Write: {key}=a,b,c or {key}=tag(log, interval(1e-4,1e-2))",
            where=line,
        )
    if len(tags) > 1:
        raise ConfigError(
            f"This axis has the tags {', '.join(tags)}. Expected one: axes with the same tag are zipped. "
            "Write: key=tag(NAME, choice(a,b))",
            where=line,
        )
    try:
        values = tuple(itertools.islice(override.sweep_string_iterator(), MOST + 1))
    except Exception as error:  # glob(…) in a file's own axes, range(3) inside choice(…): Hydra raises any type
        text = str(error).partition("\n")[0].rstrip(".")
        raise ConfigError(
            f"This axis has no values: {text}. Expected a list of values. Write: key=a,b,c", where=line
        ) from None
    if len(values) > MOST:
        raise ConfigError(
            f"This axis has more than {MOST:,} values. Expected fewer. Write: key=range(0,5)", where=line
        )
    values = tuple(dict.fromkeys(values)) if search else values  # 1e-3 and 0.001 are one setting
    if search and not values:
        raise ConfigError(f"This axis has no values. Expected at least one. Write: {key}=a,b or {key}=range(0,5)", where=line)
    axes.append(Axis(key, values, tags[0] if tags else None, text=_listed_text(values)))


def _listed_text(values: Sequence[str]) -> str:
    """The values as an override has them: the same text for the same values, however they were typed."""
    if len(values) > 2 and all(re.fullmatch(r"0|-?[1-9]\d*", value) for value in values):
        numbers = [*map(int, values)]
        step = numbers[1] - numbers[0]
        if step > 0 and numbers == [*range(numbers[0], numbers[-1] + 1, step)]:
            return f"range({numbers[0]},{numbers[-1] + 1},step={step})"
    return ",".join(values)


def _read_interval(key: str, value: IntervalSweep, line: str) -> Axis:
    """An axis whose values are drawn.

    Raises:
        ConfigError: its ends are not two numbers in order, or it has a tag other than `log`, which needs ends above 0.
    """
    low, high = value.start, value.end
    found = None
    if unknown := sorted(value.tags - {"log"}):
        found = f"has the tag {', '.join(unknown)}. Expected tag(log, …) or none. Write: key=tag(log, interval(1e-4,1e-2))"
    elif not (math.isfinite(low) and math.isfinite(high)):
        found = f"goes from {low} to {high}. Expected two numbers. Write: key=interval(0,1)"
    elif not low < high:
        swapped = f"{high}, {low}" if high < low else f"{low}, {low + 1}"
        found = f"goes from {low} to {high}. Expected the smaller end first. Write: key={_interval_text(value, swapped)}"
    elif value.tags and low <= 0:
        found = f"begins at {low}, which has no logarithm. Expected ends above 0. Write: key=tag(log, interval(1e-4,1e-2))"
    if found:
        raise ConfigError(f"This interval {found.replace('key=', f'{key}=')}", where=line)
    kind = "int" if isinstance(low, int) else "float"
    return Axis(key, (repr(low), repr(high)), scale=f"{kind}.log" if value.tags else kind, text=_interval_text(value, f"{low}, {high}"))


def _interval_text(value: IntervalSweep, ends: str) -> str:
    plain = f"int(interval({ends}))" if isinstance(value.start, int) else f"interval({ends})"
    return f"tag(log, {plain})" if value.tags else plain


def parse_params(params: Mapping[str, Any] | None, problems: Problems) -> list[Override]:
    """A mapping `{key: "a,b"}`, as in `hydra.sweeper.params`, as overrides.

    Args:
        problems: takes a value that is not valid in an override.
    """
    parser = OverridesParser.create()
    parsed = []
    for key, value in (params or {}).items():
        try:
            parsed.append(parser.parse_override(f"{key}={_text(value)}"))
        except HydraException:
            problems.errors.append(
                ConfigError(
                    f'{value!r} is not a list of values. Expected Hydra\'s grammar. Write: {key}: "a,b,c"',
                    key=f"hydra.sweeper.params.{key}",
                )
            )
    return parsed


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_text, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def expand(fixed: Sequence[str], axes: Sequence[Axis]) -> Iterable[Point]:
    """Every cell of one grid; the last axis varies fastest.

    Raises:
        ConfigError: axes with the same tag have different lengths.
    """
    groups: dict[str, list[Axis]] = {}
    for number, axis in enumerate(axes):
        groups.setdefault(axis.tag or f"\0{number}", []).append(axis)
    for tag, zipped in groups.items():
        lengths = {axis.key: len(axis.values) for axis in zipped}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise ConfigError(
                f"The axes with the tag {tag!r} have different lengths: {counts}. Expected equal lengths, since "
                "they are zipped. Give them the same number of values, or drop the tag to cross them."
            )
    columns = [
        [
            tuple(zip((axis.key for axis in zipped), row, strict=True))
            for row in zip(*(a.values for a in zipped), strict=True)
        ]
        for zipped in groups.values()
    ]
    order = {axis.key: number for number, axis in enumerate(axes)}
    for row in itertools.product(*columns):
        pairs = sorted(itertools.chain.from_iterable(row), key=lambda pair: order[pair[0]])
        yield Point((*fixed, *(f"{key}={value}" for key, value in pairs)), {k.lstrip("+"): v for k, v in pairs})


def count(axes: Sequence[Axis]) -> int:
    """How many cells a grid has."""
    lengths: dict[str, int] = {}
    for number, axis in enumerate(axes):
        lengths[axis.tag or f"\0{number}"] = len(axis.values)
    total = 1
    for length in lengths.values():
        total *= length
    return total


def last_typed(typed: Sequence[Override]) -> list[Override]:
    """Of a key that is typed several times, one of them as an axis, the last one: it decides, as without a sweep."""
    keys = [override.get_key_element().lstrip("+") for override in typed]
    swept = {key for key, override in zip(keys, typed, strict=True) if override.is_sweep_override()}
    return [o for place, (key, o) in enumerate(zip(keys, typed, strict=True)) if key not in swept or key not in keys[place + 1 :]]


def plan_axes(
    typed: Sequence[Override],
    params: Mapping[str, Any] | None,
    union: Sequence[Mapping[str, Any]] | None,
    problems: Problems,
    search: bool = False,
) -> list[tuple[list[str], list[Axis]]]:
    """The grids of a sweep as `(fixed overrides, axes)`: a typed override replaces a param of the same key.

    A key that a union's grid sets is an axis even with one value: it distinguishes the grid's cells from the others.

    Args:
        problems: takes the problems of `parse_params` and `read_axes`.
        search: see `read_axes`; a key that one of the union's grids sets is an axis in all of them.
    """
    told = {key for grid in union or () for key in grid}
    typed_keys = {override.get_key_element().lstrip("+") for override in typed}
    grids = []
    for grid in union or [{}]:
        merged = {**(params or {}), **grid}
        declared = [o for o in parse_params(merged, problems) if o.get_key_element().lstrip("+") not in typed_keys]
        grids.append(read_axes([*declared, *typed], told if search else grid, problems, search))
    return grids
