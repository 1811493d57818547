"""`explain`: the chain that set one value. No TensorFlow."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import Name, Overrides, option, word
from stackfit.cli.text import flow
from stackfit.errors import raising

if TYPE_CHECKING:
    from stackfit.config.explanation import Explainer, Explanation

LONGEST = 60  # characters of a value


def command(
    experiment: Name,
    key: Annotated[
        str, word("A key such as optimizer.learning_rate, or a mapping such as model.layers.", completion.keys)
    ],
    overrides: Overrides = None,
    as_json: Annotated[bool, option("As JSON.", "--json")] = False,
) -> None:
    """The default, the group's file and who chose it, experiments, the override: each with its line. The last one
    decides. Of a mapping, one line for each value in it.
    """
    from dataclasses import asdict

    from stackfit.config.explanation import Explainer
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.overrides import refuse_axes

    with raising() as problems:
        composition = Composer(experiment).compose(overrides or (), problems)
        refuse_axes(composition.axes, problems)
    completion.remember_keys(composition)
    explanations, lines = lines_of(Explainer(composition), key)
    if as_json:
        lines = [
            json.dumps([asdict(explanation) for explanation in explanations], indent=1, ensure_ascii=False, default=str)
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def lines_of(explainer: Explainer, key: str) -> tuple[list[Explanation], list[str]]:
    """The explanation of a key, or of each value below it, and the lines that say it."""
    if explainer.is_mapping(key):
        explanations = explainer.below(key)
        return explanations, list(_table(explanations))
    explanation = explainer.explain(key)
    return [explanation], list(_chain(explanation))


def _chain(explanation: Explanation, indent: str = "") -> Iterator[str]:
    yield indent + _head(explanation)
    places = max((len(step.place) for step in explanation.steps), default=0)
    for step in explanation.steps:
        mark = "*" if step is explanation.steps[-1] else " "
        value = "removed" if step.place.startswith("~") else flow(step.value, LONGEST)
        yield f"{indent}{mark} {step.kind:<10}  {step.place:<{places}}  {value}"
        if step.choice:
            yield f"{indent}              {step.choice}"
    if explanation.axis:
        yield f"{indent}  a sweep varies it: {explanation.axis}"
    for source in explanation.sources:
        yield from _chain(source, indent + "    ")


def _table(explanations: list[Explanation]) -> Iterator[str]:
    heads = [_head(explanation) for explanation in explanations]
    width = min(60, max(map(len, heads)))
    for explanation, head in zip(explanations, heads, strict=True):
        yield f"{head:<{width}}  # {explanation.place}"


def _head(explanation: Explanation) -> str:
    if explanation.removed:
        return f"{explanation.key} is removed"
    return f"{explanation.key} = {flow(explanation.value, LONGEST)}"
