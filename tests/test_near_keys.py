"""`near_keys`: a key that does not exist is answered with the key, the choice or the layer that was meant."""

from __future__ import annotations

import pytest
from conftest import shipped_composer
from library_words import assert_ours

from stackfit.errors import Problems

# The override, and how its answer ends.
CASES = [
    ("units=64", "Write: model.layers.hidden.units=64"),
    ("hidden.units=64", "Write: model.layers.hidden.units=64"),
    ("layers.hidden.units=64", "Write: model.layers.hidden.units=64"),
    ("model.hidden.units=64", "Write: model.layers.hidden.units=64"),
    ("model/layers/hidden/units=64", "Write: model.layers.hidden.units=64"),
    ("model.layers.hiden.units=64", "Did you mean 'hidden'? Expected a key of the config. Write: model.layers.hidden.units=64"),
    ("model.layers.hidden.unit=64", "Did you mean 'units'? Expected a key of the config. Write: model.layers.hidden.units=64"),
    ("units=[64,32]", "Write: 'model.layers.hidden.units=[64,32]'"),
    ("lr=0.1", "Write: optimizer.learning_rate=0.1"),
    ("learning_rate=0.1", "Write: optimizer.learning_rate=0.1"),
    ("optimizer.lr=0.1", "Did you mean 'learning_rate'? Expected a key of the config. Write: optimizer.learning_rate=0.1"),
    ("optimizer.beta1=0.5", "Did you mean 'beta_1'? Expected a key of the config. Write: optimizer.beta_1=0.5"),
    ("optimizer.momentum=0.5", "Write: optimizer=momentum optimizer.momentum=0.5"),
    ("activation=tanh", "Write: model.layers.hidden.activation=tanh or model.layers.output.activation=tanh"),
    ("batch=64", "Did you mean 'batch_size'? Expected a key of the config. Write: batch_size=64"),
    ("bs=64", "Did you mean 'batch_size'? Expected a key of the config. Write: batch_size=64"),
    ("Epochs=3", "Did you mean 'epochs'? Expected a key of the config. Write: epochs=3"),
    ("n_epochs=3", "Write: epochs=3"),
    ("random_seed=3", "Did you mean 'seed'? Expected a key of the config. Write: seed=3"),
    ("val_split=0.2", "Write: data.validation_split=0.2"),
    ("validation_split=0.2", "Write: data.validation_split=0.2"),
    ("label=y", "Write: data.label=y"),
    ("path=x.csv", "Write: data.path=x.csv"),
    ("dataset=mnist", "Write: data=mnist"),
    ("net=MLP", "Write: model=mlp"),
    ("csv=my.csv", "Write: data=csv data.path=my.csv"),
    ("data=my.csv", "Write: data=csv data.path=my.csv"),
    ("model=MLP", "Did you mean 'mlp'? Expected one of: cnn, linear, mlp, mlp_logits, perceptron, regressor. Write: model=mlp"),
    ("loss=mse", "Write: 'task.loss={_target_:keras.losses.MeanSquaredError}'"),
    ("task.loss=mse", "Write: 'task.loss={_target_:keras.losses.MeanSquaredError}'"),
    ("metrics=[accuracy]", "The tasks bring accuracy with them. Remove it, or choose a task: task=classification"),
    ("dropout=0.5", "Write: '+model.layers.dropout={_target_:keras.layers.Dropout,rate:0.5,after:hidden}'"),
    ("model.layers.dropout=0.5", "Write: '+model.layers.dropout={_target_:keras.layers.Dropout,rate:0.5,after:hidden}'"),
    ("model.layers.extra=Dense", "Write: '+model.layers.extra={_target_:keras.layers.Dense,after:hidden}'"),
    ("callbacks.early_stopping.patience=3", "Write: 'callbacks=[early_stopping]' callbacks.early_stopping.patience=3"),
    ("early_stopping.patience=3", "Write: 'callbacks=[early_stopping]' callbacks.early_stopping.patience=3"),
    ("early_stopping=true", "Write: callbacks=early_stopping"),
    ("epochs=5.0", "epochs is 5.0. Expected a whole number. Write: epochs=5"),
    ("save=keras", "save is 'keras'. Expected a list. Write: 'save=[keras]'"),
    ("foo=3", "Correct the name."),
    ("kernel_size=3", "Correct the name."),  # an argument that Keras has; nothing here takes it
    ("hydra.mode=MULTI", "Expected RUN or MULTIRUN. Write: hydra.mode=RUN"),
]  # fmt: skip


@pytest.mark.parametrize("override, end", CASES)
def test_a_key_that_does_not_exist_is_answered_with_what_was_meant(override, end):
    problems = Problems()
    try:
        shipped_composer("digits_quickstart").compose([override], problems)
    except Exception as error:
        problems.errors.append(error)  # type: ignore[arg-type]
    (error,) = problems.errors
    assert error.where == override and error.message.endswith(end), error.message
    assert_ours(error.message)


@pytest.mark.parametrize("override, end", [case for case in CASES if case[1].startswith(("Write: ", "Did you mean"))])
def test_what_is_to_be_typed_works(override, end):
    """The advice itself composes: there is no second error behind the first."""
    import shlex

    words = shlex.split(end.rpartition("Write: ")[2].partition(" or ")[0])
    problems = Problems()
    shipped_composer("digits_quickstart").compose(words, problems)
    assert not problems.errors


FILES = [
    ("lr: 0.1", "lr", "Write: optimizer: {learning_rate: 0.1}"),
    ("units: 64", "units", "Write: model: {layers: {hidden: {units: 64}}}"),
    ("batch: 64", "batch", "Did you mean 'batch_size'? Expected a key of the config. Write: batch_size: 64"),
    ("loss: sparse_categorical_crossentropy", "loss", "Write: loss: {_target_: keras.losses.SparseCategoricalCrossentropy}"),
    ("dataset: mnist", "dataset", "Write in its defaults, before _self_: override data: mnist"),
    ("layers: {hidden: {units: 3}}", "layers", "Write it as layers below model."),
    ("data: {labl: y}", "data.labl", "Did you mean 'label'? Expected a key of the config. Write: data: {label: y}"),
]


@pytest.mark.parametrize("line, key, end", FILES)
def test_a_line_of_a_file_is_answered_in_the_form_of_a_file(cli, write, line, key, end):
    write("experiments/mine.yaml", f"defaults: [digits_quickstart, _self_]\n{line}\n")
    answer = cli("show", "mine")
    assert answer.code == 2 and answer.err.startswith(f"error: experiments/mine.yaml:2  {key}\n") and answer.err.endswith(f"{end}\n")
    assert_ours(answer.err)
