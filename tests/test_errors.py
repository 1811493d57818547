"""`errors`: their text, their exit codes, the nearest name."""

from __future__ import annotations

import re

import pytest

from stackfit.config import project
from stackfit.errors import (
    ConfigError,
    ConfigErrors,
    DataError,
    RunFolderError,
    StackfitError,
    TrainingError,
    TrustError,
    counted,
    did_you_mean,
    lacks_form,
    lacks_memory,
    nearest,
    raising,
)


def test_a_wrong_config_is_2_and_a_failed_run_is_1():
    wrong = [ConfigError, DataError, TrustError, RunFolderError, StackfitError]
    assert {kind("x").exit_code for kind in wrong} == {2}
    assert TrainingError("x").exit_code == 1


@pytest.mark.parametrize(
    "place, text",
    [
        ({}, "Found. Expected. Type."),
        ({"key": "epochs"}, "epochs\n  Found. Expected. Type."),
        ({"where": "a.yaml:3"}, "a.yaml:3\n  Found. Expected. Type."),
        ({"where": "a.yaml:3", "key": "epochs"}, "a.yaml:3  epochs\n  Found. Expected. Type."),
    ],
)
def test_the_place_stands_above_the_sentences(place, text):
    assert str(ConfigError("Found. Expected. Type.", **place)) == text


def test_several_errors_keep_their_order_and_are_one():
    errors = ConfigErrors([ConfigError("first", key="b"), ConfigError("second", key="a")])
    assert str(errors) == "b\n  first\na\n  second"
    assert isinstance(errors, ConfigError) and [error.key for error in errors.errors] == ["b", "a"]


def test_the_nearest_name_ignores_case_and_keeps_the_choice_as_written():
    assert nearest("adam", ["Adam", "SGD"]) == "Adam"
    assert nearest("epocs", ["epochs", "seed"]) == "epochs"


def test_nothing_near_is_not_guessed():
    assert nearest("zzz", ["epochs", "seed"]) is None
    assert did_you_mean("zzz", ["epochs", "seed"]) == ""
    assert did_you_mean("epocs", ["epochs", "seed"]) == " Did you mean 'epochs'?"
    assert did_you_mean("x", []) == ""


def test_what_is_collected_in_a_block_is_raised_at_its_end_with_the_error_that_ended_it():
    with raising() as problems:
        pass
    assert problems.errors == []
    with pytest.raises(ConfigErrors) as raised, raising() as problems:
        problems.add([ConfigError("first", key="a")])
        raise ConfigError("last", key="b")
    assert [error.message for error in raised.value.errors] == ["first", "last"]
    with pytest.raises(ConfigError, match=r"^a\n  only$"), raising() as problems:
        problems.add([ConfigError("only", key="a")])


def test_what_keras_says_is_one_line_without_colours():
    from stackfit.errors import said

    assert said(ValueError("call().\n\n\x1b[1mCould not\x1b[0m take \x1b[1;31m(3,)\x1b[m")) == "call(). Could not take (3,)"


def test_one_is_singular_and_thousands_are_separated():
    assert [counted(number, "more pair") for number in (0, 1, 2000)] == ["0 more pairs", "1 more pair", "2,000 more pairs"]
    assert counted(3, "class") == "3 classes" and counted(1, "class") == "1 class"
    assert [counted(2, noun) for noun in ("epoch", "search", "batch", "branch")] == ["2 epochs", "2 searches", "2 batches", "2 branches"]


def test_what_is_counted_before_a_noun_is_counted_by_one_function():
    by_hand = re.compile(r"\} [a-z ]+\{'s' ")  # an s of its own, anywhere; in messages about data a plural whatever the number
    plural = re.compile(r"\{((len|sum)\([^{}]*|[^{}]*:,)\} (?!is |has |was |in )([a-z]+ )?[a-z]+[^s ]s\b")
    found = {}
    for path in project.PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        matches = [*by_hand.finditer(text), *(plural.finditer(text) if "data" in path.relative_to(project.PACKAGE).parts else ())]
        if matches:
            found[path.name] = [match[0] for match in matches]
    assert found == {}


class ResourceExhaustedError(Exception):
    """As TensorFlow's."""


@pytest.mark.parametrize(
    "error, lacks",
    [
        (MemoryError(), True),
        (ResourceExhaustedError("OOM when allocating tensor"), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes."), True),
        (ValueError("memory"), False),
        (OSError("No space left on device"), False),
        (None, False),
    ],
)
def test_memory_that_ran_out_is_known_whoever_says_it_and_whatever_came_of_it(error, lacks):
    assert lacks_memory(error) is lacks
    outer = TrainingError("It stopped.")
    outer.__cause__ = error
    assert lacks_memory(outer) is lacks
    try:
        try:
            raise error or KeyError("x")
        except Exception:
            raise ValueError("I/O operation on closed file.") from None
    except ValueError as closed:
        assert lacks_memory(closed) is lacks  # NumPy's error when it cannot end a file


def test_code_without_a_form_for_jax_is_told_from_other_errors():
    assert lacks_form(ImportError("no", name="tensorflow")) is not None and lacks_form(ImportError("no", name="torch")) is None
    assert lacks_form(TypeError("no")) is None and lacks_form(None) is None
    tracer = type("TracerBoolConversionError", (type("ConcretizationTypeError", (TypeError,), {}),), {})
    try:
        raise tracer("no value")
    except TypeError as error:
        assert str(lacks_form(error)).startswith("has no form for JAX: it asks for the values of a tensor")
        assert "(test_errors.py:" in str(lacks_form(error))
