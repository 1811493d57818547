"""Charts of a search, by Altair; see `charts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from stackfit.reports.charts import finished, ink, y_of


def progress(steps: Any, chance: Any, metric: str, names: Sequence[str], epochs: int) -> Any:
    """The best value by the epochs that a search had spent, and what chance would have found with as many.

    Args:
        steps: `name`, `epochs`, `best`.
        chance: `name`, `epochs`, `low`, `high` (one of them may be missing), `expected` (both as a text), `open` (a text
            where one is missing).
        names: that of the search, then those of the baselines.
        epochs: that the search has spent.
    """
    x = alt.X("epochs:Q", axis=alt.Axis(title="epochs spent", grid=False, format=",d", tickMinStep=1, tickCount=6), scale=alt.Scale(domain=[0, 1.03 * epochs], nice=False))
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, columns=ink("room < 240 ? 2 : 3"))
    colour = alt.Color("name:N", scale=alt.Scale(domain=list(names)), legend=legend)
    found = alt.Chart(steps).encode(x, y_of("best", metric), colour)
    told = [alt.Tooltip("name:N", title="by"), alt.Tooltip("epochs:Q", format=","), alt.Tooltip("best:Q", title=metric, format=".6~g")]
    base = alt.Chart(chance).encode(
        x, colour, tooltip=[alt.Tooltip("name:N", title="by"), alt.Tooltip("epochs:Q", format=","), alt.Tooltip("expected:N")]
    )
    known = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    ends = [
        base.transform_filter(f"isValid(datum.{end})").mark_tick(orient="horizontal", thickness=3, size=18, opacity=1).encode(y_of(end, metric))
        for end in ("low", "high")
    ]
    words = [
        base.transform_filter(f"!isValid(datum.{other})").mark_text(dy=dy, fontSize=11).encode(y_of(end, metric), text="open:N")
        for end, other, dy in (("low", "high", -9), ("high", "low", 10))
    ]
    return finished(
        alt.layer(
            found.mark_line(interpolate="step-after", strokeWidth=2),
            found.mark_circle(size=40, opacity=1).encode(tooltip=told),
            known.mark_rule(strokeWidth=3).encode(y_of("low", metric), y2="high:Q"),
            *ends,
            *words,
        )
    )


def importance(data: Any, rows: int) -> Any:
    """The share of each axis; `data`: `axis`, `share`, `said`, `faint` (whether it may be chance)."""
    return finished(
        alt.Chart(data)
        .mark_bar(color=ink("accent"), cornerRadiusEnd=2)
        .encode(
            alt.X("share:Q", axis=alt.Axis(title="share", format=".1f", tickCount=5), scale=alt.Scale(domain=[0, 1])),
            alt.Y("axis:N", sort=None, axis=alt.Axis(title=None, labelLimit=ink("room"))),
            opacity=alt.condition("datum.faint", alt.value(0.35), alt.value(1)),
            tooltip=["axis:N", alt.Tooltip("share:Q", format=".2f"), "said:N"],
        ),
        max(80, 30 * rows),
    )


def endings(data: Any, states: Sequence[str]) -> Any:
    """After which epoch trials ended; `data`: `epoch`, `state`, `trials`."""
    legend = alt.Legend(title=None, orient="top")
    return finished(
        alt.Chart(data)
        .mark_bar()
        .encode(
            alt.X("epoch:O", axis=alt.Axis(title="ended after epoch", labelAngle=0, labelOverlap=True)),
            alt.Y("trials:Q", axis=alt.Axis(title="trials", tickMinStep=1, format="d", tickCount=5)),
            alt.Color("state:N", scale=alt.Scale(domain=list(states)), legend=legend),
            tooltip=[alt.Tooltip("epoch:O", title="ended after epoch"), "state:N", alt.Tooltip("trials:Q", format=",")],
        )
    )
