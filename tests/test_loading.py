"""`loading`: only arrays come out of a saved model, and only into a model that has them."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import stackfit
from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution.progress import Reporter
from stackfit.proof.saved import load_model, reloads_equal
from stackfit.results.run import Run

pytestmark = pytest.mark.tf
LAYERS = {
    "wide": {"_target_": "keras.layers.Conv2D", "filters": 2, "kernel_size": 3},
    "norm": {"_target_": "keras.layers.BatchNormalization"},
    "rows": {"_target_": "keras.layers.Reshape", "target_shape": [6, 12]},
    "both": {"_target_": "keras.layers.Bidirectional", "layer": {"_target_": "keras.layers.LSTM", "units": 2}},
    "scaled": {"_target_": "keras.layers.Normalization", "mean": 0.5, "variance": 2.0},
    "drop": {"_target_": "keras.layers.Dropout", "rate": 0.5},
    "skip": {"_target_": "keras.layers.Dense", "units": 4, "inputs": ["scaled"]},
    "sum": {"_target_": "keras.layers.Add", "inputs": ["skip", "drop"]},
    "last": {"_target_": "keras.layers.Dense", "units": 10, "activation": "softmax"},
}


@pytest.fixture
def copied(lab: Path, finished: Path) -> Path:
    """A copy of the finished run, to damage."""
    return Path(shutil.copytree(finished, lab / "outputs" / "run"))


def change(folder: Path, do: Callable[[Any], object], form: str = "keras") -> None:
    """Let `do` change the opened arrays of a saved model; the other form goes."""
    import h5py

    (folder / ("model.h5" if form == "keras" else "model.keras")).unlink(missing_ok=True)
    if form == "h5":
        with h5py.File(folder / "model.h5", "r+") as file:
            do(file)
        return
    with zipfile.ZipFile(folder / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        do(file)
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        for name, data in (parts | {"model.weights.h5": content.getvalue()}).items():
            archive.writestr(name, data)


def refused(folder: Path, *said: str) -> None:
    with pytest.raises(RunFolderError) as error:
        load_model(Run(folder))
    for part in said:
        assert part in str(error.value), str(error.value)


UNLIKE = "is not the model that outputs/run/config.yaml describes: "


@pytest.mark.parametrize("precision", ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_every_kind_of_layer_gives_its_scores_again_whatever_else_the_process_has_built(lab, write, keras, precision):
    names = dict.fromkeys(["flatten", "hidden", "output"]) | LAYERS
    text = {"defaults": ["digits_quickstart", "_self_"], "epochs": 1, "save": ["keras", "h5"], "precision": precision}
    text |= {"about": {"question": "?"}, "model": {"layers": names}}
    write("experiments/mine.yaml", yaml.safe_dump(text, sort_keys=False))
    run = stackfit.run("mine", reporter=Reporter(0))
    keras.layers.LSTM(3), keras.layers.Dense(1)  # the automatic names of inner layers count on
    assert reloads_equal(run)


def test_a_layer_of_the_users_own_module_comes_from_that_module(lab, write, keras):
    write(
        "experiments/mine_layers.py",
        "import keras\nclass Scale(keras.layers.Layer):\n    def build(self, shape):\n"
        "        self.factor = self.add_weight(shape=(), initializer='ones', name='factor')\n"
        "    def call(self, x):\n        return x * self.factor\n",
    )
    words = ("+model.layers.scale={_target_: experiments.mine_layers.Scale, after: hidden}", "epochs=1")
    run = stackfit.run("digits_quickstart", *words, trust=["experiments.mine_layers"], reporter=Reporter(0))
    assert reloads_equal(run, ["experiments.mine_layers"])
    with pytest.raises(ConfigError, match=r"add --trust experiments.mine_layers"):
        load_model(run)


def test_training_goes_on_from_the_optimizers_state(finished, keras):
    run = Run(finished)
    assert load_model(run, "keras").optimizer.iterations.numpy() == 45  # 1437 / 32


def test_loading_leaves_the_random_state_as_it_was(finished, keras):
    np.random.seed(3)
    first = np.random.get_state()[1].tolist()
    load_model(Run(finished))
    assert np.random.get_state()[1].tolist() == first


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_another_architecture_is_named_with_the_layer_and_both_shapes(copied, form):
    (copied / ("model.h5" if form == "keras" else "model.keras")).unlink()
    config = yaml.safe_load((copied / "config.yaml").read_text())
    config["model"]["layers"]["hidden"]["units"] = 16
    (copied / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    refused(copied, UNLIKE, "layer 'hidden', array 0", "is float32 (64, 8), but the config's is float32 (64, 16)")


@pytest.mark.parametrize("form", ["keras", "h5"])
def test_a_model_with_more_or_fewer_layers_is_refused(copied, form):
    (copied / ("model.h5" if form == "keras" else "model.keras")).unlink()
    config = yaml.safe_load((copied / "config.yaml").read_text())
    layers = config["model"]["layers"]
    status = json.loads((copied / "status.json").read_text())
    (copied / "status.json").write_text(json.dumps({**status, "settings": {}}))  # else the config is cut short
    config["model"]["layers"] = {"flatten": layers["flatten"], "output": layers["output"]}
    (copied / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    refused(copied, UNLIKE)
    config["model"]["layers"] = {**layers, "more": {**layers["hidden"], "after": "hidden"}}
    (copied / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    refused(copied, UNLIKE)


def kernels(file: Any) -> Iterator[tuple[Any, str]]:
    """Where the hidden layer's kernel is, in both forms."""
    import h5py

    found: list[tuple[Any, str]] = []
    file.visititems(lambda name, item: found.append((item.parent, name.rpartition("/")[2])) if isinstance(item, h5py.Dataset) and item.shape == (64, 8) and "optimizer" not in name else None)
    yield from found


def replace(make: Callable[[Any, str], object]) -> Callable[[Any], None]:
    def do(file: Any) -> None:
        ((group, name),) = kernels(file)
        del group[name]
        make(group, name)

    return do


def external(group: Any, name: str) -> None:
    import h5py

    group[name] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(group: Any, name: str) -> None:
    import h5py

    group[name] = h5py.SoftLink("/")


def virtual(group: Any, name: str) -> None:
    import h5py

    layout = h5py.VirtualLayout((64, 8), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (64, 8))
    group.create_virtual_dataset(name, layout)


DAMAGE: dict[str, tuple[Callable[[Any, str], object], str]] = {
    "a link to another file": (external, "is a link"),
    "a soft link": (soft, "is a link"),
    "a window on another file": (virtual, "is not stored as Keras stores it"),
    "raw bytes of another file": (
        lambda group, name: group.create_dataset(name, (64, 8), "float32", external=[("/etc/passwd", 0, 2048)]),
        "is not stored as Keras stores it",
    ),
    "a packed array": (
        lambda group, name: group.create_dataset(name, (64, 8), "float32", compression="gzip"),
        "is not stored as Keras stores it",
    ),
    "an absurd shape": (
        lambda group, name: group.create_dataset(name, (10**9, 10**6), "float32", chunks=(10, 10)),
        "is float32 (1000000000, 1000000), but the config's is float32 (64, 8)",
    ),
    "texts": (lambda group, name: group.create_dataset(name, data=["x"] * 3), "but the config's is float32 (64, 8)"),
    "another type": (lambda group, name: group.create_dataset(name, data=np.zeros((64, 8))), "is float64 (64, 8)"),
    "a group": (lambda group, name: group.create_group(name), "is not an array"),
    "nothing": (lambda group, name: None, "has no "),
}


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_not_an_array_as_keras_writes_it_is_not_read(copied, form, name):
    make, said = DAMAGE[name]
    change(copied, replace(make), form)
    refused(copied, f"outputs/run/model.{form} {UNLIKE}", said)


def test_arrays_that_no_layer_has_are_named(copied):
    change(copied, lambda file: file["layers"].create_group("lambda/vars"))
    refused(copied, UNLIKE, "it also holds /layers/lambda")


def test_a_bomb_is_measured_by_the_configs_model(copied):
    with zipfile.ZipFile(copied / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(30_000_000))
    assert (copied / "model.keras").stat().st_size < 100_000
    refused(copied, UNLIKE, "its arrays take 30,000,000 bytes, those of the config's layers less than")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x89HDF\r\n\x1a\n"])
def test_a_file_without_arrays_cannot_be_loaded(copied, content):
    with zipfile.ZipFile(copied / "model.keras", "w") as archive:
        archive.writestr("model.weights.h5", content)
    refused(copied, "outputs/run/model.keras cannot be loaded: ", "Expected a model as stackfit saves it.")
    (copied / "model.keras").unlink()
    (copied / "model.h5").write_bytes(content)
    refused(copied, "outputs/run/model.h5 cannot be loaded: ")


def test_names_of_layers_divided_into_parts_are_read_whole(copied):
    """Keras writes lists of names above 64 kB so; a file that does is read as one that does not."""

    def divide(file: Any) -> None:
        group = file["model_weights"]
        names = list(group.attrs["layer_names"])
        del group.attrs["layer_names"]
        group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:2], names[2:]

    change(copied, divide, "h5")
    assert reloads_equal(Run(copied))
