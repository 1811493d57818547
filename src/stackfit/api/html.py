"""How runs and comparisons look in a notebook: plain HTML, every text of a config escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from stackfit.errors import StackfitError
from stackfit.files import shown

if TYPE_CHECKING:
    from stackfit.results.run import Run


def run_html(run: Run) -> str:
    """A run: its experiment, state, settings as typed, and final metrics."""
    try:
        status, metrics = run.status, run.metrics
    except StackfitError as error:
        return f"<p><b>{escape(shown(run.folder))}</b><br>{escape(str(error))}</p>"
    title = str(status.get("experiment") or run.folder.name)
    words = " ".join(map(str, status.get("overrides") or ()))
    state = f"{run.state}: {run.reason}" if run.reason else run.state
    rows = "".join(
        f"<tr><th scope=row style='text-align:left'>{escape(str(name))}</th><td style='text-align:right'>{_number(value)}</td></tr>"
        for name, value in metrics.items()
        if not isinstance(value, str)
    )
    return (
        f"<p><b>{escape(title)}</b> {escape(words)}<br>{escape(state)}<br><code>{escape(shown(run.folder))}</code></p>"
        f"<table>{rows}</table>"
    )


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
