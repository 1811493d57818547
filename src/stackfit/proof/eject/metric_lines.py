"""Metrics in a Keras script, which has a metric with several values as one array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.errors import ConfigError
from stackfit.keys import without_number

TEST = [
    "results = model.evaluate(x_test, y_test, batch_size=BATCH_SIZE, return_dict=True, verbose=0)",
    "for name, value in results.items():",
    '    print(f"test {name} {value:.4f}")',
]


def check_monitors(config: Mapping[str, Any]) -> None:
    """Keras's logs hold a metric with several values as one array."""
    for name, node in config["callbacks"].items():
        monitor = node.get("monitor") if node else None
        measured = str(monitor).removeprefix("val_")
        if monitor and measured not in ("loss", *config["task"]["metrics"]) and without_number(measured) in config["task"]["metrics"]:
            raise ConfigError(
                f"callbacks.{name} watches {monitor!r}, one of several values of a metric, which Keras's fit has as one array. "
                "Expected a metric with one value, such as average: macro gives. Run it so, then eject that run.",
                key=f"callbacks.{name}.monitor",
            )


def test_lines(arrays: bool) -> list[str]:
    """The evaluation; `arrays`: a metric gives an array."""
    return TEST if not arrays else [*TEST[:-1], '    print("test", name, np.round(value, 4))']
