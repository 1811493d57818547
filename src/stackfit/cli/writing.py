"""`new`: an experiment or a callback of a learner's own to start from."""

from __future__ import annotations

import codecs
import keyword
import re
import sys
import tomllib
from pathlib import Path
from typing import Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import option, word
from stackfit.cli.idle import Idle
from stackfit.config.project import project_trust
from stackfit.errors import ConfigError
from stackfit.files import shown, write_file, writing

EXPERIMENT = """\
# yaml-language-server: $schema=.schema.json
# stackfit run {name}
defaults:
  - {parent}
  # - override optimizer: sgd        # adam, adamw, sgd, momentum, rmsprop, …
  # - override callbacks: stop_at    # early_stopping, reduce_on_plateau, …
  - _self_
about:
  question: What do you want to find out?
# Below, only what differs from {parent}; `stackfit show {parent}` prints everything there is to change.
# epochs: 10
# model:
#   layers:
#     hidden: {{units: 128}}          # one hidden layer of 128 units; [128, 64] is two
#     drop: {{_target_: keras.layers.Dropout, rate: 0.2, after: hidden}}
#     flatten: null                  # null removes a layer
"""

CALLBACK = '''\
"""A callback of my own."""

import keras


class {name}(keras.callbacks.Callback):
    """Stop once the training accuracy is above a value."""

    def __init__(self, accuracy: float = 0.84):
        super().__init__()
        self.accuracy = accuracy

    def on_epoch_end(self, epoch, logs=None):
        if logs["accuracy"] > self.accuracy:
            print(f"Accuracy is above {{self.accuracy:.0%}}: stopping.")
            self.model.stop_training = True
'''


IDLE = (Idle("parent", beside="callback"), Idle("parent", beside="from_best"), Idle("from_best", beside="callback"))


def command(
    name: Annotated[str, word("The new experiment's name, or with --callback the class's.")],
    parent: Annotated[
        str, option("Start from this experiment.", "--from", offers=completion.experiments)
    ] = "gsp631_base",
    from_best: Annotated[
        Path | None, option("Write the best setting of this search or sweep.", metavar="SWEEP", offers=completion.runs)
    ] = None,
    callback: Annotated[bool, option("Write a callback of your own and trust it.", "--callback")] = False,
) -> None:
    """A commented file in ./experiments: an experiment, or with --callback a callback."""
    if from_best is not None:
        lines = write_best(name, from_best)
    else:
        lines = write_callback(name) if callback else write_experiment(name, parent)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def write_experiment(name: str, parent: str) -> list[str]:
    """Write `./experiments/NAME.yaml`; returns what to print.

    Raises:
        ConfigError: a bad or taken name, or no such parent.
    """
    from stackfit.config.experiments import find_named

    find_named(parent)
    path = _new_file(name)
    _create(path, EXPERIMENT.format(name=name, parent=parent))
    return _written(path, "Edit it, then:")


def write_best(name: str, sweep: Path) -> list[str]:
    """Write `./experiments/NAME.yaml` with the best setting of a search or a sweep; returns what to print.

    Raises:
        ConfigError: a bad or taken name, or a cell that no file can describe; RunFolderError: no finished cell.
    """
    from stackfit.cli import from_best

    path, best = _new_file(name), from_best.find_best_cell(sweep)
    _create(path, from_best.text_of(name, sweep, best))
    try:
        from_best.check_same(path, best)
    except BaseException:
        path.unlink()
        raise
    return [best.found, *_written(path, "Train it:")]


def _new_file(name: str) -> Path:
    from stackfit.config.experiments import NAME, find_experiments

    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a name. Expected letters, digits, '_' and '-'. Try: stackfit new my_experiment"
        )
    if name in find_experiments() or name == "config":
        raise ConfigError(f"The name {name!r} is taken. Expected a new one. Try: stackfit new my_{name}")
    return Path("experiments") / f"{name}.yaml"


def _written(path: Path, then: str) -> list[str]:
    from stackfit.model.json_schema import place_beside

    place_beside(path.parent)
    return [shown(path), f"{then}  stackfit run {path.stem}"]


def write_callback(name: str) -> list[str]:
    """Write `./experiments/<name>.py` and trust it in `./pyproject.toml`; returns what to print.

    Raises:
        ConfigError: not a class name, or the file exists.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ConfigError(
            f"{name!r} is not a class name. Expected letters and digits. Try: stackfit new --callback StopEarly"
        )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    path = Path("experiments") / f"{words}.py"
    if words in ("lab_callbacks",):
        raise ConfigError(f"{path} is stackfit's own. Expected another name. Try: stackfit new --callback My{name}")
    _create(path, CALLBACK.format(name=name))
    module = f"experiments.{words}"
    key = words if words != name else "mine"
    return [
        shown(path),
        *_trust(module),
        "Name it in an experiment:",
        "  callbacks:",
        f"    {key}: {{_target_: {module}.{name}, accuracy: 0.84}}",
        "or on the command line:",
        f"  '+callbacks.{key}={{_target_: {module}.{name}}}'",
    ]


def _trust(module: str) -> list[str]:
    """Trust a module in `./pyproject.toml`, whose layout, line ends and other tables stay as they are.

    Raises:
        ConfigError: the file has a form that cannot be changed so.
    """
    import tomlkit

    path = Path("pyproject.toml")
    if module in project_trust():
        return []
    before = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    mark = "\ufeff" if path.is_file() and path.read_bytes().startswith(codecs.BOM_UTF8) else ""
    document = tomlkit.parse(before)
    table = document.setdefault("tool", tomlkit.table(is_super_table=True)).setdefault("stackfit", tomlkit.table())
    table.setdefault("trust", tomlkit.array()).append(module)
    after = tomlkit.dumps(document)
    if "\r\n" in before:
        after = after.replace("\r\n", "\n").replace("\n", "\r\n")
    expected = tomllib.loads(before)
    expected.setdefault("tool", {}).setdefault("stackfit", {}).setdefault("trust", []).append(module)
    if tomllib.loads(after) != expected:
        raise ConfigError(
            f"{module} could not be added without other changes. Expected a table [tool.stackfit]. Add it yourself: "
            f'trust = ["{module}"]',
            where="pyproject.toml",
        )
    with writing(path, "a file that you may change", "Add the line yourself.", ConfigError):
        write_file(path, lambda temporary: temporary.write_bytes((mark + after).encode()))
    return [f"pyproject.toml now trusts {module}"]


def _create(path: Path, text: str) -> None:
    if path.exists():
        raise ConfigError(f"{path} exists already. Expected a new name. Choose another, or edit that file.")
    with writing(path, "a folder of yours", "Change into one.", ConfigError):
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
