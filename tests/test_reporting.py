"""`report`: what is typed, what is printed, and what is refused before anything is read or trained."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from made_runs import make_run
from pages import read_page

import stackfit
from stackfit.execution.progress import Reporter


@pytest.fixture
def runs(lab):
    for number in range(3):
        make_run(lab / "outputs" / "base" / str(number), {"model.layers.hidden.units": 2**number}, history=2)
    return lab


def test_the_file_is_written_here_and_its_name_is_the_only_line_on_stdout(cli, runs):
    answer = cli("report", "--filter", "units > 1")
    assert (answer.code, answer.out) == (0, "report.html\n") and "MB" in answer.err
    assert "runs, all finished" in read_page(runs / "report.html").text
    assert cli("report", "base", "--out", "other.html").out == "other.html\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["--metric", "test_acuracy"], "Did you mean 'test_accuracy'?"),
        (["--direction", "up"], "There is no direction 'up'"),
        (["--filter", "units > 99"], "No run matches --filter 'units > 99'"),
        (["--out", "no/such/page.html"], "no/such/page.html cannot be written: No such file or directory"),
        (["--out", "outputs"], "outputs is a folder. Expected a file's name."),
        (["--out", "outputs/base/0/status.json/page.html"], "cannot be written: Not a directory"),
        (["--claims", "rubric.yaml"], "--claims does nothing without --check"),
        (["--check", "xor_needs_a_hidden_layer", "--metric", "loss"], "--metric does nothing beside --check"),
        (["--check"], "No experiment was named."),
        (["--check", "nobody"], "'nobody'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_no_file_is_left(cli, runs, words, said):
    answer = cli("report", *words)
    assert (answer.code, answer.out) == (2, "") and said in answer.err
    assert not list(runs.glob("**/*.html"))


def test_a_folder_without_runs_is_named(cli, lab):
    (lab / "empty").mkdir()
    answer = cli("report", "empty")
    assert answer.code == 2 and "empty has no run in it" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(cli, runs):
    (runs / "locked").mkdir(mode=0o500)
    assert "locked/page.html cannot be written: Permission denied" in cli("report", "--out", "locked/page.html").err


def test_a_report_of_runs_needs_no_engine(runs):
    make_run(runs / "outputs" / "one" / "1", correct=[True, False], history=2)
    code = (
        "import sys, stackfit\n"
        "stackfit.report('outputs'); stackfit.report('outputs/one', out='one.html')\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.tf
def test_the_page_of_a_class_holds_the_verdicts_of_check(cli, write, lab):
    rubric = "expect:\n- {metric: test_accuracy, between: [0, 1], published: [0.5], n: 1, source: the <b>lecture</b>}\n- {metric: test_accuracy, between: [2, 3], points: 2}\n"
    write("rubric.yaml", rubric)
    for name in ("s01", "s02"):
        text = "defaults: [digits_quickstart, _self_]\nabout: {question: A net}\nepochs: 1\n"
        write(f"hand-ins/{name}/net.yaml", text if name == "s01" else f"{text}epochz: 3\n")
    words = ["--claims", "rubric.yaml", "hand-ins/*/net.yaml"]
    answer = cli("report", "--check", *words, "--out", "class.html")
    assert answer.code == 1, answer.err
    read = read_page(lab / "class.html")
    frame = stackfit.check("hand-ins/*/net.yaml", claims="rubric.yaml", reporter=Reporter(0))
    items, claims = read.tables
    assert answer.out.endswith("class.html\n")
    assert [row[:4] for row in items[1:]] == [["hand-ins--s01--net", "failed", "1 of 2", "1 of 3"], ["hand-ins--s02--net", "error", "0 of 2", "0 of 3"]]
    judged = frame[frame["claim"] != ""]
    assert [row[:3] for row in claims[1:]] == judged[["item", "claim", "state"]].to_numpy().tolist()
    assert claims[1][3] == "0.5 (n=1)" and claims[1][4] == judged["reason"].iloc[0] and claims[1][5] == "the <b>lecture</b>"
