"""`plan` of a search: its space, and what it costs under its pruner."""

from __future__ import annotations

import json

import pytest

from stackfit.execution.plan.search import trials_by_epoch

SETTINGS = {"pruner": "halving", "eta": 2, "first_rung": 1, "batch": 16}
RATE = "optimizer.learning_rate=tag(log, interval(0.001,0.1))"
SEARCH = ["-m", "hydra/sweeper=search", "hydra.sweeper.metric=accuracy"]
UNITS = "model.layers.hidden.units=1,2,3,4,5,6"


def test_a_batch_shrinks_at_every_rung_by_hand():
    def sizes(epochs, **more):
        return [len(trials) for trials in trials_by_epoch({**SETTINGS, **more}, epochs)]

    assert sizes([10] * 16) == [16, 8, 4, 4, 2, 2, 2, 2, 1, 1]
    assert sizes([10] * 16, pruner="none") == [16] * 10
    assert sizes([9] * 9, eta=3, first_rung=3) == [9, 9, 9, 3, 3, 3, 3, 3, 3]
    assert sizes([4] * 4, pruner="median") == [4, 2, 1, 1]
    # Half of a batch is in the first bracket, a quarter in the next: they begin to be ranked after epochs 1, 2, 4, 8.
    assert sizes([10] * 16, pruner="hyperband")[:3] == [16, 12, 8]
    assert sizes([1, 3, 3]) == [3, 1, 0]  # the first has ended, is ranked with the others, and keeps its place
    assert sizes([]) == []


@pytest.mark.tf
@pytest.mark.extra
def test_the_budget_is_what_the_search_then_trains(cli, lab, monkeypatch):
    words = ["xor_needs_a_hidden_layer", *SEARCH, "hydra.sweeper.n_trials=6", "hydra.sweeper.batch=4", "epochs=5", UNITS, RATE]
    asked = cli("plan", *words)
    assert asked.code == 0 and not (lab / "outputs").exists(), asked
    lines = asked.out.splitlines()
    assert {*lines.pop(2)} == {*"─ "} and lines[:8] == [
        "xor_needs_a_hidden_layer: a search among infinitely many settings, by tpe",
        "axis           values  space",
        "units               6  range(1,7,step=1)",
        "learning_rate       ∞  tag(log, interval(0.001, 0.1))",
        "trials  6 in 2 batches of 4",
        "ranked  by accuracy after epochs 1, 2, 4; of 4 trials then 2, 1, 1 go on",
        "        (halving)",
        "budget  15 of 30 epochs, 50 %; fewer if cells stop by themselves",
    ]
    with monkeypatch.context() as patch:
        patch.setattr("stackfit.execution.plan.search.has_optuna", lambda: False)
        assert "needs   optuna, which is not installed. Type: pip install 'stackfit[search]'" in cli("plan", *words).out
    assert "needs " not in asked.out
    plan = json.loads(cli("plan", *words, "--json").out)
    assert plan["kind"] == "search" and plan["search"]["epochs"]["training"] == [4, 2, 1, 1, 1]
    assert len(plan["cells"]) == 4 and plan["search"]["batches"] == 2
    done = cli("run", *words)
    sweep = done.out.splitlines()[-1]
    found = json.loads(cli("compare", sweep, "--metric", "loss", "--format", "json").out)["search"]
    assert found["epochs"] == plan["search"]["epochs"]["budget"] and found["full_epochs"] == plan["search"]["epochs"]["full"]
    assert "not estimated; 6 trials have been asked for already" in cli("plan", *words).out


@pytest.mark.tf
@pytest.mark.extra
def test_spaces_of_every_kind_and_what_is_wrong_in_them(cli, lab):
    base = ["plan", "xor_needs_a_hidden_layer", *SEARCH]
    small = cli(*base, UNITS, "optimizer=adam,sgd", "hydra.sweeper.pruner=none", "hydra.sweeper.seeds=3", "epochs=2", "--probe")
    assert "a search among 12 settings, by tpe" in small.out and "trials  12 in 1 batch of 12, 3 seeds each" in small.out
    assert "by accuracy at the end; nothing is pruned" in small.out and "budget  72 epochs; fewer" in small.out
    assert "time    about " in small.out
    timed = cli(*base, UNITS, RATE, "hydra.sweeper.minutes=5")
    assert "as many as 5 minutes last for, in batches of 16" in timed.out and "epochs a batch, " in timed.out
    wrong = cli(*base, "model.layers.hidden.unitz=1,2", "optimizer.learning_rate=interval(0.1,1)")
    assert wrong.code == 2 and wrong.out == "xor_needs_a_hidden_layer: cannot be trained\n" and "unitz" in wrong.err
    assert max(map(len, (small.out + timed.out).splitlines())) <= 80


@pytest.mark.tf
@pytest.mark.extra
def test_what_is_wrong_at_the_ends_of_an_interval_is_not_said_again_of_every_trial_between_them(cli, lab):
    answer = cli("plan", "xor_needs_a_hidden_layer", *SEARCH, "model.layers.hidden.units=interval(4,64)")
    assert answer.code == 2 and answer.err.count("error: ") == 2, answer.err
    assert "units is 4.0. Expected a whole number" in answer.err and "units is 64.0." in answer.err
