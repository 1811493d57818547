"""`options`: what may be chosen and set, on screens of 80 columns."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from stackfit.cli import completion
from stackfit.config.forms import options_of
from stackfit.config.origins import GROUPS

WORDS = [(), *((group,) for group in GROUPS), *((f"{group}={option}",) for group in GROUPS for option in options_of(group))]


@pytest.mark.parametrize("words", WORDS)
def test_no_line_is_longer_than_80_columns(cli, words):
    answer = cli("options", *words)
    assert (answer.code, answer.err) == (0, "") and answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert json.loads(cli("options", *words, "--json").out)


def test_the_lines_say_key_default_and_kind(cli):
    assert "epochs         5 (a whole number)\n" in cli("options").out
    assert "optimizer=adam_cosine      Adam whose learning rate falls along half a cosine\n" in cli("options", "optimizer").out
    out = cli("options", "optimizer=adam").out
    assert "optimizer.learning_rate               0.001 (a number)\n" in out and "Keras's default (true or false)" in out
    assert "data.path         must be set (a word or text or null)\n" in cli("options", "data=csv").out


def test_it_loads_no_engine(lab):
    code = "import sys\nfrom stackfit.cli import main\ntry:\n    main(['options', 'model=mlp'])\nexcept SystemExit:\n    pass\n"
    code += "assert not {'tensorflow', 'keras', 'pandas', 'hydra'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=lab)


def test_a_tab_offers_groups_then_their_options(lab):
    assert completion.choices("mo") == [*completion.groups()] and "model=mlp" in completion.choices("model=m")
