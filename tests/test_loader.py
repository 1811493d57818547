"""`loader`: files are read with the values that OmegaConf composes from them."""

from __future__ import annotations

import pytest
import yaml
from omegaconf import OmegaConf

from stackfit.config.loader import Loader

WRITTEN = ["1e-3", "1E5", "1.0e5", "-2e+4", "1_0e3", "1e", "e3", "0x1e3", "1e-3x", ".5e-3", "2020-01-01", "1.5", "7", "on", "~"]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_value_is_what_omegaconf_reads(text):
    ours, theirs = yaml.load(f"a: {text}", Loader=Loader)["a"], OmegaConf.create(f"a: {text}").a
    assert ours == theirs and type(ours) is type(theirs)


def test_a_number_without_a_dot_is_one_wherever_it_is_shown(cli, write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\noptimizer: {learning_rate: 1e-3}\n")
    explained = cli("explain", "mine", "optimizer.learning_rate").out
    assert explained.splitlines()[-1].split() == ["*", "experiment", "experiments/mine.yaml:2", "0.001"]
    assert "learning_rate: 0.001" in cli("show", "mine").out and "learning_rate: 0.001" in cli("show", "mine", "--origin").out
    claims = "expect: [{metric: test_accuracy, between: [8e-1, 1]}]\n"
    write("experiments/claimed.yaml", "defaults: [digits_quickstart, _self_]\n" + claims)
    assert cli("show", "claimed").code == 0
