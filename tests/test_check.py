"""`check`: what is missing is trained, what is finished is reused, and each claim gets its verdict."""

from __future__ import annotations

import csv
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.tf

SMALL = """\
defaults: [digits_quickstart, _self_]
about: {question: "Is this checked?", source: ours}
epochs: 1
model: {layers: {hidden: {units: 4}}}
expect:
  - {parameters: 310}
  - {metric: test_accuracy, between: [0.0, 1.0], published: [0.5], n: 2}
  - {metric: loss, seeds: 2, mean_at_least: base, margin: 9.0}
"""


def folders(lab, name):
    return sorted((lab / "outputs" / name).iterdir())


def test_claims_are_judged_and_a_second_check_trains_nothing(cli, write, lab):
    write("experiments/mine.yaml", SMALL)
    write("experiments/base.yaml", "defaults: [mine, _self_]\nexpect: []\nmodel: {layers: {hidden: {units: 5}}}\n")
    first = cli("check", "mine", "--csv", "claims.csv", "--junit", "claims.xml")
    assert first.code == 0, first.err
    assert "passed  mine  parameters 310  ->  310" in first.out
    assert "published 0.5 (n=2)  [ours]" in first.out and first.out.endswith("3 passed, 0 failed, 0 skipped\n")
    made = folders(lab, "mine"), folders(lab, "base")
    assert [len(one) for one in made] == [2, 2]  # two seeds each, the first of which is the run itself
    assert len({row["claim"] for row in csv.DictReader((lab / "claims.csv").read_text().splitlines())}) == 3
    assert ElementTree.parse(lab / "claims.xml").getroot().attrib["failures"] == "0"
    second = cli("check", "mine", "-q")
    assert second.out == first.out and (folders(lab, "mine"), folders(lab, "base")) == made


def test_a_claim_that_does_not_hold_is_failed_and_the_code_is_one(cli, write, lab):
    write("experiments/mine.yaml", SMALL.partition("expect:")[0] + "expect: [{parameters: 311}]\n")
    answer = cli("check", "mine", "-q", "--junit", "claims.xml")
    assert answer.code == 1 and "failed  mine  parameters 311  ->  310" in answer.out
    (failure,) = ElementTree.parse(lab / "claims.xml").iter("failure")
    assert failure.attrib["message"] == "310"


@pytest.mark.parametrize("kind, units, code", [("labels", 9, 0), ("shape", 9, 1), ("labels", 10, 1)])
def test_an_error_is_claimed_by_its_kind_and_must_come_before_training(cli, write, lab, kind, units, code):
    text = f"model: {{layers: {{output: {{units: {units}}}}}}}\nexpect: [{{error: {kind}}}]\n"
    write("experiments/mine.yaml", f"defaults: [digits_quickstart, _self_]\nepochs: 1\n{text}")
    assert cli("check", "mine", "-q").code == code


def test_data_that_cannot_be_had_are_skipped_never_passed(cli, write, lab):
    text = "defaults: [digits_quickstart, override data: npz, _self_]\ndata: {path: none.npz, input_shape: [2], num_classes: 2}\n"
    write("experiments/mine.yaml", text + "expect: [{parameters: 3}]\n")
    answer = cli("check", "mine", "-q")
    assert answer.code == 0 and answer.out.startswith("skipped mine  parameters 3  ->  ")
    assert answer.out.endswith("0 passed, 0 failed, 1 skipped\n") and not (lab / "outputs").exists()


def test_a_sweep_that_an_experiment_declares_is_checked_cell_by_cell(cli, lab):
    answer = cli("check", "xor_needs_a_hidden_layer", "-q")
    assert answer.code == 0 and answer.out.count("passed  xor_needs_a_hidden_layer  test_accuracy, units=") == 2


@pytest.mark.parametrize("words", [(), ("nope",), ("digits_quickstart", "--csv", "no/such/folder.csv", "-q")])
def test_wrong_words_are_refused(cli, lab, words):
    answer = cli("check", *words)
    assert answer.code == 2 and "Expected" in answer.err and "Traceback" not in answer.err
