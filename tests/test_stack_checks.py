"""`stack_checks`: stacks that Keras trains silently and nobody means are warnings with a name and a cure."""

from __future__ import annotations

import pytest

from stackfit.errors import Problems

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]

DENSE = "_target_: keras.layers.Dense"


def checked(compose, *overrides, experiment="gsp631_base"):
    from stackfit.execution.members import build_model

    cell, problems = compose(experiment, *overrides), Problems()
    build_model(cell, tuple(cell.config["data"]["input_shape"]), problems)
    return problems


@pytest.mark.parametrize(
    "overrides, kind, said",
    [
        (["+model.layers.flatten.after=output"], "extra_outputs", "scores are 28 x 28 x 10"),
        (["+model.layers.r={_target_: keras.layers.Reshape, target_shape: [7840]}", "model.layers.flatten=null"],
         "extra_outputs", "'r' stands after 'output'"),
        (["model.layers.output.units=12"], "extra_outputs", "12 units for 10 classes"),
        (["model.layers.hidden.activation=softmax"], "inner_softmax", "model.layers.hidden.activation=relu"),
        ([f"+model.layers.again={{{DENSE}, units: 10, activation: softmax}}"], "inner_softmax", "'again' reads it"),
        (["+model.layers.again={_target_: keras.layers.Softmax}"], "inner_softmax", "Write: model.layers.again=null"),
        (["+model.layers.s={_target_: keras.layers.Softmax, after: hidden}"], "inner_softmax", "Write: model.layers.s=null"),
        (["model.layers.hidden.activation=softmax",
          "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.1, after: hidden}"], "inner_softmax", "'output' reads it"),
        (["+model.layers.r={_target_: keras.layers.RandomBrightness, factor: 0.2, after: input}"],
         "value_range", "'model.layers.r.value_range=[0,1]'"),
        (["+model.layers.r={_target_: keras.layers.RandomContrast, factor: 0.2, value_range: [0, 255], after: input}"],
         "value_range", "'model.layers.r.value_range=[0,1]'"),
        (["+model.layers.r={_target_: keras.layers.Rescaling, scale: 0.00392, after: input}"], "value_range", "0 to 0.00392"),
        (["+model.layers.r={_target_: keras.layers.Rescaling, scale: 2, offset: -1, after: input}",
          "+model.layers.b={_target_: keras.layers.RandomBrightness, factor: 0.2, value_range: [0, 1], after: r}",
          "+model.layers.q={_target_: keras.layers.RandomBrightness, factor: 0.2, value_range: [0, 255], after: b}"],
         "value_range", "but they go from -1 to 1"),
        (["precision=mixed_bfloat16"], "half_precision", "model.layers.output.dtype=float32"),
    ],
)  # fmt: skip
def test_a_stack_that_nobody_means_is_a_warning_that_can_be_silenced(compose, overrides, kind, said):
    problems = checked(compose, *overrides)
    assert not problems.errors
    assert [warning.kind for warning in problems.warnings] == [kind]
    assert said in str(problems.warnings[0])
    assert not checked(compose, *overrides, f"silence=[{kind}]").warnings


@pytest.mark.parametrize(
    "overrides",
    [
        ["+model.layers.r={_target_: keras.layers.RandomBrightness, factor: 0.2, value_range: [0, 1], after: input}"],
        ["+model.layers.r={_target_: keras.layers.Rescaling, scale: 2, offset: -1, after: input}"],
        ["data.scale=none", "+model.layers.r={_target_: keras.layers.Rescaling, scale: 0.00392, after: input}"],
        ["precision=mixed_bfloat16", "model.layers.output.dtype=float32"],
        ["model.layers.hidden.activation=sigmoid"],  # the codelab asks for it
        ["model.layers.hidden.trainable=false"],
        # a gate: the softmax are weights of a product
        [f"+model.layers.gate={{{DENSE}, units: 64, activation: softmax, after: hidden}}",
         "+model.layers.times={_target_: keras.layers.Multiply, inputs: [hidden, gate], after: gate}"],
    ],
)  # fmt: skip
def test_what_can_be_meant_is_no_warning(compose, overrides):
    problems = checked(compose, *overrides)
    assert not problems.errors and not problems.warnings


@pytest.mark.parametrize(
    "overrides, said",
    [
        (["model.layers.hidden.trainable=false", "model.layers.output.trainable=false"], "all 50,890 weights are frozen"),
        (["model.layers.hidden=null", "model.layers.output=null", "+model.layers.pool={_target_: keras.layers.Reshape, target_shape: [784]}"],
         "no layer has weights"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_learn_is_an_error(compose, overrides, said):
    errors = [error for error in checked(compose, *overrides).errors if error.kind == "frozen"]
    assert len(errors) == 1 and said in str(errors[0])


@pytest.mark.parametrize("loss, units", [("CategoricalGeneralizedCrossEntropy", 10), ("Circle", 6)])
def test_a_loss_for_class_numbers_is_one_whatever_its_name_begins_with(compose, loss, units):
    named = [f"task.loss._target_=keras.losses.{loss}", f"model.layers.output.units={units}"]
    assert not checked(compose, *named).errors
    wrong = checked(compose, *named, "task.labels=one_hot").errors
    assert f"{loss} compares with class numbers, but the labels are one-hot labels" in str(wrong[0])
