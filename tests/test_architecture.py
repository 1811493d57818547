"""Imports point one way, light stays light, and every module imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stackfit

SOURCE = Path(stackfit.__file__).parent

# From the bottom up: a module may import only what stands above it in this list.
ORDER = [
    "errors",
    "places",
    "files",
    "owner",
    "interrupts",
    "declarations",
    "schema",
    "progress",
    "origins",
    "trust",
    "chain",
    "experiments",
    "completion",
    "run_folder",
    "runs",
    "claims",
    "judgement",
    "results",
    "selection",
    "differences",
    "statistics",
    "verdicts",
    "formats",
    "tables",
    "comparison",
    "data.dataset",
    "data.settings",
    "data.readers",
    "data.arrays",
    "data.own",
    "data.tfds",
    "data.fashion_mnist",
    "data.tfds_worker",
    "data.load",
    "data.catalogue",
    "data",
    "axes",
    "repository",
    "hydra_errors",
    "composition",
    "explanation",
    "checks",
    "cells",
    "backend",
    "environment",
    "layers",
    "callbacks",
    "building",
    "targets",
    "json_schema",
    "agreement",
    "monitors",
    "model",
    "pipeline",
    "graphs",
    "flops",
    "checkpoint",
    "events",
    "training",
    "jobs",
    "members",
    "sizes",
    "finishing",
    "runner",
    "archive",
    "rerun",
    "evidence",
    "verify",
    "expressions",
    "sources",
    "ejected_data",
    "eject",
    "saved",
    "sweep_folder",
    "cohorts",
    "sweeps",
    "probe",
    "plan",
    "sweep_plan",
    "check",
    "api",
    "cli.data",
    "cli.explaining",
    "cli.listing",
    "cli.writing",
    "cli.results",
    "cli.running",
    "cli.planning",
    "cli.checking",
    "cli.verifying",
    "cli.shells",
    "cli.app",
    "cli.interruption",
    "cli.completing",
    "cli",
    "__init__",
    "__main__",
]

# They import Keras when they are imported.
HEAVY = {
    "layers", "callbacks", "building", "targets", "agreement", "monitors", "model", "pipeline", "graphs", "checkpoint", "events", "flops", "training",
}  # fmt: skip

# Who may name a library at all, wherever in the module. `omegaconf` comes with Hydra's configs.
ALLOWED = {
    "hydra": {"axes", "composition", "hydra_errors", "repository"},
    "omegaconf": {
        "composition",
        "hydra_errors",
        "repository",
        "schema",
        "checks",
        "explanation",
        "cli.data",
        "cli.listing",
        "data.settings",
    },
    "typer": {"cli", "cli.app", "cli.completing"},
    "rich": {"progress", "cli.data", "cli.results", "formats"},
    "tensorflow_datasets": {"data.tfds", "data.tfds_worker"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): path for path in SOURCE.rglob("*.py")}


def imports(name: str) -> Iterator[str]:
    """What a module imports, also inside functions: `stackfit.…` to the module, other libraries by their package."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        for full in found:
            package, _, rest = full.partition(".")
            if package != "stackfit":
                yield package
            while rest and package == "stackfit":
                if rest in MODULES:
                    yield f"stackfit.{rest}"
                    break
                rest = rest.rpartition(".")[0]


def test_the_declared_list_holds_every_module_once():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("name", ORDER)
def test_a_module_imports_only_what_stands_above_it(name):
    above = set(ORDER[: ORDER.index(name)])
    if name == "__init__":
        above -= {"cli"}
    found = {other.removeprefix("stackfit.") for other in imports(name) if other.startswith("stackfit.")}
    assert found <= above, f"{name} imports {sorted(found - above)}"


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_named_only_where_it_belongs(library):
    assert {name for name in MODULES if library in imports(name)} <= ALLOWED[library]


@pytest.mark.parametrize(
    "name, unknown",
    [
        ("training", {"stackfit.cells", "stackfit.run_folder", "stackfit.schema", "omegaconf", "hydra"}),
        ("results", {"omegaconf", "hydra", "keras", "tensorflow", "yaml"}),
        ("model", {"stackfit.cells", "stackfit.run_folder", "omegaconf", "hydra"}),
    ],
)
def test_what_a_module_must_not_know(name, unknown):
    assert not set(imports(name)) & unknown


def test_only_the_run_folder_knows_its_file_names():
    files = {
        "status.json",
        "environment.json",
        "history.csv",
        "metrics.json",
        "certificate.json",
        "predictions.npz",
        "log.txt",
        "model.keras",
    }
    for name, path in MODULES.items():
        constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert name == "run_folder" or not constants & files, name


def test_every_light_module_imports_without_tensorflow_or_keras():
    light = [name for name in ORDER if name not in HEAVY | {"__main__", "__init__"}]
    code = (
        "import importlib, sys\n"
        f"for name in {light}:\n"
        "    importlib.import_module(f'stackfit.{name}')\n"
        "    heavy = {'tensorflow', 'keras', 'torch', 'jax', 'tensorflow_datasets'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_importing_stackfit_is_cheap():
    code = (
        "import sys, stackfit; print(sorted({'pandas', 'numpy', 'hydra', 'yaml', 'typer', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_hydras_plugins_import_lightly():
    """Hydra imports every module under `hydra_plugins` when any app of the environment starts."""
    code = (
        "import hydra_plugins.stackfit_launcher, hydra_plugins.stackfit_sweeper, sys\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('stackfit', 'numpy', 'pandas', 'keras')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.tf
@pytest.mark.parametrize("name", sorted(HEAVY))
def test_every_heavy_module_imports(name, keras):
    assert __import__(f"stackfit.{name}")


def test_everything_public_is_there():
    assert all(getattr(stackfit, name) is not None for name in stackfit.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = stackfit.nope


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [name for name in MODULES if drawers & set(name.replace("_", ".").split("."))]


def test_every_module_says_what_it_is_for():
    for name, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text())), name
