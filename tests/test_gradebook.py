"""`gradebook`: what spreadsheets, JUnit readers and Gradescope make of the verdicts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_runs import make_run

from stackfit.cli.gradebook import csv_text, gradescope_text, junit_text, refused
from stackfit.config.claims import Claim
from stackfit.errors import ConfigError
from stackfit.proof.check import Mark, Outcome
from stackfit.proof.judgement import Verdict
from stackfit.results.run import Run

CLAIM = Claim(parameters=310)


def mark(*verdicts: Verdict, item: str = "mine", claim: Claim = CLAIM, source: str = "ours", runs: tuple[Run, ...] = ()) -> Mark:
    outcomes = tuple(Outcome(item, claim, verdict, source, runs) for verdict in verdicts)
    return Mark(item, "failed", "", (claim,) * len(verdicts), outcomes)


def test_a_grader_can_read_whatever_a_failure_says():
    reason = "loss is \x1b[31mnan\x1b[0m & <worse>\nin epoch 2"
    states = [("passed", "310"), ("failed", reason), ("skipped", "no MNIST here"), ("error", "a damaged file")]
    suite = ElementTree.fromstring(junit_text([mark(*(Verdict(*state) for state in states))]))
    assert suite.tag == "testsuite"
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1"}  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"], ["error"]]
    assert suite[1][0].attrib["message"].split() == ["loss", "is", "?[31mnan?[0m", "&", "<worse>", "in", "epoch", "2"]


def test_numbers_are_numbers_and_a_run_has_its_seed_and_folder(lab):
    one, two = (Run(make_run(lab / "outputs" / name, {"seed": seed})) for name, seed in (("a", 3), ("b", 4)))
    marks = [
        mark(Verdict("failed", "-0.2500", -0.25, None, 1e-9), runs=(one,)),
        mark(Verdict("passed", "310", 310, 310, 310), item="two", runs=(one, two)),
        Mark("three", "failed", "10 epochs, but --max-epochs allows 9", (CLAIM,)),
    ]
    first, second, third = csv.DictReader(csv_text(marks).splitlines())
    assert [first[name] for name in ("value", "lower", "upper", "seed", "folder")] == ["-0.25", "", "1e-09", "3", "outputs/a"]
    assert second["seed"] == "3, 4" and second["folder"] == "outputs/a; outputs/b" and float(second["value"]) == 310
    assert third["item"] == "three" and third["claim"] == "" and third["reason"].startswith("10 epochs")


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_no_spreadsheet_runs_a_cell(text):
    claim = Claim(metric=text, between=[0, 1], source=text)
    (row,) = csv.DictReader(csv_text([mark(Verdict("failed", text), item=text, claim=claim, source=text)]).splitlines())
    for column in ("item", "claim", "reason", "source"):
        assert row[column].startswith("'") or row[column][0] not in "=+-@\t\r\n", column
        assert row[column].lstrip(" ")[0] not in "=+-@\t\r\n", column


@pytest.mark.parametrize(
    "text, said",
    [
        ("/home/jane/hand-ins/s01.yaml:7: This is not YAML", "s01.yaml:7: This is not YAML"),
        ("../s01/net.yaml is not a file", "net.yaml is not a file"),
        ("hand-ins/s01/net.yaml:3: wrong", "net.yaml:3: wrong"),
        ("outputs/hand-ins--s01/2026-01-01_00-00-00/log.txt cannot be read", "log.txt cannot be read"),
        ("C:\\Users\\jane\\net.yaml is wrong", "net.yaml is wrong"),
        ("see '/opt/venv/lib/keras/layers.py'", "see 'layers.py'"),
        ("0/1 of 2.5 and/or 784 -> 64", "0/1 of 2.5 and/or 784 -> 64"),
    ],
)
def test_gradescope_shows_no_path_of_the_machine(text, said):
    record = json.loads(gradescope_text([mark(Verdict("failed", text))]))
    assert record["tests"][0]["output"] == said and record["score"] == 0
    problem = json.loads(gradescope_text([Mark("hand-ins/x.yaml", "error", text, (CLAIM,))]))
    assert problem["output"] == problem["tests"][0]["output"] == said


def test_gradescope_hides_the_project_and_the_home_even_where_their_names_hold_spaces(tmp_path, monkeypatch):
    (tmp_path / "Jane Doe").mkdir()
    monkeypatch.chdir(tmp_path / "Jane Doe")
    record = gradescope_text([mark(Verdict("failed", f"{Path.cwd()}/a.npz is missing"))])
    assert "Jane" not in record and "a.npz is missing" in record


def test_gradescope_says_of_a_hidden_claim_only_its_points():
    claim = Claim(metric="test_secret", between=[0.5, None], hidden=True, points=2.5, source="the secret source")
    said = gradescope_text([mark(Verdict("passed", "0.7777", 0.7777, 0.5), item="a--b", claim=claim)])
    assert json.loads(said) == {
        "score": 2.5,
        "tests": [{"name": "claim 1", "score": 2.5, "max_score": 2.5, "status": "passed", "visibility": "hidden"}],
    }


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (("hi2--s01--net", "hi2--s02--net", "hi2--s02--net2"), ["s01.net", "s02.net", "s02.net2"]),
        (("in--s1", "in--s2"), ["s1", "s2"]),
        (("in--s1--net", "in--s1--other"), ["net", "other"]),
        (("in--s1--net", "x/y.yaml"), ["in.s1.net", "x.y"]),
        (("in--s1", "in--s1--net"), ["s1", "s1.net"]),
    ],
)
def test_every_item_is_called_by_all_that_its_path_does_not_share_with_the_others(items, names):
    """The student too, whatever the file is called."""
    record = json.loads(gradescope_text([mark(Verdict("passed", "310"), item=item) for item in items]))
    assert [test["name"].partition(":")[0] for test in record["tests"]] == names


def test_what_cannot_be_judged_at_all_is_one_error():
    (case,) = ElementTree.fromstring(junit_text([refused("rubric.yaml", ConfigError("wrong", where="rubric.yaml:3"))]))
    assert case.attrib["classname"] == "rubric.yaml" and case[0].attrib["message"] == "rubric.yaml:3\n  wrong"
