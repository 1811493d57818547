"""`list`: what experiments there are. Reads their files, composes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from stackfit.cli.arguments import word
from stackfit.cli.text import complain, width
from stackfit.errors import ConfigError
from stackfit.results.layout import GAP, fold, indent, lay_out

if TYPE_CHECKING:
    from stackfit.config.experiments import Record

LEAST_ENTRY = 40  # characters of a question next to its experiment's name; else it stands below

def command(pattern: Annotated[str | None, word("Part of a name or question.")] = None) -> None:
    """Run one of them with `stackfit run NAME`."""
    from stackfit.config.experiments import list_experiments

    broken: list[ConfigError] = []
    records = list_experiments(pattern, broken)
    complain(map(str, broken))
    if not records:
        raise ConfigError(f"No experiment matches {pattern!r}. Expected part of a name or question. Try: stackfit list")
    room = width() - max(len(record.name) for record in records) - GAP
    if room >= LEAST_ENTRY:
        lines = lay_out([(record.name, "\n".join(_entry(record, room))) for record in records], "ll", ())
    else:
        lines = iter(fold(record.name, width()) + "\n" + "\n".join(indent(" ".join(_entry(record, width())), width())) for record in records)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.write(f"\nRun one:  stackfit run {records[0].name}\n")


def _entry(record: Record, width: int) -> list[str]:
    """Question and typical time, then what was published."""
    seconds = record.about.get("seconds")
    takes = f"about {seconds:g} s" if isinstance(seconds, (int, float)) else ""
    mark = "  (yours)" if record.own else ""
    mark += f"  (not experiments/{record.name}.yaml: see the warning)" if record.clash else ""
    question = str(record.about.get("question", "")).strip()
    lines = fold(f"{question}{mark}  [{takes}]" if takes else question + mark, width).split("\n")
    if published := record.about.get("published"):
        lines += fold(f"published: {published}", width).split("\n")
    return lines
