"""`eject`: plain Keras scripts that end with the weights of their runs, to the bit."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import stackfit
from stackfit.config.schedules import find_unlike_fit
from stackfit.data import Progress
from stackfit.data.kinds.fashion_mnist import IDX_FILES, supply_keras, unzip
from stackfit.errors import ConfigError, DataError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.proof.eject.data import data_lines, own_arrays
from stackfit.proof.eject.expressions import WIDTH
from stackfit.proof.eject.script import eject
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder

QUIET = Reporter(0)
DENSE = "_target_: keras.layers.Dense, units: 8"


def train(name: str, *overrides: str, trust: tuple[str, ...] = ()) -> Run:
    return stackfit.run(name, *overrides, trust=trust, reporter=QUIET)


def script_of(run: Run, trust: tuple[str, ...] = (), out: Path | None = None) -> str:
    text = eject(run, trust, out)
    modules = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in modules | names if name.split(".")[0] in ("stackfit", "hydra", "omegaconf")]
    own = text.partition("# ---- Its own code")[2].partition("# ---- Data")[0]  # stands as its author wrote it
    assert max(map(len, text.replace(own, "").splitlines())) <= WIDTH
    return text


def execute(text: str) -> str:
    """What a script's last line prints, after running it in this process."""
    Path("train.py").write_text(text)
    return execute_file()


def execute_file(path: str = "train.py") -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(path, run_name="__main__")
    return printed.getvalue().split()[-1]


def digest_of(run: Run) -> str:
    return run_files.read_metrics(run.folder)["weights_sha256"]


# ---- with training


@pytest.mark.tf
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(
            [
                "epochs=4",
                "shuffle=false",
                "data.validation_split=0.2",
                "data.stratify=true",
                "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.5, after: hidden}",
                "callbacks=early_stopping",
                "callbacks.early_stopping.patience=0",
            ],
            id="dropout-and-early-stopping-with-validation",
        ),
        pytest.param(
            [
                "epochs=2",
                "seed=3",
                "task=classification_one_hot",
                "task.class_weight={0: 2.0, 7: 0.5}",
                "optimizer=sgd_exponential",
                "optimizer.learning_rate.initial_learning_rate=0.01",
                f"+model.layers.side={{{DENSE}, inputs: [flatten], kernel_regularizer: {{_target_: keras.regularizers.L2, l2: 0.01}}}}",
                f"+model.layers.main={{{DENSE}, inputs: [flatten], kernel_initializer: {{_target_: keras.initializers.HeNormal}}}}",
                "+model.layers.sum={_target_: keras.layers.Add, inputs: [main, side]}",
                "model.layers.hidden.units=[8,8]",
                "+model.layers.hidden.kernel_initializer={_target_: keras.initializers.HeNormal}",
                "+model.layers.last={_target_: keras.layers.Concatenate, inputs: [sum, hidden]}",
                "model.layers.output=null",
                "+model.layers.scores={_target_: keras.layers.Dense, units: 10, activation: softmax}",
                "callbacks=stop_at",
            ],
            id="branches-one-hot-weights-and-a-schedule",
        ),
        pytest.param(
            ["epochs=2", "precision=mixed_bfloat16", "data.scale=unit", "callbacks=schedule"],
            id="bfloat16",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["epochs=2", "deterministic=false", "data.scale=standardize", "batch_size=100"], id="standardized"
        ),
        pytest.param(
            [
                "epochs=1",
                "optimizer.learning_rate=1",
                "optimizer.clipnorm=1",
                "+model.layers.seq={_target_: keras.layers.Reshape, target_shape: [8, 8], after: input}",
                "+model.layers.att={_target_: keras.layers.MultiHeadAttention, num_heads: 1, key_dim: 2, after: seq, "
                "inputs: {query: seq, value: seq}}",
            ],
            id="attention-and-whole-numbers-for-floats",
        ),
    ],
)
def test_a_script_ends_with_the_weights_of_its_run(lab, keras, overrides):
    run = train("digits_quickstart", "model.layers.hidden.units=8", *overrides)
    try:
        assert execute(script_of(run)) == digest_of(run)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow  # two epochs of Fashion-MNIST in plain Keras
@pytest.mark.tf
def test_a_labs_callback_stands_in_the_script_and_stops_it_in_tfds_order(lab, keras):
    run = train("gsp631_callback_acc84", "epochs=3", "batch_size=512", "callbacks.stop_at_84.accuracy=0.79")
    assert run.metrics["stopped_epoch"] == 2
    text = script_of(run)
    assert "class StopAboveAccuracy(keras.callbacks.Callback):" in text and "PrintAverages" not in text
    assert execute(text) == digest_of(run)


@pytest.mark.tf
def test_keras_finds_the_original_files(lab, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(lab / "keras"))
    folder = supply_keras(Progress())
    assert [unzip(folder / name) is not None for name in IDX_FILES] == [True] * 4  # by their SHA-256


@pytest.mark.tf
@pytest.mark.parametrize(
    "experiment", ["digits_quickstart", pytest.param("codelab_base_128", marks=pytest.mark.slow)]
)
def test_a_script_with_shuffling_in_a_process_that_has_no_stackfit(lab, monkeypatch, experiment):
    run = train(experiment, "epochs=2", "batch_size=512", "shuffle=true")
    monkeypatch.setenv("KERAS_HOME", str(lab / "keras"))
    if experiment == "codelab_base_128":
        supply_keras(Progress())
    blocked = f"import sys; sys.modules['stackfit'] = None\n{script_of(run)}"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, env={**os.environ})
    assert done.stdout.split()[-1] == digest_of(run), done.stderr[-2000:]


LAYER = '''
"""A layer of my own."""

from __future__ import annotations

import math
import sys
from stackfit.callbacks import StopAt

import keras

FACTOR = math.pi / 2
UNUSED = sys.version


def double(x):
    return x * FACTOR


# Makes everything larger.
class Larger(keras.layers.Layer):
    def call(self, x):
        return double(x)


class Early(StopAt):
    def on_train_end(self, logs: dict | None = None):
        print("the end")


class Other(keras.layers.Layer):
    pass
'''


@pytest.mark.tf
def test_own_layers_and_callbacks_come_with_all_that_they_use_and_a_table_with_its_arrays(lab, write, keras):
    write("experiments/larger.py", LAYER)
    noise = np.random.default_rng(0)
    rows = [[*map(repr, map(float, noise.normal(size=3))), "abc"[number % 3]] for number in range(70)]
    write("mine.csv", "\n".join(",".join(row) for row in [["u", "v", "w", "kind"], *rows]))
    words = ("data=csv", "data.path=mine.csv", "data.label=kind", "epochs=2", "batch_size=8", "data.validation_split=0.1",
             "model.layers.flatten=null", "+model.layers.larger={_target_: experiments.larger.Larger}",
             "+callbacks.early={_target_: experiments.larger.Early, value: 2.0}")  # fmt: skip
    mine = ("experiments.larger",)
    words = (
        *words,
        "model.layers.output=null",
        "+model.layers.end={_target_: keras.layers.Dense, units: 3, activation: softmax}",
    )
    run = train("digits_quickstart", *words, trust=mine)
    text = script_of(run, mine, Path("train.py"))
    for part in ("FACTOR = math.pi / 2", "def double(x):", "# Makes everything larger.", "class StopAt("):
        assert text.count(part) == 1
    assert "UNUSED" not in text and "Other" not in text and "import sys" not in text
    assert "mine.csv" not in text and Path("train.py").read_text() == text
    assert sorted(np.load("train.npz")) == ["x_test", "x_train", "x_val", "y_test", "y_train", "y_val"]
    Path("mine.csv").unlink()
    Path("elsewhere").mkdir()
    shutil.move("train.py", "elsewhere/train.py")
    shutil.move("train.npz", "elsewhere/train.npz")  # the two files are all that the script needs
    assert execute_file("elsewhere/train.py") == digest_of(run)


# ---- without training


@pytest.fixture
def copied(lab: Path, finished: Path) -> Path:
    """A copy of a finished run of digits, to change."""
    return Path(shutil.copytree(finished, lab / "outputs" / "run"))


def change(folder: Path, **fields) -> Run:
    config = run_files.read_config(folder)
    RunFolder(folder).config.write_text(yaml.safe_dump(config | fields, sort_keys=False))
    return Run(folder)


@pytest.mark.tf
def test_the_command_prints_the_script_alone(copied, cli):
    code, out, err = cli("eject", str(copied))
    assert (code, err) == (0, "")
    assert ast.parse(out) and out.startswith("# digits_quickstart as a plain Keras script; made by stackfit")
    assert f"# {digest_of(Run(copied))}." in out


@pytest.mark.tf
def test_out_writes_the_script_and_prints_its_name_and_nothing_is_overwritten(copied, cli):
    code, out, _ = cli("eject", str(copied), "--out", "train.py")
    assert (code, out) == (0, "train.py\n") and not Path("train.npz").exists()  # these data are fetched by their name
    assert Path("train.py").read_text() == eject(Run(copied))
    Path("train.py").write_text("mine")
    code, out, err = cli("eject", str(copied), "--out", "train.py")
    assert (code, out) == (2, "") and "train.py exists already. Expected a new name." in err
    assert Path("train.py").read_text() == "mine"
    code, _, err = cli("eject", str(copied), "--out", "nowhere/train.py")
    assert code == 2 and "nowhere/train.py cannot be written: No such file or directory." in err
    code, _, err = cli("eject", str(copied), "--out", "train.npz")
    assert code == 2 and "train.npz is not a script's name. Expected one that ends in .py." in err


def own_run(folder: Path, **data) -> Run:
    """A copy of a finished run that says that it was trained on `mine.npz`."""
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.savez("mine.npz", x=x, y=np.arange(20) % 2)
    config = run_files.read_config(folder)
    own = {"kind": "npz", "path": "mine.npz", "input_shape": [3], "num_classes": 2, "class_names": [],
           "examples": {"train": None, "test": None}, "scale": "none", "max_memory_bytes": 10**9}  # fmt: skip
    return change(folder, data={**config["data"], **own, **data})


def test_own_data_need_a_file_and_that_of_their_arrays_is_not_overwritten(copied, cli):
    own_run(copied)
    code, out, err = cli("eject", str(copied))
    assert (code, out) == (2, "") and "which a script alone cannot fetch" in err
    assert "Type: stackfit eject outputs/run --out train.py" in err
    Path("train.py").touch()  # as `stackfit eject RUN > train.py` leaves it
    Path("train.npz").write_text("mine")
    code, out, err = cli("eject", str(copied), "--out", "train.py")
    assert (code, out) == (2, "") and "train.npz exists already." in err and Path("train.npz").read_text() == "mine"


def test_own_data_that_have_changed_or_are_gone_are_not_ejected(copied):
    run = own_run(copied)
    with pytest.raises(DataError, match=r"mine\.npz has changed since this run: .* fingerprint [0-9a-f]{12}…"):
        own_arrays(run, run.config["data"])
    Path("mine.npz").unlink()
    with pytest.raises(DataError, match=r"There is no mine\.npz"):
        own_arrays(run, run.config["data"])


@pytest.mark.tf
@pytest.mark.parametrize("name", ["Dense(print('gone'))", "Dense'", "class"])
def test_a_target_that_is_code_does_not_reach_the_script(copied, name):
    layers = run_files.read_config(copied)["model"]["layers"]
    layers["hidden"] = {**layers["hidden"], "_target_": f"keras.layers.{name}"}
    with pytest.raises(ConfigError):
        eject(change(copied, model={"layers": layers}))


@pytest.mark.tf
def test_a_name_with_line_ends_stays_in_its_comment_and_odd_layer_names_in_their_strings(copied):
    status = run_files.read_status(copied)
    RunFolder(copied).status.write_text(
        json.dumps({**status, "settings": {}, "experiment": "a\u2028import os\nimport os"})
    )
    layers = run_files.read_config(copied)["model"]["layers"]
    layers = {"1.a-b": {**layers["hidden"], "after": "flatten"}, **layers}
    layers["output"] = {**layers["output"], "inputs": ["1.a-b"]}
    layers.pop("hidden")
    text = eject(change(copied, model={"layers": layers}))
    assert text.startswith("# a import os import os as a plain Keras script")
    assert not [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) and node.names[0].name == "os"
    ]


@pytest.mark.tf
def test_xla_is_refused_because_keras_compiles_other_parts_with_it(copied):
    with pytest.raises(ConfigError, match=r"jit_compile is true: .* Expected jit_compile: false"):
        eject(change(copied, jit_compile=True))


def test_a_cosine_that_starts_at_once_is_refused_because_fit_rounds_it_in_another_way(copied):
    cosine = {"_target_": "keras.optimizers.schedules.CosineDecay", "initial_learning_rate": 0.001, "decay_steps": 90}
    adam = {"_target_": "keras.optimizers.Adam", "learning_rate": cosine}
    status = json.loads((copied / "status.json").read_text())
    status["settings"].pop("optimizer.learning_rate")  # a number there, and a schedule now
    (copied / "status.json").write_text(json.dumps(status))
    with pytest.raises(ConfigError, match=r"CosineDecay without a warm-up.* optimizer=warmup_cosine"):
        eject(change(copied, optimizer=adam))
    scaled = {"_target_": "keras.optimizers.LossScaleOptimizer", "inner_optimizer": adam}
    assert [error.key for error in find_unlike_fit(scaled)] == ["optimizer.inner_optimizer.learning_rate"]


def test_an_unfinished_run_and_a_streamed_one_are_refused(copied):
    with pytest.raises(
        DataError, match=r"These data are streamed: 55,440,000 bytes are above data.max_memory_bytes, 1,000"
    ):
        data_lines({"kind": "fashion_mnist", "order": "tfds", "max_memory_bytes": 1000}, ["train", "test"], None)
    status = run_files.read_status(copied)
    RunFolder(copied).status.write_text(json.dumps({**status, "status": "interrupted"}))
    with pytest.raises(RunFolderError, match=r"outputs/run is interrupted. Expected a finished run"):
        eject(Run(copied))


def test_a_callback_that_has_changed_since_is_not_ejected_as_if_it_had_not(lab, write, keras):
    write("own_eject.py", "import keras\n\nclass Own(keras.callbacks.Callback):\n    pass\n")
    words = ("digits_quickstart", "epochs=1", "save=[]", "+callbacks.own={_target_: own_eject.Own}")
    run = stackfit.run(*words, trust=("own_eject",), reporter=Reporter(0))
    assert "class Own" in eject(run, ("own_eject",))
    write("own_eject.py", "import keras\n\nclass Own(keras.callbacks.Callback):\n    more = 1\n")
    with pytest.raises(ConfigError, match=r"own_eject\.py has changed since this run: .* with SHA-256 [0-9a-f]{12}"):
        eject(run, ("own_eject",))
