"""`run --confirm`: the best settings of a search with new seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tf, pytest.mark.extra]

SEARCH = ["xor_needs_a_hidden_layer", "-m", "hydra/sweeper=search", "hydra.sweeper.metric=accuracy", "hydra.sweeper.pruner=none",
          "hydra.sweeper.n_trials=4", "epochs=2", "model.layers.hidden.units=1,2,3,4", "optimizer=adam,sgd"]  # fmt: skip


def test_the_best_three_train_with_seeds_that_the_search_has_not_used_and_only_once(cli, lab):
    done = cli("run", *SEARCH, "hydra.sweeper.seeds=2", "seed=5", "--confirm", "2")
    assert done.code == 0, done
    search, again = (Path(line) for line in done.out.splitlines() if line.startswith("outputs/xor_needs_a_hidden_layer/sweep-"))
    assert "accuracy, mean ± half the 95 % interval" in done.out and "Every pair" in done.out
    found = json.loads(cli("compare", str(search), "--metric", "loss", "--format", "json").out)["search"]
    statuses = {path: json.loads(path.read_text()) for path in again.glob("*/status.json")}
    axes = [{**status["axes"]} for status in statuses.values()]
    assert {each.pop("seed") for each in axes} == {"7", "8"}  # 5 and 6 are the search's
    assert sorted(map(str, axes)) == sorted(str(each["axes"]) for each in found["top"] for _ in range(2))
    assert "seed=5" in found["command"].split()  # that of all cells stays

    written = {path: path.stat().st_mtime_ns for path in statuses}
    next(iter(statuses)).unlink()
    missing = next(path for path in written if not path.exists())
    repeated = cli("run", *SEARCH, "hydra.sweeper.seeds=2", "seed=5", "--confirm", "2")
    assert repeated.code == 0 and repeated.out == done.out
    assert {path for path in written if path.stat().st_mtime_ns != written[path]} == {missing}


def test_one_setting_alone_has_its_mean_and_interval(cli, lab):
    words = [*SEARCH[:3], "hydra.sweeper.metric=accuracy", "hydra.sweeper.n_trials=2", "hydra.sweeper.batch=2", "epochs=2", "optimizer=adam,sgd"]
    done = cli("run", *words, "--confirm", "2")  # the other setting is pruned
    assert done.code == 0 and "--metric" not in done.err, done
    (line,) = [line for line in done.out.splitlines() if "(2 runs)" in line]
    again = Path(done.out.splitlines()[-1])
    values = [json.loads(path.read_text())["accuracy"] for path in again.glob("*/metrics.json")]
    assert len(values) == 2 and float(line.split()[1]) == sum(values) / 2


def test_what_cannot_be_confirmed_is_refused_before_anything_is_trained(cli, lab):
    both = ["hydra.sweeper.metric=[accuracy,parameters]", *SEARCH]
    both.remove("hydra.sweeper.metric=accuracy")
    both[0], both[1] = both[1], both[0]
    for words, said in (
        (["run", *SEARCH, "--confirm", "1"], "--confirm is 1. Expected at least 2 seeds"),
        (["run", *SEARCH, "--confirm", "5", "--detach"], "--detach does nothing with --confirm"),
        (["run", *both, "--confirm", "5"], "by two metrics there is no best one"),
        (["run", "xor_needs_a_hidden_layer", "--confirm", "5"], "this sweep is not one"),
        (["run", "digits_quickstart", "--confirm", "5"], "--confirm does nothing without a sweep"),
    ):
        answer = cli(*words)
        assert answer.code == 2 and said in answer.err, (words, answer)
    assert not Path("outputs").exists()
