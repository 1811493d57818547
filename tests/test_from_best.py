"""`new --from-best`: a file that trains what the best cell trained."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from stackfit.cli.from_best import Best, check_same, text_of
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigError, raising
from stackfit.execution.cells import compose_cell
from stackfit.execution.cohorts import fingerprints
from stackfit.execution.progress import Reporter

SEARCH = """\
# stackfit run mine
defaults: [xor_needs_a_hidden_layer, {override hydra/sweeper: search}, _self_]
about: {question: "Which rate?"}
epochs: 2
hydra:
  mode: MULTIRUN
  sweeper:
    metric: accuracy
    pruner: none
    n_trials: 3
    batch: 3
    seeds: 2
    params:
      model.layers.hidden.units: "4,[4,2]"
      optimizer: adam,sgd
      optimizer.learning_rate: tag(log, interval(1e-3,1e-1))
"""


def fingerprint_of(experiment, *words):
    with raising() as problems:
        return fingerprints(Reporter(0))(compose_cell(Composer(experiment), words, (), problems))


@pytest.mark.tf
@pytest.mark.extra
def test_the_best_setting_of_a_search_has_the_same_fingerprint_as_a_file_and_as_a_command(cli, write, lab):
    write("experiments/mine.yaml", SEARCH)
    done = cli("run", "mine")
    sweep = done.out.splitlines()[-1]
    assert done.code == 0, done
    made = cli("new", "found", "--from-best", sweep)
    assert made.code == 0 and made.out.startswith("The best of 3 trials: units="), made
    assert made.out.endswith("experiments/found.yaml\nTrain it:  stackfit run found\n")
    assert "accuracy" in (lab / "experiments/found.yaml").read_text().splitlines()[2]

    search = json.loads(cli("compare", sweep, "--metric", "loss", "--format", "json").out)["search"]
    best = Path(search["best"]["folders"][0])  # of the first seed, which the experiment has anyway
    fingerprint = json.loads((best / "status.json").read_text())["fingerprint"]
    assert fingerprint_of("found") == fingerprint
    with raising() as problems:
        assert not Composer("found").compose((), problems).declares_sweep  # the setting, and not the search again
    words = shlex.split(search["command"])
    assert words[:4] == ["stackfit", "run", "mine", "hydra.mode=RUN"] and "seed=" not in search["command"]
    assert fingerprint_of("mine", *words[4:]) == fingerprint
    assert "is taken" in cli("new", "found", "--from-best", sweep).err


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer=sgd", "optimizer.learning_rate=1e-05", "optimizer.momentum=0.9"],
        ["model.layers.hidden=null", "epochs=3"],  # a layer that is removed
        ["callbacks=[stop_at,early_stopping]", "callbacks.stop_at.value=0.84", "data.validation_split=0.1"],
        ["+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.2, after: hidden}", "seed=7"],
        ["model.layers.hidden.units=[64,32]", "data.class_names=['0','1',2,3,4,5,6,7,8,9]"],
        ["optimizer={_target_:keras.optimizers.SGD,learning_rate:{_target_:keras.optimizers.schedules.CosineDecay,initial_learning_rate:0.1}}"],
    ],
)
def test_whatever_was_typed_stands_in_the_file(lab, write, words):
    best = Best("digits_quickstart", words, "The best of 3 trials")
    path = write("experiments/found.yaml", text_of("found", Path("outputs/x"), best))
    check_same(path, best)
    assert fingerprint_of("found") == fingerprint_of("digits_quickstart", *words)
    assert yaml.safe_load(path.read_text())["defaults"][0] == "digits_quickstart"


@pytest.mark.tf
def test_a_sweep_has_a_best_cell_too_and_nothing_is_left_where_the_file_cannot_be_written(cli, lab):
    sweep = cli("run", "xor_needs_a_hidden_layer", "epochs=2").out.splitlines()[-1]
    made = cli("new", "found", "--from-best", sweep)
    assert made.code == 0, made
    assert "test_accuracy" in made.out and fingerprint_of("found")
    for words, said in (
        (["new", "other", "--from-best", "nowhere"], "nowhere"),
        (["new", "a/b", "--from-best", sweep], "is not a name"),
        (["new", "other", "--from-best", sweep, "--from", "gsp631_base"], "--from does nothing"),
        (["new", "Other", "--from-best", sweep, "--callback"], "--from-best does nothing"),
    ):
        answer = cli(*words)
        assert answer.code == 2 and said in answer.err, answer
    assert sorted(path.name for path in Path("experiments").glob("*.yaml")) == ["found.yaml"]


@pytest.mark.parametrize("key", ["model.layers.hidden", "task.metrics.accuracy", "optimizer.learning_rate"])
def test_a_key_that_was_removed_cannot_stand_in_a_file(write, key):
    best = Best("digits_quickstart", [f"~{key}"], "The best of 3 trials")
    path = write("experiments/found.yaml", text_of("found", Path("outputs/x"), best))
    with pytest.raises(ConfigError, match=f"cannot stand in a file: ~{key}.*stackfit run digits_quickstart '~{key}'"):
        check_same(path, best)
