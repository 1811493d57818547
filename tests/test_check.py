"""`check`: what is missing is trained, what is finished is reused, and each claim gets its verdict."""

from __future__ import annotations

import csv
import json
import re
import resource
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from made_runs import make_run
from processes import finish, start, wait_until

from stackfit.config.claims import Claim
from stackfit.proof.judgement import judge
from stackfit.results.certificate import is_made_here
from stackfit.results.run import Run

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


SEARCHED = """\
defaults: [xor_needs_a_hidden_layer, {override hydra/sweeper: search}, _self_]
about: {question: "Which rate?"}
epochs: 2
hydra:
  mode: MULTIRUN
  sweeper: {metric: accuracy, pruner: none, n_trials: 4, batch: 2, params: {optimizer.learning_rate: "interval(0.01,0.1)"}}
expect:
  - {metric: accuracy, best_between: [0, 1]}
  - {metric: loss, best_between: [5, null]}
  - {finished: 4}
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


def test_a_reused_run_of_an_earlier_version_or_judged_elsewhere_is_said(cli, write, lab):
    write("experiments/mine.yaml", SMALL.partition("  - {metric: loss")[0])
    first = cli("check", "mine", "-q")
    (folder,) = folders(lab, "mine")
    (folder / "manifest.json").unlink()
    status = json.loads((folder / "status.json").read_text())
    del status["manifest"]
    (folder / "status.json").write_text(json.dumps(status))
    again = cli("check", "mine", "-q")
    assert first.code == again.code == 0 and "no manifest" not in first.out
    assert again.out.count("; no manifest") == 2
    certificate = {"format": 1, "verdict": "bit-equal", "started": status["started"], "verified": "2026-01-02T03:04:05"}
    (folder / "certificate.json").write_text(json.dumps(certificate))
    assert "judged elsewhere (2026-01-02)" in cli("check", "mine", "-q").out


@pytest.mark.extra
def test_a_search_is_trained_once_and_its_best_cell_is_judged(cli, write, lab):
    write("experiments/searched.yaml", SEARCHED)
    first = cli("check", "searched")
    assert first.code == 1, first
    assert "passed  searched  accuracy: best between 0 and 1" in first.out and ", the best of 4" in first.out
    assert re.search(r"failed  searched  loss: best between 5 and …  ->  0\.\d+, the best of 4", first.out)
    assert "passed  searched  finished 4" in first.out
    (sweep,) = folders(lab, "searched")
    written = {path: path.stat().st_mtime_ns for path in sweep.glob("*/status.json")}
    assert cli("check", "searched", "-q").out == first.out
    assert {path: path.stat().st_mtime_ns for path in sweep.glob("*/status.json")} == written and len(written) == 4
    late = cli("check", "searched", "--max-epochs", "7")
    assert late.code == 1 and "8 epochs of its search, but --max-epochs allows 7" in late.out


@pytest.mark.parametrize(("metric", "best"), [("loss", 0.25), ("val_accuracy", 0.75), ("test_accuracy", 0.75)])
def test_the_best_cell_has_the_lowest_loss_or_the_highest_accuracy(tmp_path, metric, best):
    runs = [Run(make_run(tmp_path / str(value), metrics={metric: value})) for value in (0.5, 0.25, 0.75)]
    verdict = judge(Claim(metric=metric, best_between=[None, 1.0]), runs, [], lambda run: True)
    assert (verdict.state, verdict.value, verdict.found) == ("passed", best, f"{best:.4f}, the best of 3")
    assert judge(Claim(metric=metric, best_between=[best + 0.1, None]), runs, [], lambda run: True).state == "failed"


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


def test_a_model_or_data_that_do_not_fit_are_one_error_however_many_claims_there_are(cli, write, lab):
    claims = "expect: [{parameters: 310}, {parameters: 311}]\n"
    write("experiments/mine.yaml", f"defaults: [digits_quickstart, _self_]\ndata: {{num_classes: 9}}\n{claims}")
    shape = "model: {layers: {hidden: {_target_: keras.layers.Conv2D, kernel_size: 3, units: null, filters: 2}}}\n"
    write("experiments/shape.yaml", f"defaults: [digits_quickstart, _self_]\n{shape}{claims}")
    answer = cli("check", "mine", "shape", "-q", "--junit", "claims.xml")
    assert answer.code == 2 and not (lab / "outputs").exists()
    assert answer.out.splitlines()[-2:] == ["items: 2 errors", "claims: none was judged"]
    suite = ElementTree.parse(lab / "claims.xml").getroot()
    assert [[child.tag for child in case] for case in suite] == [["error"], ["error"]]
    assert suite.attrib["errors"] == "2" and "experiments/shape.yaml:2" in suite[1][0].attrib["message"]


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
    answer = cli("check", "mine")
    assert answer.code == 2 and "experiments/mine.yaml:8" in answer.err and "Did you mean 'loss'?" in answer.err
    assert not (lab / "outputs").exists()


ONE = SMALL.partition("  - {metric: loss")[0]
BROKEN = {
    "brace": ONE.replace("units: 4}}}", "units: 4}}"),
    "text": "just a word\n",
    "hooks": ONE + "hydra: {callbacks: {x: {_target_: os.system}}}\n",
    "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nexpect: *b\n",
    "untrusted": ONE.replace("units: 4", "_target_: os.system"),
    "typo": ONE.replace("parameters", "parameter"),
    "nothing": ONE.partition("expect:")[0],
    "deep": "expect: " + "[" * 2000,
    "binary": "\0\1\2",
}


def test_every_item_gets_its_verdict_whatever_becomes_of_the_others(cli, write, lab):
    """Each once, in the order of the words; what cannot be judged is a row with its sentence, in every file."""
    for name, text in BROKEN.items():
        write(f"experiments/{name}.yaml", text)
    write("experiments/good.yaml", ONE)
    write("experiments/bad.yaml", ONE.replace("310", "311"))
    raises = "callbacks: {stop: {_target_: keras.callbacks.ModelCheckpoint, filepath: '{nope}.keras'}}\n"
    write("experiments/raises.yaml", ONE.replace("expect:", raises + "expect:"))
    (lab / "experiments" / "folder.yaml").mkdir()
    (lab / "outputs").mkdir()
    write("experiments/blocked.yaml", ONE)
    write("outputs/blocked", "not a folder")
    words = ["good", *BROKEN, "missing", "folder", "blocked", "good", "bad", "raises", "no\x1b[31mred"]
    answer = cli("check", *words, "-q", "--csv", "claims.csv", "--junit", "claims.xml", "--gradescope", "results.json")
    assert answer.code == 1 and "Traceback" not in answer.err and "\x1b" not in answer.out + answer.err
    items = list(dict.fromkeys(words))
    lines = answer.out[answer.out.index("\n\n") :].split("\n")[2:-3]
    assert [line.split()[0] for line in lines] == [*items[:-1], "no\\u001b[31mred"]
    states = {line.split()[0]: " ".join(line.split()[1:5]) for line in lines}
    assert states["good"] == "passed 2 of 2" and states["bad"].startswith("passed 1 of 2")
    assert states["raises"].startswith("passed 0 of 2")
    errors = [*BROKEN, "missing", "folder", "blocked"]
    assert all(states[name].startswith("error") for name in errors)
    rows = list(csv.DictReader((lab / "claims.csv").read_text().splitlines()))
    assert list(dict.fromkeys(row["item"] for row in rows)) == [*items[:-1], "no\\u001b[31mred"]
    assert all(row["reason"] for row in rows if row["state"] == "error")
    suite = ElementTree.parse(lab / "claims.xml").getroot()
    assert suite.attrib["errors"] == str(len(errors) + 1) and suite.attrib["failures"] == "3"
    tests = json.loads((lab / "results.json").read_text())["tests"]
    assert {test["name"].partition(":")[0] for test in tests} == {"good", "bad", "raises", "untrusted", "blocked"}


def test_no_name_and_no_text_of_an_item_looks_like_another_line(cli, write, lab):
    write("rubric.yaml", RUBRIC)
    (lab / "a\ngood  passed 2 of 2\n.yaml").mkdir()
    write("b.yaml", ONE.replace("source: ours", 'source: "x\\npassed  good  y"').replace("310", "311"))
    answer = cli("check", "*.yaml", "--claims", "rubric.yaml", "-q")
    lines = answer.out.splitlines()
    assert answer.code == 1 and not [line for line in lines if line.startswith(("good", "passed  good"))]
    assert len(lines) == 2 + 1 + 3 + 2  # claims, items, totals


def test_nothing_that_could_be_judged_is_a_wrong_command(cli, write, lab):
    write("experiments/nothing.yaml", BROKEN["nothing"])
    answer = cli("check", "missing", "nothing", "hand-ins/*.yaml", "-q", "--csv", "claims.csv")
    assert answer.code == 2 and "hand-ins/*.yaml matches no file" in answer.out
    assert "It claims nothing: it has no `expect`." in answer.out
    assert len((lab / "claims.csv").read_text().splitlines()) == 4


RUBRIC = "expect:\n  - {metric: test_loss, between: [0, 99], points: 3}\n  - {parameters: 310, hidden: true}\n"


def test_a_rubric_judges_in_the_place_of_what_the_items_say_themselves(cli, write, lab):
    """Neither `expect` nor `silence` of the item counts; nor does a rubric reach the run's folder."""
    write("rubric.yaml", RUBRIC)
    write("hand-ins/s1/net.yaml", ONE.replace("310", "999"))
    write("hand-ins/s2/net.yaml", ONE.replace("- {parameters: 310}", "- nonsense"))
    silent = "silence: [activation_loss]\nmodel: {layers: {hidden: {units: 4}, output: {activation: null}}}\n"
    write("hand-ins/s3/net.yaml", f"defaults: [digits_quickstart, _self_]\nepochs: 1\n{silent}expect: [{{error: shape}}]\n")
    write("hand-ins/s4/net.yaml", ONE.replace("units: 4", "units: 5"))
    answer = cli("check", "--claims", "rubric.yaml", "hand-ins/*/net.yaml", "-q", "--gradescope", "results.json", "--csv", "marks.csv", "--by", "part")
    sums = ("2 of 2, 4 of 4 points", "2 of 2, 4 of 4 points", "0 of 2, 0 of 4 points, 1 error", "1 of 2, 3 of 4 points")
    assert "\n\n" + "".join(f"s{number}  passed {text}\n" for number, text in enumerate(sums, 1)) + "\n" in answer.out
    # The totals count what the items' lines count: the unreadable s3 has two claims too.
    assert answer.out.endswith("claims: 5 passed, 1 failed, 0 skipped, 2 not judged, 11 of 16 points\n")
    rows = [*csv.DictReader((lab / "marks.csv").read_text().splitlines())]
    assert {row["points"] for row in rows} == {"3", "1", "0"} and {row["max_points"] for row in rows} == {"3", "1", "4"}
    assert sum(float(row["points"]) for row in rows) == 11 and sum(float(row["max_points"]) for row in rows) == 16
    lines = [line.split() for line in answer.out.split("\n\n")[1].splitlines()]
    assert answer.code == 1 and [" ".join(line[:4]) for line in lines[:2]] == [
        f"hand-ins--s{n}--net passed 2 of" for n in (1, 2)]  # fmt: skip
    assert lines[2][:2] == ["hand-ins--s3--net", "error"] and lines[3][:3] == ["hand-ins--s4--net", "passed", "1"]
    said = (lab / "results.json").read_text()
    assert str(lab) not in said and "hand-ins" not in said and "outputs/" not in said and "310" not in said
    record = json.loads(said)
    assert record["score"] == 3 + 1 + 3 + 1 + 0 + 3 and [test["max_score"] for test in record["tests"]] == [3, 1] * 4
    assert record["tests"][1] == {"name": "s1.net: claim 2", "score": 1, "max_score": 1, "status": "passed", "visibility": "hidden"}
    assert [test["status"] for test in record["tests"][4:]] == ["failed", "failed", "passed", "failed"]
    alone = cli("check", "--claims", "rubric.yaml", "hand-ins/s4/net.yaml", "-q")
    assert alone.out.endswith("\n1 passed, 1 failed, 0 skipped, 3 of 4 points\n")
    assert not [path for path in lab.glob("outputs/*/*/*") if b"points" in path.read_bytes()]


def test_without_a_rubric_a_file_claims_nothing(cli, write):
    write("hand-ins/s1.yaml", ONE)
    answer = cli("check", "hand-ins/s1.yaml", "-q")
    assert answer.code == 2 and "the `expect` of a file that is given by its path does not count" in answer.out


@pytest.mark.parametrize("text, line", [("expect:\n  - {metric: loss, betwen: [0, 1]}\n", 2), ("expect: []\n", 1), ("", 1),
                                        ("- {parameters: 3}\n", 1), ("expct: 3\n", 1), ("expect: [3\n", 1)])  # fmt: skip
def test_a_wrong_rubric_is_said_once_with_its_line_and_nothing_is_trained(cli, write, lab, text, line):
    write("rubric.yaml", text)
    answer = cli("check", "--claims", "rubric.yaml", "digits_quickstart", "xor_needs_a_hidden_layer", "--junit", "claims.xml")
    assert answer.code == 2 and answer.err.count(f"rubric.yaml:{line}") >= 1 and not (lab / "outputs").exists()
    (case,) = ElementTree.parse(lab / "claims.xml").getroot()
    assert case.attrib["classname"] == "rubric.yaml" and case[0].tag == "error"


def test_forged_outputs_are_not_reused_and_what_check_has_signed_is(cli, write, lab):
    """A run that was made elsewhere, one that was changed after it was signed, one that seems to be interrupted."""
    write("rubric.yaml", "expect: [{metric: test_accuracy, between: [0.9, 1]}]\n")
    write("hand-ins/s1.yaml", ONE)
    words = ("check", "--claims", "rubric.yaml", "hand-ins/s1.yaml", "--csv", "claims.csv")
    assert cli("run", "hand-ins/s1.yaml", "-q").code == 0  # not signed, like one that came along
    (made,) = folders(lab, "hand-ins--s1")
    status = made / "status.json"
    forged = json.loads(status.read_text())
    forged["metrics"]["test_accuracy"] = 0.99
    status.write_text(json.dumps(forged))
    answer = cli(*words)
    assert answer.code == 1 and "0 of 1 runs are finished, 1 to train." in answer.err
    (own,) = set(folders(lab, "hand-ins--s1")) - {made}
    again = cli(*words)
    assert again.code == 1 and "to train" not in again.err and again.out == answer.out
    (row,) = csv.DictReader((lab / "claims.csv").read_text().splitlines())
    assert row["folder"] == f"outputs/hand-ins--s1/{own.name}"
    for name in ("status.json", "metrics.json", "history.csv", "predictions.npz", "log.txt", "model.keras", "manifest.json"):
        path, before = own / name, (own / name).read_bytes()
        path.write_bytes(before.replace(b"0", b"1", 1) if name.endswith("n") or name.endswith("v") else before + b"0")
        assert not is_made_here(own), name
        path.unlink()
        assert not is_made_here(own), name
        path.write_bytes(before)
        assert is_made_here(own), name
    (own / "status.json").write_text((own / "status.json").read_text().replace('"finished"', '"interrupted"'))
    assert "resuming" not in cli(*words).err and len(folders(lab, "hand-ins--s1")) == 3


def test_what_exceeds_a_limit_has_failed_with_what_was_found_and_what_is_allowed(cli, write, lab):
    """And is never built or trained: a billion units would take 300 GB."""
    write("rubric.yaml", "expect: [{metric: test_loss, between: [0, 99]}]\n")
    small = ONE.partition("expect:")[0]
    write("a/epochs.yaml", small.replace("epochs: 1", "epochs: 100000"))
    write("a/big.yaml", small.replace("units: 4", "units: 1000000000"))
    axes = "hydra: {mode: MULTIRUN, sweeper: {params: {seed: 'range(1000000)', batch_size: 'range(1,1000)'}}}\n"
    write("a/sweep.yaml", small + axes)
    write("a/ten.yaml", small + "hydra: {mode: MULTIRUN, sweeper: {params: {epochs: '4,6'}}}\n")
    write("a/good.yaml", small)
    words = ["check", "--claims", "rubric.yaml", "a/*.yaml", "-q"]
    answer = cli(*words, "--max-epochs", "9", "--max-parameters", "1000", "--csv", "claims.csv")
    said = {row["item"]: (row["state"], row["reason"]) for row in csv.DictReader((lab / "claims.csv").read_text().splitlines())}
    assert answer.code == 1 and said.pop("a--good")[0] == "passed"
    assert said == {
        "a--big": ("failed", "75,000,000,010 parameters, but --max-parameters allows 1,000"),
        "a--epochs": ("failed", "100,000 epochs, but --max-epochs allows 9"),
        "a--sweep": ("failed", "999,000,000 runs, but --max-epochs allows 9 epochs"),
        "a--ten": ("failed", "10 epochs of its 2 runs, but --max-epochs allows 9"),
    }
    assert [path.name for path in (lab / "outputs").iterdir()] == ["a--good"]
    assert "a sweep of 999,000,000 runs, but at most 1,000 are allowed" in cli(*words[:3], "a/sweep.yaml", "-q").out
    for option in ("--max-epochs", "--max-parameters", "--max-minutes"):
        assert cli(*words, option, "0").code == 2
    # The run of a/good.yaml is there now, and its mark is the same as it would be without it.
    good = ["check", "--claims", "rubric.yaml", "a/good.yaml", "-q"]
    (run,) = folders(lab, "a--good")
    history = run / "history.csv"
    times = [float(row["seconds"]) for row in csv.DictReader(history.read_text().splitlines())]
    assert cli(*good, "--max-parameters", "310", "--max-minutes", "1").code == 0
    for option, limit, said in (
        ("--max-parameters", "309", "310 parameters, but --max-parameters allows 309"),
        ("--max-minutes", f"{sum(times) / 61}", " minutes of training, but --max-minutes allows "),
    ):
        answer = cli(*good, option, limit)
        assert answer.code == 1 and "a--good  passed 0 of 1  " in answer.out and said in answer.out, answer.out
    assert folders(lab, "a--good") == [run]


@pytest.mark.extra
def test_a_search_has_no_model_of_its_own_and_each_that_it_trains_is_held_to_the_limit(cli, write, lab):
    small = ONE.partition("expect:")[0]
    choices = "hydra: {mode: MULTIRUN, sweeper: {metric: loss, pruner: none, n_trials: 2, params: {model.layers.hidden.units: '4,5'}}}\n"
    write("a/search.yaml", small.replace("_self_", "{override hydra/sweeper: search}, _self_") + choices)
    write("best.yaml", "expect: [{metric: loss, best_between: [0, 99]}]\n")
    answer = cli("check", "--claims", "best.yaml", "a/search.yaml", "-q", "--max-parameters", "310")
    assert "385 parameters, but --max-parameters allows 310" in answer.out, answer.out + answer.err


def test_an_item_that_trains_too_long_is_stopped_and_the_others_go_on(cli, write, lab):
    """They share a graph, so the endless one is stopped with it, and trains again alone, from where it was."""
    write("rubric.yaml", "expect: [{metric: test_loss, between: [0, 99]}, {parameters: 310}]\n")
    small = ONE.partition("expect:")[0]
    write("a/endless.yaml", small.replace("epochs: 1", "epochs: 1000000"))
    write("a/good.yaml", small)
    answer = cli("check", "--claims", "rubric.yaml", "a/*.yaml", "--max-minutes", "0.02", "-q", "--csv", "claims.csv")
    assert answer.code == 1 and "items: 1 passed, 1 failed" in answer.out
    endless = next(csv.DictReader((lab / "claims.csv").read_text().splitlines()))
    assert endless["state"] == "failed" and not endless["claim"]
    assert endless["reason"].startswith("It trained for more than the 1.2 s that are allowed, and was stopped in epoch ")
    (folder,) = folders(lab, "a--endless")
    assert json.loads((folder / "status.json").read_text())["resumed_after"]


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


@pytest.mark.slow  # half a minute, in a process of its own
def test_a_class_of_25_is_judged_in_a_minute(write, lab):
    """One broken, one hostile, three failing, one that brings nothing of its own, one with outputs that it has forged."""
    write("rubric.yaml", "expect: [{metric: test_accuracy, between: [0.5, 1]}, {parameters: 19210, hidden: true}]\n")
    base = "defaults: [digits_quickstart, _self_]\nepochs: 5\n"
    for number in range(1, 26):
        write(f"hand-ins/s{number:02}.yaml", f"{base}seed: {number}\n")
    write("hand-ins/s03.yaml", base + "model: {layers: {hidden: {units: 3}\n")
    write("hand-ins/s05.yaml", base + "hydra: {callbacks: {x: {_target_: os.system, command: 'touch owned'}}}\n")
    for number in (7, 8):
        write(f"hand-ins/s{number:02}.yaml", base + "optimizer: {learning_rate: 1.0e-12}\n")
    write("hand-ins/s09.yaml", base.replace("5", "5000"))
    write("hand-ins/s11.yaml", "")
    write("hand-ins/s13.yaml", base + "optimizer: {learning_rate: 1.0e-12}\n")
    done = finish(start(lab, "run", "hand-ins/s13.yaml", "-q"))
    assert done[0] == 0
    status = next(lab.glob("outputs/hand-ins--s13/*/status.json"))
    status.write_text(re.sub('"test_accuracy": [0-9.e-]+', '"test_accuracy": 0.99', status.read_text()))
    files = ("--csv", "claims.csv", "--junit", "claims.xml", "--gradescope", "results.json")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    words = ("check", "--claims", "rubric.yaml", "hand-ins/*.yaml", "--max-epochs", "50", "-q", *files)
    code, out, err = finish(start(lab, *words))
    assert code == 1 and resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used < 60, err
    assert "items: 18 passed, 4 failed, 3 errors\n" in out
    lines = [line for line in out.splitlines() if line.startswith("hand-ins--s")]
    assert [line.split()[0] for line in lines] == [f"hand-ins--s{number:02}" for number in range(1, 26)]
    failed = [line.split()[0][-2:] for line in lines if "passed 2 of 2" not in line]
    assert failed == ["03", "05", "07", "08", "09", "11", "13"] and not (lab / "owned").exists()
    rows = list(csv.DictReader((lab / "claims.csv").read_text().splitlines()))
    assert len({row["item"] for row in rows}) == 25 and len(rows) == 21 * 2 + 4
    suite = ElementTree.parse(lab / "claims.xml").getroot()
    assert len({case.attrib["classname"] for case in suite}) == 25 and suite.attrib["errors"] == "3"
    record = json.loads((lab / "results.json").read_text())
    assert len(record["tests"]) == 2 * 25 and str(lab) not in json.dumps(record)
