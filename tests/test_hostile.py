"""Configs, names and folders that somebody made to run code, to read the machine or to write elsewhere.

Each attack is a real file or a real word on the command line. Each must end with its own error, at its place, while the
canary that it would create does not appear and nothing changes outside `outputs/`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import made_runs
import numpy as np
import pytest
import yaml
from processes import finish, start

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
    """Every file around the lab, but for caches that Python and TensorFlow keep."""
    return {
        str(path.relative_to(lab.parent)): path.read_bytes()
        for path in sorted(lab.parent.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def refused(lab: Path, cli: Callable[..., object]) -> Callable[..., str]:
    """`refused("run", "mine")`: the error of a command that must end with 2 and leave no trace."""

    def run(*words: str, code: int = 2) -> str:
        before = world(lab)
        answer = cli(*words)
        assert world(lab) == before, "something was written"
        assert answer.code == code, answer
        assert answer.out == "" and answer.err.startswith(("error: ", "Usage: "))
        assert "Traceback" not in answer.err and "itself failed" not in answer.err and "s3cret" not in answer.err
        return answer.err

    return run


def test_the_canary_sings_where_its_module_is_trusted(lab, cli):
    """Or the tests below could not fail."""
    (lab / FILE).write_text(HEAD + "callbacks: {x: {_target_: evil.Evil}}\n")
    answer = cli("run", "mine", "--trust", "evil")
    assert answer.code == 2 and "evil.Evil is no Callback" in answer.err
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
        "-m", "optimizer._target_=keras.optimizers.SGD,os.system", where="optimizer._target_=os.system", said=OUT
    ),
    "in a sweep of the file's own": Attack(
        "hydra: {mode: MULTIRUN, sweeper: {params: {optimizer._target_: 'keras.optimizers.SGD,os.system'}}}\n",
        "optimizer._target_=os.system", OUT,
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

ALONE = "is set by stackfit alone"
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
    "another sweeper typed": typed("hydra/sweeper=basic", said="knows nothing of finished cells"),
    "logging typed": typed("hydra/job_logging=default", said=ALONE),
    "a package typed": typed("optimizer@_global_=sgd", said="The package @_global_ is not allowed"),
    "an option by a path": typed("model=../data/xor", said="is no option of the group 'model'"),
    "an option with a path to anywhere": typed("model=/etc/passwd", said="is no option of the group"),
    "a launcher by a path": typed("hydra/launcher=../../evil", said="is no option of the group 'hydra/launcher'"),
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
        f"{FILE}:4", "which would be read once more",
    ),
    "escaped, to be read a second time": Attack(callback("stackfit.callbacks.StopAt", "monitor: '\\${oc.env:SECRET}'"), f"{FILE}:3", RESOLVER),
    "to itself": Attack("epochs: ${seed}\nseed: ${epochs}\n", f"{FILE}:2", "refers to itself"),
    "to nowhere": Attack("about: {question: '${...x.y}'}\n", f"{FILE}:2", "Expected a value, or ${"),
}  # fmt: skip

# ---- files

LEAVES = "leaves the run folder"
ODD = "is no file's name"


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
    "a path without end": typed("data=npz", f"data.path={'a' * 5000}", said="is no path"),
    "a path of nobody": typed("data=npz", "data.path='~nobody_there/x'", said="is no path"),
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
    "several documents": Attack("---\nepochs: 3\n", f"{FILE}:2", "not YAML"),
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
