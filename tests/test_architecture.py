"""Rooms stand along the data flow, light stays light, and every module imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import stackfit

SOURCE = Path(stackfit.__file__).parent
ROOT = SOURCE.parents[1]

# The rooms, from left to right: a module imports from its own room and from those to its left. Rooms that share a line
# do not know each other.
DOORS = ("errors", "files", "interrupts", "keys", "layers", "callbacks", "waiting", "terminal")
ROOMS = [DOORS, ("config",), ("data", "model", "results"), ("training",), ("execution",), ("proof",), ("reports",), ("cli",), ("api",),
         ("__init__", "__main__")]  # fmt: skip
CLOSED = {"training": {*DOORS, "data"}}  # knows neither config nor folder

# They import Keras or TensorFlow when they are imported.
HEAVY = {"layers", "callbacks", "model", "training"}
LIGHT_INSIDE = {"model.json_schema", "model.own_modules", "model.sizes", "training.backend", "training.engine",
                "training.jax.engine", "training.jax.runtime", "training.tensorflow.engine",
                "training.tensorflow.runtime"}  # of heavy rooms  # fmt: skip

# Who may name a library at all, wherever in the module. `omegaconf` comes with Hydra's configs.
ALLOWED = {
    "hydra": "config.hydra",
    "omegaconf": "config|cli.completion|cli.data_fetch|cli.showing|data.settings",
    "typer": "cli",
    "rich": "execution.progress|cli|results.formats|api.notebook",
    "tensorflow_datasets": "data.kinds.tfds|data.tfds_worker",
    "tensorflow": "training.tensorflow",
    "jax": "training.jax",
    "altair": "reports",
    "vl_convert": r"reports\.(bundle|plotting)",
    "jinja2": "reports.page",
}
LONGEST = 300  # lines of a module
OPEN: set[str] = set()  # still to be split


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): path for path in SOURCE.rglob("*.py")}


def room(name: str) -> str:
    return name.partition(".")[0]


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


def inner(name: str) -> set[str]:
    return {other.removeprefix("stackfit.") for other in imports(name) if other.startswith("stackfit.")}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_its_own_room_and_from_those_to_its_left(name):
    at = next(number for number, rooms in enumerate(ROOMS) if room(name) in rooms)
    left = CLOSED.get(room(name), {one for rooms in ROOMS[:at] for one in rooms})
    if room(name) in DOORS:
        left = {"errors"}
    assert {room(other) for other in inner(name)} <= left | {room(name)}


def test_no_circle_inside_a_room():
    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for other in sorted(inner(name)):
                if room(other) == room(name):
                    walk(other, (*above, name))
            done.add(name)

    done: set[str] = set()
    for name in MODULES:
        walk(name, ())


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_named_only_where_it_belongs(library):
    where = {name for name in MODULES if library in imports(name)}
    assert not {name for name in where if not re.match(rf"({ALLOWED[library]})(\.|$)", name)}


def test_every_declared_dependency_is_imported_or_has_its_reason_next_to_it():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = {"scikit-learn": "sklearn", "pillow": "PIL", "pyyaml": "yaml", "hydra-core": "hydra"}
    imported = {library for name in MODULES for library in imports(name)}
    for wanted in tomllib.loads(text)["project"]["dependencies"]:
        package = re.match(r"[\w.-]+", wanted).group().lower()
        module = names.get(package, package.replace("-", "_"))
        reason = re.search(rf'^\s*"{re.escape(wanted)}",\s*# \w+', text, re.MULTILINE)
        assert module in imported or reason, f"{package} is declared and never imported"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_room(name):
    assert (len(MODULES[name].read_text(encoding="utf-8").splitlines()) < LONGEST) is (name not in OPEN)


def test_only_the_run_folder_knows_its_file_names():
    files = {"status.json", "environment.json", "history.csv", "metrics.json", "certificate.json", "predictions.npz",
             "log.txt", "model.keras"}  # fmt: skip
    for name, path in MODULES.items():
        constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert name in ("results.run_folder", "results.run_files") or not constants & files, name


def test_every_light_module_imports_without_tensorflow_or_keras():
    light = [name for name in MODULES if room(name) not in HEAVY | {"__main__", "__init__"}] + sorted(LIGHT_INSIDE)
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
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.extra] * name.startswith("training.jax.")) for name in MODULES if room(name) in HEAVY],
)
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
