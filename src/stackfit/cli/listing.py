"""`list`: what experiments there are. Reads their files, composes nothing."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated

from stackfit.cli.arguments import word
from stackfit.cli.text import complain
from stackfit.errors import ConfigError

if TYPE_CHECKING:
    from stackfit.config.experiments import Record


def command(pattern: Annotated[str | None, word("Part of a name or question.")] = None) -> None:
    """Run one of them with `stackfit run NAME`."""
    from stackfit.config.experiments import list_experiments
    from stackfit.results.layout import lay_out

    broken: list[ConfigError] = []
    records = list_experiments(pattern, broken)
    complain(map(str, broken))
    if not records:
        raise ConfigError(f"No experiment matches {pattern!r}. Expected part of a name or question. Try: stackfit list")
    room = max(40, shutil.get_terminal_size((100, 24)).columns - max(len(record.name) for record in records) - 2)
    for line in lay_out([(record.name, _entry(record, room)) for record in records], "ll", ()):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"\nRun one:  stackfit run {records[0].name}\n")


def _entry(record: Record, width: int) -> str:
    """Question and typical time, then what was published."""
    seconds = record.about.get("seconds")
    takes = f"about {seconds:g} s" if isinstance(seconds, (int, float)) else ""
    mark = "  (yours)" if record.own else ""
    mark += f"  (not experiments/{record.name}.yaml: see the warning)" if record.clash else ""
    question = str(record.about.get("question", "")).strip()
    lines = textwrap.wrap(f"{question}{mark}  [{takes}]" if takes else question + mark, width)
    if published := record.about.get("published"):
        lines += textwrap.wrap(f"published: {published}", width)
    return "\n".join(lines)
