"""A rubric: claims in a file of their own, by which other people's experiments are judged."""

from __future__ import annotations

from pathlib import Path

from stackfit.config.claims import Claim, check_claims, read_claims
from stackfit.config.origins import read_config_file
from stackfit.errors import ConfigError, raising
from stackfit.files import shown

EXAMPLE = "Write: expect: [{metric: test_accuracy, between: [0.86, null]}]"


def read_rubric(path: Path) -> list[Claim]:
    """The claims below `expect:`, in the grammar of an experiment's own; see `stackfit.config.claims`.

    Raises:
        ConfigError: every problem of the file, with its line.
    """
    file = read_config_file(path)
    top = {key: origin for key, origin in file.items() if "." not in key}
    with raising() as problems:
        for key, origin in top.items():
            if key != "expect":
                message = f"A rubric holds {key!r}. Expected only `expect`, a list of claims. {EXAMPLE}"
                problems.add([ConfigError(message, where=str(origin))])
        expect = top["expect"].value if "expect" in top else None
        if not isinstance(expect, list) or not expect:
            place = str(top["expect"]) if "expect" in top else f"{shown(path)}:1"
            message = f"A rubric's `expect` is {expect!r}. Expected a list of claims. {EXAMPLE}"
            raise ConfigError(message, where=place)
        problems.add(check_claims(expect, file.entries("expect"), metrics=(), axes=None))
    return read_claims(expect)
