"""Every class of Keras is bit-equal through all that stackfit does, or refused in a sentence; docs/keras.md says which."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from keras_sweep import BIT_EQUAL, FAULT, KINDS, REFUSED, classes, sweep

pytestmark = [pytest.mark.tf, pytest.mark.usefixtures("keras", "lab")]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "keras.md"


@pytest.mark.parametrize("kind, name", [("layers", "MultiHeadAttention"), ("layers", "Normalization"), ("optimizers", "Lion")])
def test_a_share_of_the_classes_is_bit_equal(kind, name):
    assert [row.verdict for row in sweep(kind, [name])] == [BIT_EQUAL]


@pytest.mark.parametrize(
    "kind, name, said",
    [
        ("layers", "Wrapper", "is a base for other classes"),
        ("layers", "Layer", "is a base for other classes"),
        ("layers", "Lambda", "runs code"),
        ("layers", "Equalization", "gives its input itself"),
        ("layers", "StringLookup", "reads texts"),
        ("layers", "LSTMCell", "{_target_: keras.layers.RNN, cell: {_target_: keras.layers.LSTMCell, …}}"),
        ("layers", "StackedRNNCells", "computes one step"),
        ("layers", "RandomCrop", "outside training it gives (8, 8, 3), but the layers below are built for (6, 6, 3)"),
        ("layers", "HashedCrossing", "HashedCrossing cannot take what comes from above, (1,) and (1,): All `HashedCrossing` inputs should"),
        ("layers", "InputLayer", "stackfit makes the input"),
        ("optimizers", "MultiOptimizer", "cannot be built for the model's 4 weights"),
        ("optimizers", "Optimizer", "is a base for other classes"),
        ("schedules", "LearningRateSchedule", "is a base for other classes"),
        ("initializers", "Initializer", "is a base for other classes"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(kind, name, said):
    (row,) = sweep(kind, [name])
    assert row.verdict == REFUSED and said in row.reason


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # h5py and TensorFlow 2.21, NumPy 2
@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS])
def test_every_class_is_bit_equal_or_refused(kind):
    assert [row for row in sweep(kind) if row.verdict == FAULT] == []


def test_the_page_is_up_to_date_and_lists_every_class():
    spec = importlib.util.spec_from_file_location("docs_keras", PAGE.with_name("keras_classes.py"))
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    text = PAGE.read_text(encoding="utf-8")
    assert text == program.page(), "python docs/keras_classes.py"
    for kind in KINDS:
        assert all(f"| `{name}` |" in text for name in classes(kind))
