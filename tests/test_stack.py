"""`stack`: named layers become one stack, with branches, and errors that name the layer and its shapes."""

from __future__ import annotations

import numpy as np
import pytest

from stackfit.errors import ConfigError, raising

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


def dense(units=3, **arguments):
    return {"_target_": "keras.layers.Dense", "units": units, **arguments}


def layer(name, **arguments):
    return {"_target_": f"keras.layers.{name}", **arguments}


def build(layers, input_shape=(2,)):
    from stackfit.model.stack import Stack

    with raising() as problems:
        stack = Stack(layers, problems)
        stack.build(input_shape)
    return stack.model


def names(model):
    return [part.name for part in model.layers]


def refusal(layers, input_shape=(2,)) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        build(layers, input_shape)
    return error.value


def checked(compose, *overrides, experiment="gsp631_base"):
    """The cell's model after every check that comes before training."""
    from stackfit.execution.members import make_model

    cell = compose(experiment, *overrides)
    return make_model(cell, tuple(cell.config["data"]["input_shape"]))


# ---- the stack


def test_layer_names_are_the_config_keys_and_the_count_is_by_hand():
    model = build({"hidden": dense(4), "output": dense(1)})
    assert names(model) == ["input", "hidden", "output"]
    assert model.count_params() == (2 * 4 + 4) + (4 * 1 + 1)
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize(
    "experiment, count",
    [
        ("gsp631_base", (784 * 64 + 64) + (64 * 10 + 10)),
        ("codelab_base_128", (784 * 128 + 128) + (128 * 10 + 10)),
    ],
)
def test_the_labs_parameter_counts_are_those_of_the_labs(compose, experiment, count):
    assert checked(compose, experiment=experiment).count_params() == count


def test_a_stack_of_widths_is_one_key_and_several_layers(compose):
    model = checked(compose, "model.layers.hidden.units=[8,4]")
    assert names(model) == ["input", "flatten", "hidden_1", "hidden_2", "output"]
    assert model.count_params() == (784 * 8 + 8) + (8 * 4 + 4) + (4 * 10 + 10)


def test_an_empty_stack_gives_no_layer(compose):
    assert names(checked(compose, "model.layers.hidden.units=[]")) == ["input", "flatten", "output"]


def test_null_removes_a_layer():
    assert names(build({"a": dense(), "b": None, "c": dense()})) == ["input", "a", "c"]


# ---- order


def order(**after):
    from stackfit.errors import Problems
    from stackfit.model.stack import order_layers

    problems = Problems()
    layers = {name: {"after": before} if before else {} for name, before in after.items()}
    ordered = order_layers(layers, problems, [])
    problems.raise_errors()
    return list(ordered)


def test_after_moves_a_layer_directly_after_another():
    assert order(a=None, b=None, c="a") == ["a", "c", "b"]
    assert order(a=None, b=None, c="input") == ["c", "a", "b"]
    assert order(c="b", a=None, b=None) == ["a", "b", "c"]


def test_a_chain_of_after_is_followed_in_any_order_of_writing():
    assert order(c="b", b="a", a=None, z=None) == order(b="a", c="b", a=None, z=None) == ["a", "b", "c", "z"]


def test_two_layers_after_the_same_one_keep_the_order_in_which_they_are_written():
    assert order(a=None, z=None, b="a", c="a") == ["a", "b", "c", "z"]


def test_after_an_unknown_layer_names_the_nearest():
    error = refusal({"hidden": dense(), "drop": layer("Dropout", rate=0.5, after="hiden")})
    assert error.key == "model.layers.drop.after"
    assert (
        "There is no layer 'hiden' to stand after. Did you mean 'hidden'? Expected one of: input, hidden"
        in error.message
    )


@pytest.mark.parametrize("before", [3, ["a"], {"a": 1}])
def test_after_something_that_is_not_a_name_is_an_error(before):
    assert refusal({"a": dense(), "b": dense(after=before)}).key == "model.layers.b.after"


@pytest.mark.parametrize("name", ["größe", "a b", "-a", "a\x1b[2J", "_a"])
def test_a_name_that_tensorflow_refuses_is_an_error_before_training(name):
    error = refusal({"hidden": dense(), name: dense()})
    assert error.key == f"model.layers.{name}"
    assert f"A layer is called {name!r}, which TensorFlow refuses. Expected only letters from a to z" in error.message


def test_after_a_removed_layer_is_an_error():
    assert "There is no layer 'b' to stand after" in refusal({"a": dense(), "b": None, "c": dense(after="b")}).message


@pytest.mark.parametrize("after", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "c", "b": "a", "c": "b"}])
def test_layers_that_wait_for_one_another_are_named(after):
    error = refusal({**{name: dense(after=before) for name, before in after.items()}, "output": dense()})
    assert f"The layers {', '.join(after)} each stand after one another. Expected an order." in error.message
    assert error.key.endswith(".after")


def test_a_moved_layer_reads_what_stands_above_it(keras):
    model = build({"hidden": dense(4), "output": dense(1), "drop": layer("Dropout", rate=0.5, after="hidden")})
    assert names(model) == ["input", "hidden", "drop", "output"]


# ---- branches


def test_inputs_wires_a_skip():
    model = build({"a": dense(2, kernel_initializer="zeros"), "sum": layer("Add", inputs=["a", "input"])})
    x = np.array([[1.0, 2.0]], np.float32)
    assert model(x).numpy().tolist() == x.tolist()  # a is 0: the skip alone is left


def test_inputs_wires_two_branches_side_by_side():
    layers = {"a": dense(3), "b": dense(4, inputs="input"), "both": layer("Concatenate", inputs=["a", "b"])}
    assert build(layers).output_shape == (None, 3 + 4)


def test_a_stack_of_widths_in_a_branch_ends_in_its_last_layer():
    stack = {"_target_": "stackfit.layers.dense_stack", "units": [3, 5], "inputs": ["input"]}
    assert build({"a": dense(2), "b": stack, "both": layer("Concatenate", inputs=["a", "b"])}).output_shape == (None, 7)


def test_an_unknown_input_names_what_stands_above():
    error = refusal({"hidden": dense(), "b": dense(inputs=["hiden"])})
    assert error.key == "model.layers.b.inputs"
    assert (
        "There is no layer 'hiden' above 'b'. Did you mean 'hidden'? Expected some of: input, hidden" in error.message
    )
    assert "There is no layer 'c' above 'b'" in refusal({"b": dense(inputs="c"), "c": dense()}).message


def test_a_branch_that_nobody_reads_is_an_error():
    error = refusal({"a": dense(), "b": dense(inputs="input"), "output": dense()})
    assert error.key == "model.layers.a"
    assert "The branch that ends in 'a' leads nowhere." in error.message


@pytest.mark.parametrize("value", [3, {"a": 1}, [3], [["a"]], [None]])
def test_inputs_that_are_not_names_are_an_error(value):
    error = refusal({"a": dense(), "b": dense(inputs=value)})
    assert error.key == "model.layers.b.inputs" and "Expected" in error.message


# ---- shapes


def test_a_layer_that_cannot_take_what_comes_from_above_says_both():
    error = refusal({"conv": layer("Conv2D", filters=2, kernel_size=3)})
    assert (error.key, error.kind) == ("model.layers.conv", "shape")
    assert "Layer 'conv': Conv2D cannot take what comes from above, (2,): " in error.message
    assert "Expected a shape that the layer accepts. The shapes along the stack: input (2,)." in error.message
    assert error.message.endswith("Change this layer or the one above it.")


def test_a_sum_of_two_widths_names_both_shapes():
    error = refusal({"a": dense(3), "b": dense(4), "sum": layer("Add", inputs=["a", "b"])})
    assert "(3,) and (4,)" in error.message and error.key == "model.layers.sum"


def test_a_picture_smaller_than_the_kernel_is_an_error_of_that_layer():
    error = refusal({"conv": layer("Conv2D", filters=2, kernel_size=9)}, (8, 8, 1))
    assert error.key == "model.layers.conv"


def test_a_layer_name_that_keras_refuses_is_an_error():
    assert refusal({"a/b": dense()}).key == "model.layers.a/b"


# ---- the output against the labels


def test_without_flatten_the_error_tells_shapes_labels_and_the_cure(compose):
    with pytest.raises(ConfigError) as error:
        checked(compose, "model.layers.flatten=null")
    assert (error.value.kind, error.value.key) == ("shape", "model.layers.flatten")
    assert "The output has shape (28, 28, 10): that is 28 x 28 sets of 10 scores for one example" in error.value.message
    assert "but an example has one label. Expected (10,)." in error.value.message
    assert "hidden (28, 28, 64) -> output (28, 28, 10)" in error.value.message
    assert "put Flatten before the first Dense. Write: flatten: {_target_: keras.layers.Flatten}" in error.value.message


def test_too_few_outputs_names_the_labels_without_one(compose):
    with pytest.raises(ConfigError) as error:
        checked(compose, "model.layers.output.units=5")
    assert (error.value.kind, error.value.key) == ("labels", "model.layers.output.units")
    assert "The output has 5 units, so the labels 5 (Sandal), 6 (Shirt), 7 (Sneaker), 8 (Bag), 9 (Ankle boot)" in str(
        error.value
    )
    assert "Expected at least 10, one for each class. Write: model.layers.output.units=10" in error.value.message


def test_more_outputs_than_classes_are_allowed(compose):
    assert checked(compose, "model.layers.output.units=12").output_shape == (None, 12)


def test_a_stack_as_the_last_layer_is_named_by_its_key(compose):
    with pytest.raises(ConfigError) as error:
        checked(compose, "model.layers.output=null", "model.layers.hidden.units=[8,4]")
    assert error.value.key == "model.layers.hidden.units"


@pytest.mark.parametrize(
    "overrides, said",
    [
        (
            ["data=xor", "model=linear", "task=binary", "model.layers.output.activation=sigmoid"],
            "BinaryCrossentropy compares the output's 2 units with labels of width 1.",
        ),
        (
            ["task=binary", "model.layers.output.units=1"],
            "BinaryCrossentropy tells two classes apart, the data have 10.",
        ),
        (
            ["task=classification_one_hot", "model.layers.output.units=12"],
            "12 units with labels of width 10. Expected 10 units",
        ),
    ],
)
def test_a_loss_for_other_labels_says_what_to_write(compose, overrides, said):
    with pytest.raises(ConfigError) as error:
        checked(compose, *overrides)
    assert error.value.kind == "labels" and said in error.value.message and "Write: " in error.value.message


def test_a_global_pooling_that_leaves_one_axis_passes(compose):
    pool = "+model.layers.pool={_target_: keras.layers.GlobalAveragePooling2D, after: input}"
    assert checked(compose, "model.layers.flatten=null", pool).output_shape == (None, 10)


# ---- compiling


def test_metric_names_are_the_config_keys(compose):
    top2 = "+task.metrics.top2={_target_: keras.metrics.SparseTopKCategoricalAccuracy, k: 2}"
    model = checked(compose, top2, "data.input_shape=[4]")
    logs = model.evaluate(np.zeros((2, 4), np.float32), np.array([0, 1]), verbose=0, return_dict=True)
    assert list(logs) == ["accuracy", "loss", "top2"]
    assert model.optimizer.built


@pytest.mark.parametrize("name", ["mlp", "mlp_logits", "linear", "cnn"])
def test_every_shipped_classifier_fits_the_labs_data(compose, name):
    task = ["task=classification_logits"] if name == "mlp_logits" else []
    assert checked(compose, f"model={name}", *task).output_shape == (None, 10)


def test_the_same_seed_gives_the_same_weights(compose, keras):
    digests = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        digests.append(build({"a": dense(3)}).get_weights()[0].tolist())
    assert digests[0] == digests[1] != digests[2]


# ---- sizes


def test_what_a_member_takes_is_counted_by_hand(keras):
    from stackfit.model.sizes import size_model

    model = build({"hidden": dense(4), "output": dense(1)})
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    parameters = (2 * 4 + 4) + (4 * 1 + 1)
    adam = 2 * 4 * parameters + 8 + 4  # two moments, the number of steps, the learning rate
    outputs = 4 * (2 + 4 + 1)  # of one example; the backward pass takes as much again
    assert size_model(model).member_bytes(batch_size=10) == 2 * 4 * parameters + adam + 2 * 10 * outputs


# ---- layers with several arguments


def test_inputs_as_a_mapping_are_passed_by_name():
    model = build(
        {
            "seq": layer("Reshape", target_shape=[4, 2]),
            "att": layer("MultiHeadAttention", num_heads=1, key_dim=2, inputs={"query": "seq", "value": ["seq"]}),
            "flat": layer("Flatten", inputs="att"),
            "output": dense(1),
        },
        (8,),
    )
    assert model.get_layer("att").get_config()["num_heads"] == 1 and model.output_shape == (None, 1)


@pytest.mark.parametrize(
    "layers, said",
    [
        ({"att": layer("MultiHeadAttention", num_heads=1, key_dim=2, inputs=["seq", "seq"])},
         "Write: inputs: {query: seq, value: seq}."),
        ({"att": layer("MultiHeadAttention", num_heads=1, key_dim=2)}, "Write: inputs: {query: seq, value: seq}."),
        ({"add": layer("Add", inputs={"a": "seq", "b": "input"})}, "Write: inputs: [seq, input]."),
        ({"att": layer("MultiHeadAttention", num_heads=1, key_dim=2, inputs={"query": "seq", "value": "sek"})},
         "There is no layer 'sek' above 'att'. Did you mean 'seq'?"),
        ({"rnn": layer("LSTM", units=3, return_state=True)},
         "LSTM gives 3 tensors. Expected one, which the next layer reads. Write: model.layers.rnn.return_state=false."),
        ({"rnn": layer("Bidirectional", layer=layer("GRU", units=3, return_state=True))}, "Bidirectional gives 3 tensors."),
        ({"none": {"_target_": "stackfit.layers.dense_stack", "units": [], "inputs": ["seq", "input"]}}, "gives 2 tensors."),
    ],
)  # fmt: skip
def test_the_other_form_of_inputs_and_several_outputs_are_named(layers, said):
    assert said in refusal({"seq": layer("Reshape", target_shape=[4, 2]), **layers}, (8,)).message


@pytest.mark.parametrize(
    "name, node, said",
    [
        ("input", dense(), "is called 'input', which is the name of the model's input"),
        ("other", dense(name="input"), "is called 'input', which is the name of the model's input"),
        ("cell", layer("LSTMCell", units=3), "Write: cell: {_target_: keras.layers.RNN, cell: {_target_: keras.layers.LSTMCell, …}}"),
        ("cell", layer("StackedRNNCells", cells=[layer("GRUCell", units=3)]), "computes one step of a sequence"),
        ("first", layer("InputLayer", shape=[2]), "stackfit makes the input"),
        ("base", layer("Wrapper", layer=dense()), "keras.layers.Wrapper is a base for other classes"),
        ("base", layer("Layer"), "keras.layers.Layer is a base for other classes"),
        ("same", layer("Equalization"), "gives its input itself"),
        ("mix", layer("AugMix"), "draws with Python's random while its graph is made"),
        ("loop", layer("GRU", units=2, stateful=True), "Write: model.layers.loop.stateful=false"),
        ("loop", layer("RNN", cell=layer("LSTMCell", units=2), stateful=True), "RNN in 'loop' is stateful"),
        ("loop", layer("Bidirectional", layer=layer("LSTM", units=2, stateful=True)), "LSTM in 'loop' is stateful"),
        ("loop", layer("TimeDistributed", layer=layer("GRU", units=2, stateful=True)), "Write stateful: false inside 'loop'"),
    ],
)
def test_what_cannot_be_a_layer_of_a_stack_is_a_sentence_at_its_key(name, node, said):
    error = refusal({name: node}, (4, 4, 3) if name in ("same", "mix") else (2,))
    assert said in error.message and f"model.layers.{name}" in (error.key or error.among[0])


@pytest.mark.parametrize("node", [layer("RandomCrop", height=6, width=6), layer("Pipeline", layers=[layer("RandomCrop", height=6, width=6)])])
def test_a_layer_with_another_shape_outside_training_is_refused(node):
    error = refusal({"crop": node, "flat": layer("Flatten"), "output": dense()}, (8, 8, 3))
    assert "outside training it gives (8, 8, 3), but the layers below are built for (6, 6, 3)" in str(error)
    assert error.among[0] == "model.layers.crop"
    assert build({"crop": layer("RandomCrop", height=8, width=8), "flip": layer("RandomFlip")}, (8, 8, 3))


def test_an_own_layer_with_another_shape_outside_training_is_refused(keras):
    from stackfit.model.wiring import check_computed

    class Halved(keras.layers.Layer):
        def call(self, x, training=None):
            return x if training is False else x[:, :4]

    class Promised(keras.layers.Layer):
        def compute_output_shape(self, shape):
            return (shape[0], 3)

        def call(self, x):
            return x

    for part in (Halved(), Promised()):
        x = keras.Input((8,))
        with pytest.raises(ValueError, match=r"outside training it gives \(8,\), but"):
            check_computed(part, x, part(x))
