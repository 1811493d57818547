"""`composition`: inheritance, overrides, and Hydra's errors in three parts with their place."""

from __future__ import annotations

import shlex

import pytest
from composing import compose
from hydra.types import RunMode
from omegaconf import OmegaConf

from stackfit.config import project
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigError

pytestmark = pytest.mark.usefixtures("lab")

HEAD = "defaults: [digits_quickstart, _self_]\n"


def plain(name: str, *overrides: str) -> dict:
    return OmegaConf.to_container(compose(Composer(name), overrides).config, resolve=False)


def refusal(name: str, *overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        compose(Composer(name), overrides)
    return error.value


# ---- what composes


def test_the_command_line_wins_over_the_file_and_the_file_over_its_parent(write):
    write("experiments/child.yaml", HEAD + "epochs: 3\nseed: 3\n")
    write("experiments/grandchild.yaml", "defaults: [child, _self_]\nepochs: 4\nbatch_size: 4\n")
    config = plain("grandchild", "batch_size=5")
    assert (config["seed"], config["epochs"], config["batch_size"]) == (3, 4, 5)
    assert config["data"]["kind"] == "digits"


def test_the_outermost_choice_of_a_group_wins(write):
    write("experiments/child.yaml", "defaults: [digits_quickstart, override optimizer: sgd, _self_]\n")
    write("experiments/grandchild.yaml", "defaults: [child, override optimizer: rmsprop, _self_]\n")
    assert plain("child")["optimizer"]["_target_"] == "keras.optimizers.SGD"
    assert plain("grandchild")["optimizer"]["_target_"] == "keras.optimizers.RMSprop"
    assert plain("grandchild", "optimizer=adam")["optimizer"]["_target_"] == "keras.optimizers.Adam"


def test_null_removes_and_a_new_key_goes_to_the_end(write):
    text = "model: {layers: {flatten: null, drop: {_target_: keras.layers.Dropout, rate: 0.5, after: hidden}}}\n"
    write("experiments/mine.yaml", HEAD + text)
    layers = plain("mine")["model"]["layers"]
    assert layers["flatten"] is None and list(layers)[-1] == "drop"
    assert plain("digits_quickstart", "model.layers.flatten=null")["model"]["layers"]["flatten"] is None
    assert "flatten" not in plain("digits_quickstart", "~model.layers.flatten")["model"]["layers"]


def test_about_and_expect_are_never_inherited(write):
    write("experiments/mine.yaml", HEAD)
    write("experiments/asked.yaml", HEAD + "about: {question: Mine}\nexpect: [{parameters: 3}]\n")
    assert plain("mine")["about"]["question"] == "" and plain("mine")["expect"] == []
    config = plain("asked")
    assert (config["about"]["question"], config["about"]["source"]) == ("Mine", "")
    assert config["expect"] == [{"parameters": 3}]


def test_several_options_of_the_callbacks_group_join():
    assert list(plain("digits_quickstart", "callbacks=[stop_at,checkpoint_best]")["callbacks"]) == [
        "stop_at",
        "checkpoint_best",
    ]


def test_a_users_group_file_is_found_and_may_replace_a_shipped_one(write):
    write("conf/model/mine.yaml", "layers: {output: {_target_: keras.layers.Dense, units: 10}}\n")
    write("conf/optimizer/sgd.yaml", "_target_: keras.optimizers.SGD\nlearning_rate: 0.5\n")
    config = plain("gsp631_base", "model=mine", "optimizer=sgd")
    assert list(config["model"]["layers"]) == ["output"]
    assert config["optimizer"]["learning_rate"] == 0.5


@pytest.mark.parametrize("folder", ["my lab, [v2]", "größe 尺", "a'b\"c", "$HOME", "a=b", "100%", "~tilde", "a#b"])
def test_it_works_in_a_folder_of_any_name(lab, monkeypatch, folder):
    (lab / folder / "experiments").mkdir(parents=True)
    (lab / folder / "experiments" / "mine.yaml").write_text(HEAD + "epochs: 3\n")
    monkeypatch.chdir(lab / folder)
    composition = compose(Composer("mine"), ["seed=1"])
    assert composition.config.epochs == 3
    assert composition.origins.locate("epochs") == "experiments/mine.yaml:2"


def test_every_value_knows_where_it_was_set(write):
    write("experiments/mine.yaml", "defaults: [gsp631_base, _self_]\nepochs: 3\n")
    origins = compose(Composer("mine"), ["seed=1"]).origins
    conf = project.shipped("conf")
    assert origins.locate("epochs") == "experiments/mine.yaml:2"
    assert origins.locate("seed") == "seed=1"
    assert origins.chain("epochs")[0].startswith(f"{conf / 'config.yaml'}:")
    assert origins.locate("model.layers.hidden.units").startswith(f"{conf / 'model' / 'mlp.yaml'}:")


def test_one_composer_gives_each_composition_its_own_config():
    composer = Composer("digits_quickstart")
    first = compose(composer, ["epochs=1", "+model.layers.extra={_target_: keras.layers.Dense, units: 1}"])
    second = compose(composer, ["epochs=2"])
    assert (first.config.epochs, second.config.epochs) == (1, 2)
    assert "extra" not in second.config.model.layers


def test_hydra_leaves_nothing_behind_and_stackfit_alone_names_its_folders(lab):
    config = compose(Composer("digits_quickstart")).hydra
    assert (config.run.dir, config.output_subdir) == (".", None)
    assert list(lab.iterdir()) == []


# ---- overrides that are wrong


@pytest.mark.parametrize("override", ["epocs=3", "+epocs=3", "++epocs=3"])
def test_a_misspelt_key_names_the_nearest_however_it_is_typed(override):
    error = refusal("digits_quickstart", override)
    assert (error.where, error.key) == (override, "epocs")
    assert error.message == "There is no key 'epocs'. Did you mean 'epochs'? Expected a key of the config. Write: epochs=3"


@pytest.mark.parametrize(
    "override, said",
    [
        ("model.layers.hidden.unit=3", "no key 'unit' in model.layers.hidden. Did you mean 'units'?"),
        ("model.layers.hidden.kernel_regularizr=3", "Did you mean 'kernel_regularizer'?"),
        ("optimizer.clipnrom=1", "There is no key 'clipnrom' in optimizer. Did you mean 'clipnorm'?"),
        ("model.layers.drop={}", "or +model.layers.drop=… to pass a further argument"),
        ("data.pth=x", "no key 'pth' in data. Did you mean 'path'?"),
        ("+data.pth=x", "no key 'pth' in data. Did you mean 'path'?"),
        ("+task.los=x", "no key 'los' in task. Did you mean 'loss'?"),
        ("+about.questoin=x", "no key 'questoin' in about. Did you mean 'question'?"),
        ("+model.layrs={}", "no key 'layrs' in model. Did you mean 'layers'?"),
        ("epochs=three", "epochs is 'three'. Expected a whole number. Correct the value."),
        ("epochs=1.5", "epochs is 1.5. Expected a whole number."),
        ("epochs=true", "epochs is True. Expected a whole number."),
        ("epochs=1,2", "Found several values for one key. Expected one value, or a sweep. Add -m"),
        ("++data.scaling.by=null", "There is no key 'scaling' in data. Did you mean 'scale'?"),
        ("+model.layers={1: {units: 3}}", "model.layers.1 is not a word. Expected one as a key. Write it in quotes."),
        ("expect=[1,2]", "expect holds 1. Expected a claim, which is a mapping."),
        ("expect=[{metric: accuracy}]", "expect holds a claim about metric with no rule."),
        ("hydra.mode=1.5", "hydra.mode is not a mode of Hydra. Expected RUN or MULTIRUN. Write: hydra.mode=RUN"),
        ("hydra.sweeper.params.seed=1", "There is no key 'seed' in hydra.sweeper.params. Expected a key that is there."),
        ("epochs", "There is no '=' and no value. Expected key=value. Write: epochs=VALUE, which is a whole number"),
        ("epochs=[1", "The [ is not closed. Expected key=value. Write: 'epochs=[1]'"),
        ("a b c", "There is no '='. Expected key=value. Write: epochs=3 or"),
        (
            "optimizer=adamm",
            "'adamm' is not an option of the group 'optimizer'. Did you mean 'adam'? Expected one of: adam, ",
        ),
        ("data=nope", "'nope' is not an option of the group 'data'. Expected one of: csv, "),
        ("optimizer@foo=sgd", "The package @foo is not allowed. Expected GROUP=OPTION. Remove @foo."),
        ("+a@b=c", "The package @b is not allowed."),
        ("seed=${oc.env:HOME}", "The resolver 'oc.env' is not allowed"),
        ("+model.layers.a={units: '${oc.env:X}'}", "The resolver 'oc.env' is not allowed"),
    ],
)
def test_a_wrong_override_is_shown_as_typed_with_what_to_type(override, said):
    error = refusal("digits_quickstart", override)
    assert error.where == override
    assert said in error.message


@pytest.mark.parametrize(
    "override",
    [
        "hydra.run.dir=/tmp/x",
        "hydra.sweep.dir=/tmp/x",
        "hydra.sweep.subdir=x",
        "hydra.output_subdir=x",
        "+hydra.callbacks.x={_target_: mine.Evil}",
        "+hydra.job.env_set.PATH=x",
        "hydra.job.chdir=true",
        "hydra.searchpath=[file:///tmp]",
        "hydra/job_logging=colorlog",
        "hydra.verbose=true",
    ],
)
def test_of_hydra_only_launcher_sweeper_and_mode_are_the_users(override):
    error = refusal("digits_quickstart", override)
    assert error.where == override
    assert "is set only by stackfit. Expected only the launcher, the sweeper or the mode of `hydra`" in error.message


def test_a_launcher_and_a_mode_may_be_typed():
    config = compose(Composer("digits_quickstart"), ["hydra/launcher=basic", "hydra.mode=RUN"]).hydra
    assert config.launcher._target_.endswith("BasicLauncher")
    assert config.mode == RunMode.RUN


def test_very_deep_brackets_are_a_wrong_override_not_a_crash():
    error = refusal("digits_quickstart", "epochs=" + "[" * 5000 + "]" * 5000)
    assert error.message.startswith("This has more than 500 brackets. Expected key=value. Write for example: epochs=3")


@pytest.mark.parametrize("override", ["optimizer=null", "data=3", "model=1.5"])
def test_an_option_that_is_not_a_name_lists_the_names(override):
    error = refusal("digits_quickstart", override)
    assert error.where == override
    assert f"is not an option of the group {override.partition('=')[0]!r}. Expected one of: " in error.message


def test_a_value_without_a_key_is_not_an_override():
    assert "There is nothing before '='. Expected key=value. Write: epochs=3" in refusal("digits_quickstart", "=3").message


@pytest.mark.parametrize(
    "override, said",
    [
        ("epochs=null", "epochs is null. Expected a whole number. Write: epochs=…"),
        ("task.loss=null", "task.loss is null. Expected a value."),
        ("model.layers=null", "model.layers is null. Expected a value."),
        ("shuffle=maybe", "shuffle is 'maybe'. Expected true or false."),
    ],
)
def test_a_null_or_a_wrong_word_says_which_key_needs_a_value(override, said):
    error = refusal("digits_quickstart", override)
    assert error.where == override and said in error.message


# ---- files that are wrong


@pytest.mark.parametrize(
    "text, key, said",
    [
        ("epocs: 3\n", "epocs", "There is no key 'epocs'. Did you mean 'epochs'? Expected a key of the config. Write: epochs: 3"),
        ("about: {qestion: x}\n", "about.qestion", "There is no key 'qestion' in about. Did you mean 'question'?"),
        ("data: {pth: x}\n", "data.pth", "There is no key 'pth' in data. Did you mean 'path'?"),
        ("epochs: three\n", "epochs", "epochs is 'three'. Expected a whole number. Correct the value."),
        ("shuffle: maybe\n", "shuffle", "shuffle is 'maybe'. Expected true or false."),
        ("epochs: null\n", "epochs", "epochs is null. Expected a whole number. Write: epochs: …"),
        ("model: null\n", "model", "model is null. Expected a value."),
        ("expect: 3\n", "expect", "Expected"),
        ("1: 2\n", "1", "There is no key '1'. Expected one of"),
    ],
)
def test_a_wrong_key_or_type_in_a_file_has_its_line(write, text, key, said):
    write("experiments/mine.yaml", HEAD + text)
    error = refusal("mine")
    assert (error.where, error.key) == ("experiments/mine.yaml:2", key)
    assert said in error.message


@pytest.mark.parametrize("text", ["callbacks: []\n", "about: x\n", "optimizer: x\n"])
def test_a_value_where_a_mapping_belongs_names_the_file(write, text):
    write("experiments/mine.yaml", HEAD + text)
    assert refusal("mine").where.startswith("experiments/mine.yaml")


@pytest.mark.parametrize(
    "text, line, said",
    [
        ("epochs: [1\n", 2, "The [ in this line is not closed. Expected ]. Write: epochs: [1]"),
        ("a: b: c\n", 2, "A text with ':' and a blank needs quotes. Expected them around the whole text. Write: a: \"b: c\""),
        ("\tepochs: 3\n", 2, "This line starts with a tab."),
        ("epochs: 3\nepochs: 4\n", 3, "The key 'epochs' is here for the second time; the first is in line 2."),
        ("model: {layers: {a: {units: 1, units: 2}}}\n", 2, "The key 'units' is here for the second time"),
        ("epochs: !!python/object/apply:os.system [echo]\n", 2, "The tag !!python/object/apply:os.system is not allowed"),
        ("? [a]\n: 2\n", 2, "A key of several parts is not allowed"),
        ("x: &x 3\nepochs: *x\n", 3, "The alias *x is not allowed here"),
    ],
)
def test_a_yaml_error_has_its_line(write, text, line, said):
    write("experiments/mine.yaml", HEAD + text)
    error = refusal("mine")
    assert error.where == f"experiments/mine.yaml:{line}" and said in error.message


def test_a_yaml_error_in_a_users_group_file_has_its_line(write):
    write("conf/model/mine.yaml", "layers:\n  a: {units: 3\n")
    assert refusal("digits_quickstart", "model=mine").where == "conf/model/mine.yaml:2"


def test_a_file_that_is_not_text_is_named(lab, write):
    write("experiments/mine.yaml", "").write_bytes(b"\xff\xfe\x00epochs: 3")
    assert refusal("mine").where == "experiments/mine.yaml:1"


def test_nothing_of_a_file_is_run_before_it_is_checked(write, lab):
    write("evil.py", "open('ran', 'w').close()\nclass Evil: pass\n")
    for text in (
        "hydra: {callbacks: {x: {_target_: evil.Evil}}}\n",
        "<<: {hydra: {callbacks: {x: {_target_: evil.Evil}}}}\n",
        "hydra: {launcher: {_target_: evil.Evil}}\n",
    ):
        write("experiments/mine.yaml", HEAD + text)
        assert refusal("mine").where == "experiments/mine.yaml:2"
    assert not (lab / "ran").exists()


@pytest.mark.parametrize("parents", [{"mine": "mine"}, {"mine": "other", "other": "mine"}])
def test_a_chain_that_leads_back_to_itself_is_named(write, parents):
    for name, parent in parents.items():
        write(f"experiments/{name}.yaml", f"defaults: [{parent}, _self_]\n")
    error = refusal("mine")
    assert "lead back to itself. Expected a chain that ends in `config`. Correct its `defaults:` list." in error.message
    assert error.where in {f"experiments/{name}.yaml" for name in parents}


@pytest.mark.parametrize("text", ["", "epochs: 3\n", "defaults: [_self_]\nepochs: 3\n"])
def test_an_experiment_that_does_not_start_from_config_says_what_to_write(write, text):
    write("experiments/mine.yaml", text)
    error = refusal("mine")
    assert error.where == "experiments/mine.yaml"
    assert "does not start from `config`" in error.message and "Write: defaults: [config, _self_]" in error.message


@pytest.mark.parametrize(
    "defaults, said",
    [
        ("[gsp631_bas, _self_]", "No config 'gsp631_bas' to inherit from. Did you mean 'gsp631_base'?"),
        ("[config, override data: digit, _self_]", "'digit' is not an option of the group 'data'. Did you mean 'digits'?"),
        (
            "[digits_quickstart, override model: mlq, _self_]",
            "'mlq' is not an option of the group 'model'. Did you mean 'mlp'?",
        ),
    ],
)
def test_a_missing_parent_or_option_has_its_line(write, defaults, said):
    write("experiments/mine.yaml", f"epochs: 3\ndefaults: {defaults}\n")
    error = refusal("mine")
    assert error.where == "experiments/mine.yaml:2" and said in error.message


@pytest.mark.parametrize("line", ["null: 1", "~: 1", "yes: 1", "model: {layers: {true: null}}"])
def test_a_key_that_yaml_does_not_read_as_a_name_has_its_line(write, line):
    write("experiments/mine.yaml", HEAD + line + "\n")
    error = refusal("mine")
    assert error.where == "experiments/mine.yaml:2"
    assert error.message.startswith("YAML reads the key ") and error.message.endswith("Write it in quotes.")


def test_a_number_cannot_name_a_layer_in_a_file(write):
    write("experiments/mine.yaml", HEAD + "model: {layers: {1: {_target_: keras.layers.Dense, units: 4}}}\n")
    error = refusal("mine")
    assert (error.where, error.key) == ("experiments/mine.yaml:2", "model.layers.1")
    assert error.message == "model.layers.1 is not a word. Expected one as a key. Write it in quotes."


@pytest.mark.parametrize("value", ["'???'", "'${epochs}'"])
def test_an_unknown_key_is_an_error_even_if_its_value_is_left_open(write, value):
    write("experiments/mine.yaml", f"{HEAD}data: {{nmae: {value}}}\n")
    error = refusal("mine")
    assert error.where == "experiments/mine.yaml:2" and "There is no key 'nmae' in data. Did you mean 'name'?" in error.message


# ---- words stay as they are written


def test_a_text_in_a_file_is_the_word_that_is_written(write):
    write("conf/data/mine.yaml", "defaults: [csv, _self_]\nlabel: 010\nclass_names: [off, on, 1e3, null, 1_0]\nmissing: ['', ~]\n")
    write("experiments/e.yaml", "defaults: [config, override data: mine, _self_]\nabout: {question: x}\ndata: {path: no}\n")
    data = compose(Composer("e")).config.data
    assert (data.path, data.label, data.test_path) == ("no", "010", None)
    assert data.class_names == ["off", "on", "1e3", "null", "1_0"] and data.missing == ["", "~"]
    write("experiments/e.yaml", "defaults: [config, override data: mine, _self_]\nabout: {question: x}\ndata: {label: on, stratify: on}\n")
    data = compose(Composer("e")).config.data
    assert data.label == "on" and data.stratify is True


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        ("data.label=010", "label", "010"),
        ("data.label=1_000", "label", "1_000"),
        ("data.label=true", "label", "true"),
        ("data.label=1e3", "label", "1e3"),
        ("data.label=null", "label", None),
        ("data.label='a=b'", "label", "a=b"),
        ("data.class_names=[1e3,no,true,007]", "class_names", ["1e3", "no", "true", "007"]),
        ("data.class_names=['1','2']", "class_names", ["1", "2"]),
    ],
)
def test_a_text_in_an_override_is_the_word_that_is_typed(lab, typed, key, value):
    assert compose(Composer("digits_quickstart"), [typed]).config.data[key] == value


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("data.label=größe", "'data.label=\"größe\"'"),
        ("data.label=a=b", "'data.label=\"a=b\"'"),
        ("data.label=a (b)", "'data.label=\"a (b)\"'"),
        ("data.label=a#b", "'data.label=\"a#b\"'"),
        ("data.label=!a&b;c~d", "'data.label=\"!a&b;c~d\"'"),
        ("data.label=it's", "'data.label=\"it'\"'\"'s\"'"),
        ("data.label={a}", "'data.label=\"{a}\"'"),
        ("data.label=[a]", "'data.label=\"[a]\"'"),
        ("data.label=a,b", "'data.label=\"a,b\"'"),
        ("data.class_names=[größe,b]", "'data.class_names=[\"größe\",b]'"),
        ("data.columns={größe:drop,b:flag}", "'data.columns=\"{\\\"größe\\\": \\\"drop\\\", \\\"b\\\": \\\"flag\\\"}\"'"),
    ],
)
def test_an_override_that_the_grammar_does_not_take_is_given_back_quoted(lab, typed, quoted):
    composer = Composer("digits_quickstart")
    with pytest.raises(ConfigError) as caught:
        compose(composer, [typed])
    assert quoted in caught.value.message
    (word,) = shlex.split(quoted)
    key, _, text = typed.partition("=")
    found = compose(composer, [word]).config.data[key.removeprefix("data.")]
    assert found == text or "größe" in found
