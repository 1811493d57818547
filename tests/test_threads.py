"""`threads`: how many threads share an operation, and which cells have other bits with another number."""

from __future__ import annotations

import pytest

from stackfit.config.hydra.composition import Composer
from stackfit.config.threads import LARGE_BATCH, LARGE_BATCH_THREADS, gained_threads, need_threads, threads_of
from stackfit.errors import Problems
from stackfit.execution.cells import build_cell

IN_THE_MIDDLE = "+model.layers.more={_target_: keras.layers.%s, after: flatten}"


@pytest.mark.parametrize(
    "words, needs",
    [
        (["model=mlp"], False),
        (["model.layers.hidden.units=[1024]"], False),
        (["model.layers.hidden.units=[1024,1024]"], True),  # both sides of a kernel are wide
        (["data.input_shape=[32,32,1]", "model.layers.hidden.units=1024"], True),
        (["model=cnn"], True),
        (["precision=mixed_bfloat16"], True),
        ([IN_THE_MIDDLE % "BatchNormalization"], False),
        ([IN_THE_MIDDLE % "LayerNormalization"], True),
        ([IN_THE_MIDDLE % "Dense, units: 1000", "model.layers.hidden.units=1000"], True),
        (["+model.layers.more={_target_: mine.Convolution, after: flatten}"], True),  # whatever is in it
        (["+model.layers.more={_target_: keras.layers.TimeDistributed, layer: {_target_: keras.layers.Conv1D}}"], True),
    ],
)
def test_a_cell_needs_its_threads_unless_its_layers_were_measured_to_have_the_same_bits(compose, write, words, needs):
    write("mine.py", "")
    trust = ("mine",) if "mine." in " ".join(words) else ()
    assert need_threads(compose("gsp631_base", *words, trust=trust).config) == needs


@pytest.mark.parametrize(
    "wrong",
    [
        *("data.input_shape=null", "data.input_shape=[a,[2]]", "model.layers=null", "model.layers=3", "model.layers.hidden=3"),
        *("model.layers.hidden.units={a: 1}", "model.layers.hidden._target_=[1]", "model.layers.hidden._target_={a: 1}"),
        *("precision=null", "model=null", "data=null", "batch_size=abc"),
    ],
)
def test_a_config_that_is_wrong_starts_an_engine_too(lab, wrong):
    """For `plan`, which names all that is wrong."""
    problems = Problems()
    cell = build_cell(Composer("gsp631_base").compose((wrong,), problems), (), problems)
    assert problems.errors and need_threads(cell.config) in (False, True) and threads_of(cell.config) == 1


@pytest.mark.parametrize("size, threads", [(32, 1), (LARGE_BATCH - 1, 1), (LARGE_BATCH, LARGE_BATCH_THREADS), (None, 1)])
def test_the_threads_follow_from_the_batch_size_and_not_from_the_machine(size, threads):
    assert threads_of({"batch_size": size}) == threads


@pytest.mark.parametrize(
    "words, new",
    [
        (["model=cnn", "batch_size=512"], True),
        (["model=cnn", "batch_size=64"], False),
        (["batch_size=512"], False),
        (["model.layers.hidden.units=[1024,1024]", "batch_size=1000"], True),
    ],
)
def test_only_cells_that_had_one_thread_a_core_and_need_their_number_have_a_new_fingerprint(
    compose, monkeypatch, words, new
):
    from stackfit.execution import fingerprint

    cell = compose("gsp631_base", *words)
    now = cell.fingerprint("data")
    monkeypatch.setattr(fingerprint, "REVISIONS", [each for each in fingerprint.REVISIONS if each.name != "threads"])
    assert (cell.fingerprint("data") != now) == gained_threads(cell.config) == new
