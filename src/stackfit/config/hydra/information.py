"""What Hydra's own `--cfg`, `--info` and `--hydra-help` print, for an experiment."""

from __future__ import annotations

import logging
import warnings

from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

from stackfit.config import schema
from stackfit.config.experiments import find_experiment
from stackfit.config.hydra.composition import OWN_SETTINGS, SCHEMA, UNTYPED, Composer, search_path
from stackfit.errors import raising


def print_information(experiment: str, overrides: list[str], flags: dict[str, str]) -> None:
    """Let Hydra print, once our own checks have passed.

    Args:
        flags: Hydra's, with their values.

    Raises:
        ConfigError: the experiment does not compose.
    """
    with raising() as problems:
        composer = Composer(experiment)
        composer.compose(overrides, problems)
    name = composer.experiment
    settings, store = [*overrides, *OWN_SETTINGS], ConfigStore.instance()
    store.store(name=SCHEMA, node=schema.Experiment, provider="stackfit")  # numbers are printed as the schema types them
    GlobalHydra.instance().clear()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    app = Hydra.create_main_hydra2("stackfit", search_path(find_experiment(experiment)))
    try:
        warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")  # as it must be
        if "--cfg" in flags:
            app.show_cfg(name, settings, flags["--cfg"], flags.get("--package"), "--resolve" in flags)
        elif "--info" in flags:
            app.show_info(flags["--info"], config_name=name, overrides=settings)
        else:
            app.hydra_help(name, get_args_parser(), get_args_parser().parse_args(["--hydra-help"]))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)  # Hydra's `--info` logs everything to the terminal from here on
        GlobalHydra.instance().clear()
        store.store(name=SCHEMA, node=UNTYPED, provider="stackfit")
