"""`json_schema`: what the editor's schema accepts and refuses, and that the shipped one is what Keras says."""

from __future__ import annotations

import copy
import functools
import json
import random
import re

import pytest
from jsonschema import Draft202012Validator
from omegaconf import OmegaConf

from stackfit.config import project
from stackfit.config.file_rules import GROUPS
from stackfit.errors import ConfigError
from stackfit.model.json_schema import generate, group_schema, place_beside, shipped_schema, shipped_text, text_of

EXPERIMENTS = sorted(project.shipped("experiments").glob("*.yaml"))
OPTIONS = [path for group in GROUPS for path in sorted((project.shipped("conf") / group).glob("*.yaml"))]
FAULTS = 250


@functools.cache
def text(path):
    return json.dumps(OmegaConf.to_container(OmegaConf.load(path)))


def load(path):
    """A file as an editor sees it: JSON's values."""
    return json.loads(text(path))


@pytest.fixture(scope="module")
def schema():
    return json.loads(shipped_text())


@pytest.fixture(scope="module")
def problems(schema):
    validator = Draft202012Validator(schema)
    return lambda value: [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


@pytest.mark.slow  # the metaschema takes seconds
def test_it_is_a_schema(schema):
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_shipped_experiment_is_accepted(problems, path):
    assert problems(load(path)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_of_a_group_is_accepted_by_the_groups_own_schema(schema, group):
    validator = Draft202012Validator(group_schema(schema, group))
    for path in OPTIONS:
        if path.parent.name == group:
            assert list(validator.iter_errors(load(path))) == [], path.stem
    assert list(validator.iter_errors({"defaults": ["_self_"]})) == []
    if group != "optimizer":  # which is open as long as it has no `_target_`
        assert list(validator.iter_errors(load(EXPERIMENTS[0])))


def test_the_root_is_accepted_apart_from_our_launcher_and_sweeper(problems):
    root = load(project.shipped("conf") / "config.yaml")
    root["defaults"] = [entry for entry in root["defaults"] if "hydra" not in str(entry)]
    assert problems(root) == []


def test_there_is_no_schema_of_an_unknown_group(schema):
    with pytest.raises(ConfigError, match=r"There is no group 'modle'\. Expected one of: data, model"):
        group_schema(schema, "modle")


@pytest.mark.parametrize(
    "text",
    [
        "epochs: ${batch_size}",
        "data: {path: '???', input_shape: '???'}",
        "model: {layers: {hidden: null, mine: {_target_: my_layers.Mine, anything: 1}}}",
        "model: {layers: {hidden: {units: [1, 2]}}}",
        "model: {layers: {a: {_target_: keras.layers.Dense, units: '${data.num_classes}', after: b, inputs: [c, d]}}}",
        "model: {layers: {a: {_target_: keras.layers.MaxPool2D, pool_size: [2, 2], strides: null}}}",
        "model: {layers: {a: {_target_: keras.layers.Bidirectional, layer: {_target_: keras.layers.LSTM, units: 3}}}}",
        "optimizer: {_target_: keras.optimizers.SGD, learning_rate: 1}",
        "callbacks: {a: {_target_: keras.callbacks.EarlyStopping, min_delta: 0.1, baseline: null}, b: null}",
        "hydra: {mode: MULTIRUN, sweeper: {params: {seed: 'range(3)', +model.layers.x.rate: 0.1}, union: [{epochs: 3}]}}",
        "hydra: {sweeper: {metric: [val_loss, parameters], sampler: tpe, n_trials: 4, minutes: 1.5, direction: null}}",
        "defaults: [config, {override hydra/sweeper: search}, _self_]",
        "defaults: [gsp631_base, {override optimizer: sgd}, {callbacks: [stop_at, early_stopping]}, _self_]",
        "task: {class_weight: {0: 2.0}, metrics: {accuracy: null}}",
    ],
)
def test_what_is_right_is_accepted(problems, text):
    assert problems(json.loads(json.dumps(OmegaConf.to_container(OmegaConf.create(text))))) == []


@pytest.mark.parametrize(
    "text, place",
    [
        ("epochs: 0", "$.epochs"),
        ("seed: -1", "$.seed"),
        ("defaults: [config]", "$.defaults"),
        ("defaults: [{override hydra/launcher: basic}, _self_]", "$.defaults[0]"),
        ("hydra: {run: {dir: x}}", "$.hydra"),
        ("hydra: {sweeper: {params: {epocs: '1,2'}}}", "$.hydra.sweeper.params"),
        ("hydra: {sweeper: {sampler: tp}}", "$.hydra.sweeper.sampler"),
        ("hydra: {sweeper: {n_trials: many}}", "$.hydra.sweeper.n_trials"),
        ("hydra: {sweeper: {n_trails: 3}}", "$.hydra.sweeper"),
        ("defaults: [config, {override hydra/sweeper: basic}, _self_]", "$.defaults[1]"),
        ("expect: [{metric: test_accuracy}]", "$.expect[0]"),
        ("expect: [{metric: a, parameters: 3, between: [0, 1]}]", "$.expect[0]"),
        ("save: [kears]", "$.save[0]"),
        ("task: {loss: null}", "$.task.loss"),
        ("model: {layers: {a: {_target_: keras.layers.Lambda}}}", "$.model.layers.a['_target_']"),
        ("model: {layers: {a: {_target_: keras.layers.Dense, units: 3, _partial_: true}}}", "$.model.layers.a"),
        ("model: {layers: {a: {kernel_regularizer: {_target_: keras.regularizers.L3}}}}", "$.model.layers.a.kernel"),
        ("model: {layers: {a: {_target_: keras.regularizers.L2}}}", "$.model.layers.a['_target_']"),
        ("model: {layers: {a: {_target_: os.system}}}", "$.model.layers.a['_target_']"),
        ("model: {layers: {a: {_target_: stackfit.layers.dense_stack, units: 3.5}}}", "$.model.layers.a.units"),
        ("optimizer: {_target_: keras.optimizers.SGD, learning_rate: fast}", "$.optimizer.learning_rate"),
        ("data: {validation_split: 1}", "$.data.validation_split"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(problems, text, place):
    found = problems(json.loads(json.dumps(OmegaConf.to_container(OmegaConf.create(text)))))
    assert found and any(problem.startswith(place) for problem in found), found


FREE = ("layers", "metrics", "callbacks", "where", "above", "params", "union", "learning_rates", "examples", "splits")


def sites(node, path=()):
    """Every `(path, key)` that the schema must know: no names of layers or axes, no arguments of an open target."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        target = str(node.get("_target_", "")) if isinstance(node, dict) else ""
        open_ = (
            path[:1] == ("optimizer",) or path[:2] == ("model", "layers") or (path[:1] == ("callbacks",) and path[1:])
        )
        named = isinstance(key, str) and not (path and path[-1] in FREE) and path[:1] != ("defaults",)
        if named and (not open_ or target.startswith(("keras.", "stackfit."))):
            yield path, key
        if isinstance(value, (dict, list)):
            yield from sites(value, (*path, key))


def misspelt(name, chance):
    at = chance.randrange(len(name))
    ways = [name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], name[:at] + "z" + name[at + 1 :]]
    return chance.choice([*ways, name + "s", name.upper()])


def broken(chance):
    """One shipped file with one fault: `(what was done, content)`."""
    file = chance.choice(EXPERIMENTS)
    content = load(file)
    path, key = chance.choice(list(sites(content)))
    node = content
    for part in path:
        node = node[part]
    value, kind = node[key], chance.choice(["typo", "type", "argument", "choice"])
    if kind == "argument" and "_target_" in node:
        node["qqq"] = 1
    elif kind == "choice" and key in ("_target_", "activation", "kernel_initializer", "order", "mode", "scale"):
        module, dot, name = value.rpartition(".")  # another module could be the user's own
        node[key] = module + dot + misspelt(name, chance)
    elif kind == "type" and not (isinstance(value, str) or key in ("units", "rate", "filters", "kernel_size", "learning_rate", "expect")):
        # No default tells the type of `units`, `rate`, `filters` and `kernel_size`.
        node[key] = chance.choice(["many", {"a": 1}, ["x"]])
        if isinstance(value, list):
            node[key] = {"a": 1}
        elif isinstance(value, dict):
            node[key] = 3
    else:
        kind, key = "typo", next(name for name in (key, *node) if name != "_target_")
        node[misspelt(key, chance)] = node.pop(key)
    return f"{kind} in {file.stem} at {'.'.join(map(str, (*path, key)))}", content


def test_files_with_one_seeded_fault_are_refused(schema):
    chance = random.Random(5)
    faults = [broken(chance) for _ in range(FAULTS)]
    kinds = {what.split()[0] for what, _ in faults}
    assert kinds == {"typo", "type", "argument", "choice"}
    assert len({what for what, _ in faults}) > 200
    validator = Draft202012Validator(schema)
    assert [what for what, content in faults if validator.is_valid(content)] == []


def test_a_copy_next_to_the_experiments_is_written_again_only_when_it_is_another(lab):
    path = place_beside(lab)
    written = path.stat().st_mtime_ns
    assert place_beside(lab).stat().st_mtime_ns == written and path.read_text() == shipped_text()
    path.write_text("{}")
    assert place_beside(lab).read_text() == shipped_text()


def test_new_puts_the_schema_next_to_the_file_and_names_it_in_its_first_line(cli, lab, problems):
    assert cli("new", "mine").code == 0
    assert (lab / "experiments" / "mine.yaml").read_text().startswith("# yaml-language-server: $schema=.schema.json\n")
    assert (lab / "experiments" / ".schema.json").read_text() == shipped_text()
    assert problems(load(lab / "experiments" / "mine.yaml")) == []
    assert "mine " in cli("list", "mine").out and cli("show", "mine").code == 0


def test_the_command_prints_the_shipped_schema_and_writes_a_groups(cli, lab):
    assert cli("schema").out == shipped_text()
    assert cli("schema", "--group", "model", "--output", "model.json").out == "model.json\n"
    assert "layers" in json.loads((lab / "model.json").read_text())["properties"]
    assert cli("schema", "--group", "modle").code == 2
    assert "cannot be written" in cli("schema", "--output", "nowhere/x.json").err


@pytest.mark.tf
def test_the_shipped_schema_is_what_the_installed_keras_says(keras, schema):
    fresh = generate()
    changed = [
        name for name in {*fresh["$defs"], *schema["$defs"]} if fresh["$defs"].get(name) != schema["$defs"].get(name)
    ]
    advice = "rewrite it: make schema"
    assert not changed, f"{sorted(changed)[:5]}: {advice}"
    assert text_of(fresh) == shipped_text(), advice
    assert shipped_schema() == schema


@pytest.mark.tf
def test_the_defaults_of_every_target_are_accepted(keras, schema):
    from stackfit.model.building import accepted_arguments, find_target

    names = [name for name in schema["$defs"] if re.match(r"(keras|stackfit)\.", name)]
    assert len(names) > 250
    wrong = []
    for name in names:
        try:
            target = find_target(name, "key", (object,))
        except ConfigError as error:  # the schema lists a role's base for the arguments that all have
            assert "is a base for other classes" in str(error)
            continue
        given = {n: p.default for n, p in accepted_arguments(target)[0].items() if p.default is not p.empty}
        given = json.loads(json.dumps(copy.deepcopy(given), default=str))
        validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
        wrong += [
            f"{name}: {error.json_path} {error.message[:90]}"
            for error in validator.iter_errors({"_target_": name, **given})
        ]
    assert wrong == []
