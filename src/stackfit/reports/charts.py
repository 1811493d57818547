"""Charts of runs, by Altair. Each takes rows: a data frame, or the name of data that come later, and says what it needs of them.

In a page, `picked` holds the numbers of the runs that somebody chose (`some`: whether anybody did); elsewhere all stand out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from stackfit.reports.theme import signals

HEIGHT = 260
PICKED = "!some || picked[datum.run]"
SHOWN = ".4~g"  # of a measured value in an axis
EXACT = ".6~g"  # of a setting's value; without a number of digits, Vega takes as few as tell the ticks apart: 2.2e+2 for 224
MOST_DIGITS = 15  # that tell two floats apart; of whole numbers, all are written


def finished(chart: Any, height: Any = HEIGHT) -> Any:
    """The chart with the parameters that its marks name, as wide as its place."""
    named = [alt.param(name=name, value=value) for name, value in signals("light").items()]
    named.append(alt.param(name="room", value=420))  # for names next to an axis, in pixels
    picked = [alt.param(name="picked", value={}), alt.param(name="some", value=False)]
    return chart.add_params(*named, *picked).properties(width="container", height=height)


def ink(name: str) -> Any:
    return alt.expr(name)


def _scale(kind: str, **more: Any) -> Any:
    return alt.Scale(type="log", nice=False, **more) if kind == "log" else alt.Scale(zero=False, **more)


def exact(values: Sequence[Any]) -> str:
    """How an axis writes values so that they can be read off it: whole numbers whole, others with as many digits as tell them apart."""
    numbers = [value for value in values if isinstance(value, (int, float)) and math.isfinite(value)]
    if numbers and all(value == int(value) and abs(value) < 10**MOST_DIGITS for value in numbers):
        return "d"
    digits = range(6, MOST_DIGITS + 1)
    return f".{next((count for count in digits if len({f'{value:.{count}g}' for value in numbers}) == len({*numbers})), MOST_DIGITS)}~g"


def y_of(name: str, title: str, **more: Any) -> Any:
    return alt.Y(f"{name}:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=title, format=SHOWN, tickCount=5), **more)


def _x_epochs() -> Any:
    return alt.X("epoch:Q", axis=alt.Axis(title="epoch", tickMinStep=1, format="d", grid=False), scale=alt.Scale(zero=False, nice=False))


def learning(lines: Any, gap: Any, metric: str) -> Any:
    """One run's curve, and the gap between training and validation.

    Args:
        lines: `epoch`, `value`, `part` (training or validation).
        gap: `epoch`, `training`, `validation`.
    """
    area = alt.Chart(gap).mark_area(opacity=0.14, color=ink("second")).encode(
        _x_epochs(), y_of("training", metric), y2="validation:Q"
    )
    line = alt.Chart(lines).mark_line(point={"size": 22}, strokeWidth=2).encode(
        _x_epochs(),
        y_of("value", metric),
        alt.Color("part:N", legend=alt.Legend(title=None, orient="top"), sort=["training", "validation"]),
        alt.StrokeDash("part:N", legend=None, sort=["training", "validation"]),
        tooltip=[alt.Tooltip("part:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title=metric, format=".6~g")],
    )
    return finished(area + line)


def curves(data: Any, metric: str, group: str | None = None, values: Sequence[str] = (), faint: float = 0.3) -> Any:
    """The curves of many runs.

    Args:
        data: `run`, `epoch`, `value`, `strong` (one of the best) and `group`.
        group: what the groups are called; None where there are none.
        values: the groups, in their order.
        faint: how much is seen of a curve that is not one of the best, from 0 to 1.
    """
    colour: Any = alt.value(alt.ExprRef("accent"))
    if group is not None:
        colour = alt.Color("group:N", scale=alt.Scale(domain=list(values)), legend=alt.Legend(title=group, orient="top", symbolOpacity=1))
    opacity = alt.condition("some ? picked[datum.run] : datum.strong", alt.value(0.9), alt.value(faint))
    base = alt.Chart(data).encode(
        _x_epochs(), y_of("value", metric), color=colour, opacity=opacity, detail="run:N", tooltip=_of_run("value", metric, "epoch")
    )
    only = base.transform_joinaggregate(epochs="count()", groupby=["run"]).transform_filter("datum.epochs == 1")  # no line
    return finished(base.mark_line(strokeWidth=1.6, clip=True) + only.mark_circle(size=22), 320)


def _of_run(value: str, metric: str, *more: str) -> list[Any]:
    return [
        alt.Tooltip("label:N", title="run"),
        *(alt.Tooltip(f"{name}:Q") for name in more),
        alt.Tooltip(f"{value}:Q", title=metric, format=".6~g"),
    ]


def axis(means: Any, points: Any, setting: str, metric: str, kind: str, ticks: Sequence[float] | None = None) -> Any:
    """A metric against a setting: every run, and the mean over the seeds with its interval.

    Args:
        means: `x`, `mean`, `low`, `high`, `n`.
        points: `x`, `value`, `run`, `label`.
        kind: of the setting's values: `linear`, `log` or `nominal`.
        ticks: the values that the axis names, exactly; None: round ones.
    """
    if kind == "nominal":
        x: Any = alt.X("x:N", sort=None, axis=alt.Axis(title=setting, labelAngle=0, labelOverlap=True))
    else:
        named: dict[str, Any] = {"format": EXACT} if ticks is None else {"values": list(ticks), "format": exact(ticks)}
        x = alt.X("x:Q", scale=_scale(kind, padding=16), axis=alt.Axis(title=setting, grid=False, labelOverlap=True, **named))
    brush = alt.selection_interval(name="brush", encodings=["x", "y"])
    dots = alt.Chart(points).mark_circle(size=26, color=ink("quiet")).encode(
        x, y_of("value", metric), opacity=alt.condition(PICKED, alt.value(0.5), alt.value(0.06)), tooltip=_of_run("value", metric)
    )
    base = alt.Chart(means).encode(x)
    line = base.mark_line(color=ink("accent"), strokeWidth=1.5, opacity=0.0 if kind == "nominal" else 0.6).encode(y_of("mean", metric))
    bars = base.mark_rule(color=ink("accent"), strokeWidth=2).encode(y_of("low", metric), y2="high:Q")
    middle = base.mark_circle(size=80, opacity=1, color=ink("accent")).encode(
        y_of("mean", metric),
        tooltip=[alt.Tooltip("x", type="nominal", title=setting)]
        + [alt.Tooltip(f"{name}:Q", title=title, format=".6~g") for name, title in _MEAN.items()],
    )
    return finished(alt.layer(dots.add_params(brush), line, bars, middle))


_MEAN = {"mean": "mean", "low": "95 % interval from", "high": "to", "n": "seeds"}


def heatmap(data: Any, row: str, column: str, metric: str, rows: int) -> Any:
    """The mean of a metric by two settings.

    Args:
        data: `row`, `column` (texts, in their order), `mean`, `n`, `text`, `bright` (whether the cell is one of the higher half).
        rows: how many there are.
    """
    base = alt.Chart(data).encode(
        alt.X("column:O", sort=None, axis=alt.Axis(title=column, labelAngle=0, labelOverlap=True)),
        alt.Y("row:O", sort=None, axis=alt.Axis(title=row)),
        tooltip=[
            alt.Tooltip("row:N", title=row),
            alt.Tooltip("column:N", title=column),
            alt.Tooltip("mean:Q", title=f"mean {metric}", format=".6~g"),
            alt.Tooltip("n:Q", title="runs"),
        ],
    )
    legend = alt.Legend(title=metric, orient="top", format=SHOWN, gradientLength=160, gradientThickness=10)
    cells = base.mark_rect().encode(alt.Color("mean:Q", scale=alt.Scale(range="heatmap", zero=False), legend=legend))
    texts = base.mark_text(fontSize=11).encode(
        text="text:N", color=alt.condition("datum.bright", alt.value(alt.ExprRef("ground")), alt.value(alt.ExprRef("ink")))
    )
    return finished(cells + texts, max(90, 34 * rows))


def pareto(data: Any, cost: str, metric: str, kind: str, *, more_is_better: bool = False, brushed: bool = True) -> Any:
    """A metric against what it costs; the runs that no other one beats in both are joined.

    Args:
        data: `run`, `label`, `cost`, `value`, `front` (whether no other run is better and cheaper).
        kind: of the cost's scale, `linear` or `log`.
        more_is_better: of the cost, which is then another metric.
        brushed: whether one may choose runs in it.
    """
    x = alt.X("cost:Q", scale=_scale(kind, padding=12), axis=alt.Axis(title=cost, grid=False, format="~s" if cost == "parameters" else EXACT, tickCount=5, labelOverlap=True))
    dots = alt.Chart(data).mark_circle(size=34).encode(
        x,
        y_of("value", metric),
        color=alt.condition("datum.front", alt.value(alt.ExprRef("second")), alt.value(alt.ExprRef("accent"))),
        opacity=alt.condition(PICKED, alt.value(0.75), alt.value(0.07)),
        tooltip=[*_of_run("value", metric), alt.Tooltip("cost:Q", title=cost, format=",d" if cost == "parameters" else ",.6~g")],
    )
    step: Any = "step-before" if more_is_better else "step-after"
    front = alt.Chart(data).transform_filter("datum.front").mark_line(color=ink("second"), interpolate=step).encode(x, y_of("value", metric))
    return finished(alt.layer(front, dots.add_params(alt.selection_interval(name="brush", encodings=["x", "y"])) if brushed else dots))


def compare(data: Any, metric: str, rows: int) -> Any:
    """Configurations by their mean over the seeds, with its interval.

    Args:
        data: `configuration`, `mean`, `low`, `high`, `n`, in their order.
        rows: how many there are.
    """
    small = ink("room < 240 ? 10 : 12")  # on a telephone
    base = alt.Chart(data).encode(alt.Y("configuration:N", sort=None, axis=alt.Axis(title=None, grid=True, labelLimit=ink("room"), labelFontSize=small)))
    x = alt.X("mean:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=metric, format=SHOWN, tickCount=5))
    bars = base.mark_rule(color=ink("accent"), strokeWidth=2).encode(x=alt.X("low:Q", scale=alt.Scale(zero=False), title=""), x2="high:Q")
    dots = base.mark_circle(size=80, opacity=1, color=ink("accent")).encode(
        x,
        tooltip=[alt.Tooltip("configuration:N")]
        + [alt.Tooltip(f"{name}:Q", title=title, format=".6~g") for name, title in _MEAN.items()],
    )
    return finished(bars + dots, max(90, 22 * rows))


def confusion(data: Any, classes: int, longest: int) -> Any:
    """Test items by their class and by what they were taken for.

    Args:
        data: `true`, `predicted` (in the classes' order), `count`, `share` of the class, `text`, `bright`.
        classes: how many there are.
        longest: characters of the longest name.
    """
    base = alt.Chart(data).encode(
        alt.X("predicted:N", sort=None, axis=alt.Axis(title="predicted", labelAngle=-45 if longest > 3 else 0, labelLimit=90)),
        alt.Y("true:N", sort=None, axis=alt.Axis(title="true", labelLimit=90)),
        tooltip=[
            alt.Tooltip("true:N"),
            alt.Tooltip("predicted:N"),
            alt.Tooltip("count:Q", title="test items", format=","),
            alt.Tooltip("share:Q", title="of the class", format=".1%"),
        ],
    )
    cells = base.mark_rect().encode(alt.Color("share:Q", scale=alt.Scale(range="heatmap", domain=[0, 1]), legend=None))
    texts = base.mark_text(fontSize=11).encode(
        text="text:N", color=alt.condition("datum.bright", alt.value(alt.ExprRef("ground")), alt.value(alt.ExprRef("ink")))
    )
    return finished(cells + texts, max(120, min(30 * classes, 640)))


def layers(data: Any, rows: int) -> Any:
    """A model's layers by their parameters, from the input down; `data`: `layer`, `class`, `shape`, `parameters`."""
    return finished(
        alt.Chart(data)
        .mark_bar(color=ink("accent"), cornerRadiusEnd=2)
        .encode(
            alt.X("parameters:Q", axis=alt.Axis(title="parameters", format="~s", tickCount=5)),
            alt.Y("layer:N", sort=None, axis=alt.Axis(title=None, labelLimit=ink("room"))),
            tooltip=["layer:N", "class:N", "shape:N", alt.Tooltip("parameters:Q", format=",")],
        ),
        max(80, 24 * rows),
    )


def times(data: Any) -> Any:
    """Seconds of each epoch; `data`: `epoch`, `seconds`."""
    return finished(
        alt.Chart(data)
        .mark_bar(color=ink("accent"))
        .encode(
            alt.X("epoch:O", axis=alt.Axis(title="epoch", labelAngle=0, labelOverlap=True)),
            alt.Y("seconds:Q", axis=alt.Axis(title="seconds", tickCount=4)),
            tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("seconds:Q", format=".3~g")],
        ),
        160,
    )


def agreement(data: Any) -> Any:
    """Predicted against true values; `data`: `true`, `predicted`, `item`."""
    ends = alt.Chart(data).transform_aggregate(low="min(true)", high="max(true)")
    line = ends.mark_rule(color=ink("quiet"), strokeDash=[4, 4]).encode(x="low:Q", y="low:Q", x2="high:Q", y2="high:Q")
    dots = alt.Chart(data).mark_circle(size=24, opacity=0.5, color=ink("accent")).encode(
        alt.X("true:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title="true", format=SHOWN)),
        alt.Y("predicted:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title="predicted", format=SHOWN)),
        tooltip=[alt.Tooltip("item:Q", title="test item"), *(alt.Tooltip(f"{name}:Q", format=".6~g") for name in ("true", "predicted"))],
    )
    return finished(line + dots)


def residuals(data: Any) -> Any:
    """By how much predictions are off: how often; `data`: `low`, `high` (of a class of errors), `count`."""
    return finished(
        alt.Chart(data)
        .mark_bar(color=ink("accent"))
        .encode(
            alt.X("low:Q", bin="binned", axis=alt.Axis(title="predicted - true", format=SHOWN)),
            x2="high:Q",
            y=alt.Y("count:Q", axis=alt.Axis(title="test items")),
            tooltip=[alt.Tooltip("low:Q", format=".4~g"), alt.Tooltip("high:Q", format=".4~g"), alt.Tooltip("count:Q", format=",")],
        )
    )
