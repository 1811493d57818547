"""A cell is one resolved config, ready to run: composed, checked, and named by a fingerprint."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackfit.config import project
from stackfit.config.checks import check_values, resolve_all
from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.keys import flatten
from stackfit.config.origins import Origins
from stackfit.config.schema import COSMETIC
from stackfit.config.trust import module_file
from stackfit.data import declare
from stackfit.errors import ConfigError, Problems

# Raised whenever a change of ours changes a number that a config gives.
NUMERICS = 1


@dataclass(frozen=True)
class Cell:
    """One config to run. `axes` holds what a sweep varies, as typed; empty for a single run."""

    experiment: str
    config: dict[str, Any]  # resolved, plain containers
    overrides: tuple[str, ...]
    axes: dict[str, str] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    origins: Origins | None = field(default=None, compare=False, repr=False)

    @property
    def settings(self) -> dict[str, Any]:
        """The config as `{dotted key: value}`, without what never changes a number; lists stay lists."""
        return flatten({key: value for key, value in self.config.items() if key not in COSMETIC})

    def place(self, error: ConfigError) -> ConfigError:
        """The error with file and line of the key it is about."""
        return self.origins.add_place(error) if self.origins else error

    def about_run(self) -> dict[str, Any]:
        """What `status.json` says of the cell, so that tables need no YAML."""
        return {
            "experiment": self.experiment,
            "overrides": list(self.overrides),
            "axes": self.axes,
            "seed": self.config["seed"],
            "settings": self.settings,
        }

    def fingerprint(self, data_fingerprint: str) -> str:
        """SHA-256 over everything that decides a number: config, data, Keras, TensorFlow, our numerics, trusted code."""
        parts = {
            "config": {key: value for key, value in self.config.items() if key not in COSMETIC},
            "layers": list(self.config["model"]["layers"]),  # their order; the keys above are sorted
            "data": data_fingerprint,
            "keras": importlib.metadata.version("keras"),
            "tensorflow": importlib.metadata.version("tensorflow"),
            "numerics": NUMERICS,
            "code": code_digests(self.config),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def compose_cell(composer: Composer, overrides: Iterable[str], trusted: tuple[str, ...] = ()) -> Cell:
    """Compose, complete and check one cell.

    Raises:
        ConfigError: something is wrong; all that can be known without TensorFlow, each with file and line.
    """
    cell, problems = inspect_cell(composer, overrides, trusted)
    problems.raise_errors()
    assert cell is not None
    return cell


def inspect_cell(
    composer: Composer, overrides: Iterable[str], trusted: tuple[str, ...] = ()
) -> tuple[Cell | None, Problems]:
    """Everything that is wrong with one cell and can be known without TensorFlow, and the cell as far as it composes.

    The cell is None where nothing composes. One with errors is not to be trained; `members.inspect_model(cell, problems)`
    looks at the rest of it.
    """
    problems = Problems()
    composition = composer.try_compose(overrides, problems)
    if composition is None:
        return None, problems
    if not problems.covers("data"):
        try:
            _declare_data(composition)
        except ConfigError as error:
            problems.add([error])
            problems.unknown |= {"data.input_shape", "data.num_classes"}
    config = resolve_all(composition.config, problems)
    problems.add(check_values(config, trusted, problems))
    problems.place(composition.origins)
    return Cell(composition.experiment, config, composition.overrides, {}, trusted, composition.origins), problems


def compose_cells(
    experiment: str, overrides: Iterable[str] = (), trust: Iterable[str] = (), composer: Composer | None = None
) -> list[Cell]:
    """The cells that `stackfit run EXPERIMENT OVERRIDE…` would run: one.

    Raises:
        ConfigError: the experiment, an override or a value is wrong.
    """
    return [compose_cell(composer or Composer(experiment), overrides, trusted_modules(trust))]


def trusted_modules(trust: Iterable[str] = ()) -> tuple[str, ...]:
    """What the user trusts: on the command line and in their `pyproject.toml`."""
    return tuple(dict.fromkeys((*trust, *project.project_trust())))


def _declare_data(composition: Composition) -> None:
    """Let a user's table state its columns and classes, so that the resolved config declares them."""
    data = composition.config.data
    for key, value in declare(data).items():
        data[key] = value


def targets_in(node: Any) -> Iterator[str]:
    """Every `_target_` at any depth."""
    if isinstance(node, Mapping):
        if isinstance(target := node.get("_target_"), str):
            yield target
        node = list(node.values())
    for item in node if isinstance(node, (list, tuple)) else ():
        yield from targets_in(item)


def used_modules(config: Mapping[str, Any]) -> set[str]:
    """The modules beyond Keras and stackfit that the config's targets name."""
    modules = {target.rpartition(".")[0] for target in targets_in(config)}
    return {module for module in modules if module.split(".")[0] not in ("keras", "stackfit")}


def code_digests(config: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of each trusted module's file that the config uses."""
    return {
        module: hashlib.sha256(module_file(module).read_bytes()).hexdigest() for module in sorted(used_modules(config))
    }
