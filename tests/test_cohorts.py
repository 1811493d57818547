"""`cohorts`: which cells train together, and how many."""

from __future__ import annotations

import pytest
from composing import compose_cell

from stackfit.config.hydra.composition import Composer
from stackfit.execution import members
from stackfit.execution.cohorts import group_jobs
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter


@pytest.fixture(scope="module")
def digits() -> Composer:
    return Composer("digits_quickstart")


def jobs(digits: Composer, *overrides: tuple[str, ...]) -> list[Job]:
    return [Job(compose_cell(digits, words), ",".join(words), Reporter(0)) for words in overrides]


def split(found: list[Job], member_bytes: int = 1, max_members: int | None = None) -> list[list[str]]:
    """The labels of each cohort, for members of so many bytes."""
    return [[job.label for job in cohort] for cohort in group_jobs(found, lambda cell: member_bytes, max_members)]


@pytest.mark.tf
@pytest.mark.parametrize(
    "cells, member_bytes, sizes",
    [
        (8, 1, [8]),
        (9, 1, [5, 4]),
        (17, 1, [6, 6, 5]),
        (4, 400_000_000, [2, 2]),
        (2, 10**12, [1, 1]),
    ],
)
def test_cells_are_split_as_evenly_as_memory_and_eight_members_allow(digits, cells, member_bytes, sizes):
    found = jobs(digits, *[(f"seed={seed}",) for seed in range(cells)])
    assert [len(cohort) for cohort in split(found, member_bytes)] == sizes


@pytest.mark.tf
def test_the_user_may_say_how_many_members_a_cohort_has(digits):
    found = jobs(digits, *[(f"seed={seed}",) for seed in range(5)])
    assert [len(cohort) for cohort in split(found, max_members=2)] == [2, 2, 1]


@pytest.mark.tf
def test_cells_train_together_if_they_share_data_batch_size_precision_determinism_and_xla(digits):
    together = [
        ("optimizer=sgd",),
        ("model.layers.hidden.units=3",),
        ("epochs=2",),
        ("shuffle=false",),
        ("seed=9",),
    ]
    apart = [
        ("batch_size=7",),
        ("precision=mixed_bfloat16",),
        ("jit_compile=true",),
        ("deterministic=false",),
        ("data.validation_split=0.5",),
    ]
    found = split(jobs(digits, *together, *apart))
    assert found == [[one[0] for one in together], *([one[0]] for one in apart)]


@pytest.mark.tf
def test_what_listens_to_batches_trains_alone(digits):
    listens = "+callbacks.stop={_target_: keras.callbacks.TerminateOnNaN}"
    found = split(jobs(digits, ("seed=0",), (listens,), ("seed=1",)))
    assert found == [["seed=0", "seed=1"], [listens]]


@pytest.mark.tf
@pytest.mark.parametrize(
    "name, arguments, alone",
    [
        ("EarlyStopping", "", False),
        ("ReduceLROnPlateau", "", False),
        ("TensorBoard", "log_dir: x", False),
        ("TensorBoard", "log_dir: x, update_freq: batch", True),
        ("ModelCheckpoint", "filepath: x.keras", False),
        ("ModelCheckpoint", "filepath: x.keras, save_freq: 10", True),
        ("CSVLogger", "filename: x.csv", False),
        ("TerminateOnNaN", "", True),
    ],
)
def test_which_of_keras_s_callbacks_listen_to_batches(digits, name, arguments, alone):
    more = f", {arguments}" if arguments else ""
    cell = compose_cell(digits, [f"+callbacks.one={{_target_: keras.callbacks.{name}{more}}}"])
    assert (members.trains_alone(cell) == "callbacks.one listens to every batch") == alone
