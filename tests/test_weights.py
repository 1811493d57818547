"""`weights`: which callbacks may set a model's weights, and which epoch a digest is of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras")]


def test_only_what_may_set_weights_is_watched(keras):
    from stackfit.callbacks import EpochSchedule, StopAt
    from stackfit.training.weights import may_change

    class Own(keras.callbacks.CSVLogger):
        """A class of one's own may do anything."""

    def watched(*callbacks, **options):
        return may_change(SimpleNamespace(optimizer=keras.optimizers.SGD(**options)), callbacks)

    assert not watched()
    assert not watched(keras.callbacks.EarlyStopping(), keras.callbacks.CSVLogger("x"), StopAt(), EpochSchedule({1: 0.1}))
    assert watched(keras.callbacks.EarlyStopping(restore_best_weights=True))
    assert watched(Own("x")) and watched(use_ema=True)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(use_ema=True))
    assert may_change(SimpleNamespace(optimizer=scaled), ())
    assert not may_change(SimpleNamespace(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())), ())


@pytest.mark.parametrize("digest, epoch", [("a", 3), ("b", 2), ("c", None)])
def test_the_last_epoch_with_a_digest_counts_and_an_unknown_one_has_none(digest, epoch):
    from stackfit.training.weights import find_epoch

    assert find_epoch(digest, ["a", "b", "a", ""]) == epoch


def test_the_callback_that_stops_is_noted_by_its_number_unless_another_lets_it_go_on():
    from stackfit.training.weights import Noted

    model = SimpleNamespace(stop_training=False)
    noted = Noted(["first", "second", "third"], model)
    for name in noted:
        model.stop_training = name != "first"
    assert noted.stopper == 1
    for name in noted:
        model.stop_training = name == "third"
    assert noted.stopper == 2
    for _ in noted:
        model.stop_training = False
    assert noted.stopper is None
