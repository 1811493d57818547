"""`trust`: which target may stand where, decided by name."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from stackfit.config import trust
from stackfit.errors import TrustError

GOOD = {
    "model": {"layers": {"out": {"_target_": "keras.layers.Dense", "units": 2}, "gone": None}},
    "optimizer": {"_target_": "keras.optimizers.SGD"},
    "task": {"loss": {"_target_": "keras.losses.MeanSquaredError"}, "metrics": {}},
    "callbacks": {},
}


def errors(trusted=(), **changed):
    return list(trust.check_targets({**GOOD, **changed}, trusted))


def layer(**node):
    return {"layers": {"a": node}}


def callback(**node):
    return {"a": node}


def test_a_plain_config_has_no_errors_and_null_is_a_removed_part():
    assert errors() == []
    assert errors(callbacks={"a": None}, task={**GOOD["task"], "metrics": {"accuracy": None}}) == []


@pytest.mark.parametrize(
    "changed, key",
    [
        ({"model": layer(_target_="os.system")}, "model.layers.a._target_"),
        ({"model": layer(_target_="builtins.eval")}, "model.layers.a._target_"),
        ({"model": layer(_target_="keras.utils.get_file")}, "model.layers.a._target_"),
        ({"model": layer(_target_="keras.layers.os.system")}, "model.layers.a._target_"),
        ({"model": layer(_target_="stackfit.layers.keras.utils.get_file")}, "model.layers.a._target_"),
        ({"model": layer(_target_="keras.callbacks.EarlyStopping")}, "model.layers.a._target_"),
        ({"model": layer(_target_="Dense")}, "model.layers.a._target_"),
        ({"model": layer(_target_=3)}, "model.layers.a._target_"),
        ({"model": layer(_target_=["keras.layers.Dense"])}, "model.layers.a._target_"),
        ({"model": layer(_target_=None)}, "model.layers.a._target_"),
        ({"optimizer": {"_target_": "keras.layers.Dense"}}, "optimizer._target_"),
        ({"task": {**GOOD["task"], "loss": {"_target_": "keras.metrics.Mean"}}}, "task.loss._target_"),
        ({"task": {**GOOD["task"], "metrics": {"m": {"_target_": "keras.losses.Huber"}}}}, "task.metrics.m._target_"),
        ({"callbacks": callback(_target_="keras.layers.Dense")}, "callbacks.a._target_"),
        (
            {"model": layer(_target_="keras.layers.Dense", units=2, kernel_regularizer={"_target_": "os.system"})},
            "model.layers.a.kernel_regularizer._target_",
        ),
        (
            {"model": layer(_target_="keras.layers.Dense", a=[{"b": {"_target_": "os.system"}}])},
            "model.layers.a.a.b._target_",
        ),
        (
            {
                "task": {
                    **GOOD["task"],
                    "loss": {"_target_": "keras.losses.Huber", "fn": {"_target_": "keras.layers.Dense"}},
                }
            },
            "task.loss.fn._target_",
        ),
    ],
)
def test_a_target_outside_its_role_is_refused(changed, key):
    (error,) = errors(**changed)
    assert isinstance(error, TrustError) and error.key == key
    assert "is not allowed as part of" in error.message
    assert any(cure in error.message for cure in ("--trust", "cannot be trusted. Remove it", "Write: _target_: keras."))
    assert "Expected a public class of" in error.message or "Expected plain values" in error.message


@pytest.mark.parametrize("name", ["Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer"])
def test_layers_that_run_code_are_refused_even_inside_another(name):
    for node in (
        {"_target_": f"keras.layers.{name}"},
        {"_target_": "keras.layers.TimeDistributed", "layer": {"_target_": f"keras.layers.{name}"}},
    ):
        (error,) = errors(model={"layers": {"a": node}})
        assert f"keras.layers.{name} is refused: it runs code" in error.message


@pytest.mark.parametrize("name", ["LambdaCallback", "RemoteMonitor", "BackupAndRestore"])
def test_callbacks_that_run_code_or_send_data_are_refused(name):
    (error,) = errors(callbacks=callback(_target_=f"keras.callbacks.{name}"))
    assert "is refused" in error.message and "Expected" in error.message


def test_nested_parts_of_a_role_are_allowed():
    decay = {"_target_": "keras.optimizers.schedules.ExponentialDecay", "decay_steps": 3}
    assert errors(optimizer={"_target_": "keras.optimizers.SGD", "learning_rate": decay}) == []
    node = {
        "_target_": "keras.layers.Bidirectional",
        "layer": {
            "_target_": "keras.layers.LSTM",
            "units": 2,
            "kernel_regularizer": {"_target_": "keras.regularizers.L2"},
        },
    }
    assert errors(model={"layers": {"a": node}}) == []


@pytest.mark.parametrize("trick", ["_partial_", "_args_", "_recursive_", "_convert_"])
def test_hydras_own_keys_are_refused_at_any_depth(trick):
    for node, key in (
        ({"_target_": "keras.layers.Dense", trick: True}, f"model.layers.a.{trick}"),
        ({"_target_": "keras.layers.Dense", "b": [{trick: 1}]}, f"model.layers.a.b.{trick}"),
    ):
        (error,) = errors(model={"layers": {"a": node}})
        assert error.key == key and "Expected only the target's own arguments by name" in error.message


@pytest.mark.parametrize("value", [3, "Dens", ["a"], True, {}, {"units": 3}])
def test_what_is_not_a_target_says_what_to_write(value):
    (error,) = errors(model={"layers": {"a": value}})
    assert error.key == "model.layers.a"
    assert "Expected a mapping with `_target_`, or null" in error.message
    assert "Write: {_target_: keras.layers.Dense, units: 64}" in error.message


@pytest.mark.parametrize(
    "value",
    ["../x.keras", "a/../../x", "/etc/x", "~/x", "C:\\x", "c:x", "..\\x", "s3://bucket/x", "gs://b/x", "file:///x"],
)
def test_a_file_argument_stays_inside_the_run_folder(value):
    (error,) = errors(callbacks=callback(_target_="keras.callbacks.ModelCheckpoint", filepath=value))
    assert error.key == "callbacks.a.filepath"
    assert (
        "leaves the run folder. Expected a relative path without '..'" in error.message and "Write: " in error.message
    )


@pytest.mark.parametrize("value", ["best.keras", "deep/best.keras", "epoch-{epoch:02d}.keras", ".hidden"])
def test_a_relative_file_is_allowed(value):
    assert errors(callbacks=callback(_target_="keras.callbacks.ModelCheckpoint", filepath=value)) == []


# ---- the user's own modules


def test_a_module_is_allowed_once_it_is_trusted_and_there(write):
    write("experiments/mine.py", "")
    own = callback(_target_="experiments.mine.Stop")
    (error,) = errors(callbacks=own)
    assert "If experiments.mine is your own file, add --trust experiments.mine" in error.message
    assert errors(callbacks=own, trusted=("experiments.mine",)) == []


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        ("os.system", "os belongs to Python and cannot be trusted. Remove it"),
        ("importlib.util.find_spec", "importlib belongs to Python and cannot be trusted."),
        ("builtins.eval", "builtins belongs to Python and cannot be trusted."),
        ("numpy.linalg.norm", "numpy is an installed package and cannot be trusted. Remove it, or write a class of your own"),
        ("nobody_has_this.Stop", "If nobody_has_this is your own file, add --trust nobody_has_this"),
        ("mine.deep.Stop", "If mine.deep is your own file, add --trust mine.deep"),
        ("string.Stop", "If string is your own file, add --trust string"),  # here it is
    ],
)
def test_nobody_is_told_to_trust_what_is_no_file_of_theirs(write, target, advice):
    write("string.py", "")
    (error,) = errors(callbacks=callback(_target_=target))
    assert advice in error.message


def test_trust_in_a_module_is_not_trust_in_what_lies_below_it_or_next_to_it(write, monkeypatch):
    write("experiments/mine.py", "")
    monkeypatch.setitem(sys.modules, "experiments", types.ModuleType("experiments"))  # has no spec, as after a run
    for target in ("experiments.mine.os.system", "experiments.other.Stop", "experiments.Stop"):
        (error,) = errors(callbacks=callback(_target_=target), trusted=("experiments.mine",))
        assert "is not allowed" in error.message


def test_a_trusted_module_must_be_a_file_of_the_project(lab):
    (error,) = errors(callbacks=callback(_target_="subprocess.Popen"), trusted=("subprocess",))
    assert error.key == "callbacks.a._target_"
    assert (
        f"There is no module 'subprocess' in this project. Expected the file subprocess.py below {lab}" in error.message
    )
    assert "Create it with: stackfit new --callback NAME" in error.message


def test_a_module_is_a_file_or_a_package_below_the_project(write):
    file = write("experiments/mine.py", "")
    package = write("parts/__init__.py", "")
    assert trust.module_file("experiments.mine") == file
    assert trust.module_file("parts") == package


def test_the_shipped_exercises_are_trusted_from_anywhere(lab):
    assert errors(callbacks=callback(_target_="experiments.lab_callbacks.StopAboveAccuracy")) == []
    assert trust.module_file("experiments.lab_callbacks").is_file()


@pytest.mark.parametrize("module", ["", "..", "a..b", "/etc/passwd", "../x"])
def test_a_module_name_cannot_leave_the_project(lab, module):
    (lab.parent / "x.py").write_text("")
    with pytest.raises(TrustError):
        trust.module_file(module)


@pytest.mark.parametrize(
    "text, found",
    [
        ("${oc.env:HOME}", "oc.env"),
        ("a ${ now : %Y } b", "now"),
        ("${oc.decode:${oc.env:X}}", "oc.decode"),
        ("${data.num_classes}", None),
        ("plain: text", None),
        ("${a}:${b}", None),
    ],
)
def test_a_resolver_is_told_from_a_reference(text, found):
    assert trust.check_resolvers(text) == found


def test_every_role_has_an_example_and_nested_rules():
    assert trust.ROLES.keys() == trust.NESTED.keys() == trust.EXAMPLES.keys()


def test_the_shipped_modules_exist():
    for module in trust.SHIPPED_MODULES:
        assert isinstance(trust.module_file(module), Path)


@pytest.mark.parametrize("value, form", [("Dense", "a: {_target_: keras.layers.Dense}"), ({"Dense": 3}, "a: {_target_: keras.layers.Dense, units: 3}"),
                                         ({"type": "Dense", "units": 3}, "a: {_target_: keras.layers.Dense, units: 3}")])  # fmt: skip
def test_a_layer_in_another_form_has_the_form_that_works(value, form):
    (error,) = errors(model={"layers": {"a": value}})
    assert error.message.endswith(f"Write: {form}")


@pytest.mark.parametrize("target, meant", [("Dense", True), ("tf.keras.layers.Dense", True), ("keras.Dense", True), ("mine.Dense", False)])
def test_a_class_of_keras_at_another_place_is_named_and_one_of_yours_is_not_taken_for_it(target, meant):
    (error,) = errors(model={"layers": {"a": {"_target_": target, "units": 3}}})
    assert error.message.endswith("Write: _target_: keras.layers.Dense" if meant else "add --trust mine")
