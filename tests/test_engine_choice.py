"""`engine_choice`: what `engine` asks of other keys, and what `stack: auto` means."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from types import SimpleNamespace

import pytest
from composing import plan_sweep

from stackfit.config import engine_choice
from stackfit.errors import ConfigError, ConfigErrors, RunFolderError
from stackfit.execution.engines import ENGINES, engine_of
from stackfit.execution.executors import JobComposer, describe_job
from stackfit.execution.progress import Reporter
from stackfit.results.sweep_folder import ENGINE_KEYS


@pytest.fixture(autouse=True)
def both_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace())


def refused(compose, *overrides: str) -> str:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        compose("digits_quickstart", *overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    "overrides, says",
    [
        (["engine=jax", "precision=float64"], "precision is float64, but engine is jax, which trains in float32."),
        (["engine=jax", "jit_compile=true"], "jit_compile is true, but engine is jax, which compiles every program. Expected false."),
        (["engine=jax", "stack=0"], "stack is 0. Expected auto, or a number of members from 1 to 65536."),
        (["engine=jax", "stack=true"], "stack is True. Expected auto, or a number"),
        (["engine=jax", "stack=2.5"], "stack is 2.5. Expected auto, or a number"),
        (["stack=4"], "stack is 4, but engine is tensorflow, which does not stack members."),
        (["engine=jx"], "engine is 'jx'. Did you mean 'jax'?"),
    ],
)
def test_what_does_not_go_with_the_engine_is_said_with_what_to_write(compose, overrides, says):
    text = refused(compose, *overrides)
    assert says in text and ("Write: " in text or "or write: " in text)


@pytest.mark.parametrize("engine, package", [("jax", "'stackfit[jax]'"), ("tensorflow", "tensorflow")])
def test_an_engine_whose_library_is_missing_is_one_line_with_what_installs_it(compose, monkeypatch, engine, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == engine else SimpleNamespace())
    text = refused(compose, f"engine={engine}")
    assert f"engine is {engine}, and {engine} is not installed." in text and f"Type: pip install {package}" in text


def plugins(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [SimpleNamespace(name=name) for name in names])


def test_auto_is_resolved_when_a_cell_is_composed_and_only_for_jax(compose, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    plugins(monkeypatch)
    assert compose("digits_quickstart", "engine=jax").config["stack"] == 1
    plugins(monkeypatch, "xla_cuda13")
    assert compose("digits_quickstart", "engine=jax").config["stack"] == engine_choice.GPU_STACK == 64
    assert compose("digits_quickstart", "engine=jax", "stack=3").config["stack"] == 3
    assert compose("digits_quickstart").config["stack"] == "auto"
    for variable, value in (("CUDA_VISIBLE_DEVICES", ""), ("JAX_PLATFORMS", "cpu")):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            assert not engine_choice.has_gpu()


def test_plugins_are_looked_for_once_for_all_cells(compose, monkeypatch):
    asked: list[str] = []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: asked.append(group) or [])
    assert [compose("digits_quickstart", "engine=jax", f"seed={seed}").config["stack"] for seed in range(3)] == [1] * 3
    assert asked == ["jax_plugins"]


def test_stack_and_the_engines_library_are_part_of_a_jax_cells_fingerprint_alone(compose, monkeypatch):
    plugins(monkeypatch)

    def install(tensorflow: str, jax: str) -> None:
        versions = {"keras": "3", "tensorflow": tensorflow, "jax": jax}
        monkeypatch.setattr(importlib.metadata, "version", lambda name: versions[name])  # another function: it is read once

    def digest(*overrides: str) -> str:
        return compose("digits_quickstart", *overrides).fingerprint("data")

    install("2", "0.10")
    tensorflow, one, four = digest(), digest("engine=jax"), digest("engine=jax", "stack=4")
    assert len({tensorflow, one, four}) == 3 and digest("engine=tensorflow") == tensorflow
    install("2", "0.11")
    assert digest() == tensorflow and digest("engine=jax") != one
    install("3", "0.11")
    assert digest() != tensorflow


def test_a_run_from_before_there_was_a_choice_is_tensorflows():
    assert engine_of({}) is engine_of({"engine": "tensorflow"}) is ENGINES["tensorflow"]


def test_a_worker_on_another_device_trains_with_the_stack_that_was_planned(lab, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    plugins(monkeypatch, "xla_cuda13")
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.10.2" if name == "jax" else version(name))  # an extra
    sweep = plan_sweep("digits_quickstart", ["engine=jax,tensorflow"], reporter=Reporter(0))
    records = [describe_job(job) for job in sweep.jobs]
    assert [{key: record.get(key) for key in ENGINE_KEYS} for record in records] == [
        {"engine": "jax", "stack": 64},
        {"engine": None, "stack": None},
    ]
    plugins(monkeypatch)  # no GPU here
    jobs = JobComposer("digits_quickstart", sweep.folder.path, (), Reporter(0))(records)
    assert [job.cell.config["stack"] for job in jobs] == [64, "auto"]
    assert [job.fingerprint for job in jobs] == [record["fingerprint"] for record in records]
    assert all("stack" not in " ".join(job.cell.overrides) for job in jobs)


@pytest.mark.parametrize("wrong", [{"stack": "64"}, {"engine": 3}])
def test_an_index_with_an_engine_that_is_none_is_damaged(lab, wrong):
    sweep = plan_sweep("digits_quickstart", ["seed=0,1"], reporter=Reporter(0))
    sweep.write_index()
    index = json.loads(sweep.folder.index.read_text())
    index["cells"][0] |= wrong
    sweep.folder.index.write_text(json.dumps(index))
    with pytest.raises(RunFolderError, match=r"sweep\.json"):
        sweep.folder.read_index()
