"""`check`: what is missing is trained, what is finished is reused, and each claim gets its verdict."""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from processes import finish, start, wait_until

from stackfit.cli.checking import junit_text
from stackfit.config.claims import Claim
from stackfit.proof.check import Outcome
from stackfit.proof.judgement import Verdict

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
    code = "import sys; from stackfit.cli import main\ntry: main(['check', 'mine', '-q'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith(first.out) and "tensorflow" not in done.stdout.split()
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


def test_data_that_are_not_available_are_skipped_never_passed(cli, write, lab):
    text = "defaults: [digits_quickstart, override data: npz, _self_]\ndata: {path: none.npz, input_shape: [2], num_classes: 2}\n"
    write("experiments/mine.yaml", text + "expect: [{parameters: 3}]\n")
    answer = cli("check", "mine", "-q")
    assert answer.code == 0 and answer.out.startswith("skipped mine  parameters 3  ->  ")
    assert answer.out.endswith("0 passed, 0 failed, 1 skipped\n") and not (lab / "outputs").exists()


def test_data_that_are_not_what_the_config_declares_fail(cli, write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\ndata: {num_classes: 9}\nexpect: [{parameters: 310}]\n")
    answer = cli("check", "mine", "-q")
    assert answer.code == 1 and answer.out.startswith("failed  mine  parameters 310  ->  ")


def test_a_sweep_that_an_experiment_declares_is_checked_cell_by_cell(cli, lab):
    answer = cli("check", "xor_needs_a_hidden_layer", "-q")
    assert answer.code == 0 and answer.out.count("passed  xor_needs_a_hidden_layer  test_accuracy, units=") == 2


@pytest.mark.parametrize("words", [(), ("nope",), ("digits_quickstart", "--csv", "no/such/folder.csv", "-q")])
def test_wrong_words_are_refused_before_anything_is_trained(cli, lab, words):
    answer = cli("check", *words)
    assert answer.code == 2 and "Expected" in answer.err and "Traceback" not in answer.err
    assert not (lab / "outputs").exists()


def test_a_typo_in_a_claim_is_refused_with_its_line_before_anything_is_trained(cli, write, lab):
    write("experiments/mine.yaml", SMALL.replace("metric: loss", "metric: lose"))
    answer = cli("check", "digits_quickstart", "mine")
    assert answer.code == 2 and "experiments/mine.yaml:8" in answer.err and "Did you mean 'loss'?" in answer.err
    assert not (lab / "outputs").exists()


def test_finished_cells_of_other_commands_are_reused_unless_their_model_was_not_saved(cli, write, lab):
    claim = "expect: [{metric: loss, seeds: 2, mean_between: [0, 9]}, {reload: equal}]\n"
    write("experiments/mine.yaml", SMALL.partition("expect:")[0] + claim)
    assert cli("run", "mine", "seed=0", "save=[]", "-q").code == 0
    assert cli("run", "mine", "-m", "seed=1,2", "-q").code == 0
    answer = cli("check", "mine")
    assert answer.code == 0 and "1 of 2 runs are finished, 1 to train." in answer.err
    assert "reload equal  ->  predictions are equal" in answer.out


def test_a_run_with_an_edited_number_is_named_and_trains_again(cli, write, lab):
    write("experiments/mine.yaml", SMALL.partition("expect:")[0] + "expect: [{metric: test_accuracy, between: [0.985, 1]}]\n")
    assert cli("check", "mine", "-q").code == 1
    (run,) = folders(lab, "mine")
    text = (run / "status.json").read_text()
    (run / "status.json").write_text(re.sub(r'"test_accuracy": [\d.]+', '"test_accuracy": 0.99', text))
    answer = cli("check", "mine", "-q")
    assert answer.code == 1 and "0.99" not in answer.out and len(folders(lab, "mine")) == 2
    assert "changed since it was written: status.json." in answer.err and "It is not reused: the cell trains again." in answer.err


def test_a_run_shows_the_item_that_its_experiment_claims_something_about(cli, write, lab):
    write("experiments/mine.yaml", SMALL.partition("expect:")[0] + "expect: [{item: 3, predicted: 1}]\n")
    lines = cli("run", "mine", "-q").out.splitlines()
    assert lines[0].startswith("item 3 ") and sum("%" in line for line in lines[1:11]) == 10  # then the picture
    assert lines[-2].startswith("test_loss") and lines[-1].startswith("outputs/mine/")


@pytest.mark.slow  # two processes that start TensorFlow
def test_a_check_that_was_killed_goes_on_and_had_said_what_it_knew(write, lab):
    """Two batch sizes cannot share a cohort: the first claims are out while the second experiment still trains."""
    write("experiments/mine.yaml", SMALL.partition("  - {metric: loss")[0])
    slow = SMALL.partition("  - {metric:")[0] + "batch_size: 16\n"
    write("experiments/slow.yaml", slow.replace("epochs: 1", "epochs: 100000"))
    killed = start(lab, "check", "mine", "slow", "-q")
    try:
        wait_until(lambda: [*lab.glob("outputs/slow/*/history.csv")], killed)
    finally:
        killed.send_signal(signal.SIGKILL)
    out, _ = killed.communicate()
    assert out.count("passed  mine") == 2 and "slow" not in out
    (before,) = folders(lab, "mine")
    write("experiments/slow.yaml", slow)
    code, out, err = finish(start(lab, "check", "mine", "slow"))
    assert code == 0 and "1 of 2 runs are finished, 1 to train." in err and out.endswith("3 passed, 0 failed, 0 skipped\n")
    assert folders(lab, "mine") == [before]


def test_a_grader_can_read_whatever_a_failure_says():
    reason = "loss is \x1b[31mnan\x1b[0m & <worse>\nin epoch 2"
    states = [("passed", "310"), ("failed", reason), ("skipped", "no MNIST here")]
    outcomes = [Outcome("mine", Claim(parameters=310), Verdict(*state), "ours") for state in states]
    suite = ElementTree.fromstring(junit_text(outcomes))
    assert suite.tag == "testsuite"
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1"}  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"]]
    assert suite[1][0].attrib["message"].split() == ["loss", "is", "?[31mnan?[0m", "&", "<worse>", "in", "epoch", "2"]
