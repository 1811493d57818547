"""Configs, names and folders that somebody made to run code, to read the machine or to write elsewhere.

Each attack is a real file or a real word on the command line. Each must end with its own error, at its place, while the
canary that it would create does not appear and nothing changes outside `outputs/`.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from made_runs import make_run
from processes import finish, start

from stackfit.errors import RunFolderError

HEAD = "defaults: [digits_quickstart, _self_]\n"
FILE = "experiments/mine.yaml"


class Attack(NamedTuple):
    """What stands in `experiments/mine.yaml`, the error's place and text, and the words behind `stackfit`."""

    text: str
    where: str
    said: str
    words: tuple[str, ...] = ("run", "mine")


def typed(*overrides: str, where: str | None = None, said: str) -> Attack:
    """An attack by overrides alone; the error shows the last one, or `where`."""
    return Attack("", overrides[-1] if where is None else where, said, ("run", "mine", *overrides))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two modules that leave a canary where they are imported, in a world with other folders."""
    for folder in ("lab/experiments", "outside", "home"):
        (tmp_path / folder).mkdir(parents=True)
    evil = f"open({str(tmp_path / 'outside' / 'canary')!r}, 'w').close()\nclass Evil: pass\n"
    for name in ("lab/evil.py", "lab/experiments/evil.py", "outside/evil.py"):
        (tmp_path / name).write_text(evil)
    monkeypatch.chdir(tmp_path / "lab")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SECRET", "s3cret")
    return tmp_path / "lab"


def world(lab: Path) -> dict[str, bytes]:
    """Every file around the lab, but for what Python, Keras and Matplotlib keep for themselves."""
    return {
        str(path.relative_to(lab.parent)): path.read_bytes()
        for path in sorted(lab.parent.rglob("*"))
        if path.is_file() and not {"__pycache__", ".cache", ".keras"} & {*path.parts}
    }


@pytest.fixture
def refused(lab: Path, cli: Callable[..., object]) -> Callable[..., str]:
    """`refused("run", "mine")`: the error of a command that must end with 2 and leave no trace."""

    def run(*words: str, code: int = 2) -> str:
        before = world(lab)
        answer = cli(*words)
        assert world(lab) == before, "something was written"
        assert answer.code == code, answer
        assert answer.out in ("", "mine: cannot be trained\n") or words[0] == "check"  # plan's; check has a line an item
        assert "Traceback" not in answer.err and "itself failed" not in answer.err and "s3cret" not in answer.err
        return answer.err[max(0, answer.err.find("error: ")) :]  # a line of progress may stand before it

    return run


def test_the_canary_sings_where_its_module_is_trusted(lab, cli):
    """Or the tests below could not fail."""
    (lab / FILE).write_text(HEAD + "callbacks: {x: {_target_: evil.Evil}}\n")
    answer = cli("run", "mine", "--trust", "evil")
    assert answer.code == 2 and "evil.Evil is not a subclass of Callback" in answer.err
    assert (lab.parent / "outside" / "canary").exists()


# ---- targets: every role, every depth; CANARY stands for the canary's path

OUT = "is not allowed as part of"
CODE = "is refused: it runs code"


def layer(target: str, *lines: str) -> str:
    """The target stands in line 5, its arguments below."""
    return "".join(f"{line}\n" for line in ("model:", "  layers:", "    evil:", f"      _target_: {target}", *lines))


def arguments(text: str) -> str:
    """Arguments of a layer, in line 5."""
    return f"model:\n  layers:\n    hidden:\n      {text}\n"


def callback(target: str, text: str = "") -> str:
    return f"callbacks:\n  evil: {{_target_: {target}, {text}}}\n"


LAMBDA = (
    "{class_name: Lambda, module: keras.layers, config: {function: {class_name: __lambda__, config: {value: 4wE=}}}}"
)
TARGETS = {
    "a shell": Attack(layer("os.system", "      command: touch CANARY"), f"{FILE}:5", OUT),
    "a shell by another name": Attack(layer("posix.system"), f"{FILE}:5", OUT),
    "eval": Attack(layer("builtins.eval"), f"{FILE}:5", OUT),
    "exec in an optimizer": Attack("optimizer:\n  _target_: builtins.exec\n", f"{FILE}:3", OUT),
    "an import": Attack(layer("builtins.__import__", "      name: evil"), f"{FILE}:5", OUT),
    "a process": Attack(layer("subprocess.Popen", "      args: [touch, CANARY]"), f"{FILE}:5", OUT),
    "a process as a loss": Attack("task:\n  loss:\n    _target_: subprocess.run\n", f"{FILE}:4", OUT),
    "a process as a metric": Attack("task: {metrics: {m: {_target_: pty.spawn}}}\n", f"{FILE}:2", OUT),
    "a process as a callback": Attack(callback("subprocess.check_output", "args: [touch, CANARY]"), f"{FILE}:3", OUT),
    "a module of the project": Attack(callback("evil.Evil"), f"{FILE}:3", "add --trust evil"),
    "a module beside the experiments": Attack(callback("experiments.evil.Evil"), f"{FILE}:3", OUT),
    "a download": Attack(layer("keras.utils.get_file", "      fname: x"), f"{FILE}:5", OUT),
    "a loader of models": Attack(layer("keras.saving.load_model"), f"{FILE}:5", OUT),
    "a loader of JSON models": Attack(layer("keras.models.model_from_json"), f"{FILE}:5", OUT),
    "unsafe mode": Attack(layer("keras.config.enable_unsafe_deserialization"), f"{FILE}:5", OUT),
    "a module inside Keras": Attack(layer("keras.src.utils.file_utils.os.system"), f"{FILE}:5", OUT),
    "Keras's own sources": Attack(layer("keras.src.layers.core.lambda_layer.Lambda"), f"{FILE}:5", CODE),
    "Lambda": Attack(layer("keras.layers.Lambda", "      function: x"), f"{FILE}:5", CODE),
    "a saved program": Attack(layer("keras.layers.TFSMLayer", "      filepath: ."), f"{FILE}:5", CODE),
    "a pickled Torch module": Attack(layer("keras.layers.TorchModuleWrapper"), f"{FILE}:5", CODE),
    "a callback that sends": Attack(callback("keras.callbacks.RemoteMonitor"), f"{FILE}:3", CODE),
    "a callback of functions": Attack(callback("keras.callbacks.LambdaCallback"), f"{FILE}:3", CODE),
    "a Python function in the graph": Attack(layer("tensorflow.py_function"), f"{FILE}:5", OUT),
    "a NumPy function in the graph": Attack(layer("tensorflow.numpy_function"), f"{FILE}:5", OUT),
    "a pickle": Attack(layer("pickle.load"), f"{FILE}:5", OUT),
    "Hydra's own instantiate": Attack(layer("hydra.utils.instantiate"), f"{FILE}:5", OUT),
    "a method found by Hydra": Attack(layer("hydra.utils.get_method", "      path: os.system"), f"{FILE}:5", OUT),
    "what a trusted module imports": Attack(layer("experiments.lab_callbacks.keras.utils.get_file"), f"{FILE}:5", OUT),
    "no name": Attack(layer("''"), f"{FILE}:5", OUT),
    "a list as a target": Attack(layer("[os.system]"), f"{FILE}:5", OUT),
    "an initializer": Attack(arguments("kernel_initializer: {_target_: os.system}"), f"{FILE}:5", OUT),
    "a regularizer": Attack(arguments("kernel_regularizer: {_target_: keras.utils.get_file}"), f"{FILE}:5", OUT),
    "a schedule": Attack("optimizer:\n  learning_rate: {_target_: builtins.eval}\n", f"{FILE}:3", OUT),
    "inside a good schedule": Attack(
        "optimizer:\n  learning_rate:\n    _target_: keras.optimizers.schedules.CosineDecay\n"
        "    decay_steps: {_target_: evil.Evil}\n", f"{FILE}:5", OUT,
    ),
    "inside lists of lists": Attack(arguments("bias_initializer: [[{a: [{_target_: os.system}]}]]"), f"{FILE}:5", OUT),
    "inside a wrapper": Attack(
        layer("keras.layers.TimeDistributed", "      layer:", "        _target_: keras.layers.Lambda"), f"{FILE}:7", CODE
    ),
    "inside a layer of layers": Attack(
        layer("keras.layers.RNN", "      cell: [{_target_: keras.layers.LSTMCell, units: 1}, {_target_: os.system}]"),
        f"{FILE}:6", OUT,
    ),
    "of another role": Attack(callback("keras.layers.Dense", "units: 1"), f"{FILE}:3", OUT),
    "by an override": typed("+model.layers.x={_target_:os.system,command:id}", said=OUT),
    "by a replaced target": typed("optimizer._target_=builtins.exec", said=OUT),
    "by a deep override": typed("optimizer.learning_rate={_target_:evil.Evil}", said=OUT),
    "by two overrides": typed("+callbacks.x.y=1", "+callbacks.x._target_=os.system", said=OUT),
    "in one cell of a sweep": typed(
        "-m", "optimizer._target_=keras.optimizers.SGD,os.system", said=OUT
    ),
    "in a sweep of the file's own": Attack(
        "hydra: {mode: MULTIRUN, sweeper: {params: {optimizer._target_: 'keras.optimizers.SGD,os.system'}}}\n",
        f"{FILE}:2", OUT,
    ),
    # Keras builds an object from such a dictionary wherever it takes one.
    "Keras's form of a Lambda": Attack(arguments(f"kernel_initializer: {LAMBDA}"), f"{FILE}:5", "Keras's own form"),
    "Keras's form of a function": Attack(
        arguments("activation: {class_name: function, config: get_file, module: keras.utils, registered_name: x}"),
        f"{FILE}:5", "Keras's own form",
    ),
    "Keras's form inside a wrapper": Attack(
        layer("keras.layers.Bidirectional", f"      layer: {LAMBDA}"), f"{FILE}:6", "Keras's own form"
    ),
    "Keras's form of a cell": Attack(
        layer("keras.layers.RNN", f"      cell: [{LAMBDA}]"), f"{FILE}:6", "Keras's own form"
    ),
    "Keras's form of a policy": Attack(
        arguments("dtype: {class_name: DTypePolicy, config: {name: float16}}"), f"{FILE}:5", "Keras's own form"
    ),
    "Keras's form by an override": typed(
        "+model.layers.hidden.kernel_regularizer={class_name:L2,config:{}}", said="Keras's own form"
    ),
    "a vocabulary from a file": Attack(
        layer("keras.layers.StringLookup", "      vocabulary: /etc/passwd"), f"{FILE}:6", "names a file that the layer"
    ),
    # Hydra's own keys: they would call with positional arguments, or hand out the function itself.
    "positional arguments": Attack(arguments("_args_: [touch CANARY]"), f"{FILE}:5", "Expected only the target's own"),
    "a partial": Attack(arguments("_partial_: true"), f"{FILE}:5", "Found '_partial_'"),
    "no recursion": Attack(arguments("_recursive_: false"), f"{FILE}:5", "Found '_recursive_'"),
    "no conversion": Attack(arguments("kernel_initializer: {_convert_: none}"), f"{FILE}:5", "Found '_convert_'"),
    "a partial by an override": typed("+optimizer._partial_=true", said="Found '_partial_'"),
}  # fmt: skip

# ---- Hydra: its section, packages, the defaults list

ALONE = "is set only by stackfit"
BEYOND = "reaches beyond an experiment"
HYDRA = {
    **{
        f"hydra.{key}": Attack(f"hydra: {{{text}}}\n", f"{FILE}:2", ALONE)
        for key, text in {
            "callbacks": "callbacks: {x: {_target_: evil.Evil}}",
            "run.dir": "run: {dir: CANARY}",
            "sweep.dir": "sweep: {dir: CANARY, subdir: x}",
            "job.env_set": "job: {env_set: {LD_PRELOAD: x}}",
            "job.env_copy": "job: {env_copy: [SECRET]}",
            "job.chdir": "job: {chdir: true}",
            "searchpath": "searchpath: ['file:///etc', 'pkg://evil']",
            "output_subdir": "output_subdir: CANARY",
            "job_logging": "job_logging: {handlers: {x: {class: logging.FileHandler, filename: CANARY}}}",
            "hydra_logging": "hydra_logging: {handlers: {x: {class: logging.FileHandler, filename: CANARY}}}",
            "launcher": "launcher: {_target_: evil.Evil}",
            "sweeper._target_": "sweeper: {_target_: evil.Evil}",
            "hydra_help": "hydra_help: {template: x}",
        }.items()
    },
    "a flat key": Attack("hydra.run.dir: CANARY\n", f"{FILE}:2", ALONE),
    "a merge key": Attack("<<: {hydra: {callbacks: {x: {_target_: evil.Evil}}}}\n", f"{FILE}:2", "A merge key"),
    "an alias": Attack("about: &x {question: x}\nhydra: *x\n", f"{FILE}:3", "The alias *x is not allowed"),
    "a callback typed": typed("+hydra.callbacks.x={_target_:evil.Evil}", said=ALONE),
    "a folder typed": typed("hydra.run.dir=CANARY", said=ALONE),
    "a variable typed": typed("+hydra.job.env_set.LD_PRELOAD=x", said=ALONE),
    "a search path typed": typed("hydra.searchpath=[pkg://evil]", said=ALONE),
    "another sweeper typed": typed("hydra/sweeper=basic", said="does not know which cells are finished"),
    "logging typed": typed("hydra/job_logging=default", said=ALONE),
    "a package typed": typed("optimizer@_global_=sgd", said="The package @_global_ is not allowed"),
    "an option by a path": typed("model=../data/xor", said="is not an option of the group 'model'"),
    "an option with a path to anywhere": typed("model=/etc/passwd", said="is not an option of the group"),
    "a launcher by a path": typed("hydra/launcher=../../evil", said="is not one of stackfit's"),
    "a global package": Attack("# @package _global_\n", f"{FILE}:2", "moves this file's keys elsewhere"),
    "Hydra's package": Attack("# @package hydra\ncallbacks: {}\n", f"{FILE}:2", "moves this file's keys elsewhere"),
    **{
        f"defaults: {entry}": Attack(f"defaults: [config, {entry}, _self_]\n", f"{FILE}:1", BEYOND)
        for entry in (
            "override hydra/launcher: basic", "override hydra/job_logging: colorlog", "/hydra/callbacks: evil",
            "optional hydra/callbacks: evil", "'/etc/passwd'", "'../../outside/evil'", "'file:///etc/passwd'",
            "'pkg://evil'", "optimizer@hydra: sgd", "model: '../../../outside/evil'", "'mine@hydra'",
        )
    },
}  # fmt: skip

# ---- resolvers

RESOLVER = "is not allowed: a result must not depend on the machine"
RESOLVERS = {
    **{
        text: Attack(f"about:\n  question: '{text}'\n", f"{FILE}:3", RESOLVER)
        for text in (
            "${oc.env:SECRET}", "${oc.env:NONE,x}", "${oc.decode:x}", "${oc.create:{a: 1}}", "${hydra:runtime.cwd}",
            "${now:%Y}", "${python_version:}", "${ oc.env : SECRET }", "${oc.${about.source}:SECRET}",
            "${${about.source}.env:SECRET}", "${oc.select:epochs}", "${oc.dict.keys:data}", "x${oc.env:SECRET}y",
        )
    },
    "in a key": Attack("about: {'${oc.env:SECRET}': x}\n", f"{FILE}:2", RESOLVER),
    "in the defaults": Attack("defaults: [config, override model: '${oc.env:SECRET}', _self_]\n", f"{FILE}:1", RESOLVER),
    "in an argument": Attack(arguments("units: ['${oc.env:SECRET}']"), f"{FILE}:5", RESOLVER),
    "in a sweep": Attack("hydra: {sweeper: {params: {seed: '${oc.env:SECRET},1'}}}\n", f"{FILE}:2", RESOLVER),
    "typed": typed("seed=${oc.env:SECRET}", said=RESOLVER),
    "typed in quotes": typed("about.question='${oc.env:SECRET}'", said=RESOLVER),
    "typed in a sweep": typed("-m", "about.question=choice(a,'${oc.env:SECRET}')", said=RESOLVER),
    "typed in a mapping": typed("+callbacks.x={a:'${oc.env:SECRET}'}", said=RESOLVER),
    "typed as a nested one": typed("about.question='${oc.${about.source}:SECRET}'", said=RESOLVER),
    "put together, to be read a second time": Attack(
        "about: {source: $}\n" + callback("stackfit.callbacks.StopAt", "monitor: '${about.source}{oc.env:SECRET}'"),
        f"{FILE}:4", "which would be read again",
    ),
    "escaped, to be read a second time": Attack(callback("stackfit.callbacks.StopAt", "monitor: '\\${oc.env:SECRET}'"), f"{FILE}:3", RESOLVER),
    "to itself": Attack("epochs: ${seed}\nseed: ${epochs}\n", f"{FILE}:2", "refers to itself"),
    "to nowhere": Attack("about: {question: '${...x.y}'}\n", f"{FILE}:2", "Expected a value, or ${"),
}  # fmt: skip

# ---- files

LEAVES = "leaves the run folder"
ODD = "is not a file name"


def stored(name: str, said: str) -> Attack:
    return Attack(callback("keras.callbacks.ModelCheckpoint", f"filepath: {json.dumps(name)}"), f"{FILE}:3", said)


FILES = {
    **{
        f"a checkpoint in {name!r}": stored(name, LEAVES)
        for name in (
            "../x.keras", "a/../../x.keras", "CANARY", "~/x.keras", "~root/x.keras", "C:\\x.keras", "c:x.keras",
            "\\\\host\\x.keras", "..\\x.keras", "gs://bucket/x.keras", "s3://b/x.keras", "file:///x.keras",
        )
    },
    **{
        f"a checkpoint in {name!r}": stored(name, ODD)
        for name in (
            "a\0.keras", "a\n.keras", "a\x1b[2J.keras", "a" * 300 + ".keras",
            "{epoch.__doc__[17]}{epoch.__doc__[17]}/x.keras",  # spells ../
            "{epoch:c}{epoch:c}/x.keras",  # so does epoch 46
            "{epoch:99999999d}.keras", "{0}.keras", "{epoch!r}.keras", "{", "{epoch:{epoch}}.keras",
        )
    },
    "a log": Attack(callback("keras.callbacks.CSVLogger", "filename: ../x.csv"), f"{FILE}:3", LEAVES),
    "a log to a descriptor": Attack(callback("keras.callbacks.CSVLogger", "filename: 1"), f"{FILE}:3", ODD),
    "a log to several": Attack(callback("keras.callbacks.CSVLogger", "filename: [a, b]"), f"{FILE}:3", ODD),
    "a board": Attack(callback("keras.callbacks.TensorBoard", "log_dir: CANARY"), f"{FILE}:3", LEAVES),
    "a backup": Attack(callback("keras.callbacks.BackupAndRestore", "backup_dir: CANARY"), f"{FILE}:3", "is refused"),
    "an Orbax folder": Attack(callback("keras.callbacks.OrbaxCheckpoint", "directory: ../x"), f"{FILE}:3", LEAVES),
    "by an override": typed("callbacks=checkpoint_best", "callbacks.checkpoint_best.filepath=../x.keras", said=LEAVES),
}  # fmt: skip

# ---- names and paths of data

DATA = {
    "a URL": typed("data=csv", "data.label=y", "data.path='http://localhost:9/x.csv'", said="There is no http:"),
    "a device": typed("data=csv", "data.label=y", "data.path=/dev/zero", said="/dev/zero is a device or a pipe"),
    "a device of arrays": typed("data=npz", "data.path=/dev/zero", said="is a device or a pipe"),
    "a path without end": typed("data=npz", f"data.path={'a' * 5000}", said="is not a path"),
    "a path of nobody": typed("data=npz", "data.path='~nobody_there/x'", said="is not a path"),
    "a NUL": Attack('data: {kind: npz, path: "a\\0b", input_shape: null, num_classes: null}\n', f"{FILE}:2", ""),
    "TFDS's own arguments": typed(
        "data=tfds", "data.name='mnist/data_dir=CANARY'", "data.input_shape=[2]", "data.num_classes=2",
        where="data.name=", said="Expected a name of the catalogue",
    ),
    "code of others, through TFDS": typed(
        "data=tfds", "data.name='huggingface:evil/evil'", "data.input_shape=[2]", "data.num_classes=2",
        where="data.name=", said="Expected a name of the catalogue",
    ),
}  # fmt: skip

# ---- YAML

YAMLS = {
    "a tag that calls": Attack(
        "epochs: !!python/object/apply:os.system [touch CANARY]\n", f"{FILE}:2", "The tag !!python/"
    ),
    "a tag of a name": Attack("epochs: !!python/name:os.system\n", f"{FILE}:2", "The tag !!python/"),
    "a tag of a module": Attack("about: {question: !!python/module:evil }\n", f"{FILE}:2", "The tag !!python/"),
    "a tag of a new object": Attack("about: !!python/object/new:evil.Evil {}\n", f"{FILE}:2", "The tag !!python/"),
    "a tag in expect": Attack(
        "expect: [!!python/object/apply:os.system [touch CANARY]]\n", f"{FILE}:2", "The tag !!python/"
    ),
    "a bomb": Attack(
        "about:\n  question: &a [x]\n" + "".join(f"  a{n}: &a{n} [*a, *a]\n" for n in range(30)),
        f"{FILE}:4",
        "The alias",
    ),
    "a loop": Attack("about: &a {question: *a}\n", f"{FILE}:2", "The alias *a"),
    "a well": Attack(f"about: {'[' * 4000}{']' * 4000}\n", f"{FILE}:2", "levels deep"),
    "several documents": Attack("---\nepochs: 3\n", f"{FILE}:2", "a second document"),
    "a number without end": Attack(f"epochs: {'9' * 5000}\n", f"{FILE}:2", "of 5000 characters"),
    "a date that is none": Attack("about: {question: !!timestamp x}\n", f"{FILE}:2", "The tag !!timestamp"),
}

ATTACKS = {**TARGETS, **HYDRA, **RESOLVERS, **FILES, **DATA, **YAMLS}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_config_is_refused_at_its_place(lab, refused, name):
    canary = str(lab.parent / "outside" / "canary")
    attack = Attack(*(part.replace("CANARY", canary) if isinstance(part, str) else part for part in ATTACKS[name]))
    head = "" if attack.text.startswith("defaults") else HEAD
    (lab / FILE).write_text(head + attack.text, encoding="utf-8")
    error = refused(*(word.replace("CANARY", canary) for word in attack.words))
    assert error.startswith(f"error: {attack.where}"), error
    assert attack.said in error and "Expected" in error, error


def test_check_judges_a_hostile_experiment_without_running_it(lab, cli):
    (lab / FILE).write_text(HEAD + layer("os.system", "      command: touch x") + "expect: [{parameters: 3}]\n")
    before = world(lab)
    answer = cli("check", "mine")
    assert answer.code == 2 and "items: 1 error\n" in answer.out and OUT in answer.out + answer.err
    assert world(lab) == before


@pytest.mark.parametrize("command", ["show", "plan", "run"])
def test_every_command_that_composes_refuses_a_hydra_section(lab, refused, command):
    (lab / FILE).write_text(HEAD + "hydra: {callbacks: {x: {_target_: evil.Evil}}}\n")
    assert refused(command, "mine").startswith(f"error: {FILE}:2  hydra.callbacks")


# ---- what Keras itself has under the modules that are allowed


@pytest.mark.tf
@pytest.mark.parametrize(
    "text, said",
    [
        (layer("keras.layers.deserialize", "      config: {}"), "keras.layers.deserialize is not a subclass of Layer"),
        (layer("keras.layers.serialize", "      layer: x"), "keras.layers.serialize is not a subclass of Layer"),
        (layer("keras.layers.Input"), "There is no 'Input' in keras.layers. Did you mean 'InputLayer'? Expected a class of Keras."),
        (layer("keras.layers.InputSpec"), "There is no 'InputSpec' in keras.layers. Did you mean 'InputLayer'? Expected a class of Keras."),
        (layer("keras.layers.__loader__"), "There is no '__loader__' in keras.layers"),
        (layer("stackfit.layers.keras"), "stackfit.layers.keras is not a subclass of Layer"),
        (callback("stackfit.callbacks.Mapping"), "stackfit.callbacks.Mapping is not a subclass of Callback"),
        (callback("experiments.lab_callbacks.keras"), "experiments.lab_callbacks.keras is not a subclass of Callback"),
        ("optimizer: {_target_: keras.optimizers.get}\n", "keras.optimizers.get is not a subclass of Optimizer"),
        ("task: {loss: {_target_: keras.losses.deserialize}}\n", "keras.losses.deserialize is not a subclass of Loss"),
        ("task: {metrics: {m: {_target_: keras.metrics.get}}}\n", "keras.metrics.get is not a subclass of Metric"),
        (arguments("activation: 'lambda x: x'"), "There is no activation 'lambda x: x'"),
        (arguments("activation: os.system"), "There is no activation 'os.system'"),
        (arguments("kernel_initializer: keras.utils.get_file"), "There is no initializer 'keras.utils.get_file'"),
    ],
)
def test_a_function_of_kerass_own_is_not_a_layer(lab, refused, keras, text, said):
    (lab / FILE).write_text(HEAD + text)
    error = refused("run", "mine")
    assert error.startswith(f"error: {FILE}:") and said in error and "Expected" in error


@pytest.mark.tf
@pytest.mark.parametrize("name", ["STATUS.JSON", "./config.yaml", "model.keras"])
def test_a_callback_does_not_write_over_the_runs_own_files(lab, refused, keras, name):
    (lab / FILE).write_text(HEAD + callback("keras.callbacks.CSVLogger", f"filename: {name}"))
    error = refused("run", "mine")
    assert error.startswith(f"error: {FILE}:3") and "is a file of the run itself. Expected another name" in error


# ---- names


@pytest.mark.parametrize(
    "name", ["../mine", "/etc/passwd", "a/b", ".", "..", "-", "~", "a\0b", "mine.yaml", "config", "a\nb"]
)
@pytest.mark.parametrize("command", [("run",), ("show",), ("check",), ("new",), ("new", "child", "--from")])
def test_a_name_that_is_a_path_is_not_an_experiment(refused, command, name):
    assert "Expected" in refused(*command, name)


@pytest.mark.parametrize("name", ["../Evil", "os.system", "class", "_x", "A B", "LabCallbacks", "Evil\n"])
def test_a_callbacks_name_that_is_not_one_is_refused(refused, name):
    assert "Expected" in refused("new", "--callback", name)


@pytest.mark.parametrize(
    "name", ["config.yaml", "hydra/sweeper/cells.yaml", "stackfit_schema.yaml", "gsp631_base.yaml"]
)
@pytest.mark.parametrize("folder", ["conf", "experiments"])
def test_a_projects_file_does_not_stand_in_for_stackfits_own(lab, refused, cli, folder, name):
    (lab / folder / name).parent.mkdir(parents=True, exist_ok=True)
    (lab / folder / name).write_text("params: {}\n")
    if (folder, name) == ("conf", "gsp631_base.yaml"):  # experiments come before it, so it is never read
        assert "params" not in cli("show", "gsp631_base").out
    elif (folder, name) == ("conf", "config.yaml"):  # another Hydra program's: passed over, with all of ./conf
        answer = cli("show", "digits_quickstart")
        assert answer.code == 0 and "params:" not in answer.out and "the root of another Hydra program" in answer.err
    elif folder == "conf":
        error = refused("show", "digits_quickstart")
        assert error.startswith(f"error: {folder}/") and "Rename" in error
    else:  # an error of that name, if it is one; others are composed as without the file
        with_file = cli("show", "digits_quickstart")
        (lab / folder / name).unlink()
        assert with_file.code == 0 and with_file == cli("show", "digits_quickstart")
        if "/" not in name:
            (lab / folder / name).write_text("params: {}\n")
            assert "Rename" in refused("show", name.removesuffix(".yaml"))


# ---- modules


STOP = "import keras\nclass Evil(keras.callbacks.Callback):\n    def __init__(self):\n        print('ran', __file__)\n"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test imports from its project."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("evil", "experiments"):
            del sys.modules[name]


@pytest.mark.parametrize(
    "module",
    ["../outside/evil", "..outside.evil", "/etc/evil", "os", "subprocess", "keras", "builtins", "", ".", "evil.os"],
)
def test_trust_in_what_is_not_a_file_of_the_project_is_refused(lab, refused, module):
    (lab / FILE).write_text(HEAD + callback(f"{module}.system"))
    error = refused("run", "mine", "--trust", module)
    assert error.startswith(f"error: {FILE}:3") and "Expected" in error


@pytest.mark.tf
@pytest.mark.parametrize("module", ["json", "keras", "numpy", "stackfit", "hydra"])
def test_a_trusted_file_does_not_stand_in_for_a_library(lab, refused, keras, modules, module):
    (lab / f"{module}.py").write_text((lab / "evil.py").read_text())
    (lab / FILE).write_text(HEAD + callback(f"{module}.Evil"))
    error = refused("run", "mine", "--trust", module)
    assert error.startswith(f"error: {FILE}:3") and "Expected" in error


@pytest.mark.tf
def test_a_projects_lab_callbacks_do_not_stand_in_for_the_shipped_ones(lab, refused, keras, modules):
    (lab / "experiments" / "lab_callbacks.py").write_text((lab / "evil.py").read_text())
    (lab / FILE).write_text(HEAD + callback("experiments.lab_callbacks.Evil"))
    assert "There is no 'Evil' in experiments.lab_callbacks" in refused("run", "mine")


@pytest.mark.parametrize(
    "text, said",
    [
        ("[tool.stackfit]\ntrust = ['os']\n", "There is no module 'os' in this project"),
        ("[tool.stackfit]\ntrust = ['../outside/evil', 'os']\n", "There is no module 'os' in this project"),
        ("[tool.stackfit]\ntrust = 'os'\n", "trust is 'os'. Expected a list of module names"),
        ("[tool.stackfit]\ntrust = [1]\n", "trust is [1]. Expected a list of module names"),
        ("[tool.stackfit]\ntrust = {os = true}\n", "Expected a list of module names"),
        ("tool = 3\n", "Expected a table [tool.stackfit]"),
        ("[tool.stackfit\n", "This is not a project's TOML"),
        ("x = " + "[" * 5000, "This is not a project's TOML"),
        ("[tool.stackfit]\ntrust = [" + "9" * 5000 + "]", "This is not a project's TOML"),
        ("\0", "This is not a project's TOML"),
        ("[tool.stackfit]\ntrust = []\n", "os belongs to Python and cannot be trusted"),
        ("[tool.hydra]\ncallbacks = ['evil.Evil']\n", "os belongs to Python and cannot be trusted"),
    ],
)
def test_a_projects_file_trusts_nothing_beyond_the_project(lab, refused, text, said):
    (lab / "pyproject.toml").write_text(text)
    (lab / FILE).write_text(HEAD + callback("os.system"))
    assert said in refused("run", "mine")


# ---- data


class Boom:
    """What a pickle can do when it is read."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


def test_a_pickle_in_the_arrays_is_not_read(lab, refused):
    canary = lab.parent / "outside" / "canary"
    objects = np.array([Boom(canary), Boom(canary)], dtype=object)
    np.savez(lab / "data.npz", x=np.zeros((2, 3)), y=objects, allow_pickle=True)
    error = refused("run", "digits_quickstart", "data=npz", "data.path=data.npz")
    assert "data.npz cannot be read" in error and "Expected an NPZ file of plain arrays" in error
    (lab / "data.npz").write_bytes(pickle.dumps(Boom(canary)))
    assert "Expected an NPZ file of plain arrays" in refused(
        "run", "digits_quickstart", "data=npz", "data.path=data.npz"
    )


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_a_bomb_is_measured_before_it_is_unpacked(lab, refused, suffix):
    path = lab / f"data.{suffix}"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy" if suffix == "npz" else "x.csv", "w", force_zip64=True) as file,
    ):
        for _ in range(30):
            file.write(bytes(1_000_000))
    assert path.stat().st_size < 100_000
    words = (f"data={suffix}", f"data.path={path.name}", "data.max_memory_bytes=10000000")
    words += ("data.label=y",) if suffix == "csv" else ()
    error = refused("run", "digits_quickstart", *words)
    assert "takes 30000000 bytes, but data.max_memory_bytes is 10000000" in error


def test_an_array_that_claims_to_be_enormous_is_not_an_array(lab, refused):
    head = (
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 9), }".ljust(117)
        + b"\n"
    )
    with zipfile.ZipFile(lab / "data.npz", "w") as archive:
        archive.writestr("x.npy", head)
        archive.writestr("y.npy", head)
    error = refused("run", "digits_quickstart", "data=npz", "data.path=data.npz")
    assert "data.npz cannot be read" in error


def test_a_label_that_is_code_is_a_column_that_is_not_there(lab, refused):
    (lab / "data.csv").write_text("a,b\n1,2\n3,4\n")
    for label in ("__import__('os')", "@a", "a\0", "../a", "{a}", "=cmd|' /C calc'!A0"):
        (lab / FILE).write_text(
            f"defaults: [config, override data: csv, _self_]\ndata: {{path: data.csv, label: {json.dumps(label)}}}\n"
        )
        error = refused("run", "mine")
        assert error.startswith(f"error: {FILE}:2  data.label") and "has no column" in error


# ---- run folders of somebody else


def stolen(lab: Path, change: Callable[[dict[str, Any]], Any], finished: Path) -> Path:
    """A copy of a finished run whose config was altered: mapping in place, or text that `change` returns."""
    folder = Path(shutil.copytree(finished, lab / "theirs", dirs_exist_ok=True))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    text = change(config)
    (folder / "config.yaml").write_text(text if isinstance(text, str) else yaml.safe_dump(config), encoding="utf-8")
    return folder


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        node: Any = config
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value

    return change


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
FOLDERS = {
    "a module of the project": (put("callbacks", "x", value={"_target_": "evil.Evil"}), "add --trust evil"),
    "a shell": (put("model", "layers", "hidden", "_target_", value="os.system"), OUT),
    "Lambda": (put("model", "layers", "hidden", "_target_", value="keras.layers.Lambda"), CODE),
    "a loss of the project": (put("task", "loss", "_target_", value="experiments.evil.Evil"), OUT),
    "an environment variable": (put("about", "question", value="${oc.env:SECRET}"), "a ${…} that is not resolved"),
    "another key": (put("hydra", value={"run": {"dir": "x"}}), "does not know the key hydra"),
    "no data": (lambda config: config.pop("data") and None, "is cut short: it has no data."),
    "no model": (put("model", value=None), "is cut short: it has no model."),
    "a number as the task": (put("task", value=3), "is cut short: it has no task."),
    "a path as the checkpoint": (
        put("callbacks", "x", value={"_target_": "keras.callbacks.CSVLogger", "filename": "../x"}), LEAVES
    ),
    "a tag": (lambda config: "epochs: !!python/object/apply:os.system [touch x]\n", "The tag !!python/object"),
    "a bomb": (lambda config: BOMB, "The alias *a0 is not allowed"),
    "a well": (lambda config: "[" * 5000, "levels deep"),
    "nothing": (lambda config: "", "holds no config"),
    "a list": (lambda config: "[1]", "holds no config"),
    "a device": (lambda config: config["data"].update(kind="npz", path="/dev/zero"), "is a device or a pipe"),
}  # fmt: skip


@pytest.mark.tf
@pytest.mark.parametrize("command", ["evaluate", "predict", "verify"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_run_folder_of_somebody_else_is_held_against_the_same_rules(lab, refused, finished, command, name):
    change, said = FOLDERS[name]
    if command != "verify" and name in ("a module of the project", "a path as the checkpoint"):  # callbacks: not used
        return
    folder = stolen(lab, change, finished)
    if (command, name) == ("predict", "a device"):  # it shows what the run stored and reads no data
        return
    assert said in refused(command, str(folder))


ALTERED = {
    "a Lambda": {"class_name": "Lambda", "module": "keras.layers", "config": {}},
    "a lambda's bytes": {"class_name": "__lambda__", "config": {"value": "4wE="}},
    "a module of the project": {"class_name": "Evil", "module": "evil", "config": {}, "registered_name": "evil>Evil"},
    "a shell": {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"},
}


@pytest.mark.tf
@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", ALTERED)
def test_what_a_saved_model_says_of_itself_is_not_read(lab, cli, finished, form, name):
    """It may name any code: the layers come from the config, the file gives its arrays."""
    folder = Path(shutil.copytree(finished, lab / "theirs"))
    (folder / ("model.h5" if form == "keras" else "model.keras")).unlink()
    said = cli("evaluate", str(folder), "--format", "csv").out
    alter(folder / f"model.{form}", ALTERED[name])
    before = world(lab)
    assert cli("evaluate", str(folder), "--format", "csv") == (0, said, "")
    assert world(lab) == before


def alter(model: Path, evil: dict[str, Any]) -> None:
    """Put an object into the description of a saved model, as the activation of its first layer."""
    import h5py

    def changed(text: str | bytes) -> str:
        description = json.loads(text)
        next(one for one in description["config"]["layers"] if "activation" in one["config"])["config"][
            "activation"
        ] = evil
        return json.dumps(description)

    if model.suffix == ".h5":
        with h5py.File(model, "r+") as file:
            file.attrs["model_config"] = changed(file.attrs["model_config"])
        return
    repack(model, lambda parts: parts.update({"config.json": changed(parts["config.json"]).encode()}))


def repack(model: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Write a `.keras` file again with other parts."""
    with zipfile.ZipFile(model) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.tf
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_callback_that_is_not_trusted_is_not_needed_to_use_a_model(lab, cli, finished, command):
    folder = stolen(lab, put("callbacks", "x", value={"_target_": "evil.Evil"}), finished)
    before = world(lab)
    assert cli(command, str(folder))[::2] == (0, "")
    assert world(lab) == before


def test_a_hostile_status_is_shown_and_not_obeyed(lab, cli):
    folder = make_run(lab / "outputs" / "base" / "one", {"x": "__import__('os').system('touch x')"})
    status = json.loads((folder / "status.json").read_text())
    status |= {"reason": "\x1b]0;evil\x07\x1b[2J", "status": "failed", "experiment": "../../evil", "sweep": "../x"}
    status["settings"] |= {"\x1b[31m": "\x1b[2J", "evil": "=cmd|' /C calc'!A0"}
    (folder / "status.json").write_text(json.dumps(status))
    make_run(lab / "outputs" / "base" / "two")
    before = world(lab)
    for words in (("table",), ("table", "--format", "md"), ("compare",)):
        answer = cli(*words)
        assert "\x1b" not in answer.out + answer.err, words
    assert world(lab) == before


PLANT = "\x1b]0;evil\x07\x1b[2J\r\u202egpj.\x9b31m"


def planted(value: Any) -> Any:
    """A value with control characters in every text of it that is not needed to read it."""
    if isinstance(value, dict):
        return {key: planted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item) for item in value]
    return value + PLANT if isinstance(value, str) and not value.startswith(("keras.", "stackfit.")) else value


def assert_harmless(text: str) -> None:
    assert not {*text} & {*PLANT} - {*"]0;evil[2Jgpj.31m"}, text


@pytest.mark.tf
def test_names_of_somebody_elses_files_do_not_control_the_terminal(lab, cli, finished):
    """In every text of them, and in the names of layers, metrics and folders."""
    folder = Path(shutil.copytree(finished, lab / "outputs" / f"x{PLANT}" / f"run{PLANT}"))
    status = json.loads((folder / "status.json").read_text())
    hostile = planted(status) | {key: status[key] for key in ("status", "owner")}
    hostile["settings"] |= {f"model.layers.{PLANT}": PLANT}
    hostile["metrics"] = {**status["metrics"], f"test_{PLANT}": 0.5}
    (folder / "status.json").write_text(json.dumps(hostile))
    for name in ("environment.json", "scaling.json", "layers.json"):
        (folder / name).write_text(json.dumps(planted(json.loads((folder / name).read_text()))))
    (folder / "certificate.json").write_text(json.dumps({"verdict": PLANT, "started": hostile["started"]}))
    (folder / "history.csv").write_text(f"epoch,loss,{PLANT[1:5]}\n1,2,3\n")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["data"]["class_names"] = [f"{number}{PLANT}" for number in range(10)]
    config["about"] = planted(config["about"])
    config["task"]["metrics"] = {f"accuracy{PLANT}": config["task"]["metrics"]["accuracy"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    hostile["settings"] = {}
    make_run(lab / "outputs" / "other")
    answers = {}
    for words in (("table",), ("table", "--epochs"), ("table", "--csv", "-"), ("table", "--format", "json"), ("compare",)):
        answers[words] = cli(*words)
    (folder / "status.json").write_text(json.dumps(hostile))  # or the config is cut short
    for words in (("evaluate",), ("predict",), ("predict", "--item", "0"), ("predict", "--format", "csv"), ("verify",),
                  ("eject",)):  # fmt: skip
        answers[words] = cli(words[0], str(folder), *words[1:])
    config["model"]["layers"][f"out{PLANT}"] = config["model"]["layers"].pop("output")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    answers["a layer",] = cli("evaluate", str(folder))
    assert "A layer is called 'out" in answers["a layer",].err
    for words, answer in answers.items():
        assert_harmless(answer.out + answer.err)
        assert "itself failed" not in answer.err and (answer.out or answer.err), words
    assert "gpj" in answers["evaluate",].out and "gpj" in answers["predict",].out
    assert "gpj" in answers["verify",].err


@pytest.mark.parametrize("words", [("list",), ("show", "mine"), ("show", "mine", "--origin"), ("explain", "mine", "about"),
                                   ("explain", "mine", "data.class_names"), ("show", "mine", f"seed={PLANT}")])  # fmt: skip
def test_texts_of_an_experiment_do_not_control_the_terminal(lab, cli, words):
    names = ", ".join(json.dumps(f"{number}{PLANT}") for number in range(10))
    (lab / FILE).write_text(HEAD + f"about: {{question: {json.dumps(PLANT)}}}\ndata: {{class_names: [{names}]}}\n")
    answer = cli(*words)
    assert_harmless(answer.out + answer.err)
    assert "gpj" in answer.out + answer.err or words == ("show", "mine", f"seed={PLANT}")


@pytest.mark.parametrize("name", ["status.json", "metrics.json", "environment.json", "certificate.json", "history.csv",
                                  "predictions.npz", "config.yaml", "scaling.json", "layers.json"])  # fmt: skip
def test_a_file_of_absurd_size_is_not_read(lab, name):
    from stackfit.results import run_files
    from stackfit.results.bounds import MOST_BYTES
    from stackfit.results.sealing import read_sealed

    file = make_run(lab / "run", history=1, correct=[True]) / name
    with file.open("wb") as stream:  # sparse: it takes no room
        stream.truncate(MOST_BYTES[file.suffix] + 1)
    readers = {"status.json": run_files.read_status, "metrics.json": run_files.read_metrics,
               "history.csv": run_files.read_history, "predictions.npz": run_files.read_predictions,
               "config.yaml": run_files.read_config, "scaling.json": run_files.read_scaling,
               "layers.json": run_files.read_layers}  # fmt: skip
    if name in readers:
        with pytest.raises(RunFolderError, match=r"run/[a-z.]+ (cannot be read|is missing or damaged)"):
            readers[name](lab / "run")
    else:
        assert run_files.read_environment(lab / "run") == {} and read_sealed(file).record == {}


def test_predictions_that_unpack_to_too_much_or_claim_it_are_not_unpacked(lab, monkeypatch):
    from stackfit.results import bounds, run_files

    folder = make_run(lab / "run", correct=[True, False])
    np.savez_compressed(folder / "predictions.npz", scores=np.zeros((10**6, 2), np.float32), labels=np.zeros(10**6))
    monkeypatch.setitem(bounds.MOST_BYTES, ".npz", 1_000_000)
    assert (folder / "predictions.npz").stat().st_size < 100_000
    with pytest.raises(RunFolderError, match=r"it has 16,000,\d\d\d bytes, and at most 1,000,000 are read"):
        run_files.read_predictions(folder)
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 9), }".ljust(117) + b"\n"
    with zipfile.ZipFile(folder / "predictions.npz", "w") as archive:
        archive.writestr("scores.npy", b"\x93NUMPY\x01\x00v\x00" + head)
    with pytest.raises(RunFolderError, match=r"scores.npy claims the shape \(999999999999, 9\) and has 128 bytes"):
        run_files.read_predictions(folder)


def test_a_pipe_in_the_place_of_a_file_does_not_block(lab):
    from stackfit.results import run_files

    folder = make_run(lab / "run")
    (folder / "metrics.json").unlink()
    os.mkfifo(folder / "metrics.json")
    with pytest.raises(RunFolderError, match=r"metrics.json is missing or damaged"):
        run_files.read_metrics(folder)


@pytest.mark.parametrize(
    "query",
    ["__import__('os').system('id')", "@os.system('id')", "folder.__class__", "x[0]", "units > 1; 1", "(lambda: 1)()"],
)
def test_a_filter_that_is_code_is_not_a_filter(lab, refused, query):
    make_run(lab / "outputs" / "base" / "one")
    assert "is not a filter" in refused("table", "--filter", query)


# ---- what stands around: the environment, git, modules in the current folder


def test_modules_of_the_current_folder_do_not_stand_in_for_libraries(lab):
    """`python -m` puts the current folder first; stackfit takes it away again, and its child processes never have it."""
    for name in ("yaml", "typer", "rich", "hydra", "numpy", "pandas", "tensorflow", "hydra_plugins/evil"):
        (lab / f"{name}.py").parent.mkdir(exist_ok=True)
        shutil.copy(lab / "evil.py", lab / f"{name}.py")
    before = world(lab)
    code, _, error = finish(start(lab, "show", "digits_quickstart"))
    assert (code, error) == (0, "") and world(lab) == before


def test_the_child_that_reads_tfds_does_not_look_into_the_current_folder(lab, refused):
    shutil.copy(lab / "evil.py", lab / "tensorflow_datasets.py")
    words = ("data=tfds", "data.name=no_such_set", "data.input_shape=[2]", "data.num_classes=2")
    error = refused("run", "digits_quickstart", *words)
    assert "tensorflow-datasets has no data set 'no_such_set'" in error


def test_a_repositorys_settings_run_no_program(lab, monkeypatch):
    from stackfit.execution.environment import git_state

    canary = lab.parent / "outside" / "canary"
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost")
    for words in (("init", "-q"), ("add", "evil.py"), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True, cwd=lab)
    commit, clean = git_state()
    assert commit and clean
    subprocess.run(["git", "config", "core.fsmonitor", f"touch {canary}; false"], check=True, cwd=lab)
    assert git_state() == (commit, True) and not canary.exists()
    (lab / ".gitattributes").write_text("*.py filter=evil\n")
    subprocess.run(["git", "config", "filter.evil.clean", f"touch {canary}; cat"], check=True, cwd=lab)
    (lab / "evil.py").write_text("# changed\n")
    assert git_state() == (commit, None) and not canary.exists()


@pytest.mark.parametrize(
    "name, value",
    [
        ("HYDRA_FULL_ERROR", "1"),
        ("KERAS_BACKEND", "evil"),
        ("STACKFIT_CACHE", "/dev/null/x"),
        ("XDG_CACHE_HOME", "/dev/null"),
        ("COLUMNS", "-1"),
        ("TF_CPP_MIN_LOG_LEVEL", "evil"),
    ],
)
def test_no_variable_turns_an_error_into_a_traceback(lab, refused, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    (lab / FILE).write_text(HEAD + layer("os.system"))
    assert OUT in refused("run", "mine")
    if "CACHE" in name:
        assert "Expected" in refused("run", "gsp631_base")
