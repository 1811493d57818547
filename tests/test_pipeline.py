"""`pipeline`: the order of examples, scaling inside the graph, targets and sample weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset
from stackfit.execution.engines import ENGINES
from stackfit.training.engine import Member, Settings
from stackfit.training.tensorflow import runtime

ENGINE = ENGINES["tensorflow"]
pytestmark = pytest.mark.tf

X = np.arange(10 * 2 * 2, dtype=np.uint8).reshape(10, 2, 2)
Y = np.arange(10, dtype=np.int64) % 3
BYTES = Scaling(divisor=np.array(255, np.float32))


def dataset(scaling: Scaling = BYTES) -> Dataset:
    return Dataset("ten", Split(X, Y), None, Split(X[:4], Y[:4]), ("a", "b", "c"), scaling, "f" * 64)


def epoch_of(feed, epoch: int) -> list[tuple[np.ndarray, ...]]:
    """Every batch of an epoch, as the graph sees it."""
    import tensorflow as tf

    read = tf.function(lambda inputs, step: feed.batch(inputs, step))
    inputs = feed.begin(epoch)
    return [tuple(part.numpy() for part in read(inputs, tf.constant(step))) for step in range(feed.steps)]


def make_feed(
    batch_size: int,
    seed: int | None = None,
    training: bool = True,
    labels="class",
    weights=None,
    split="train",
):
    runtime.start()
    from stackfit.training.tensorflow.pipeline import Feeds

    return Feeds(dataset()).feed(split, Settings(batch_size, labels, 3, weights, seed), training)


# ---- order


@given(st.integers(1, 500), st.integers(0, 2**32 - 1), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_an_epochs_order_is_a_permutation_and_a_function_of_seed_and_epoch_alone(examples, seed, epoch):
    runtime.start()
    from stackfit.training.batches import epoch_order

    order = epoch_order(examples, seed, epoch)
    assert order.dtype == np.int32 and np.array_equal(np.sort(order), np.arange(examples))
    np.random.default_rng().permutation(3)
    np.random.seed(epoch)
    assert np.array_equal(order, epoch_order(examples, seed, epoch))


def test_every_epoch_and_every_seed_has_its_own_order():
    runtime.start()
    from stackfit.training.batches import epoch_order

    orders = {tuple(epoch_order(20, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_the_order_of_seed_0_is_the_one_that_saved_results_were_made_with():
    runtime.start()
    from stackfit.training.batches import epoch_order

    assert list(epoch_order(8, 0, 0)) == list(np.random.default_rng([0, 0]).permutation(8))
    assert list(epoch_order(8, None, 5)) == list(range(8))


# ---- batches


@pytest.mark.parametrize("size, sizes", [(3, [3, 3, 3, 1]), (5, [5, 5]), (10, [10]), (64, [10])])
def test_an_epoch_holds_every_example_once_and_the_last_batch_may_be_smaller(size, sizes):
    feed = make_feed(size)
    batches = epoch_of(feed, 0)
    assert [len(batch[0]) for batch in batches] == sizes
    assert (feed.steps, feed.remainder) == (len(sizes), 10 % size)
    assert np.array_equal(
        np.concatenate([batch[0] for batch in batches]), X.astype(np.float32) / np.float32(255)
    )
    assert np.array_equal(np.concatenate([batch[1] for batch in batches]), Y)


def test_a_seed_shuffles_every_epoch_differently_and_keeps_picture_and_label_together():
    from stackfit.training.batches import epoch_order

    feed = make_feed(4, seed=7)
    for epoch in (0, 1, 0):
        order = epoch_order(10, 7, epoch)
        batches = epoch_of(feed, epoch)
        assert np.array_equal(np.concatenate([batch[1] for batch in batches]), Y[order])
        assert np.array_equal(
            np.concatenate([batch[0] for batch in batches]), X[order].astype(np.float32) / np.float32(255)
        )


def test_a_static_size_gives_the_same_batch():
    import tensorflow as tf

    feed = make_feed(4, seed=7)
    inputs = feed.begin(0)
    for step, size in ((0, 4), (2, 2)):
        for free, static in zip(
            feed.batch(inputs, tf.constant(step)), feed.batch(inputs, tf.constant(step), size), strict=True
        ):
            assert np.array_equal(free, static)


def test_arrays_are_made_resident_once_however_many_feeds_read_them():
    runtime.start()
    from stackfit.training.tensorflow.pipeline import Feeds

    feeds = Feeds(dataset())
    first, second = (feeds.feed("train", Settings(size)) for size in (2, 5))
    assert first.data is second.data
    assert feeds.has("test") and not feeds.has("validation")


# ---- scaling


@pytest.mark.parametrize(
    "scaling",
    [
        Scaling(),
        BYTES,
        Scaling(divisor=np.array(16, np.float32)),
        Scaling(
            np.linspace(0.1, 9, 16, dtype=np.float32).reshape(4, 4),
            np.linspace(0.3, 7, 16, dtype=np.float32).reshape(4, 4),
        ),
    ],
    ids=["none", "255", "16", "each"],
)
def test_scaling_in_the_graph_is_bit_equal_to_numpy(scaling):
    """All 256 values: a division folded into a multiplication by 1/255 differs in 126 of them."""
    runtime.start()
    import tensorflow as tf

    from stackfit.training.tensorflow.pipeline import Scaler

    x = np.arange(256, dtype=np.uint8).reshape(16, 4, 4)
    scaler = Scaler(scaling)
    resident = tf.constant(x)
    scaled = tf.function(lambda: scaler(tf.gather(resident, tf.range(16))))().numpy()
    assert scaled.dtype == np.float32
    assert np.array_equal(scaled, scaling.apply(x))


def test_dividing_by_255_is_not_multiplying_by_its_reciprocal():
    values = np.arange(256, dtype=np.float32)
    assert (values / np.float32(255) != values * (np.float32(1) / np.float32(255))).sum() == 126


# ---- targets


def test_one_hot_targets_are_rows_of_the_identity():
    batches = epoch_of(make_feed(10, labels="one_hot"), 0)
    assert np.array_equal(batches[0][1], np.eye(3, dtype=np.float32)[Y])


def test_class_weights_become_sample_weights_in_training_only():
    weights = {0: 2.0, 2: 0.5}
    (_, _, sample_weight), *_ = epoch_of(make_feed(10, weights=weights), 0)
    assert list(sample_weight) == [{0: 2.0, 1: 1.0, 2: 0.5}[int(label)] for label in Y]
    assert len(epoch_of(make_feed(10, weights=weights, training=False), 0)[0]) == 2


# ---- streams


def streamed() -> StreamedDataset:
    import tensorflow as tf

    def batches(split: str, batch_size: int, seed: int | None, epoch: int):
        whole = {"train": (X, Y), "test": (X[:4], Y[:4])}[split]
        order = (
            np.arange(len(whole[1]))
            if seed is None
            else np.random.default_rng([seed, epoch]).permutation(len(whole[1]))
        )
        return tf.data.Dataset.from_tensor_slices((whole[0][order], whole[1][order])).batch(batch_size)

    return StreamedDataset("ten", {"train": 10, "test": 4}, (2, 2), ("a", "b", "c"), BYTES, "f" * 64, batches)


def test_a_stream_is_read_through_the_same_interface_and_a_pass_may_be_repeated():
    runtime.start()
    from stackfit.training.tensorflow.pipeline import Feeds

    feeds = Feeds(streamed())
    feed = feeds.feed("train", Settings(4), training=True)
    assert (feed.steps, feed.remainder) == (3, 2)
    assert feeds.has("test") and not feeds.has("validation")
    for _ in range(2):
        batches = epoch_of(feed, 0)
        assert np.array_equal(
            np.concatenate([batch[0] for batch in batches]), X.astype(np.float32) / np.float32(255)
        )


def test_a_model_trained_on_a_stream_is_bit_equal_to_one_trained_on_the_same_arrays():
    runtime.start()
    import keras

    from stackfit.training import loop

    def weights(data) -> list[np.ndarray]:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((2, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        feed = ENGINE.feeds(data).feed("train", Settings(4), training=True)
        members = [Member(model, feed, None, epochs=2)]
        program = ENGINE.program(members)
        program.trace()
        list(loop.train(members, program))
        return model.get_weights()

    assert all(map(np.array_equal, weights(streamed()), weights(dataset())))
    assert not all(
        map(np.array_equal, weights(dataset()), weights(dataclasses.replace(dataset(), scaling=Scaling())))
    )
