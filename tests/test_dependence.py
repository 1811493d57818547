"""`dependence`: settings that follow from others are no columns; what only seems to follow is one."""

from __future__ import annotations

from test_tables import build_table, run, shown

NET = {"data.input_shape": [28, 28, 1], "data.num_classes": 10, "model.layers.output.units": 10}
FASHION = {**NET, "data.kind": "fashion_mnist", "data.class_names": ["T-shirt", "Bag"], "data.examples.train": 60000}
DIGITS = {**NET, "data.kind": "digits", "data.input_shape": [8, 8, 1], "data.class_names": ["0", "1"], "data.examples.train": 1437}
DROPOUT = {"model.layers.dropout._target_": "keras.layers.Dropout", "model.layers.dropout.rate": 0.2}
COSINE = "optimizer.schedule"


def columns(*settings) -> set[str]:
    """The settings that a table of these runs shows."""
    frame = build_table([run(str(number), own) for number, own in enumerate(settings)])
    return {*shown(frame)} - {"experiment", "test_accuracy", "seconds", "state", "folder"}


def test_what_data_say_of_themselves_follows_from_their_kind():
    assert columns(FASHION, DIGITS) == {"kind"}
    assert columns(FASHION, {**FASHION, "data.kind": "tfds", "data.name": "fashion_mnist"}) == {"kind", "name"}


def test_facts_about_the_same_data_that_differ_are_shown():
    assert columns(DIGITS, {**DIGITS, "data.class_names": ["nought", "one"]}) == {"class_names"}
    assert columns(FASHION, DIGITS, {**DIGITS, "data.examples.train": 100}) == {"kind", "train"}
    part = {**FASHION, "data.splits.train": "train[:10%]", "data.validation_split": 0.2}
    assert columns({**FASHION, "data.splits.train": "train"}, part) == {"train", "validation_split"}


def test_the_treatment_of_a_table_follows_from_its_file_and_not_within_it():
    houses = {"data.kind": "csv", "data.path": "houses.csv", "data.columns.town": "category"}
    flowers = {"data.kind": "csv", "data.path": "flowers.csv", "data.columns.colour": "category"}
    assert columns(houses, flowers) == {"path"}
    assert columns(houses, {**houses, "data.columns.town": "drop"}) == {"town"}


def test_the_shape_of_a_table_follows_from_what_its_columns_become_and_from_nothing_else_of_it():
    many = {"data.kind": "csv", "data.path": "houses.csv", "data.columns.town": "category", "data.input_shape": [14]}
    few = {**many, "data.columns.town": "drop", "data.input_shape": [13]}
    numbered = {**many, "data.columns.number": "drop", "data.input_shape": [13]}
    assert columns(many, few) == {"town"}
    assert columns(many, numbered) == {"number"}
    assert columns(many, {**many, "data.path": "b.csv", "data.input_shape": [9]}, few) == {"path", "town"}
    assert columns(many, few, {**few, "data.input_shape": [12]}) == {"town", "input_shape"}
    assert columns(many, {**many, "data.input_shape": [12]}) == {"input_shape"}
    assert columns(many, {**few, "data.num_classes": 5}) == {"town"}


def test_an_output_with_as_many_units_as_there_are_classes_follows_and_another_does_not():
    mnist = {**FASHION, "data.kind": "other", "data.num_classes": 26, "model.layers.output.units": 26}
    assert columns(FASHION, mnist) == {"kind"}
    assert columns(FASHION, {**mnist, "model.layers.output.units": 30}) == {"kind", "units"}


def test_arguments_of_an_absent_layer_are_no_columns_unless_they_differ():
    assert columns({}, DROPOUT) == {"dropout"}
    assert columns({}, DROPOUT, {**DROPOUT, "model.layers.dropout.rate": 0.5}) == {"rate"}
    assert columns({}, DROPOUT, {**DROPOUT, "model.layers.dropout.seed": 7}) == {"dropout", "seed"}
    noise = {"model.layers.dropout._target_": "keras.layers.GaussianNoise", "model.layers.dropout.stddev": 0.1}
    assert columns(DROPOUT, noise) == {"dropout"}


def test_arguments_of_another_optimizer_are_no_columns_and_those_that_both_have_are():
    sgd = {"optimizer._target_": "keras.optimizers.SGD", "optimizer.learning_rate": 0.01, "optimizer.momentum": 0.9}
    assert columns({}, sgd) == {"optimizer", "learning_rate"}


def test_a_schedule_over_the_whole_run_follows_from_the_epochs_and_one_of_its_own_length_does_not():
    def over(epochs, steps, batch=32):
        return {"epochs": epochs, "batch_size": batch, f"{COSINE}.decay_steps": steps}

    # 1437 examples are 45 steps of 32, and 23 of 64
    assert columns(over(10, 450), over(20, 900)) == {"epochs"}
    assert columns(over(10, 450), over(10, 230, batch=64)) == {"batch_size"}
    assert columns(over(10, 450), over(20, 450 + 1)) == {"epochs", "decay_steps"}
    assert columns(over(10, 450), over(10, 900, batch=64)) == {"batch_size", "decay_steps"}
    assert columns(over(10, 450), over(10, 900)) == {"decay_steps"}


def test_two_settings_that_only_change_together_are_both_shown():
    assert columns({"epochs": 5, "batch_size": 32}, {"epochs": 10, "batch_size": 64}) == {"epochs", "batch_size"}
