"""`grouping`: `--by KEY`, a class's runs by student or by a setting."""

from __future__ import annotations

import pytest
from made_runs import make_run
from test_tables import UNITS, build_table, run, shown, sweep

from stackfit.errors import ConfigError
from stackfit.results.comparison import compare
from stackfit.results.formats import render
from stackfit.results.grouping import parts_of


def class_of(students=3, runs=2) -> list:
    return [
        run(f"outputs/hand-ins--s{s:02d}--net/{n}", {"seed": n}, {"test_accuracy": s / 10 + n / 100}, experiment=f"hand-ins--s{s:02d}--net")
        for s in range(students)
        for n in range(runs)
    ]


def test_a_part_is_the_first_in_which_paths_differ_and_the_next():
    paths = ["outputs/hand-ins--s01--net/1", "outputs/hand-ins--s01--deep/1", "outputs/hand-ins--s02--net/1"]
    assert parts_of(paths, "part") == ["s01", "s01", "s02"]
    assert parts_of(paths, "part.2") == ["net", "deep", "net"]
    assert parts_of(["class/s1/outputs/a/1", "class/s2/outputs/a/1", "class/s2/x"], "part") == ["s1", "s2", "s2"]
    assert parts_of(["class/s1/a", "class/s2"], "part.2") == ["a", ""]


@pytest.mark.parametrize("by", ["part.9", "part.0", "prat", "part.x"])
def test_a_part_that_is_not_there_is_named(by):
    with pytest.raises(ConfigError, match=r"part.*Try: --by part"):
        parts_of(["a/b", "a/c"], by)
    with pytest.raises(ConfigError, match="are alike"):
        parts_of(["a/b", "a/b"], "part")


def test_the_best_or_newest_runs_of_each_group():
    frame = build_table(class_of(), by="part", top=1)
    assert frame["part"].tolist() == ["s00", "s01", "s02"] and frame["seed"].tolist() == [1, 1, 1]
    assert shown(frame)[0] == "part" and "s02" in render(frame, width=80)
    started = [(folder, {**status, "started": f"2026-01-0{9 - number}"}) for number, (folder, status) in enumerate(class_of())]
    assert build_table(started, by="part", last=1)["seed"].tolist() == [0, 0, 0]  # the first of each is the newest here
    assert build_table(sweep(), by="units", top=2)["seed"].tolist() == [2, 1, 2, 1]


def test_students_with_the_same_configuration_are_rows_of_their_own():
    frame = build_table(class_of(), over="seed", by="part")
    assert frame["part"].tolist() == ["s00", "s01", "s02"] and frame["n"].tolist() == [2, 2, 2]
    assert build_table([(a, {**s, "experiment": "net"}) for a, s in class_of()], over="seed", by="part")["n"].tolist() == [2, 2, 2]


def test_compare_by_a_setting_holds_its_values_against_each_other_whatever_else_differs(tmp_path):
    for units in (32, 64):
        for rate in (0.1, 0.2):
            for seed in range(3):
                accuracy = units / 100 + rate / 100 + seed / 1000
                settings = {UNITS: units, "optimizer.learning_rate": rate, "seed": seed}
                make_run(tmp_path / f"{units}-{rate}-{seed}", settings, {"test_accuracy": accuracy})
    found = compare([tmp_path], by="units")
    means = next(iter(found.tables.values()))
    assert means["configuration"].tolist() == ["units=64", "units=32"] and means["n"].tolist() == [3, 3]
    assert means["test_accuracy_mean"].tolist() == pytest.approx([0.6425, 0.3225])  # 0.64 + 0.0015 + 0.001
    assert any("means over runs that also differ in learning_rate" in problem for problem in found.problems)
    with pytest.raises(ConfigError, match=r"of 1 group\. Expected at least 2, which differ in epochs"):
        compare([tmp_path], by="epochs")


def test_compare_by_keeps_groups_apart_that_read_alike(tmp_path):
    scales = [{"data.scale": "none"}, {"data.scale": 1}, {"data.scale": "1"}, {}]
    for number, scale in enumerate(scales):
        for seed in range(2):
            settings = {**scale, "seed": seed}
            make_run(tmp_path / f"{number}-{seed}", settings, {"test_accuracy": number / 10 + seed / 100})
    means = next(iter(compare([tmp_path], by="scale").tables.values()))
    assert sorted(means["configuration"]) == ["scale='1'", "scale=1", "scale=none", "scale=not set"]
    assert means["test_accuracy_mean"].tolist() == pytest.approx([0.305, 0.205, 0.105, 0.005])
