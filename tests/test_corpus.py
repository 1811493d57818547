"""The corpus of seeded faults: reported before training, at the right place, all at once, and nothing without cause."""

from __future__ import annotations

import random
from pathlib import Path

import faults_corpus as corpus
import pytest

from stackfit.config.hydra.composition import Composer
from stackfit.errors import Problems
from stackfit.execution import members
from stackfit.execution.cells import build_cell, compose_cell, compose_command
from stackfit.execution.plan.sweep import plan_sweep

SAMPLE = 12  # faults in `make test`


def reported(fault: corpus.Fault) -> list[str]:
    """Every place at which something is reported; what is no ConfigError comes through."""
    if fault.file is not None:
        Path(corpus.MINE).parent.mkdir(exist_ok=True)
        Path(corpus.MINE).write_text(fault.file, encoding="utf-8")
    problems = Problems()
    with problems.collect():
        composer = Composer(fault.name)
        composition, problems, is_sweep = compose_command(
            composer, fault.overrides if fault.sweep else [*fault.overrides, "hydra.mode=RUN"], fault.sweep
        )
        if is_sweep:
            return [error["where"] for error in plan_sweep(composer, composition, problems, fault.overrides)["errors"]]
        cell = build_cell(composition, (), problems)
        members.start(cell)
        members.check_model(cell, problems)
    return [str(problem.where) for problem in (*problems.errors, *problems.warnings)]


def missed(faults: list[corpus.Fault]) -> list[str]:
    return [f"{fault}: {found}" for fault in faults if fault.where not in (found := reported(fault))]


@pytest.mark.tf
def test_a_sample_of_the_faults_is_reported_at_its_place(lab, keras):
    faults = corpus.faults()
    assert len(faults) >= 200
    assert not missed(random.Random(1).sample(faults, SAMPLE))


@pytest.mark.tf
def test_some_faults_in_one_file_are_reported_in_one_go(lab, keras):
    for fault, places in corpus.several(seed=2, count=3):
        assert not set(places) - set(reported(fault)), fault


@pytest.mark.tf
@pytest.mark.slow
def test_98_of_100_faults_are_reported_before_training_at_their_place(lab, keras):
    faults = corpus.faults()
    wrong = missed(faults)
    print(f"{len(faults) - len(wrong)} of {len(faults)} reported at their place")
    assert len(wrong) <= 0.02 * len(faults), "\n".join(wrong)


@pytest.mark.tf
@pytest.mark.slow
def test_two_of_three_files_with_several_faults_are_reported_whole_and_every_one_is_refused(lab, keras):
    """Measured: 41 of 60. In the others one fault hides another, such as a wrong activation behind wrong wiring."""
    cases = corpus.several(seed=3, count=60)
    found = [(fault, set(places), set(reported(fault))) for fault, places in cases]
    assert all(seen for _, _, seen in found)
    wrong = [f"{fault}: {places - seen}" for fault, places, seen in found if places - seen]
    assert len(wrong) <= len(cases) / 3, "\n".join(wrong)


@pytest.mark.tf
@pytest.mark.slow  # that none gives an error is shown by running each; see test_every_experiment
def test_no_shipped_experiment_gives_a_false_alarm(lab, keras):
    for name in corpus.SOUND:
        problems = Problems()
        cell = compose_cell(Composer(name), ["hydra.mode=RUN"], (), problems)
        members.check_model(cell, problems)
        assert (name, [str(one) for one in (*problems.errors, *problems.warnings)]) == (name, [])
