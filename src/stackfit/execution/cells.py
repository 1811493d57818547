"""A cell is one resolved config, ready to run: composed, checked, and named by a fingerprint."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stackfit.config import project
from stackfit.config.checks import check_values
from stackfit.config.engine_choice import stack_of
from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.overrides import refuse_axes, refuse_launchers
from stackfit.config.origins import Origins
from stackfit.config.own_units import LAYER, own_units
from stackfit.config.resolving import missing_keys, read_section, resolve
from stackfit.config.schedules import fill_steps, find_schedules, find_unfit
from stackfit.config.schema import settings_of
from stackfit.config.trust import used_modules
from stackfit.data import declare, load_dataset, target_scale_of
from stackfit.data.settings import split_at
from stackfit.data.unread import UNREAD
from stackfit.errors import ConfigError, DataError, Problems
from stackfit.execution.fingerprint import fingerprint_of
from stackfit.model import own_modules


@dataclass(frozen=True)
class Cell:
    """One config to run. `axes` holds what a sweep varies, as typed; empty for a single run."""

    experiment: str
    config: dict[str, Any]  # resolved, plain containers
    overrides: tuple[str, ...]
    axes: dict[str, str] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    origins: Origins | None = field(default=None, compare=False, repr=False)
    modules: frozenset[str] = frozenset()  # the user's modules that the config's targets name
    settings: dict[str, Any] = field(default_factory=dict, repr=False)  # see `config.schema.settings_of`

    def place(self, error: ConfigError) -> ConfigError:
        """The error, with file and line of its key."""
        return self.origins.add_place(error) if self.origins else error

    def about_run(self) -> dict[str, Any]:
        """The cell as `status.json` describes it, so that tables need no YAML."""
        return {
            "experiment": self.experiment,
            "overrides": list(self.overrides),
            "axes": self.axes,
            "seed": self.config["seed"],
            "settings": self.settings,
        }

    def fingerprint(self, data_fingerprint: str) -> str:
        """See `fingerprint.fingerprint_of`."""
        return fingerprint_of(self.config, data_fingerprint, self.modules)


def build_cell(
    composition: Composition,
    trusted: tuple[str, ...],
    problems: Problems,
    axes: Mapping[str, str] | None = None,
    planned: bool = False,
) -> Cell:
    """Complete, resolve and check a composed config.

    Args:
        axes: the overrides that a sweep varies.
        planned: it was checked when its sweep was planned, maybe by a version that refused less.
        trusted: modules that the user trusts; see `trust.trusted_modules`.
        problems: those of the composition; takes all others that can be found without an engine, each with its place.
            A cell with errors must not be trained.
    """
    data = composition.config.data
    plain = read_section(data)
    if plain is None:  # `resolve` says why
        problems.unknown |= {f"data.{key}" for key in missing_keys(data)}
    elif not problems.covers("data"):
        warnings: list[ConfigError] = []
        try:
            # A user's table has columns and classes that the model may read.
            form = composition.config.task.get("labels")
            for key, value in declare(plain, form, warnings.append).items():
                data[key] = plain[key] = value
            if plain.get("scale_target") and (scale := target_scale_of(plain, form)):
                composition.config.model.layers.setdefault(LAYER, own_units(**scale))
        except ConfigError as error:
            problems.add([error])
            problems.unknown |= {"data.input_shape", "data.num_classes"}
        _add_warnings(warnings, composition, problems, axes, planned)
    config = resolve(composition.config, problems)
    problems.add(check_values(config, trusted, problems))
    config["stack"] = stack_of(config)
    usable = not problems.touches("data") and not problems.covers("optimizer", "epochs", "batch_size")
    if usable and any(find_schedules(config["optimizer"])):
        _fit_schedules(config, problems)
    problems.place(composition.origins)
    notes = [*map(_replaced, composition.replaced), *project.foreign_conf()]
    problems.warnings += [note for note in notes if note.kind not in (config["silence"] or ())]
    modules, settings = used_modules(config), settings_of(config)
    own_modules.refresh(modules)
    origins = composition.origins
    return Cell(composition.experiment, config, composition.overrides, {}, trusted, origins, modules, settings)


def _fit_schedules(config: dict[str, Any], problems: Problems) -> None:
    """Fill the step counts of learning-rate schedules that are left open; warn of those that do not fit the run."""
    examples = (config["data"]["examples"] or {}).get("train")
    with contextlib.suppress(DataError):  # a run says it itself
        if examples is None:
            examples = load_dataset(config["data"], build=False).sizes["train"]
        else:
            examples = split_at(examples, config["data"]["validation_split"])
    steps = None if examples is None else math.ceil(examples / config["batch_size"])
    explicit = copy.deepcopy(config["optimizer"])
    problems.add(fill_steps(config["optimizer"], steps, config["epochs"]))
    if steps and "schedule_length" not in config["silence"]:
        problems.warnings += find_unfit(explicit, steps, config["epochs"])


def _add_warnings(
    warnings: Sequence[ConfigError], composition: Composition, problems: Problems, axes: Mapping[str, str] | None, planned: bool
) -> None:
    """What data say of themselves. A setting that changes nothing is an error, unless it was meant for other data."""
    silent = (UNREAD, *(composition.config.silence or ()))
    problems.warnings += [warning for warning in warnings if warning.kind not in silent]
    if idle := [warning for warning in warnings if warning.kind == UNREAD and not planned]:
        from stackfit.execution.unread_settings import check_unread

        check_unread(composition, idle, problems, axes)


def _replaced(option: str) -> ConfigError:
    return ConfigError(
        f"{option} is yours and replaces the shipped one. Expected a file that is meant for stackfit. If ./conf belongs to "
        "another program, rename the file or work in another folder.",
        where=f"conf/{option}.yaml",
        kind="replaced_option",
    )


def compose_cell(
    composer: Composer,
    overrides: Iterable[str],
    trusted: tuple[str, ...],
    problems: Problems,
    axes: Mapping[str, str] | None = None,
    planned: bool = False,
) -> Cell:
    """`build_cell` for the experiment with these overrides.

    Raises:
        ConfigError: the problems keep the cell from composing at all; all others go into `problems`.
    """
    cell = build_cell(composer.compose(overrides, problems), trusted, problems, axes, planned)
    return replace(cell, axes=dict(axes)) if axes else cell


def compose_command(
    composer: Composer, overrides: Iterable[str], multirun: bool
) -> tuple[Composition, Problems, bool]:
    """Compose the overrides of a command, once.

    Returns:
        The composition, its problems, and whether it is a sweep: by `-m`, or because its experiment declares one. The
        problems of a sweep are those of its overrides only: without the values of the axes, the files may lack something,
        so each cell reports the rest itself.

    Raises:
        ConfigError: nothing composes.
    """
    problems, composed = Problems(), Problems()
    parsed = composer.parse(overrides, problems)
    composition = None
    with problems.collect():
        composition = composer.compose(parsed, composed)
    if composition is None:
        raise problems.as_error()
    is_sweep = multirun or composition.declares_sweep
    if not is_sweep:
        problems.include(composed)
        refuse_axes(composition.axes, problems)
        refuse_launchers(parsed, problems)
    return composition, problems, is_sweep
