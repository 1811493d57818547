"""One figure for a paper: a chart of the report at a width in millimetres, as PNG, SVG or PDF."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.files import write_file, write_text
from stackfit.reports import theme
from stackfit.reports.bundle import VEGA_LITE
from stackfit.reports.effects import MOST_CELLS, axis_of, heatmap_of
from stackfit.reports.figures import Columns, Figure, plain
from stackfit.reports.findings import sections_of
from stackfit.reports.making import check_out, chosen_runs
from stackfit.reports.overview import Overview
from stackfit.results.frames import Paths, Runs
from stackfit.results.run import Run

KINDS = ("curves", "axis", "heatmap", "pareto", "confusion", "layers", "compare")
FORMS = (".png", ".svg", ".pdf")
NOTHING = "Expected finished runs that have numbers in their history and metrics. Try: stackfit table"
OF_ONE = ("curves", "confusion", "layers")  # what there is of a single run
POINTS = 72 / 25.4  # of a millimetre
WIDTH = 85.0  # mm: one column of most papers
LEAST, MOST = 40.0, 500.0
SCALE = 8 / 12  # letters of 8 points, as in captions, where a page has 12
DOTS = 300  # an inch, of a PNG
ROWS = ("heatmap", "confusion", "layers", "compare")  # as high as their rows
HEIGHT, MOST_HEIGHT = 0.5, 420  # of the width, of the others


class Plot:
    """A drawn figure; a notebook shows it."""

    def __init__(self, figure: Figure, width: float = WIDTH):
        self.figure, self.spec = figure, spec_of(figure, width)

    def svg(self, unit: float = POINTS, name: str = "mm") -> str:
        """As SVG, its size in millimetres, or in another unit that has so many points."""
        import vl_convert

        text = vl_convert.vegalite_to_svg(self.spec, vl_version=VEGA_LITE)
        size = re.compile(r'(?<= )(width|height)="([\d.]+)"')
        return size.sub(lambda found: f'{found[1]}="{float(found[2]) * SCALE / unit:.2f}{name}"', text, count=2)

    def write(self, path: Path) -> None:
        """Write it; the ending of the name says the form, one of `FORMS`."""
        import vl_convert

        if path.suffix == ".svg":
            write_text(path, self.svg())
            return
        drawn = (
            vl_convert.svg_to_pdf(self.svg(1, ""))
            if path.suffix == ".pdf"
            else vl_convert.vegalite_to_png(self.spec, vl_version=VEGA_LITE, scale=SCALE, ppi=DOTS)
        )
        write_file(path, lambda temporary: temporary.write_bytes(drawn))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/svg+xml": self.svg(), "text/plain": f"{self.figure.title}. {self.figure.alt}"}


def plot_of(
    paths: Paths,
    kind: str | None = None,
    metric: str | None = None,
    by: Sequence[str] = (),
    width: float = WIDTH,
    direction: str | None = None,
    filter: str | None = None,
) -> tuple[Plot, list[str]]:
    """The figure of the runs at or below `paths`, and what could not be read.

    Args:
        kind: one of `KINDS`; None for the curves of a run, and of several what the first setting does.
        metric: what is shown; `test_accuracy` if there is one.
        by: the setting of an axis, two of a heat map, `parameters` or `seconds` of the costs, the colours of curves.
        width: in millimetres.

    Raises:
        ConfigError: no such kind, metric or setting, or these runs have no such figure.
        RunFolderError: a path holds no run.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"There is no kind {kind!r}.{did_you_mean(kind, KINDS)} Expected one of: {', '.join(KINDS)}. Write: --kind axis")
    if not LEAST <= width <= MOST:
        raise ConfigError(f"--width is {width:g}. Expected {LEAST:g} to {MOST:g}, in millimetres. Write for example: --width 85")
    runs, problems = chosen_runs(paths, filter)
    keys: tuple[str, ...] = ()
    if len(runs.about) == 1 and (kind is None or kind in OF_ONE) and not by:
        found = [*_of_one(runs, problems)]
        if metric is not None and kind in (None, "curves"):
            found = _with_metric(found, metric)
        kind = kind or "curves"
    else:
        overview = Overview.of(runs, problems, metric, direction)
        keys = tuple(_key(overview, name) for name in by) if kind != "pareto" else tuple(by)
        if kind == "curves" and keys:
            overview.asked_group, keys = keys[0], ()
        if keys and kind in (None, "axis", "heatmap") and overview.metric:
            kind = kind or ("axis" if len(keys) == 1 else "heatmap")
            found = [_asked(overview, kind, keys)]
        else:
            found = [figure for section in sections_of(overview) for figure in section.figures]
            kind = kind or next((figure.kind for figure in found if figure.kind == "axis"), "curves")
            found = [figure for figure in found if not keys or {*keys} <= {*figure.by}]
    fitting = [figure for figure in found if figure.kind == kind]
    if not fitting:
        has = [*dict.fromkeys(figure.kind for figure in found if figure.kind)]
        words = f" by {', '.join(by)}" if by else ""
        what = f"Expected one of: {', '.join(has)}. Write: --kind {has[0]}" if has else NOTHING
        raise ConfigError(f"{_named(runs)} has no figure of the kind {kind}{words}. {what}")
    return Plot(fitting[0], width), problems


def _asked(overview: Overview, kind: str, keys: tuple[str, ...]) -> Figure:
    """The figure of these settings, which the report may leave out where there are many.

    Raises:
        ConfigError: they have none.
    """
    names = [overview.short[key] for key in keys]
    axes = [overview.short[key] for key in overview.axes]
    if repeated := [name for key, name in zip(keys, names, strict=True) if key not in overview.axes]:
        raise ConfigError(f"--by: {repeated[0]} only repeats the runs, and its values are averaged. Expected one of: {', '.join(axes)}.")
    expected = "one setting"
    if kind == "axis" and len(keys) == 1:
        return axis_of(overview, keys[0])
    if kind == "heatmap":
        pairs = [keys] if len(keys) == 2 else [pair for pair in combinations(overview.axes, 2) if {*keys} <= {*pair}]
        if found := next(filter(None, (heatmap_of(overview, *pair) for pair in pairs)), None):
            return found
        expected = f"two settings whose values were tried together, in at most {MOST_CELLS} pairs"
    raise ConfigError(f"There is no {kind} of {' and '.join(names)}. Expected {expected}. Write for example: --kind axis --by {axes[0]}")


def check_file(path: Path) -> None:
    """Find out whether a figure can be written before anything is read; ConfigError if not."""
    if path.suffix not in FORMS:
        raise ConfigError(
            f"--out is {str(path)!r}. Expected a name that ends with {', '.join(FORMS[:-1])} or {FORMS[-1]}. "
            f"Write: --out {path.with_suffix('.png') if path.name else 'figure.png'}"
        )
    check_out(path)


def _of_one(runs: Runs, problems: list[str]) -> Iterator[Figure]:
    from stackfit.reports.portrait import figures_of

    yield from figures_of(Run(Path(str(runs.about["folder"].iloc[0]))), problems)


def _with_metric(found: Sequence[Figure], metric: str) -> list[Figure]:
    """The curves of a metric; `val_` and `test_` do not matter."""
    name = metric.removeprefix("val_").removeprefix("test_")
    names = [figure.by[0] for figure in found if figure.kind == "curves"]
    if name not in names:
        raise ConfigError(f"There is no metric {metric!r}.{did_you_mean(name, names)} Expected one of: {', '.join(names)}. Write: --metric {names[0] if names else 'loss'}")
    return [figure for figure in found if figure.by == (name,)]


def _key(overview: Overview, name: str) -> str:
    """The full key of a setting that differs, from its full or short name."""
    known = overview.short
    found = [key for key, short in known.items() if name in (key, short)]
    if not found:
        names = [*known.values()]
        expected = f"Expected one of: {', '.join(names)}. Write: --by {names[0]}" if names else "These runs have the same settings. Leave out --by."
        raise ConfigError(f"--by: no setting {name!r} differs among these runs.{did_you_mean(name, names)} {expected}")
    return found[0]


def _named(runs: Runs) -> str:
    folders = runs.about["folder"]
    return str(folders.iloc[0]) if len(folders) == 1 else f"A table of {len(folders)} runs"


# ---- drawing


def spec_of(figure: Figure, width: float) -> dict[str, Any]:
    """The chart with its rows, its size and its note below, as Vega-Lite, in the units of a page: letters of 12."""
    units = width * POINTS / SCALE
    chart = figure.chart
    record: dict[str, Any] = json.loads(chart.to_json(validate=False))
    height = chart.height if figure.kind in ROWS else min(MOST_HEIGHT, units * HEIGHT)
    record |= {"width": units, "height": height, "autosize": {"type": "fit-x", "contains": "padding"}, "padding": 3}
    record["datasets"] = {name: _rows(columns) for name, columns in figure.rows.items()}
    record["config"] = theme.vega_config("light") | {"background": "white"}
    if figure.kind == "compare":  # its title is longer than what the names leave of the width
        record["config"]["axisX"] = {"titleAnchor": "end"}
    if note := textwrap.wrap(figure.note, max(20, int(units / 5.5))):
        record["title"] = {"text": note, "orient": "bottom", "anchor": "start", "fontSize": 11, "fontWeight": "normal",
                           "font": theme.FONT, "color": theme.QUIET["light"], "frame": "bounds", "offset": 8}  # fmt: skip
    return record


def _rows(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, map(plain, row), strict=True)) for row in zip(*columns.values(), strict=True)]

