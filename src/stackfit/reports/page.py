"""One HTML file that holds everything it shows. It asks nobody for anything and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import stackfit
from stackfit.reports import charts, theme
from stackfit.reports.bundle import compiled, drawing_program
from stackfit.reports.figures import Columns, Figure, Pool, Section
from stackfit.reports.runs_table import Column


@dataclass
class Table:
    """The table of runs: a row each."""

    columns: Sequence[Column]
    links: Sequence[str]
    folders: Sequence[str]
    commands: Sequence[str]
    epochs: Columns
    pairs: Sequence[dict[str, str]]  # of `epochs`, what a row's chart holds
    best: int | None = None


@dataclass
class Page:
    """What the page holds, from top to bottom."""

    title: str
    questions: Sequence[tuple[str, str]] = ()  # an experiment, and what it asks
    facts: Sequence[tuple[str, str]] = ()  # a figure, and what it is
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = ()
    table: Table | None = None
    made: str = ""  # when, and by which version
    data: dict[str, Any] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as one text."""
    from jinja2 import Environment, FunctionLoader, select_autoescape

    environment = Environment(
        loader=FunctionLoader(_source), autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.filters["ident"] = id
    sections = [section for section in page.sections if not section.is_empty]
    figures = [figure for section in sections for figure in section.figures]
    scripts = [drawing_program(), _source("page.js")] if figures or page.table else []
    return environment.get_template("page.html.jinja").render(
        page=page,
        sections=sections,
        numbers={id(figure): number for number, figure in enumerate(figures)},
        data=_data(figures, page.table) if scripts else {},
        style=_style(page.table),
        scripts=scripts,
        policy=policy(scripts),
    )


def made() -> str:
    """When the page was made, and by which version."""
    return f"{stackfit.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def policy(scripts: Sequence[str]) -> str:
    """The Content-Security-Policy: these scripts, pictures and styles in the file, and nothing else."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    rules = {
        "default-src": "'none'",
        "script-src": allowed,
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _source(name: str) -> str:
    """One of the files next to this module; no other template is ever read."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _style(table: Table | None) -> str:
    """The page's style, with the colours of the charts and the sides of the table's columns."""
    lines = []
    for mode in theme.MODES:
        first, second = theme.CATEGORIES[mode][:2]
        named = {"ground": theme.GROUND[mode], "ink": theme.INK[mode], "quiet": theme.QUIET[mode], "line": theme.LINE[mode]}
        named |= {"accent": first, "second": second, "font": theme.FONT}
        text = "".join(f"--{name}:{value};" for name, value in named.items()) + f"color-scheme:{mode}"
        if mode == "dark":
            lines.append(f"@media (prefers-color-scheme:dark){{:root:not([data-mode=light]){{{text}}}}}")
        lines.append(f":root[data-mode={mode}]{{{text}}}" if mode == "dark" else f":root{{{text}}}")
    right = [number for number, column in enumerate(table.columns if table else ()) if column.is_number]
    if right:
        cells = ",".join(f"#table tr>:nth-child({number + 2})" for number in right)
        lines.append(f"{cells}{{text-align:right}}")
    return "\n".join([_source("page.css"), *lines])


def _data(figures: Sequence[Figure], table: Table | None) -> dict[str, Any]:
    """What the page's script reads: columns, each once, and by whom they are used."""
    pool = Pool()
    found: dict[str, Any] = {
        "figures": [
            {"spec": compiled(figure.chart), "rows": {name: pool.add(columns) for name, columns in figure.rows.items()}}
            for figure in figures
        ],
        "themes": {mode: {"config": theme.vega_config(mode), "signals": theme.signals(mode)} for mode in theme.MODES},
    }
    if table is not None:
        import altair as alt

        named = alt.NamedData("lines"), alt.NamedData("gap")
        found["table"] = {
            "columns": [{"key": column.key, "name": column.name, "number": column.is_number} for column in table.columns],
            "rows": pool.add({column.key: column.values for column in table.columns}),
            "commands": pool.add({"command": table.commands})["command"],
            "epochs": pool.add(table.epochs),
            "opened": [{**pair, "spec": compiled(charts.learning(*named, pair["metric"]))} for pair in table.pairs],
        }
    found["columns"] = pool.columns
    return found
