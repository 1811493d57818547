"""`explain`: the chain that set one value. No TensorFlow."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import yaml

from stackfit.config.explanation import Explainer, Explanation
from stackfit.config.hydra.composition import Composer
from stackfit.errors import raising


def print_explanation(experiment: str, key: str, overrides: list[str], *, as_json: bool) -> None:
    """The chain of a key on stdout, first place to last; of a mapping, one line for each value below it.

    Raises:
        ConfigError: there is no such key, or as `compose`.
    """
    with raising() as problems:
        explainer = Explainer(Composer(experiment).compose(overrides, problems))
    if explainer.is_mapping(key):
        found = explainer.below(key)
        lines = list(_table(found))
    else:
        found = [explainer.explain(key)]
        lines = list(_chain(found[0]))
    if as_json:
        lines = [json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False, default=str)]
    sys.stdout.write("\n".join(lines) + "\n")


def _chain(found: Explanation, indent: str = "") -> Iterator[str]:
    yield indent + _head(found)
    shown = [_flow(step.value) if not step.place.startswith("~") else "removed" for step in found.steps]
    places = max((len(step.place) for step in found.steps), default=0)
    for step, value in zip(found.steps, shown, strict=True):
        mark = "*" if step is found.steps[-1] else " "
        yield f"{indent}{mark} {step.kind:<10}  {step.place:<{places}}  {value}"
        if step.choice:
            yield f"{indent}              {step.choice}"
    if found.axis:
        yield f"{indent}  a sweep varies it: {found.axis}"
    for source in found.sources:
        yield from _chain(source, indent + "    ")


def _table(found: list[Explanation]) -> Iterator[str]:
    heads = [_head(one) for one in found]
    width = min(60, max(map(len, heads)))
    for one, head in zip(found, heads, strict=True):
        yield f"{head:<{width}}  # {one.place}"


def _head(found: Explanation) -> str:
    return f"{found.key} is removed" if found.removed else f"{found.key} = {_flow(found.value)}"


def _flow(value: Any) -> str:
    """One line of YAML, cut to 60 characters."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    text = text.removesuffix("\n").removesuffix("...").rstrip()
    return text if len(text) <= 60 else text[:57] + "..."
