"""The space of a search: Hydra's own grammar, read, listed in `sweep.json` and read back."""

import json

import pytest
from composing import start_sweep

from stackfit.config.hydra.space import Space
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter

WORDS = ("hydra/sweeper=search", "data.validation_split=0.2")


def space_of(*words, more=()):
    sweep = start_sweep("digits_quickstart", [*WORDS, *words, *more], reporter=Reporter(0))
    sweep.problems.raise_errors()
    return sweep.axes.space, sweep.axes.study


def test_every_form_of_hydras_grammar_is_an_axis_with_a_size(lab):
    words = {
        "model.layers.hidden.units": ("range(32,513,step=32)", 16),
        "epochs": ("int(interval(1, 5))", 5),
        "batch_size": ("tag(log, int(interval(8, 64)))", 57),
        "optimizer": ("adam,sgd", 2),
        "verbosity": ("range(1,4,step=1)", 3),
        "shuffle": ("True,False", 2),
    }
    space, study = space_of(*(f"{key}={text}" for key, (text, _) in words.items()))
    assert space.size == 16 * 5 * 57 * 2 * 3 * 2
    assert study["space"] == {key: text for key, (text, _) in words.items()}
    assert Space.read(space.fixed, json.loads(json.dumps(study))) == space
    rate, _ = space_of("optimizer.learning_rate=tag(log, interval(1e-4,1e-2))")
    assert rate.size == float("inf") and rate.grids[0][0].scale == "float.log"


def test_the_same_values_are_the_same_space_however_they_are_typed(lab):
    same = [("range(4,17,step=4)", "tag(log,interval(1e-4,1e-2))"), ("4,8,12,16", "tag(log, interval(0.0001, .01))"), ("choice(4,8,12,16)", "tag(log, interval(end=1e-2, start=1e-4))")]
    studies = [space_of(f"epochs={one}", f"optimizer.learning_rate={other}")[1] for one, other in same]
    assert studies[0] == studies[1] == studies[2] != space_of("epochs=4,8,12,17", f"optimizer.learning_rate={same[0][1]}")[1]


def test_a_union_gives_every_trial_one_of_its_spaces_and_shares_what_they_have_in_common(lab, write):
    write(
        "experiments/two.yaml",
        """defaults: [digits_quickstart, override hydra/sweeper: search, _self_]
data: {validation_split: 0.2}
hydra:
  mode: MULTIRUN
  sweeper:
    n_trials: 20
    params: {epochs: 2, model.layers.hidden.units: "4,8", batch_size: 16}
    union:
      - {optimizer: adam, optimizer.beta_1: "0.8,0.9"}
      - {optimizer: momentum, optimizer.momentum: "interval(0.5,0.9)", batch_size: "16,32"}
""",
    )
    sweep = start_sweep("two", [], reporter=Reporter(0))
    sweep.problems.raise_errors()
    space, study = sweep.axes.space, sweep.axes.study
    assert space.fixed == ("epochs=2",)
    assert study["space"] == {"model.layers.hidden.units": "4,8"}
    assert study["union"] == [
        {"batch_size": "16", "optimizer": "adam", "optimizer.beta_1": "0.8,0.9"},
        {"optimizer": "momentum", "optimizer.momentum": "interval(0.5, 0.9)", "batch_size": "16,32"},
    ]
    read = Space.read(space.fixed, study)
    assert [{axis.key: axis.text for axis in grid} for grid in read.grids] == [{**study["space"], **grid} for grid in study["union"]]
    assert read.grid_of({"optimizer": "momentum", "optimizer.momentum": "0.75", "batch_size": "16", "model.layers.hidden.units": "4"}) == 1
    assert read.grid_of({"optimizer": "momentum", "optimizer.beta_1": "0.8", "batch_size": "16", "model.layers.hidden.units": "4"}) is None
    assert (study["n_trials"], space.size) == (20, float("inf"))


@pytest.mark.parametrize(
    "word, said",
    [
        ("epochs=int(interval(5,2))", "goes from 5 to 2. Expected the smaller end first. Write: epochs=int(interval(2, 5))"),
        ("optimizer.learning_rate=interval(0.1,0.1)", "goes from 0.1 to 0.1."),
        ("optimizer.learning_rate=tag(log, interval(0,1))", "begins at 0.0, which has no logarithm."),
        ("optimizer.learning_rate=tag(log, interval(-1,1))", "begins at -1.0, which has no logarithm."),
        ("optimizer.learning_rate=tag(log, interval(1,1e-3))", "Write: optimizer.learning_rate=tag(log, interval(0.001, 1.0))"),
        ("optimizer.learning_rate=interval(0,inf)", "goes from 0.0 to inf. Expected two numbers."),
        ("optimizer.learning_rate=interval(nan,1)", "goes from nan to 1.0. Expected two numbers."),
        ("optimizer.learning_rate=tag(ln, interval(1,2))", "has the tag ln. Expected tag(log, …) or none."),
        ("epochs=tag(a, choice(1,2))", "This axis has the tag a. Expected plain values"),
        ("epochs=shuffle(1,2)", "This axis is shuffled. Expected plain values"),
        ("epochs=range(5,1)", "This axis has no values. Expected at least one. Write: epochs=a,b"),
    ],
)
def test_an_axis_without_values_is_refused_with_what_to_type(lab, word, said):
    with pytest.raises(ConfigError) as error:
        space_of(word)
    assert said in str(error.value) and error.value.where == word


@pytest.mark.parametrize(
    "word, text, size",
    [
        ("optimizer.learning_rate=choice(1e-3,0.001,1.0e-3,0.1)", "0.001,0.1", 2),
        ("epochs=1,2,1", "1,2", 2),
        ("data.validation_split=choice(0.2,0.20)", "0.2", 1),
        ("optimizer=adam,sgd,adam", "adam,sgd", 2),
    ],
)
def test_a_value_that_is_repeated_is_one_value(lab, word, text, size):
    space, study = space_of(word)
    assert (space.size, [*study["space"].values()]) == (size, [text])


@pytest.mark.parametrize("axis", ["interval(1e-4,1e-2)", "tag(log, interval(1e-4,1e-2))", "int(interval(1,10000000))"])
def test_the_sampler_grid_needs_axes_that_can_be_listed(lab, axis):
    with pytest.raises(ConfigError, match=r"sampler is grid\. Expected axes with a list of values; batch_size has (infinitely many|10,000,000)"):
        space_of(f"batch_size={axis}", "hydra.sweeper.sampler=grid")


def test_a_grid_has_no_intervals_and_says_who_has(lab):
    sweep = start_sweep("digits_quickstart", ["optimizer.learning_rate=interval(0,1)"], reporter=Reporter(0))
    with pytest.raises(ConfigError, match="or search it with hydra/sweeper=search"):
        sweep.problems.raise_errors()


def test_the_ends_of_a_space_have_every_value_once_and_both_ends_of_an_interval(lab):
    space, _ = space_of("model.layers.hidden.units=4,8,16", "optimizer.learning_rate=interval(0.1,0.5)")
    assert [tuple(point.axes.values()) for point in space.ends()] == [("4", "0.1"), ("8", "0.1"), ("16", "0.1"), ("4", "0.5")]


def test_a_wrong_axis_of_a_union_has_the_place_of_its_union(cli, lab, write):
    head = "defaults: [digits_quickstart, override hydra/sweeper: search, _self_]\ndata: {validation_split: 0.2}\nhydra:\n  sweeper:\n    union:\n"
    for grid, said in (("{epochs: 'interval(2,1)'}", "goes from 2.0 to 1.0."), ("{epocs: '2,1'}", "There is no key 'epocs'."), ("{epochs: 'a,b'}", "epochs")):
        write("experiments/mine.yaml", f"{head}      - {grid}\n")
        answer = cli("run", "mine", "-m")
        told = " ".join(answer.err.split())
        assert answer.code == 2 and said in told and "experiments/mine.yaml:5" in told and not (lab / "outputs").exists()


@pytest.mark.parametrize(
    "word", ["model.layers.hidden.units=[8],[8,8]", "save=[],[keras,h5]", "optimizer={_target_:keras.optimizers.SGD,learning_rate:0.1},{_target_:keras.optimizers.Adam}", "seed=3,1,2"]
)
def test_values_of_every_kind_are_read_back_from_the_list(lab, word):
    space, study = space_of(word)
    assert Space.read(space.fixed, json.loads(json.dumps(study))) == space
    assert [*Space.read(space.fixed, study).points()] == [*space.points()]
