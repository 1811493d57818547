"""`forms`: a word or a list where a mapping belongs is answered with the form that works."""

from __future__ import annotations

import pytest
from library_words import assert_ours

CASES = [
    ("optimizer: sgd", "optimizer is 'sgd'. Expected a mapping. Write in its defaults, before _self_: override optimizer: sgd"),
    ("optimizer: SGD", "override optimizer: sgd"),
    ("optimizer: keras.optimizers.SGD", "Write: optimizer: {_target_: keras.optimizers.SGD}"),
    ("optimizer: Lion", "Write: optimizer: {_target_: keras.optimizers.Lion}"),
    ("model: mlp", "override model: mlp"),
    ("data: mnist", "override data: mnist"),
    ("task: regression", "override task: regression"),
    ("task: {loss: sparse_categorical_crossentropy}", "Write: loss: {_target_: keras.losses.SparseCategoricalCrossentropy}"),
    ("task: {loss: mae}", "Write: loss: {_target_: keras.losses.MeanAbsoluteError}"),
    ("task: {metrics: [accuracy]}", "The tasks bring accuracy with them. Remove it, or choose a task: override task: classification"),
    ("task: {metrics: [auc, mae]}", "Write: metrics: {auc: {_target_: keras.metrics.AUC}, mae: {_target_: keras.metrics.MeanAbsoluteError}}"),
    ("callbacks: [early_stopping]", "override callbacks: [early_stopping]"),
    ("callbacks: EarlyStopping", "{_target_: keras.callbacks.EarlyStopping}"),
    ("model: {layers: [{_target_: keras.layers.Flatten}, {_target_: keras.layers.Dense, units: 10}]}",
     "Write: layers: {flatten: {_target_: keras.layers.Flatten}, dense: {_target_: keras.layers.Dense, units: 10}}  Layers of the base stay"),
    ("model: {layers: [Flatten, {Dense: 10}, {Dense: 3}]}", "dense: {_target_: keras.layers.Dense, units: 10}, dense_3: {_target_: keras.layers.Dense, units: 3}"),
    ("optimizer: nonsense", "Write its keys below it."),
]  # fmt: skip


@pytest.mark.parametrize("line, said", CASES)
def test_the_form_that_works_is_written_out(cli, write, line, said):
    write("experiments/mine.yaml", f"defaults: [digits_quickstart, _self_]\n{line}\n")
    answer = cli("show", "mine")
    assert answer.code == 2 and answer.err.startswith("error: experiments/mine.yaml:2  ") and said in answer.err
    assert answer.err.count("error:") == 1
    assert_ours(answer.err)


def test_the_form_composes(cli, write):
    form = "model: {layers: {flatten: null, hidden: null, output: null, dense: {_target_: keras.layers.Dense, units: 10}}}"
    write("experiments/mine.yaml", f"defaults: [digits_quickstart, override optimizer: sgd, _self_]\n{form}\n")
    assert cli("show", "mine").code == 0
