"""`claims`: the grammar of `expect`, and judging claims against run folders."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from composing import compose

from stackfit.config.claims import Claim, check_claims, read_claims
from stackfit.config.experiments import list_experiments
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigErrors
from stackfit.proof import judgement
from stackfit.proof.judgement import Verdict, judge
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder


@pytest.fixture
def make(tmp_path):
    """`make(test_accuracy=0.9, axes={…})`: a run folder that finished with these metrics."""

    def make_run(axes=None, losses=(), log="", failed=None, **metrics):
        folder = RunFolder.create(tmp_path / "exp", "f", {"experiment": "exp", "axes": axes or {}, "settings": {}})
        for epoch, loss in enumerate(losses, start=1):
            folder.append_history({"epoch": epoch, "val_loss": loss})
        folder.append_log(log)
        folder.fail(failed) if failed else folder.finish(metrics, metrics)
        return Run(folder.path)

    return make_run


def judged(claim: dict, runs, others=()) -> Verdict:
    (one,) = read_claims([claim])
    return judge(one, runs, list(others), lambda run: True)


def verdict(claim: dict, runs, others=()) -> Verdict:
    """Without its numbers."""
    said = judged(claim, runs, others)
    return Verdict(said.state, said.found)


def messages(*entries, metrics=("loss", "test_accuracy"), axes=("optimizer",)) -> list[str]:
    places = [f"mine.yaml:{line}" for line in range(1, len(entries) + 1)]
    return [str(error) for error in check_claims(entries, places, metrics, axes)]


def test_every_experiment_claims_something():
    for record in list_experiments():
        assert record.expect, record.name


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"metrik": "loss", "between": [0, 1]}, "expect holds 'metrik'. Did you mean 'metric'? Expected keys of a claim: "),
        ("test_accuracy", "expect holds 'test_accuracy'. Expected a claim, which is a mapping. Write: {metric: "),
        ({"metric": "loss"}, "a claim about metric with no rule. Expected one of metric, error"),
        ({"metric": "loss", "between": [0, 1], "mean_below": "gsp631_base"}, "with between, mean_below."),
        ({"parameters": 3, "error": "shape"}, "a claim about error, parameters with no rule"),
        ({"parameters": 3, "between": [0, 1]}, "a claim about parameters with between"),
        ({}, "a claim about nothing with no rule"),
        ({"parameters": "many"}, "parameters is 'many'. Expected a whole number. Write: {parameters: 50890}"),
        ({"parameters": True}, "parameters is True."),
        ({"error": "shapes"}, "error is 'shapes'. Expected shape or labels."),
        ({"metric": "loss", "between": 0.86}, "between is 0.86. Expected [lowest, highest], null for a side without a limit."),
        ({"metric": "loss", "between": [0.9, 0.8]}, "between is [0.9, 0.8]."),
        ({"metric": "loss", "best_between": [0.9, 0.8]}, "best_between is [0.9, 0.8]."),
        ({"metric": "loss", "best_between": [0, 1], "between": [0, 1]}, "a claim about metric with between, best_between."),
        ({"metric": "loss", "between": [0.9, "x"]}, "between is [0.9, 'x']."),
        ({"metric": "loss", "mean_between": [0, 1], "seeds": 0}, "seeds is 0. Expected how many seeds. Write: seeds: 5"),
        ({"metric": "loss", "between": [0, 1], "published": 0.87}, "published is 0.87. Expected numbers."),
        ({"stopped_epoch": [1, 2, 3]}, "stopped_epoch is [1, 2, 3]. Expected an epoch, or a range [first, last]."),
        ({"log": "("}, "log is '('. Expected a regular expression of at most 500 characters."),
        ({"item": 0}, "A claim with 'item' lacks 'predicted'."),
        ({"metric": "loss", "above": {"optimizer": "sgd"}}, "A claim with 'above' lacks 'where'."),
        ({"metric": "test_acuracy", "between": [0, 1]}, "'test_acuracy' is not a metric of this experiment. Did you mean 'test_accuracy'?"),
        ({"metric": "loss", "mean_below": "gsp631_bse"}, "mean_below names 'gsp631_bse', which is not an experiment. Did you mean 'gsp631_base'?"),
        ({"metric": "loss", "between": [0, 1], "where": {"optimiser": "sgd"}}, "'optimiser' is not an axis of this experiment. Did you mean 'optimizer'?"),
        ({"metric": "loss", "where": {"optimizer": "adam"}, "above": {"seed": 1}}, "'above' names seed, 'where' optimizer."),
    ],
)  # fmt: skip
def test_a_wrong_claim_says_what_was_found_what_is_expected_and_what_to_write(entry, said):
    found = messages(entry)
    assert any(said in message for message in found), found
    assert all("mine.yaml:1" in message and "Expected" in message for message in found)
    assert all(re.search(r"\b(Write|Try|Correct)\b", message) for message in found)


def test_all_wrong_claims_are_found_at_once_each_on_its_line():
    found = messages({"metric": "loss", "betwen": 3}, {"parameters": 4}, {"error": "x", "n": "y"})
    assert [message.partition("  ")[0] for message in found] == ["mine.yaml:1", "mine.yaml:3", "mine.yaml:3"]


def test_a_typo_in_a_claim_is_an_error_when_the_experiment_is_composed_with_its_line(write):
    write(
        "experiments/mine.yaml",
        "defaults: [digits_quickstart, _self_]\nexpect:\n  - {parameters: 310}\n  - {metric: accurcy, between: [0, 1]}\n"
        "  - metric: val_loss # there is no validation split\n    between: [0, 1]\n",
    )
    with pytest.raises(ConfigErrors) as error:
        compose(Composer("mine"), ["epochs=1"])
    assert [one.where for one in error.value.errors] == ["experiments/mine.yaml:4", "experiments/mine.yaml:5"]
    assert "Did you mean 'accuracy'?" in str(error.value)


def test_another_task_may_have_other_metrics_than_the_claims_are_about(write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\nexpect: [{metric: accuracy, between: [0, 1]}]\n")
    assert compose(Composer("mine"), ["task=regression"]).config.task.metrics


@pytest.mark.parametrize(
    "limits, value, state",
    [
        ([0.8, 0.9], 0.8, "passed"),
        ([0.8, 0.9], 0.91, "failed"),
        ([0.5, None], 7.0, "passed"),
        ([None, 0.5], 0.51, "failed"),
    ],
)
def test_a_band_holds_its_ends_and_null_leaves_a_side_open(make, limits, value, state):
    assert verdict({"metric": "loss", "between": limits}, [make(loss=value)]) == Verdict(state, f"{value:.4f}")


def test_a_cell_is_chosen_by_its_axes_whatever_their_blanks(make):
    runs = [make({"units": "[64,64]"}, loss=0.1), make({"units": "4"}, loss=0.9)]
    claim = {"metric": "loss", "between": [0, 0.5]}
    assert verdict({**claim, "where": {"units": [64, 64]}}, runs).state == "passed"
    assert verdict({**claim, "where": {"units": 4}}, runs).state == "failed"
    assert verdict({**claim, "where": {"units": 5}}, runs) == Verdict("failed", "no cell with {'units': 5}")


def test_means_over_seeds_are_compared_with_another_experiments_mean(make):
    ours, theirs = [make(loss=v) for v in (0.1, 0.3)], [make(loss=v) for v in (0.2, 0.24)]  # means .20 and .22
    spread = "0.2000 ± 0.1414 (sd of 2) against 0.2200"
    assert verdict({"metric": "loss", "seeds": 2, "mean_below": "o"}, ours, theirs) == Verdict("passed", spread)
    assert verdict({"metric": "loss", "seeds": 2, "mean_below": "o"}, theirs, ours).state == "failed"
    for margin, state in ((0.03, "passed"), (0.01, "failed")):
        assert (
            verdict({"metric": "loss", "seeds": 2, "mean_at_least": "o", "margin": margin}, ours, theirs).state == state
        )
        assert (
            verdict({"metric": "loss", "seeds": 2, "mean_within": "o", "margin": margin}, ours, theirs).state == state
        )
    assert verdict({"metric": "loss", "seeds": 2, "mean_between": [0.19, 0.21]}, ours).state == "passed"


def test_a_rise_is_the_last_value_minus_the_smallest(make):
    rising, flat = make(losses=[0.9, 0.4, 0.7]), make(losses=[0.9, 0.5, 0.5])
    assert verdict({"metric": "val_loss", "rises_at_least": 0.29}, [rising]) == Verdict("passed", "rises by 0.3000")
    assert verdict({"metric": "val_loss", "rises_at_most": 0.29}, [rising]).state == "failed"
    assert verdict({"metric": "val_loss", "rises_less_than": "o"}, [flat], [rising]).state == "passed"
    assert verdict({"metric": "val_loss", "rises_less_than": "o"}, [rising], [flat]).state == "failed"


def test_each_cell_is_above_its_partner_which_differs_in_the_named_axes_only(make):
    runs = [
        make({"units": units, "optimizer": name}, loss=loss)
        for units, name, loss in [("1", "a", 0.5), ("1", "b", 0.4), ("2", "a", 0.3), ("2", "b", 0.1)]
    ]
    claim = {"metric": "loss", "where": {"optimizer": "a"}, "above": {"optimizer": "b"}}
    assert verdict(claim, runs) == Verdict("passed", "2 of 2 pairs, by 0.1000 to 0.2000")
    runs[3] = make({"units": "2", "optimizer": "b"}, loss=0.3)  # level is not above
    assert verdict(claim, runs) == Verdict("failed", "1 of 2 pairs, by 0.0000 to 0.1000")
    assert verdict(claim, runs[:3]) == Verdict("failed", "no partner with {'optimizer': 'b'}")
    runs[3] = make({"units": "2", "optimizer": "b"}, failed="loss is nan in epoch 1")
    assert verdict(claim, runs) == Verdict("failed", "loss is nan in epoch 1")
    (one,) = read_claims([claim])
    assert one.text() == "loss, optimizer=a: above optimizer=b in every pair"


def test_lines_of_the_log_are_counted(make):
    run = make(log="epoch 1\nThe average is 3\nThe average is 4\n")
    assert verdict({"log": "^The average", "times": 2}, [run]) == Verdict("passed", "2 lines")
    assert verdict({"log": "^The average", "times": 3}, [run]).state == "failed"
    assert verdict({"log": "nothing of the kind"}, [run]).state == "failed"


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|aa)*$", "(?=(a+)+$)", "(.*a){20}$", "^((a?){20}){20}$"])
def test_a_pattern_that_would_search_for_years_is_ended_and_fails_its_claim_alone(make, monkeypatch, pattern):
    monkeypatch.setattr(judgement, "SEARCH_SECONDS", 1.0)
    run = make(log="a" * 60 + "!\nthe end\n")
    began = time.monotonic()
    failed = verdict({"log": pattern}, [run])
    assert time.monotonic() - began < 10
    assert failed.state == "failed" and f"searching the log for {pattern!r} took longer than 1 s. Expected" in failed.found
    assert verdict({"log": "^the end$", "times": 1}, [run]) == Verdict("passed", "1 lines")


@pytest.mark.parametrize("pattern", ["(" * 200 + ")" * 200, "a{99999999999}", "(?i)" + "[\0-\U0010ffff]" * 90, "a" * 501])
def test_a_pattern_that_is_costly_or_impossible_to_compile_is_decided_at_once(pattern):
    began = time.monotonic()
    said = messages({"log": pattern})
    assert time.monotonic() - began < 5
    assert said == [] or "Expected a regular expression of at most 500 characters." in said[0]


def test_a_pattern_that_is_too_deep_too_long_or_overflows_gives_no_traceback():
    for pattern in ("(" * 5000 + ")" * 5000, "a{99999999999}", "a" * 501):
        assert "Expected a regular expression of at most 500 characters." in messages({"log": pattern})[0]


def test_a_log_that_is_gone_and_an_item_that_does_not_exist_fail_their_claims(make):
    run = make()
    RunFolder(run.folder).log.unlink(missing_ok=True)
    assert verdict({"log": "x"}, [run]).found.endswith("log.txt cannot be read: No such file or directory")
    np.savez(RunFolder(run.folder).predictions, scores=np.eye(3), labels=np.arange(3))
    assert verdict({"item": 3, "predicted": 0}, [run]).found == "no test item 3: there are 3, from 0"


def test_a_predicted_class_is_read_from_the_stored_scores(make):
    run = make(loss=1.0)
    np.savez(RunFolder(run.folder).predictions, scores=np.eye(3, dtype=np.float32)[[2, 0]], labels=np.array([2, 0]))
    assert verdict({"item": 0, "predicted": 2}, [run]) == Verdict("passed", "class 2")
    assert verdict({"item": 1, "predicted": 2}, [run]).state == "failed"


def test_a_verdict_has_the_value_and_the_limits_that_it_is_held_to(make):
    run, other = make(loss=0.25, losses=[0.9, 0.25, 0.5]), make(loss=0.75, losses=[0.5, 0.75])
    for claim, numbers in [
        ({"metric": "loss", "between": [0.1, None]}, (0.25, 0.1, None)),
        ({"metric": "loss", "mean_at_least": "o", "margin": 0.5}, (0.25, 0.25, None)),
        ({"metric": "loss", "mean_within": "o", "margin": 0.25}, (0.25, 0.5, 1.0)),
        ({"metric": "loss", "mean_below": "o"}, (0.25, None, 0.75)),
        ({"metric": "val_loss", "rises_at_most": 0.125}, (0.25, None, 0.125)),
        ({"metric": "val_loss", "rises_less_than": "o"}, (0.25, None, 0.25)),
        ({"finished": 2}, (1, 2, 2)),
        ({"log": "x"}, (0, 1, None)),
        ({"reload": "equal"}, (None, None, None)),
    ]:
        RunFolder(run.folder).log.touch()
        found = judged(claim, [run], [other])
        assert (found.value, found.lower, found.upper) == numbers, claim


def test_a_metric_that_a_run_does_not_have_fails_its_claim_alone(make):
    run = make(loss=None, losses=[0.5, 0.4])
    for claim, said in (({"metric": "test_f1", "between": [0, 1]}, "has no test_f1"),
                        ({"metric": "loss", "between": [0, 1]}, "loss is not known"),
                        ({"metric": "val_f1", "rises_at_most": 1}, "has no")):  # fmt: skip
        assert verdict(claim, [run]).state == "failed" and said in verdict(claim, [run]).found


def test_what_a_claim_is_worth_is_a_number_and_whether_it_is_hidden_true_or_false():
    claim = {"metric": "loss", "between": [0, 1]}
    assert messages({**claim, "points": 2.5, "hidden": True}, {**claim, "points": 0}) == []
    for key, value in (("points", "two"), ("points", -1), ("points", True), ("hidden", "yes"), ("hidden", 1)):
        assert f"{key} is {value!r}. Expected" in messages({**claim, key: value})[0]


def test_one_sigmoid_output_is_class_1_above_a_half(make):
    run = make(loss=1.0)
    np.savez(RunFolder(run.folder).predictions, scores=np.array([[0.9], [0.1]], np.float32), labels=np.array([1, 0]))
    assert verdict({"item": 0, "predicted": 1}, [run]) == Verdict("passed", "class 1")
    assert verdict({"item": 1, "predicted": 0}, [run]) == Verdict("passed", "class 0")


def test_whole_numbers_are_equal_or_in_a_range(make):
    run = make(stopped_epoch=2, parameters=50890)
    assert verdict({"stopped_epoch": 2}, [run]).state == "passed"
    assert verdict({"stopped_epoch": [3, 9]}, [run]).state == "failed"
    assert verdict({"parameters": 50890}, [run]) == Verdict("passed", "50,890")


def test_a_failed_run_fails_its_claims_with_the_runs_reason_and_counts_as_not_finished(make):
    runs = [make(loss=0.1), make(failed="loss is nan in epoch 2")]
    assert verdict({"finished": 2}, runs) == Verdict("failed", "1 finished")
    claim = {"metric": "loss", "seeds": 2, "mean_between": [0, 1]}
    assert verdict(claim, runs) == Verdict("failed", "loss is nan in epoch 2")


def test_a_metric_of_no_epoch_fails_its_claims_and_one_of_the_last_epoch_is_said(make):
    run = make(loss=None, val_loss=0.5, test_loss=0.5, weights_epoch=None)
    claim = {"metric": "loss", "between": [0, 1]}
    assert verdict(claim, [run]) == Verdict("failed", "loss is not known: no epoch ended with the saved weights")
    assert verdict({**claim, "metric": "val_loss"}, [run]) == Verdict("passed", "0.5000")
    old = make(loss=0.5, test_loss=0.5)
    del old.status["results_format"]
    assert verdict(claim, [old]).found == "0.5000"
    old.status["settings"] = {"callbacks.own._target_": "mine.Averages"}
    assert verdict(claim, [old]).found == "0.5000, metrics of the last epoch"
    assert verdict({**claim, "metric": "test_loss"}, [old]).found == "0.5000"


def test_a_claim_reads_as_a_sentence():
    texts = {
        "test_accuracy: between 0.86 and 0.88": {"metric": "test_accuracy", "between": [0.86, 0.88]},
        "loss, units=4: between 0.5 and …": {"metric": "loss", "between": [0.5, None], "where": {"model.units": 4}},
        "loss: mean of 5 seeds, within base ± 0.01": {
            "metric": "loss",
            "seeds": 5,
            "mean_within": "base",
            "margin": 0.01,
        },
        "item 0 is predicted as 9": {"item": 0, "predicted": 9},
        "stopped epoch 2": {"stopped_epoch": 2},
    }
    assert [Claim(**claim).text() for claim in texts.values()] == list(texts)
