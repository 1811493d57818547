"""`runtime`: TensorFlow starts quietly and with the threads that a run asks for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stackfit.training.backend import shadowing
from stackfit.training.tensorflow import runtime


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**variables, **environment}, timeout=120
    )


THREADS = "print(runtime.describe()['threads']['intra_op'], runtime.describe()['threads']['inter_op'] == runtime.cores())\n"
"""Prints the threads in force: those within an operation, and whether all run operations."""


@pytest.mark.tf
@pytest.mark.parametrize(
    "first, later, threads",
    [
        ("threads=1", "threads=2, together=True", f"1 {runtime.cores() == 1}"),
        ("threads=2, together=True", "threads=1", "2 True"),
    ],
    ids=["one model", "several models"],
)
def test_the_first_start_of_a_process_prints_nothing_and_sets_its_threads_and_later_ones_keep_them(first, later, threads):
    code = (
        "from stackfit.training.tensorflow import runtime\n"
        f"runtime.start({first})\n{THREADS}"
        "print(runtime.describe()['devices'])\nimport tensorflow as tf\ntf.constant(1) + 1\n"
        f"runtime.start({later})\n{THREADS}"
    )
    done = python(code, CUDA_VISIBLE_DEVICES="")
    assert (done.stdout.splitlines(), done.stderr) == ([threads, "['CPU']", threads], "")


@pytest.mark.parametrize(
    "words, side_by_side",
    [
        ([], False),
        (["batch_size=512"], False),
        (["model=cnn"], False),
        (["model=cnn", "batch_size=512"], True),
        (["batch_size=512", "model.layers.hidden.units=[1024,1024]"], True),
        (["batch_size=600", "+model.layers.norm={_target_: keras.layers.LayerNormalization, after: flatten}"], True),
    ],
)
def test_operations_of_one_model_run_side_by_side_where_a_step_is_heavy(compose, monkeypatch, words, side_by_side):
    from stackfit.execution import members

    started = []
    monkeypatch.setattr(runtime, "start", lambda *given: started.append(given[2]))
    for together in (False, True):
        members.start(compose("gsp631_base", *words), together)
    assert started == [side_by_side, True]


def test_what_is_printed_while_quiet_is_shown_only_if_it_fails():
    code = (
        "import os\nfrom stackfit.training.tensorflow import runtime\n"
        "with runtime.quiet():\n    os.write(2, b'noise\\n')\n"
        "os.write(2, b'heard\\n')\n"
        "with runtime.quiet():\n    os.write(2, b'the reason\\n')\n    raise ValueError('boom')\n"
    )
    done = python(code)
    assert "noise" not in done.stderr
    assert done.stderr.startswith("heard\nthe reason\n") and "boom" in done.stderr


def test_a_users_own_log_level_stays(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    with runtime.quiet():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_there_is_at_least_one_core():
    assert 1 <= runtime.cores() <= (os.cpu_count() or 1)
@pytest.mark.parametrize(
    "words, there, engine",
    [
        ("['run', 'digits_quickstart']", "jax", "tensorflow"),
        ("['run', 'digits_quickstart', '-m', 'seed=0,1']", "jax", "tensorflow"),
        pytest.param("['run', 'digits_quickstart', 'engine=jax']", "tensorflow", "jax", marks=pytest.mark.extra),
    ],
)
def test_keras_on_another_backend_is_said_before_anything_is_trained(lab, words, there, engine):
    code = (
        "import sys, types\n"
        "keras = types.ModuleType('keras')\n"
        f"keras.backend = types.SimpleNamespace(backend=lambda: {there!r})\n"
        "sys.modules['keras'] = keras\n"
        "from stackfit.cli import main\n"
        f"main({words})\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout) == (2, "") and not (lab / "outputs").exists()
    assert f"Keras was imported with the backend '{there}' in this process. Expected '{engine}'" in done.stderr
    assert f"set KERAS_BACKEND={engine} before Keras is imported" in done.stderr and "Traceback" not in done.stderr


KERAS_JSON = '{"floatx": "float16", "epsilon": 0.01, "image_data_format": "channels_first", "backend": "torch"}'
DIGEST = (
    "import stackfit\nfrom stackfit.execution.progress import Reporter\n"
    "conv = '+model.layers.conv={_target_: keras.layers.Conv2D, filters: 2, kernel_size: 3, after: input}'\n"
    "run = stackfit.run('digits_quickstart', 'epochs=1', conv, reporter=Reporter(0))\n"
    "from stackfit.results.run_files import read_metrics\nprint(read_metrics(run.folder)['weights_sha256'], run.status['fingerprint'])\n"
)


@pytest.mark.tf
def test_a_forgotten_keras_json_changes_no_bit(lab):
    (lab / "odd").mkdir()
    (lab / "odd" / "keras.json").write_text(KERAS_JSON)
    plain, odd = (python(DIGEST, KERAS_HOME=str(lab / name)) for name in ("none", "odd"))
    assert plain.stdout.splitlines() == odd.stdout.splitlines() and len(plain.stdout.split()) == 2, odd.stderr


@pytest.mark.tf
@pytest.mark.slow
def test_what_a_notebook_has_set_in_keras_changes_no_bit(lab):
    setting = "import keras\nkeras.config.set_floatx('float64')\nkeras.config.set_dtype_policy('float64')\n"
    assert python(DIGEST).stdout.split() == python(setting + DIGEST).stdout.split() != []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("code", "module 'code' has no attribute 'InteractiveConsole'"),
        ("keras", "module 'keras' has no attribute 'config'"),
        ("json", "cannot import name 'loads' from 'json' (/somewhere/json.py)"),
        ("numpy", "module 'numpy.linalg' has no attribute 'norm'"),
    ],
)
def test_a_file_that_hides_a_module_is_named_and_no_other(lab, monkeypatch, name, said):
    """A script called code.py was blamed on keras.json."""
    monkeypatch.syspath_prepend(str(lab))
    assert shadowing(AttributeError(said)) is None
    (lab / f"{name}.py").write_text("")
    (lab / "mine.py").write_text("")
    assert shadowing(AttributeError(said)) == (name, lab / f"{name}.py")
    assert shadowing(ValueError("Unknown backend: 'mine'")) is None


def test_a_file_that_hides_keras_is_one_sentence(lab):
    (lab / "keras.py").write_text("")
    done = python("from stackfit.training.backend import import_keras\nimport_keras()")
    assert "Keras cannot be imported: module 'keras' has no attribute 'config'. keras.py was imported in the place of" in done.stderr
    assert "keras.json" not in done.stderr and done.stderr.endswith("Rename it.\n")


@pytest.mark.tf
@pytest.mark.parametrize("text", ["[1]", '{"floatx": "float8"}'])
def test_a_keras_json_that_keras_refuses_is_one_sentence(lab, text):
    (lab / "keras.json").write_text(text)
    done = python("from stackfit.cli import main\nmain(['run', 'xor_needs_a_hidden_layer'])", KERAS_HOME=str(lab))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: Keras cannot be imported with {lab}/keras.json: ")
    assert done.stderr.endswith("Remove it, or set KERAS_HOME to another folder.\n")
