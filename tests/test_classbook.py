"""`classbook`: the page of a class, from verdicts."""

from __future__ import annotations

import pytest
from pages import PageReader, sections_of
from test_page import HOSTILE

import stackfit
from stackfit.config.claims import Claim
from stackfit.errors import ConfigError
from stackfit.proof.check import Mark, Outcome
from stackfit.proof.judgement import Verdict
from stackfit.reports.classbook import class_page, class_report
from stackfit.reports.page import render

RUBRIC = (Claim(metric="test_accuracy", between=[0.9, None], points=3), Claim(parameters=310, published=[310]))


def mark(item, *states, claims=RUBRIC, reason=""):
    """An item with a verdict for each of its claims; without one it could not be judged."""
    states = states * len(claims) if len(states) == 1 else states
    outcomes = tuple(Outcome(item, claim, Verdict(state, f"{state} 0.5"), "the lecture") for claim, state in zip(claims if states else (), states, strict=True))
    state = next((each for each in ("failed", "error", "passed") if each in states), "error")
    return Mark(item, state, reason, claims, outcomes)


def page(*marks, by=None):
    text = render(class_page(marks, by))
    return PageReader(text), sections_of(text)


def test_a_student_is_a_row_and_each_of_the_exercises_a_column():
    marks = [mark(f"hand-ins--s{student:02}--ex{number}", "passed", "failed" if student % 2 else "passed") for student in range(25) for number in (1, 2, 3)]
    del marks[-1]  # not handed in
    read, sections = page(*marks)
    table = read.tables[0]
    assert sections == ["groups", "items", "claims"] and table[0] == ["part", "ex1", "ex2", "ex3", "points"] and len(table) == 26
    assert table[1] == ["s00", "passed", "passed", "passed", "12 of 12"]
    assert table[2] == ["s01", "failed 1 of 2", "failed 1 of 2", "failed 1 of 2", "9 of 12"]
    assert table[25] == ["s24", "passed", "passed", "", "8 of 8"]
    states = [attributes["data-state"] for tag, attributes in read.tags if "data-state" in attributes]
    assert {*states} == {"passed", "failed"}


def test_the_rows_may_be_the_exercises():
    marks = [mark(f"in--s{student}--ex{number}--net", "passed") for student in range(3) for number in (1, 2)]
    read, _ = page(*marks, by="part.2")
    assert read.tables[0][0] == ["part.2", "s0", "s1", "s2", "points"] and [row[0] for row in read.tables[0][1:]] == ["ex1", "ex2"]


@pytest.mark.parametrize(
    "names",
    [["s01--net", "s02--net"], ["gsp631_base", "gsp631_ex1_128", "xor"], ["one"], ["s01--a", "s02--b", "s03--c", "s04--d"]],
)
def test_names_that_make_no_rectangle_are_a_list(names):
    _, sections = page(*(mark(name, "passed") for name in names))
    assert sections == ["items", "claims"]


def test_the_claims_of_a_rubric_are_columns_of_the_items():
    marks = [mark("s1--net", "passed", "failed", reason="failed, so it is said"), mark("s2--net", reason="It is not YAML."), mark("s3--net", "passed", "passed")]
    read, _ = page(*marks)
    table = read.tables[0]
    assert table[0] == ["item", "verdict", "claims passed", "points", RUBRIC[0].text(), RUBRIC[1].text(), "reason"]
    assert table[1] == ["s1--net", "failed", "1 of 2", "3 of 4", "passed", "failed", "failed, so it is said"]
    assert table[2] == ["s2--net", "error", "0 of 2", "0 of 4", "", "", "It is not YAML."]
    cells = [attributes for tag, attributes in read.tags if tag == "td"]
    assert "data-state" not in cells[5]  # a reason is no verdict


def test_items_with_claims_of_their_own_have_no_columns_for_them():
    read, _ = page(mark("a", "passed", "passed"), mark("b", "passed", claims=RUBRIC[:1]))
    assert read.tables[0][0] == ["item", "verdict", "claims passed", "points"]


def test_texts_of_a_hand_in_stay_texts():
    claims = (Claim(metric=HOSTILE, between=[0, 1], source=HOSTILE), Claim(parameters=1))
    read, _ = page(*(mark(f"{HOSTILE}--{name}", "failed", "passed", claims=claims, reason=HOSTILE * 500) for name in "ab"))
    assert HOSTILE in read.text and [tag for tag, _ in read.tags].count("script") == 0


def test_what_is_wrong_is_said_before_anything_is_judged(lab):
    with pytest.raises(ConfigError, match="No experiment was named"):
        class_report([], None)
    with pytest.raises(ConfigError, match="There is no part 'student'"):
        stackfit.report("digits_quickstart", check=True, by="student")
    for options, said in (({"by": "part"}, "by does nothing without check. Expected both. Add check=True"),
                          ({"check": True, "metric": "loss"}, "metric does nothing beside check. Expected one of them.")):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            stackfit.report("digits_quickstart", **options)
    assert not [*lab.iterdir()]
