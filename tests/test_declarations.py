"""`declarations`: the line and the comment of a dataclass's field."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest

from stackfit.config import schema
from stackfit.config.claims import Claim
from stackfit.config.declarations import default_of, lines_of, place_of


@pytest.mark.parametrize("kind", [*schema.PARTS.values(), Claim])
def test_every_field_is_found_on_the_line_that_declares_it(kind):
    source = inspect.getsourcefile(kind)
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    assert list(lines_of(kind)) == [field.name for field in fields(kind)]
    for name, (line, comment) in lines_of(kind).items():
        assert lines[line - 1].startswith(f"    {name}: ") and lines[line - 1].endswith(comment)


def test_the_comment_default_and_place_of_one_field():
    line, comment = lines_of(schema.Experiment)["seed"]
    assert comment == "weights, dropout and order"
    assert place_of(schema.Experiment, "seed") == f"stackfit/config/schema.py:{line}"
    assert (default_of(schema.Experiment, "seed"), default_of(schema.Experiment, "save")) == (0, ["keras"])
