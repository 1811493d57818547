"""`class_digest`: equal code has an equal digest, and whatever decides what it does is part of it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stackfit.config.class_digest import digest_of_class

NUMBERS = itertools.count()
CLASS = """
    import functools
    import math
    import numpy as np
    from pathlib import Path

    LIMIT = 3
    WEIGHTS = np.array([1.0, 2.0])
    FOLDER = Path("a")
    CHOICES = {"mode": ["min"]}

    class Settings:
        def __init__(self, rate):
            self.rate = rate

    SETTINGS = Settings(0.1)
    twice = functools.partial(pow, 2)

    @functools.lru_cache
    def kept(value):
        return value + 8

    def outer(factor):
        def inner(value):
            return value * factor
        return inner

    scaled = outer(2)

    def helper(value):
        return [math.floor(item) + LIMIT for item in WEIGHTS] and FOLDER and CHOICES and scaled(value)

    class Base:
        def start(self):
            return 1

    class Log(Base):
        every = 5
        pick = lambda self: 1

        def __init__(self, size=7, *, name="x"):
            super().__init__()

        @property
        def half(self):
            return self.every / 2

        @staticmethod
        def read():
            return Log

        @functools.cached_property
        def third(self):
            return self.every / 3

        def end(self):
            return helper(self.every), SETTINGS, twice(3), kept(1)
"""


def cell(code, name="Log"):
    """A class as a notebook's cell makes it: without a file."""
    names = {"__name__": "a_notebook"}
    exec(compile(textwrap.dedent(code), f"<cell {next(NUMBERS)}>", "exec"), names)
    return names[name]


def test_equal_code_in_another_cell_has_an_equal_digest():
    assert digest_of_class(cell(CLASS)) == digest_of_class(cell("x = 1\n" + textwrap.dedent(CLASS)))


@pytest.mark.parametrize(
    "old, new",
    [
        ("every = 5", "every = 6"),
        ("every / 2", "every / 3"),
        ("return Log", "return None"),
        ("lambda self: 1", "lambda self: 2"),
        ("size=7", "size=8"),
        ('name="x"', 'name="y"'),
        ("return 1\n", "return 2\n"),  # of the base
        ("LIMIT = 3", "LIMIT = 4"),  # used inside a comprehension of a helper
        ("[1.0, 2.0]", "[1.0, 3.0]"),
        ('Path("a")', 'Path("b")'),
        ('["min"]', '["max"]'),
        ("outer(2)", "outer(3)"),  # what a function holds of the one around it
        ("value * factor", "value + factor"),
        ("Settings(0.1)", "Settings(0.2)"),
        ("self.rate = rate", "self.rate = -rate"),
        ("partial(pow, 2)", "partial(pow, 3)"),
        ("value + 8", "value + 9"),
        ("every / 3", "every / 4"),
        ("import math\n", "import cmath as math\n"),
    ],
)
def test_what_decides_what_it_does_is_part_of_the_digest(old, new):
    assert CLASS.count(old) == 1
    assert digest_of_class(cell(CLASS)) != digest_of_class(cell(CLASS.replace(old, new)))


def test_what_nobody_uses_is_not_part_of_it():
    assert digest_of_class(cell(CLASS)) == digest_of_class(cell(CLASS + "\n    UNUSED = 1\n"))


def test_what_has_neither_source_nor_value_makes_a_new_digest_every_time():
    kind = cell("thing = object()\nclass Log:\n    def end(self):\n        return thing\n")
    assert digest_of_class(kind) != digest_of_class(kind)


def test_neither_comments_nor_a_file_are_needed():
    assert digest_of_class(cell(CLASS)) == digest_of_class(cell(CLASS.replace("every = 5", "every = 5  # epochs")))
    assert digest_of_class(cell("class Log:\n    def end(self):\n        return 1\n")) != digest_of_class(
        cell("class Log:\n    def end(self):\n        return 2\n")
    )


def test_it_is_the_same_in_another_process():
    code = (
        "from test_class_digest import CLASS, cell, digest_of_class as digest;"
        "print(digest(cell(CLASS + '\\n    SET = {\"a\", \"b\"}\\n')), digest(cell('class Log:\\n def end(self, x): return x in {\"a\", \"b\", \"c\"}')))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]


def test_an_installed_class_stands_by_its_name():
    import argparse

    assert digest_of_class(argparse.Action) != digest_of_class(argparse.Namespace)
