"""`flops`: operations of a layer, against counts by hand. A multiply-add is two, Softmax five an element."""

from __future__ import annotations

import pytest

PIXELS = 26 * 26  # what a 3 x 3 kernel leaves of 28 x 28
LSTM = 2 * (8 + 16) * 64 + 64 + 64 + 3 * 16 + 2 * 16 + 4 * 16  # products, two sums of 64, gates, tanh, state


def flops(keras, layer, *shapes: tuple[int, ...]) -> int | None:
    from stackfit.training.tensorflow.flops import count_flops

    inputs = [keras.Input(shape) for shape in shapes]
    layer(inputs if len(inputs) > 1 else inputs[0])
    return count_flops(layer)


@pytest.mark.tf
@pytest.mark.parametrize(
    "name, arguments, shape, expected",
    [
        ("Dense", {"units": 64, "activation": "relu"}, (784,), 2 * 784 * 64 + 64 + 64),
        ("Dense", {"units": 10, "activation": "softmax"}, (64,), 2 * 64 * 10 + 10 + 5 * 10),
        ("Dense", {"units": 10}, (7, 64), 7 * (2 * 64 * 10 + 10)),
        ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 5)}, (7, 8), 2 * 7 * 8 * 5),
        ("EinsumDense", {"equation": "...c,cd->...d", "output_shape": 5}, (7, 8), 2 * 7 * 8 * 5),
        ("Conv1D", {"filters": 32, "kernel_size": 3}, (28, 4), 26 * 32 * (2 * 3 * 4 + 1)),
        ("Conv2D", {"filters": 32, "kernel_size": 3}, (28, 28, 4), PIXELS * 32 * (2 * 9 * 4 + 1)),
        ("Conv2D", {"filters": 32, "kernel_size": 3, "groups": 2}, (28, 28, 4), PIXELS * 32 * (2 * 9 * 2 + 1)),
        ("Conv2D", {"filters": 8, "kernel_size": 3, "strides": 2}, (28, 28, 1), 13 * 13 * 8 * (2 * 9 + 1)),
        ("Conv3D", {"filters": 3, "kernel_size": 3}, (8, 8, 8, 2), 6**3 * 3 * (2 * 27 * 2 + 1)),
        ("DepthwiseConv2D", {"kernel_size": 3}, (28, 28, 4), PIXELS * 4 * (2 * 9 + 1)),
        ("SeparableConv2D", {"filters": 6, "kernel_size": 3}, (28, 28, 4), PIXELS * (4 * 2 * 9 + 6 * (2 * 4 + 1))),
        ("Conv2DTranspose", {"filters": 6, "kernel_size": 3, "strides": 2}, (14, 14, 4),
         14 * 14 * 4 * 2 * 9 * 6 + 29 * 29 * 6),
        ("Conv3DTranspose", {"filters": 6, "kernel_size": 3}, (4, 4, 4, 2), 4**3 * 2 * 2 * 27 * 6 + 6**3 * 6),
        ("MaxPooling2D", {}, (28, 28, 4), 14 * 14 * 4 * 4),
        ("AveragePooling2D", {"pool_size": 2}, (28, 28, 4), 14 * 14 * 4 * 4),
        ("MaxPooling3D", {}, (8, 8, 8, 4), 4**3 * 4 * 8),
        ("GlobalAveragePooling2D", {}, (28, 28, 4), 28 * 28 * 4),
        ("GlobalMaxPooling2D", {}, (28, 28, 4), 28 * 28 * 4),
        ("BatchNormalization", {}, (28, 28, 4), 2 * 28 * 28 * 4 + 6 * 4),  # scale and shift; both from 4 channels
        ("Flatten", {}, (28, 28, 1), 0),
        ("Dropout", {"rate": 0.5}, (28,), 0),
        ("RandomFlip", {}, (28, 28, 1), 0),  # when it predicts
        ("Embedding", {"input_dim": 100, "output_dim": 8}, (28,), 0),
        ("Activation", {"activation": "tanh"}, (28,), 28),
        ("Activation", {"activation": "silu"}, (28,), 3 * 28),
        ("Rescaling", {"scale": 0.5}, (28,), 2 * 28),
        ("SimpleRNN", {"units": 16}, (28, 8), 28 * (2 * (8 + 16) * 16 + 3 * 16)),
        ("LSTM", {"units": 16}, (28, 8), 28 * LSTM),
        ("LSTM", {"units": 16, "return_sequences": True, "unroll": True}, (28, 8), 28 * LSTM),
    ],
)  # fmt: skip
def test_operations_of_a_layer_by_hand(keras, name, arguments, shape, expected):
    assert flops(keras, getattr(keras.layers, name)(**arguments), shape) == expected


@pytest.mark.tf
def test_a_wrapped_layer_counts_once_a_time_step_and_once_a_direction(keras):
    layers = keras.layers
    assert flops(keras, layers.TimeDistributed(layers.Dense(5)), (28, 8)) == 28 * (2 * 8 * 5 + 5)
    assert flops(keras, layers.Bidirectional(layers.LSTM(16)), (28, 8)) == 2 * 28 * LSTM


@pytest.mark.tf
def test_layers_of_two_inputs(keras):
    layers = keras.layers
    assert flops(keras, layers.Attention(), (28, 8), (28, 8)) == 2 * (2 * 28 * 28 * 8) + 5 * 28 * 28
    assert flops(keras, layers.Add(), (28,), (28,)) == 28
    assert flops(keras, layers.Concatenate(), (28,), (28,)) == 0


@pytest.mark.tf
def test_what_is_not_known_is_not_called_nothing(keras):
    assert flops(keras, keras.layers.Resizing(10, 10), (14, 14, 1)) is None
    assert flops(keras, keras.layers.TimeDistributed(keras.layers.Resizing(5, 5)), (3, 14, 14, 1)) is None
    assert flops(keras, keras.layers.LSTM(4), (None, 8)) is None
