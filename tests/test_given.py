"""`given`: callbacks as classes and objects."""

from __future__ import annotations

import pytest

from stackfit.config.given import check_given, described, find_given, given
from stackfit.errors import ConfigError

pytestmark = pytest.mark.tf


@pytest.fixture
def kinds(keras):
    class LossHistory(keras.callbacks.Callback):
        pass

    class HTTPLog2(keras.callbacks.Callback):
        pass

    class _Needs(keras.callbacks.Callback):
        def __init__(self, folder, size=3):
            super().__init__()

    return LossHistory, HTTPLog2, _Needs


def test_a_callback_gets_its_name_from_its_class_or_from_the_mapping(kinds):
    history, log, needs = kinds
    objects = [history(), history(), log, needs("a")]
    with given(objects) as nodes:
        assert list(nodes) == ["loss_history", "loss_history_2", "http_log2", "needs"]
        assert nodes["http_log2"] == {"_target_": "<class>.http_log2.HTTPLog2"}
        assert nodes["needs"] == {"_target_": "<object>.needs._Needs"}
        assert find_given("<object>.loss_history_2").made is objects[1]
        assert find_given("<class>.http_log2").made is None
    assert find_given("<object>.loss_history_2") is None  # it lasts as long as the run
    with given({"mine": history}) as nodes, given(log()) as others:
        assert [*nodes, *others] == ["mine", "http_log2"]
    with given(None) as nodes:
        assert nodes == {}


def test_of_two_runs_one_inside_the_other_each_has_its_own(kinds):
    outer, inner = kinds[0](), kinds[0]()
    with given(outer):
        with given(inner) as nodes:
            assert find_given("<object>.loss_history").made is inner and len(nodes) == 1
        assert find_given("<object>.loss_history").made is outer


def test_it_is_forgotten_after_an_error(kinds):
    with pytest.raises(KeyError), given(kinds[0]):
        raise KeyError
    assert find_given("<class>.loss_history") is None


def test_a_class_has_one_digest_and_an_object_never_the_same(kinds):
    digests = []
    for thing in (kinds[0], kinds[0], made := kinds[0](), made):
        with given({"a": thing}) as nodes:
            digests.append(find_given(nodes["a"]["_target_"].rpartition(".")[0]).digest)
    assert digests[0] == digests[1] and len(set(digests)) == 3


@pytest.mark.parametrize(
    "callbacks, message",
    [
        (lambda keras, kinds: ["stop_at"], r"callbacks has 'stop_at'.*'callbacks=\[stop_at\]'"),
        (lambda keras, kinds: print, "built-in function print"),
        (lambda keras, kinds: keras.layers.Dense, "classes or objects of keras.callbacks.Callback"),
        (lambda keras, kinds: [None], "callbacks has None"),
        (lambda keras, kinds: {"a b": kinds[0]}, "the name 'a b'"),
        (lambda keras, kinds: {3: kinds[0]}, "the name 3"),
        (lambda keras, kinds: kinds[2], r"_Needs needs the argument 'folder'.*callbacks=\{'needs': _Needs\(folder=…\)\}"),
    ],
)
def test_what_cannot_be_a_callback_is_refused_with_what_to_type(keras, kinds, callbacks, message):
    with pytest.raises(ConfigError, match=message), given(callbacks(keras, kinds)):
        pass


def test_a_sweep_takes_classes_only(kinds):
    with given(kinds[0], "each makes its own") as nodes:
        assert list(nodes) == ["loss_history"]
    with pytest.raises(ConfigError, match="Expected a class: each makes its own"), given(kinds[0](), "each makes its own"):
        pass


def test_an_object_is_described_by_its_attributes(keras):
    with given(keras.callbacks.EarlyStopping(monitor="loss", patience=3)) as nodes:
        node = described(nodes["early_stopping"])
        assert (node["monitor"], node["patience"]) == ("loss", 3) and "_target_" in node
    assert described({"_target_": "keras.callbacks.EarlyStopping"}) == {"_target_": "keras.callbacks.EarlyStopping"}


def test_a_target_that_is_not_here_any_more_is_an_error(kinds):
    with given(kinds[0]):
        assert not [*check_given("<class>.loss_history.LossHistory", "k")]
    (gone,) = check_given("<class>.loss_history.LossHistory", "k")
    assert "stackfit.verify(RUN, callbacks={'loss_history': LossHistory})" in str(gone)
    (gone,) = check_given("<object>.a.Log", "k")
    assert "Give the class instead of an object" in str(gone)
    assert not [*check_given("keras.callbacks.EarlyStopping", "k")]
