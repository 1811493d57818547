"""`statistics`, `verdicts`, `comparison`: hand-derived values, and false-positive rates by simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import make_run

from stackfit.errors import ConfigError, RunFolderError
from stackfit.results.comparison import compare
from stackfit.results.statistics import ALPHA, compare_groups, mcnemar, means_test, runs_needed, summarize
from stackfit.results.verdicts import say_configurations

UNITS = "model.layers.hidden.units"


def right(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def band(rate: float, trials: int) -> float:
    """Four standard deviations of a binomial rate: a correct test leaves this band once in 16,000 seeds."""
    return 4 * math.sqrt(rate * (1 - rate) / trials)


# ---- one configuration


def summary(values: list[float]) -> list[float]:
    """Mean, standard deviation, low and high."""
    return summarize(pd.DataFrame({"x": values}), [0] * len(values)).values.tolist()[0]


def test_the_interval_is_students_by_hand():
    # 1..5: mean 3, sd √2.5; t(0.975, 4) = 2.776445 (any table of Student's t).
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert summary([1, 2, 3, 4, 5]) == pytest.approx([3, math.sqrt(2.5), 3 - half, 3 + half])


def test_one_value_has_no_spread_and_none_has_no_mean():
    assert summary([0.5]) == pytest.approx([0.5, math.nan, math.nan, math.nan], nan_ok=True)
    assert summary([math.nan]) == pytest.approx([math.nan] * 4, nan_ok=True)


def test_the_interval_holds_the_true_mean_in_95_of_100_experiments():
    samples = pd.DataFrame({"x": np.random.default_rng(1).normal(0.87, 0.003, 2000 * 5)})
    intervals = summarize(samples, np.repeat(range(2000), 5))
    held = ((intervals["x_low"] <= 0.87) & (intervals["x_high"] >= 0.87)).mean()
    assert held == pytest.approx(0.95, abs=band(0.95, 2000))


# ---- McNemar


def test_only_the_discordant_items_count_in_the_exact_binomial_test():
    # 9 of 10 heads or more extreme, both sides: 2 · (10 + 1) / 2^10.
    counts, p = mcnemar(*right(50, 9, 1, 40))
    assert counts.tolist() == [[50, 9], [1, 40]] and p == pytest.approx(2 * 11 / 1024)


def test_with_many_discordant_items_it_agrees_with_the_corrected_chi_square_approximation():
    # (|30 - 14| - 1)² / 44 = 5.1136; with one degree of freedom p = erfc(√(x / 2)).
    assert mcnemar(*right(900, 30, 14, 56))[1] == pytest.approx(math.erfc(math.sqrt(15**2 / 44 / 2)), rel=0.05)


def test_equal_counts_and_equal_models_show_nothing():
    assert mcnemar(*right(5, 20, 20, 5))[1] == 1
    assert mcnemar(*right(5, 0, 0, 5))[1] == 1


@pytest.mark.parametrize(("error", "shared"), [(0.13, 0.10), (0.02, 0.015)])
def test_equally_good_models_are_called_different_in_at_most_5_of_100_test_sets(error, shared):
    # Both err on a share of hard items together and on the rest of their errors apart: (b, c) is symmetric.
    draws = np.random.default_rng(2)
    found = 0
    for _ in range(2000):
        hard = draws.random(1000) < shared
        a, b = (~(hard | (draws.random(1000) < error - shared)) for _ in "ab")
        found += mcnemar(a, b)[1] < ALPHA
    assert 0.005 < found / 2000 < ALPHA + band(ALPHA, 2000)  # conservative, not blind


# ---- configurations


def test_welchs_test_by_hand():
    # means 2 and 5, variances 1 and 4, n 3 and 3: se² = 1/3 + 4/3 = 5/3, t = -3 / √(5/3) = -2.3238,
    # freedom = (5/3)² / ((1/3)² / 2 + (4/3)² / 2) = 2.9412.
    test = means_test([1, 2, 3], [3, 5, 7])
    assert test["A - B"] == -3 and test["p"] == pytest.approx(0.1045, abs=0.001)
    middle = (test["low"] + test["high"]) / 2
    assert middle == pytest.approx(-3)


def test_without_any_spread_the_permutation_test_answers():
    # 2 of the C(8, 4) = 70 divisions are as extreme.
    assert means_test([1.0] * 4, [0.5] * 4)["p"] == pytest.approx(2 / 70)
    assert means_test([1.0, 1.0], [1.0, 1.0])["p"] == 1
    assert runs_needed([1.0] * 2, [0.5] * 2) == 4  # 2 / C(6, 3) = 0.1 is not below 0.05, 2 / 70 is
    assert means_test([1.0, 1.0, 1.0], [0.5, 0.6, 0.7])["method"] == "Welch's t test"


def test_bonferronis_correction_by_hand():
    groups = {"a": [1, 2, 3], "b": [3, 4, 5], "c": [2, 3, 4], "single": [4]}
    pairs = compare_groups(groups).set_index(["A", "B"])
    # Six pairs, of which the three with `single` cannot be tested and count for nothing.
    assert pairs["tests"].tolist() == [3] * 6
    plain = means_test(groups["a"], groups["b"])["p"]
    assert pairs.loc[("a", "b"), "p (corrected)"] == pytest.approx(3 * plain)
    assert pairs.loc[("b", "c"), "p (corrected)"] <= 1 and math.isnan(pairs.loc[("a", "single"), "p (corrected)"])
    # Variances 1 and 1, 3 runs each: 4 degrees of freedom, standard error √(2/3); t(1 - 0.05 / 6, 4) = 3.961.
    half = 3.961 * math.sqrt(2 / 3)
    assert pairs.loc[("a", "b"), ["low", "high"]].tolist() == pytest.approx([-2 - half, -2 + half], rel=1e-3)
    alone = compare_groups(groups, first_alone=True)
    assert alone["A"].tolist() == ["a"] * 3 and alone["tests"].tolist() == [2] * 3


@given(
    st.dictionaries(
        st.sampled_from("abcdefg"), st.lists(st.integers(0, 60), min_size=2, max_size=6), min_size=2, max_size=7
    ),
    st.booleans(),
)
def test_an_interval_excludes_zero_exactly_where_its_p_is_significant_and_the_sentence_says_so(groups, first_alone):
    values = {name: [whole / 100 for whole in wholes] for name, wholes in groups.items()}
    for pair in compare_groups(values, first_alone).to_dict("records"):
        sentence = say_configurations(pair, "gap", "min")
        assert (" is better than " in sentence) == (pair["p (corrected)"] < ALPHA)
        assert pair["p"] <= pair["p (corrected)"] <= 1
        if not math.isnan(pair["low"]):
            excludes = pair["low"] > 0 or pair["high"] < 0
            assert excludes == (pair["p (corrected)"] < ALPHA), pair
            assert pair["low"] <= pair["A - B"] <= pair["high"]


@pytest.mark.parametrize(("effect", "runs"), [(1.0, 17), (0.8, 26), (0.5, 64)])
def test_the_runs_needed_are_those_of_cohens_tables(effect, runs):
    # Cohen 1988, table 2.4.1: two-sided alpha 0.05, power 0.80.
    unit = [-math.sqrt(0.5), math.sqrt(0.5)]  # standard deviation 1
    assert runs_needed([x + effect for x in unit], unit, most=100) == runs
    assert runs_needed([x + effect for x in unit], unit, most=runs - 1) is None


def test_equal_configurations_are_called_different_in_5_of_100_experiments():
    draws = np.random.default_rng(3).normal(0.87, 0.003, (2000, 2, 5))
    found = np.mean([means_test(*pair)["p"] < ALPHA for pair in draws.tolist()])
    # Welch's test with 5 and 5 is slightly conservative: 0.044 instead of 0.05 in 100,000 draws.
    assert 0.025 < found < ALPHA + band(ALPHA, 2000)


def test_the_correction_keeps_any_false_finding_among_four_equal_configurations_at_5_of_100():
    draws = np.random.default_rng(4).normal(0.87, 0.003, (500, 4, 5)).tolist()
    families = [compare_groups(dict(zip("abcd", family, strict=True))) for family in draws]
    assert all(len(family) == 6 for family in families)
    false = np.mean([(family["p (corrected)"] < ALPHA).any() for family in families])
    uncorrected = np.mean([(family["p"] < ALPHA).any() for family in families])
    assert false < ALPHA + band(ALPHA, 500) < uncorrected
    missed = np.mean([((family["low"] > 0) | (family["high"] < 0)).any() for family in families])
    assert missed == false  # all six intervals hold the true difference, 0, together


def test_a_difference_of_three_deviations_is_found_by_five_seeds_each():
    draws = np.random.default_rng(5).normal(0.87, 0.003, (200, 2, 5)) + np.array([[[0.009], [0]]])
    said = [say(a, b, "accuracy") for a, b in draws.tolist()]
    assert np.mean([sentence.startswith("A is better than B: ") for sentence in said]) > 0.9
    assert not any(sentence.startswith("B is better") for sentence in said)


# ---- sentences


def say(a: list[float], b: list[float], metric: str = "test_accuracy", direction: str | None = "max") -> str:
    return say_configurations(compare_groups({"A": a, "B": b}).iloc[0], metric, direction)


def test_the_sentence_is_one_of_three():
    assert say([0.90, 0.91, 0.92], [0.80, 0.81, 0.82]).startswith(
        "A is better than B: test_accuracy differs by 0.1000, 95 % interval 0.0773 to 0.1227, 3 and 3 runs "
    )
    assert say([0.1, 0.3, 0.5], [0.1, 0.31, 0.5]).startswith("No difference shown: A and B: ")
    sentence = say([0.87, 0.88, 0.89], [0.86, 0.87, 0.88])
    assert sentence.startswith("Not enough runs: A and B: ")
    # One standard deviation apart: 17 runs each are needed (Cohen), 3 are there.
    assert sentence.endswith("about 14 more seeds each would show a difference this large.")
    assert "; about 1 more seed each would" in say([0.8958, 0.9583], [0.7858, 0.7442])


def test_one_run_is_never_enough():
    assert say([0.9], [0.1, 0.2]).startswith("Not enough runs: A has 1 and B has 2 with test_accuracy; each needs at")
    assert say([], [0.1, 0.2]).startswith("Not enough runs: A has 0")


def test_which_one_is_better_depends_on_the_direction_alone():
    low, high = [0.1, 0.11, 0.12], [0.5, 0.51, 0.52]
    assert say(low, high, "gap", "min").startswith("A is better than B: gap differs by 0.4000, 95 % interval 0.3")
    assert say(low, high, "error", "max").startswith("B is better than A: ")
    assert say(low, high, "gap", None).startswith("B has a higher gap than A: ")
    assert say(high, low, "gap", None).startswith("A has a higher gap than B: ")


# ---- comparing folders


def test_two_run_folders_are_compared_as_trained_models(tmp_path):
    a, b = right(50, 9, 1, 40)
    make_run(tmp_path / "a", {UNITS: 64}, {"test_accuracy": 0.59}, correct=a.tolist())
    make_run(tmp_path / "b", {UNITS: 32}, {"test_accuracy": 0.51}, correct=b.tolist())
    result = compare([tmp_path / "a", tmp_path / "b"])
    settings = result.tables["What differs"].set_index("setting")
    assert settings.loc[UNITS].tolist() == ["64", "32"]
    assert result.tables["Metrics"]["A - B"].tolist() == pytest.approx([0.08])
    assert result.tables["Test items"]["B wrong"].tolist() == [9, 40]
    (sentence,) = result.sentences
    assert sentence.startswith(f"Of these two trained models: A ({tmp_path / 'a'}) is better than B (")
    assert "100 test items" in sentence and "p = 0.0215" in sentence and "configurations" in sentence
    (mirrored,) = compare([tmp_path / "b", tmp_path / "a"]).sentences
    assert mirrored.startswith(f"Of these two trained models: B ({tmp_path / 'a'}) is better than A (")


def test_a_single_sigmoid_is_right_on_its_side_of_one_half(tmp_path):
    for name, scores in {"a": [[0.9], [0.2]], "b": [[0.9], [0.8]]}.items():
        make_run(tmp_path / name)
        with (tmp_path / name / "predictions.npz").open("wb") as file:
            np.savez(file, scores=np.array(scores, dtype=np.float32), labels=np.array([1, 0]))
    items = compare([tmp_path / "a", tmp_path / "b"]).tables["Test items"]
    assert (items["B right"].tolist(), items["B wrong"].tolist()) == ([1, 0], [1, 0])


def test_a_single_logit_is_right_on_its_side_of_zero(tmp_path):
    for name, scores in {"a": [[0.2], [-0.2]], "b": [[0.2], [0.2]]}.items():
        make_run(tmp_path / name, {"task.loss._target_": "keras.losses.BinaryCrossentropy", "task.loss.from_logits": True})
        with (tmp_path / name / "predictions.npz").open("wb") as file:
            np.savez(file, scores=np.array(scores, dtype=np.float32), labels=np.array([1, 0]))
    items = compare([tmp_path / "a", tmp_path / "b"]).tables["Test items"]
    assert (items["B right"].tolist(), items["B wrong"].tolist()) == ([1, 0], [1, 0])


def test_runs_with_other_test_sets_or_none_or_unfinished_say_so(tmp_path):
    make_run(tmp_path / "a", correct=[True] * 4)
    make_run(tmp_path / "short", correct=[True] * 3)
    make_run(tmp_path / "none")
    make_run(tmp_path / "failed", failed="loss is NaN in epoch 2")
    with pytest.raises(RunFolderError, match=r"different items: \S+a on fashion_mnist \(4 items\); \S+short on .*\(3 items\)"):
        compare([tmp_path / "a", tmp_path / "short"])
    with pytest.raises(RunFolderError, match=r"failed is failed: loss is NaN in epoch 2\. Expected two finished"):
        compare([tmp_path / "a", tmp_path / "failed"])
    assert compare([tmp_path / "a", tmp_path / "none"]).sentences == [
        f"No test: {tmp_path / 'none'} has no predictions of classes for its test data."
    ]


def make_sweep(path, means: dict[int, float], seeds: int = 4) -> None:
    for units, mean in means.items():
        for seed in range(seeds):
            metrics = {"test_accuracy": mean + 0.001 * seed, "test_loss": 1 - mean - 0.001 * seed}
            make_run(path / f"{units}-{seed}", {UNITS: units, "seed": seed}, metrics, sweep="s")


def test_a_sweep_is_compared_by_configuration_best_first(tmp_path):
    make_sweep(tmp_path, {32: 0.80, 64: 0.90, 128: 0.85})
    make_run(tmp_path / "lost", {UNITS: 32, "seed": 9}, failed="interrupted by Ctrl-C", state="interrupted")
    result = compare(tmp_path)
    groups, pairs = result.tables.values()
    assert groups["configuration"].tolist() == ["units=64", "units=128", "units=32"]
    assert groups["n"].tolist() == [4, 4, 4] and groups["folders"][0] == [str(tmp_path / f"64-{i}") for i in range(4)]
    assert pairs["A - B"].tolist() == pytest.approx([0.05, 0.10, 0.05])
    assert [sentence.split(":")[0] for sentence in result.sentences] == [
        "units=64 is better than units=128",
        "units=64 is better than units=32",
        "units=128 is better than units=32",
    ]
    assert result.problems == ["Not compared, as only finished runs count: 1 interrupted."]
    assert compare(tmp_path, "test_loss").sentences[0].startswith("units=64 is better than units=128")
    assert len(compare(tmp_path, filter="units < 128").sentences) == 1


def test_two_folders_of_one_run_each_are_runs_and_a_run_with_itself_is_not_a_comparison(tmp_path):
    make_run(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"Both are the same run, .*/a\. Expected two"):
        compare([tmp_path / "a", tmp_path / "a"])
    make_run(tmp_path / "b", {"seed": 1})
    with pytest.raises(ConfigError, match="differ in more than the seed"):
        compare(tmp_path)
    (tmp_path / "b" / "status.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"b/status\.json cannot be read"):
        compare([tmp_path / "a", tmp_path / "b"])


def test_more_than_six_configurations_speak_only_of_the_best(tmp_path):
    make_sweep(tmp_path, {units: 0.8 + units / 1000 for units in range(1, 8)}, seeds=2)
    result = compare(tmp_path)
    heading, pairs = [*result.tables.items()][-1]
    assert heading == "Every pair; 95 % intervals and p are corrected for 21 tests" and len(pairs) == 21
    assert len(result.sentences) == 6 and all("units=7" in sentence for sentence in result.sentences)


def test_of_more_than_sixteen_configurations_the_best_is_held_against_the_others_in_a_few_sentences(tmp_path):
    make_sweep(tmp_path, {units: 0.8 + 0.004 * units for units in range(1, 20)})
    make_run(tmp_path / "single", {UNITS: 20, "seed": 0}, {"test_accuracy": 0.95}, sweep="s")
    result = compare(tmp_path)
    groups, pairs = result.tables.values()
    assert groups["configuration"][:2].tolist() == ["units=20", "units=19"]  # a single run cannot be tested
    assert (len(groups), len(pairs)) == (20, 19) and {*pairs["A"]} == {"units=19"}
    best, better, few, untested, limits = result.sentences
    assert best == "units=19 has the highest test_accuracy of the 19 configurations with at least 2 runs."
    # Means 0.004 apart, deviation 0.00129 each with 4 runs: the next one is 4.4 standard errors away, of which
    # t(1 - 0.05 / 36, 6) = 4.76 are needed.
    assert better == "It is better than 17 others: units=17; units=16; units=15; and 14 more."
    assert few == "Not enough runs to tell it from 1 other: units=18: more seeds might show a difference."
    assert untested.startswith("Not enough runs, so not tested against 1 other: units=20: of test_accuracy each needs")
    assert "corrected for 18 comparisons" in limits and "chosen from the same runs" in limits


def test_many_configurations_of_one_run_each_ask_for_seeds(tmp_path):
    make_sweep(tmp_path, {units: 0.8 + 0.004 * units for units in range(1, 21)}, seeds=1)
    best, untested = compare(tmp_path).sentences
    assert best == "units=20 has the highest test_accuracy of 20 configurations."
    assert untested.startswith("Not enough runs, so not tested against 19 others: units=19; units=18; units=17; and 16 more: ")


def test_configurations_of_several_experiments_are_named_by_what_differs_within_each(tmp_path):
    for name, units in (("one_hidden_layer", [32]), ("several_hidden_layers", [16, 64])):
        for width in units:
            for seed in range(2):
                settings = {UNITS: width, "seed": seed, "optimizer.learning_rate": 0.1 * len(units)}
                make_run(tmp_path / name / f"{width}-{seed}", settings, {"test_accuracy": width / 100 + seed}, experiment=name)
    result = compare(tmp_path)
    names = ["several_hidden_layers units=64", "one_hidden_layer", "several_hidden_layers units=16"]
    assert result.tables["test_accuracy, mean ± half the 95 % interval"]["configuration"].tolist() == names
    text = result.render("text", 80)
    tables = text.partition("No difference shown")[0].partition("Not enough")[0]
    assert max(map(len, tables.splitlines())) <= 80 and "number" in tables
    assert [line.split()[:2] for line in tables.splitlines()[-5:] if line[:1].isdigit()] == [["1", "2"], ["1", "3"], ["2", "3"]]
    assert names[0] in result.render("csv")


def test_of_seven_configurations_the_sentences_are_about_the_best_that_can_be_tested(tmp_path):
    make_sweep(tmp_path, {units: 0.8 + 0.004 * units for units in range(1, 7)})
    make_run(tmp_path / "single", {UNITS: 7, "seed": 0}, {"test_accuracy": 0.95}, sweep="s")
    sentences = compare(tmp_path).sentences
    assert len(sentences) == 5 and all("units=6" in sentence for sentence in sentences)


def test_a_number_that_the_settings_decide_is_not_tested(tmp_path):
    for units in (1, 2):
        make_run(tmp_path / str(units), {UNITS: units}, {"test_accuracy": 0.5, "parameters": 10 * units})
    with pytest.raises(ConfigError, match=r"parameters follows from the settings alone.*Expected a metric"):
        compare(tmp_path, "parameters")


def test_a_number_and_the_same_text_are_two_configurations(tmp_path):
    for name, value in (("a", 1), ("b", "1")):
        for seed in range(2):
            make_run(tmp_path / f"{name}{seed}", {"x": value, "seed": seed}, {"test_accuracy": 0.5 + seed / 10})
    assert len(compare(tmp_path).tables["Every pair"]) == 1


def test_two_names_are_two_runs_and_one_name_is_all_its_configurations(lab, cli):
    for name in ("one", "two"):
        for seed in range(2):
            make_run(lab / "outputs" / name / str(seed), {UNITS: 10 * seed, "seed": 0}, experiment=name, correct=[True] * 4)
    answer = cli("compare", "one", "two")
    assert answer.code == 0 and "Of these two trained models: no difference shown" in answer.out
    assert answer.err.splitlines() == [f"{name}: its newest finished run is outputs/{name}/1" for name in ("one", "two")]
    answer = cli("compare", "one")
    assert "units=0" in answer.out and "units=10" in answer.out
    answer = cli("compare", "one", "outputs/two")
    assert "one units=0" in answer.out and "two units=10" in answer.out
    assert "Did you mean 'one'?" in cli("compare", "ones", "two").err


def test_a_comparison_is_text_markdown_or_json(tmp_path):
    make_sweep(tmp_path, {32: 0.80, 64: 0.90})
    result = compare(tmp_path)
    assert "units=64" in result.render("text", 80) and "|" in result.render("md")
    assert json.loads(result.render("json"))["sentences"] == result.sentences
    assert result.render("csv").startswith("A,B,A - B,low,high,p (corrected)\nunits=64,units=32,")
    with pytest.raises(ConfigError, match="There is no format 'xml'"):
        result.render("xml")
