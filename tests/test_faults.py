"""Faults: a few of most are injected here; all of them by `make faults`, and under `slow` by `make test-all`."""

from __future__ import annotations

import pytest
from faults import FAULTS, children, report, session
from faults.fault import run_fault


@pytest.fixture(scope="module", autouse=True)
def processes():
    yield
    children.close()
    session.close()


def inject(name: str, count: int | None = None) -> None:
    result = run_fault(FAULTS[name], count)
    assert not result.wrong, "\n".join(result.wrong)
    if not result.injected:
        pytest.skip("; ".join(sorted(set(result.impossible))))


def test_the_page_of_faults_is_the_one_that_the_stored_results_make():
    assert report.PAGE.read_text(encoding="utf-8") == report.page()


@pytest.mark.tf
@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.few])
def test_a_few_of_each_fault_do_no_harm(name):
    inject(name, FAULTS[name].few)


@pytest.mark.tf
@pytest.mark.extra
@pytest.mark.parametrize("name", ["slurm-kill", "ray-kill"])
def test_a_cluster_that_loses_tasks_does_no_harm(name):
    inject(name, 1)


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_does_harm(name):
    inject(name)
