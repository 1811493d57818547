"""Colours and type of charts and pages: on white and on black, and for those who do not see all colours."""

from __future__ import annotations

from typing import Any

# Okabe and Ito 2008, in an order in which neighbours differ in brightness too; without its yellow, which white swallows, and its
# black, which is the text's.
CATEGORIES = {
    "light": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"],
    "dark": ["#56B4E9", "#E69F00", "#2FBF94", "#E39CC3", "#8AB4D8", "#F5793A"],
}
INK = {"light": "#1C2128", "dark": "#E6EAF0"}  # text
QUIET = {"light": "#57606A", "dark": "#A5AEBA"}  # text that is less important: contrast at least 4.5 to the ground
LINE = {"light": "#D8DEE4", "dark": "#3A424D"}
GROUND = {"light": "#FFFFFF", "dark": "#14181E"}
RAMP = {"light": ["#EEF4FA", "#0B3C66"], "dark": ["#1C2A38", "#8CCBF5"]}  # of a heat map, from low to high
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MODES = ("light", "dark")


def vega_config(mode: str = "light", size: int = 12) -> dict[str, Any]:
    """The settings of Vega that make a chart look so; Vega-Lite takes the same.

    Args:
        size: of the letters, in pixels.
    """
    text = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": size, "titleFontSize": size, "titleFontWeight": 500}
    colours = {"labelColor": QUIET[mode], "titleColor": INK[mode]}
    lines = {"gridColor": LINE[mode], "domainColor": LINE[mode], "tickColor": LINE[mode]}
    return {
        "background": None,
        "axis": {**text, **colours, **lines, "labelLimit": 160, "titlePadding": 8, "labelPadding": 4},
        "legend": {**text, **colours, "labelLimit": 160, "symbolStrokeWidth": 2},
        "range": {"category": CATEGORIES[mode], "heatmap": RAMP[mode], "ramp": RAMP[mode]},
        "style": {"cell": {"stroke": None}},
    }


def signals(mode: str) -> dict[str, str]:
    """The colours that a chart's marks name as parameters."""
    first, second = CATEGORIES[mode][:2]
    return {"accent": first, "second": second, "ink": INK[mode], "quiet": QUIET[mode], "ground": GROUND[mode]}
