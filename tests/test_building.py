"""`building`: a target and its arguments become a Keras object, or an error that says what to type."""

from __future__ import annotations

import sys

import pytest

from stackfit.errors import ConfigError, Problems, TrustError, raising

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


def build(node, role="layers", key="model.layers.a", **extra):
    from stackfit.model.building import build as build_into

    with raising() as problems:
        built = build_into(node, key, role, problems, **extra)
    return built


def refusal(node, role="layers", key="model.layers.a") -> ConfigError:
    with pytest.raises(ConfigError) as error:
        build(node, role, key)
    return error.value


def dense(**arguments):
    return {"_target_": "keras.layers.Dense", "units": 2, **arguments}


def test_arguments_reach_the_layer_as_plain_python(keras):
    layer = build({"_target_": "keras.layers.Conv2D", "filters": 2, "kernel_size": [3, 3]}, name="conv")
    assert isinstance(layer, keras.layers.Conv2D)
    assert (layer.name, layer.kernel_size) == ("conv", (3, 3))


def test_a_callback_that_watches_what_the_run_lacks_is_still_told_its_wrong_argument():
    from stackfit.model.building import build as build_into

    watched = ConfigError("It watches 'val_loss', which this run will not have.", key="callbacks.a._target_")
    problems = Problems([watched])
    build_into({"_target_": "keras.callbacks.EarlyStopping", "patence": 3}, "callbacks.a", "callbacks", problems)
    assert [error.key for error in problems.errors] == ["callbacks.a._target_", "callbacks.a.patence"]


def test_nested_parts_are_built_too(keras):
    layer = build(
        dense(
            kernel_regularizer={"_target_": "keras.regularizers.L2", "l2": 0.5},
            kernel_initializer={"_target_": "keras.initializers.HeNormal", "seed": 1},
        )
    )
    assert float(layer.kernel_regularizer.l2) == 0.5
    assert isinstance(layer.kernel_initializer, keras.initializers.HeNormal)


def test_a_schedule_inside_an_optimizer_is_built(keras):
    decay = {"_target_": "keras.optimizers.schedules.ExponentialDecay"}
    decay |= {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 0.5}
    optimizer = build({"_target_": "keras.optimizers.SGD", "learning_rate": decay}, "optimizer", "optimizer")
    assert isinstance(optimizer._learning_rate, keras.optimizers.schedules.ExponentialDecay)


@pytest.mark.parametrize("group", ["optimizer", "callbacks", "task"])
def test_every_shipped_option_builds(compose, group, keras, monkeypatch):
    from stackfit.config import project

    for file in sorted((project.shipped("conf") / group).glob("*.yaml")):
        config = compose(
            "gsp631_base", f"{group}={file.stem}", *(["model=regressor"] if file.stem == "regression" else [])
        ).config
        if group == "optimizer":
            assert isinstance(build(config[group], group, group), keras.optimizers.Optimizer)
        elif group == "callbacks":
            for name, node in config[group].items():
                assert isinstance(build(node, group, f"callbacks.{name}"), keras.callbacks.Callback)
        else:
            assert isinstance(build(config["task"]["loss"], "loss", "task.loss"), keras.losses.Loss)
            for name, node in config["task"]["metrics"].items():
                assert isinstance(build(node, "metrics", f"task.metrics.{name}"), keras.metrics.Metric)


# ---- what is refused


@pytest.mark.parametrize(
    "target, role, said",
    [
        ("keras.layers.Dens", "layers", "There is no 'Dens' in keras.layers. Did you mean 'Dense'?"),
        ("keras.optimizers.Adm", "optimizer", "There is no 'Adm' in keras.optimizers. Did you mean 'Adam'?"),
        ("keras.losses.Nope", "loss", "There is no 'Nope' in keras.losses."),
        ("keras.callbacks.EarlyStoping", "callbacks", "Did you mean 'EarlyStopping'?"),
        ("stackfit.layers.densestack", "layers", "There is no 'densestack' in stackfit.layers."),
    ],
)
def test_an_unknown_target_names_the_nearest(target, role, said):
    error = refusal({"_target_": target}, role, "somewhere")
    assert error.key == "somewhere._target_"
    assert (
        said in error.message
        and "Expected a public name such as" in error.message
        and "Write: _target_: " in error.message
    )


@pytest.mark.parametrize(
    "target, role",
    [
        ("keras.layers.add", "layers"),
        ("keras.layers.deserialize", "layers"),
        ("stackfit.layers.keras", "layers"),
        ("stackfit.layers.Sequence", "layers"),
        ("keras.losses.get", "loss"),
        ("keras.optimizers.schedules", "optimizer"),
    ],
)
def test_a_name_of_another_kind_is_refused(target, role):
    error = refusal({"_target_": target}, role)
    assert isinstance(error, TrustError)
    assert f"{target} is not a subclass of " in error.message and "Expected a class derived from it" in error.message


def test_a_private_name_is_not_there():
    assert "There is no '_Merge'" in refusal({"_target_": "keras.layers._Merge"}).message


@pytest.mark.parametrize(
    "node, key, said",
    [
        (dense(unit=3), "unit", "Dense has no argument 'unit'. Did you mean 'units'? Expected an argument that it takes. Write: units"),
        (dense(rate=0.5), "rate", "set the old layer to null and add a new name"),
        ({"_target_": "keras.layers.Dense"}, "units", "Dense needs the argument 'units'. Expected a value. Write: "),
        ({"_target_": "stackfit.layers.dense_stack", "units": 3, "activatoin": "relu"}, "activatoin",
         "dense_stack has no argument 'activatoin'. Did you mean 'activation'?"),
        ({"_target_": "keras.layers.Conv2D", "filters": 2}, "kernel_size", "Conv2D needs the argument 'kernel_size'"),
        (dense(kernel_regularizer={"_target_": "keras.regularizers.L2", "12": 1}), "kernel_regularizer.12",
         "L2 has no argument '12'. Expected some of: l2."),
        (dense(activation="rlu"), "activation", "There is no activation 'rlu'. Did you mean 'relu'? Expected one of: "),
        (dense(activation="zzz"), "activation", "There is no activation 'zzz'. Expected one of: "),
        ({"_target_": "stackfit.layers.dense_stack", "units": 3, "activation": "rlu"}, "activation",
         "There is no activation 'rlu'. Did you mean 'relu'?"),
        (dense(units=-1), "units", "Dense refuses its argument '"),
        ({"_target_": "stackfit.layers.dense_stack", "units": [3, -1]}, "units", "dense_stack refuses its argument '"),
        ({"_target_": "keras.layers.Dropout", "rate": 7}, "rate", "Dropout refuses its argument '"),
        ({"_target_": "keras.layers.Dropout", "rate": "high"}, "rate", "Dropout refuses its argument '"),
        (dense(kernel_initializer="nope"), "kernel_initializer", "Dense refuses its argument '"),
        (dense(dtype="float8"), "dtype", "Dense refuses its argument '"),
        (dense(units=None), "units", "Dense refuses its argument '"),
    ],
)  # fmt: skip
def test_an_argument_that_a_layer_does_not_take_says_which_and_what_it_takes(node, key, said):
    error = refusal(node)
    assert said in error.message and "Expected" in error.message
    assert error.key == f"model.layers.a.{key}".rstrip(".")


@pytest.mark.parametrize(
    "node, key",
    [
        ({"_target_": "keras.optimizers.Adam", "lr": 0.1}, "optimizer.lr"),
        ({"_target_": "keras.optimizers.Adam", "learning_rate": "fast"}, "optimizer"),
        ({"_target_": "keras.optimizers.Adam", "learning_rate": 0.1, "momentum": 0.9}, "optimizer.momentum"),
    ],
)
def test_an_argument_that_an_optimizer_does_not_take_is_named(node, key):
    error = refusal(node, "optimizer", "optimizer")
    assert error.key.startswith(key)
    assert "Expected" in error.message


# ---- the user's own modules


OWN = "import keras\nfrom keras.callbacks import EarlyStopping\n\n\nclass Stop(keras.callbacks.Callback):\n    pass\n"


@pytest.fixture
def own(write, monkeypatch):
    """Writes ./NAME.py of the user and forgets it afterwards."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield lambda name, text: write(f"{name}.py", text)
    for name in set(sys.modules) - before:
        if name.startswith(("own_", "experiments")):
            del sys.modules[name]


def test_a_users_class_is_imported_from_the_projects_root(own, keras):
    own("own_callbacks", OWN)
    built = build({"_target_": "own_callbacks.Stop"}, "callbacks", "callbacks.a")
    assert isinstance(built, keras.callbacks.Callback) and type(built).__module__ == "own_callbacks"


def test_a_users_folder_of_experiments_and_the_shipped_one_are_one_package(own, lab, keras):
    (lab / "experiments").mkdir()
    own("experiments/own_callbacks", OWN)
    for target in ("experiments.own_callbacks.Stop", "experiments.lab_callbacks.StopAboveAccuracy"):
        node = {"_target_": target} | ({"accuracy": 0.5} if "lab" in target else {})
        assert isinstance(build(node, "callbacks", "callbacks.a"), keras.callbacks.Callback)


@pytest.mark.parametrize(
    "text, said",
    [
        ("import nowhere_to_be_found\n", "own_broken.py cannot be imported: ModuleNotFoundError: No module named"),
        ("class Stop(\n", "own_broken.py cannot be imported: SyntaxError: "),
        ("1 / 0\n", "own_broken.py cannot be imported: ZeroDivisionError: "),
        ("raise SystemExit(3)\n", "own_broken.py cannot be imported: SystemExit: 3"),
    ],
)
def test_a_module_that_does_not_import_is_named_with_the_reason(own, text, said):
    own("own_broken", text)
    error = refusal({"_target_": "own_broken.Stop"}, "callbacks", "callbacks.a")
    assert said in error.message
    assert "Expected a Python file that imports without error. Correct it." in error.message


def test_a_class_that_a_users_module_only_imports_is_not_its_own(own):
    own("own_reexport", OWN)
    assert isinstance(refusal({"_target_": "own_reexport.EarlyStopping"}, "callbacks"), TrustError)


def test_a_class_of_another_kind_in_a_users_module_is_refused(own):
    own("own_other", "class Stop:\n    pass\n\n\ndef run():\n    pass\n")
    for name in ("Stop", "run"):
        assert "is not a subclass of Callback" in refusal({"_target_": f"own_other.{name}"}, "callbacks").message


def test_an_error_inside_a_users_class_is_told(own):
    own("own_raises", OWN + "\n    def __init__(self, value=1):\n        raise RuntimeError('not today')\n")
    assert "not today" in refusal({"_target_": "own_raises.Stop"}, "callbacks", "callbacks.a").message


def test_an_optimizer_that_only_code_can_make_is_a_sentence(compose):
    from stackfit.execution.members import build_model

    cell, problems = compose("xor_needs_a_hidden_layer", "hydra.mode=RUN"), Problems()
    cell.config["optimizer"] = {"_target_": "keras.optimizers.MultiOptimizer", "optimizer_map": {}}
    assert build_model(cell, (2,), problems).model is None
    assert [error.key for error in problems.errors] == ["optimizer"]
    assert "MultiOptimizer cannot be built for the model's 4 weights" in problems.errors[0].message
