"""Real Fashion-MNIST, fetched by the same code as for a user, and the places that it can come from."""

import gzip
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from stackfit.config import project
from stackfit.data import Progress, list_data, load_dataset
from stackfit.data.kinds import fashion_mnist
from stackfit.data.kinds.fashion_mnist import IDX_FILES, SOURCES, find_idx_files, unzip, with_upstream_header
from stackfit.errors import DataError

CONF = Path(__file__).parents[1] / "conf" / "data"
NO_DEBIAN_PACKAGE = {name: source for name, source in SOURCES.items() if "Debian package" not in name}
OWN_DOWNLOADS = {"download folder": SOURCES["download folder"]}

# The first labels of GSP631's published runs, which read tensorflow-datasets without shuffling.
TFDS_LABELS = "2 1 8 4 1 9 2 2 0 2 6 9 0 7 5 4 0 1 8 0 4 2 6 7 0 6 4 0 3 1 2 7"


def section(**changes):
    return {**yaml.safe_load((CONF / "fashion_mnist.yaml").read_text()), **changes}


@pytest.fixture(scope="session")
def keras_order():
    return load_dataset(section(order="keras", scale="unit"))


@pytest.fixture(scope="session")
def idx_folder(keras_order):
    """The four original files, wherever this machine has them."""
    return find_idx_files(Progress())


@pytest.fixture
def new_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STACKFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "cache"


def test_keras_order_is_that_of_keras_datasets(keras_order):
    assert keras_order.train.y[:3].tolist() == [9, 0, 0] and keras_order.train.y[-3:].tolist() == [3, 0, 5]
    assert keras_order.test.y[:3].tolist() == [9, 2, 1]
    assert keras_order.train.x.shape == (60000, 28, 28, 1) and keras_order.test.x.shape == (10000, 28, 28, 1)
    assert (keras_order.train.x.dtype, keras_order.train.y.dtype) == (np.uint8, np.int64)


def test_there_are_as_many_examples_of_each_class(keras_order):
    assert np.bincount(keras_order.train.y).tolist() == [6000] * 10
    assert np.bincount(keras_order.test.y).tolist() == [1000] * 10
    assert keras_order.class_names[9] == "Ankle boot"


def test_unit_scaling_brings_0_to_255_to_0_to_1(keras_order):
    assert (keras_order.train.x.min(), keras_order.train.x.max()) == (0, 255)
    scaled = keras_order.scaling.apply(keras_order.train.x[:1000])
    assert scaled.dtype == np.float32 and (scaled.min(), scaled.max()) == (0.0, 1.0)


def test_loading_from_the_cache_leaves_tensorflow_alone(keras_order):
    code = (
        "import sys, yaml\n"
        "from stackfit.data import load_dataset\n"
        f"data = load_dataset({{**yaml.safe_load(open(r'{CONF}/fashion_mnist.yaml')), 'order': 'keras'}})\n"
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy or len(data.train) != 60000 else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_headers_upstream_has_give_the_files_the_sizes_upstream_has(idx_folder):
    sizes = [len(with_upstream_header((idx_folder / name).read_bytes(), name)) for name in IDX_FILES]
    assert sizes == [26421880, 29515, 4422102, 5148]
    name = "t10k-labels-idx1-ubyte.gz"
    packed = with_upstream_header((idx_folder / name).read_bytes(), name)
    assert gzip.decompress(packed) == unzip(idx_folder / name)
    assert with_upstream_header(packed, name) == packed


def test_a_truncated_array_of_the_real_cache_is_said_and_never_used(keras_order, idx_folder, new_cache):
    downloads = new_cache / "downloads" / "fashion-mnist"
    downloads.parent.mkdir(parents=True)
    downloads.symlink_to(idx_folder)
    said = []
    load_dataset(section(order="keras"), said.append)
    damaged = new_cache / "arrays" / "fashion_mnist-keras" / "train_x.npy"
    os.truncate(damaged, 10_000_000)
    again = load_dataset(section(order="keras"), said.append)
    damage = "a file is missing, empty or cut short"
    assert said == [f"The cached fashion_mnist-keras is damaged ({damage}); building it again."]
    assert again.fingerprint == keras_order.fingerprint


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"other content", mtime=0)])
def test_a_damaged_download_is_not_used_and_the_next_source_is_asked(
    idx_folder, new_cache, monkeypatch, content
):
    downloads = new_cache / "downloads" / "fashion-mnist"
    shutil.copytree(idx_folder, downloads)
    (downloads / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    monkeypatch.setattr(fashion_mnist, "SOURCES", {**OWN_DOWNLOADS, "elsewhere": lambda *_: idx_folder})
    assert find_idx_files(Progress()) == idx_folder


def test_the_four_files_in_the_named_folder_are_enough(idx_folder, new_cache, keras_order, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "SOURCES", OWN_DOWNLOADS)
    with pytest.raises(DataError) as caught:
        find_idx_files(Progress())
    named = Path(caught.value.message.rpartition(" into ")[2])
    for name in IDX_FILES:
        assert name in caught.value.message
        shutil.copy(idx_folder / name, named)
    assert load_dataset(section(order="keras")).fingerprint == keras_order.fingerprint


def test_two_processes_that_start_with_an_empty_cache_both_get_the_data(idx_folder, new_cache, keras_order):
    downloads = new_cache / "downloads" / "fashion-mnist"
    downloads.parent.mkdir(parents=True)
    downloads.symlink_to(idx_folder)
    code = (
        "import sys; from stackfit.data import load_dataset\n"
        "sys.stdout.write(load_dataset({'kind': 'fashion_mnist', 'order': 'keras'}).fingerprint)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate()[0] for process in processes] == [keras_order.fingerprint] * 2
    assert sorted(path.name for path in (new_cache / "arrays").iterdir()) == [
        ".fashion_mnist-keras",
        "fashion_mnist-keras",
    ]


@pytest.fixture
def silent_proxy(monkeypatch):
    """All HTTP goes to a socket that accepts and never answers: the slowest way to have no network."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield


@pytest.mark.parametrize("patience", [1.0, pytest.param(fashion_mnist.PROBE_SECONDS, marks=pytest.mark.slow)])
def test_with_nothing_reachable_one_error_within_30_seconds_says_what_to_do(
    new_cache, silent_proxy, monkeypatch, patience
):
    monkeypatch.setattr(fashion_mnist, "SOURCES", NO_DEBIAN_PACKAGE)
    monkeypatch.setattr(fashion_mnist, "PROBE_SECONDS", patience)
    monkeypatch.setattr(fashion_mnist.unreachable, "__defaults__", (patience,))
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        load_dataset(section())
    assert time.monotonic() - start < 30
    text = caught.value.message
    assert "is not on this machine and could not be fetched" in text and "upstream by HTTP: " in text
    assert "apt-get download: " in text and "Type: apt-get install dataset-fashion-mnist" in text
    assert str(project.cache() / "downloads" / "fashion-mnist") in text
    assert not (new_cache / "arrays" / "fashion_mnist-tfds").exists()


def test_a_machine_without_apt_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="apt-get is not on this machine"):
        fashion_mnist.apt_download(tmp_path, Progress())


def test_a_server_that_does_not_answer_is_given_up_after_the_probes_time(silent_proxy):
    start = time.monotonic()
    assert fashion_mnist.unreachable("http://example.org/", 0.5) in ("no answer within 0.5 s", "timed out")
    assert time.monotonic() - start < 2


def test_files_are_fetched_over_http_and_checked(idx_folder, new_cache, monkeypatch, tmp_path):
    """Upstream's own code path, against a server on this machine."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(idx_folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(fashion_mnist, "UPSTREAM", f"http://127.0.0.1:{server.server_port}")
        steps = []
        progress = Progress(step=lambda *step: steps.append(step))
        monkeypatch.setattr(fashion_mnist, "SOURCES", {"upstream": fashion_mnist.upstream})
        folder = find_idx_files(progress)
        assert fashion_mnist.unreachable(f"{fashion_mnist.UPSTREAM}/missing") is None  # a refusal is an answer
        server.shutdown()
    assert folder == new_cache / "downloads" / "fashion-mnist"
    assert sorted(path.name for path in folder.iterdir()) == sorted(IDX_FILES)
    assert [path.name for path in folder.parent.iterdir()] == ["fashion-mnist"]
    last = [step for step in steps if step[0] == "train-images-idx3-ubyte.gz"][-1]
    assert last[1] == last[2] == (idx_folder / "train-images-idx3-ubyte.gz").stat().st_size


def test_upstreams_addresses_are_those_in_the_checksum_list_of_tensorflow_datasets():
    package = Path(importlib.util.find_spec("tensorflow_datasets").submodule_search_locations[0])
    listed = (package / "url_checksums" / "fashion_mnist.txt").read_text().splitlines()
    assert {line.split("\t")[0] for line in listed} == {f"{fashion_mnist.UPSTREAM}/{name}" for name in IDX_FILES}


def test_keras_order_cannot_be_streamed():
    with pytest.raises(DataError) as caught:
        load_dataset(section(order="keras", max_memory_bytes=1_000_000))
    assert caught.value.key == "data.max_memory_bytes" and "in its order, are streamed" in caught.value.message


# What follows starts tensorflow-datasets, in a process of its own or in this one.


@pytest.fixture(scope="session")
def tfds_order():
    return load_dataset(section())


@pytest.mark.tf
def test_tfds_order_is_that_of_the_labs_published_runs(tfds_order):
    assert " ".join(map(str, tfds_order.train.y[:32])) == TFDS_LABELS


@pytest.mark.tf
def test_both_orders_hold_the_same_labelled_pictures(tfds_order, keras_order):
    assert not np.array_equal(tfds_order.train.y, keras_order.train.y)
    for ours, theirs in ((tfds_order.train, keras_order.train), (tfds_order.test, keras_order.test)):
        pairs = [
            sorted(x.tobytes() + bytes([y]) for x, y in zip(split.x, split.y, strict=True))
            for split in (ours, theirs)
        ]
        assert pairs[0] == pairs[1]


@pytest.mark.tf
def test_data_list_calls_it_ready(tfds_order):
    assert {row.name: row.state for row in list_data()}["fashion_mnist"] == "ready"


@pytest.mark.tf
def test_a_small_memory_limit_streams_the_same_examples_in_the_same_order(tfds_order):
    stream = load_dataset(section(max_memory_bytes=1_000_000, validation_split=0.25))
    assert stream.sizes == {"train": 45000, "validation": 15000, "test": 10000}
    whole = {"train": tfds_order.train, "validation": tfds_order.train, "test": tfds_order.test}
    for split, start in (("train", 0), ("validation", 45000), ("test", 0)):
        x, y = next(iter(stream.batches(split, 500)))
        assert np.array_equal(x, whole[split].x[start : start + 500])
        assert np.array_equal(y, whole[split].y[start : start + 500])
    assert sum(len(y) for _, y in stream.batches("validation", 4000)) == 15000


@pytest.mark.tf
def test_a_streams_order_is_a_function_of_seed_and_epoch(tfds_order):
    stream = load_dataset(section(max_memory_bytes=1_000_000))

    def labels(seed, epoch):
        return next(iter(stream.batches("train", 1000, seed, epoch)))[1].numpy().tolist()

    assert labels(1, 0) == labels(1, 0)
    assert len({tuple(labels(*pair)) for pair in ((1, 0), (1, 1), (2, 0), (0, 1))}) == 4


@pytest.mark.tf
def test_a_stream_is_standardized_with_the_statistics_of_its_training_part(tfds_order):
    changes = {"validation_split": 0.9, "scale": "standardize"}
    stream, resident = (
        load_dataset(section(**changes, max_memory_bytes=1_000_000)),
        load_dataset(section(**changes)),
    )
    assert np.array_equal(stream.scaling.offset, resident.scaling.offset)
    assert np.array_equal(stream.scaling.divisor, resident.scaling.divisor)
    assert stream.fingerprint != resident.fingerprint


@pytest.mark.tf
@pytest.mark.slow
def test_a_damaged_tfds_folder_is_not_used(tfds_order, new_cache, tmp_path, idx_folder, monkeypatch):
    prepared = Path(os.environ.get("TFDS_DATA_DIR", tmp_path)) / "fashion_mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").write_text("{")
    said = []
    monkeypatch.setattr(fashion_mnist, "SOURCES", {"elsewhere": lambda *_: idx_folder})
    again = load_dataset(section(), said.append)
    assert again.fingerprint == tfds_order.fingerprint
    assert f"{prepared} is damaged" in said[0] and f"type: rm -r {prepared}" in said[0]


@pytest.mark.tf
@pytest.mark.slow
def test_the_unmodified_builder_prepares_it_offline_and_tfds_load_finds_it(
    tfds_order, new_cache, idx_folder, monkeypatch
):
    monkeypatch.setattr(fashion_mnist, "SOURCES", {"elsewhere": lambda *_: idx_folder})
    assert load_dataset(section()).fingerprint == tfds_order.fingerprint
    code = (
        "import tensorflow_datasets as tfds\n"
        "data = tfds.load('fashion_mnist', split='train[:32]', as_supervised=True, download=False)\n"
        "print(*(int(y) for _, y in data))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == TFDS_LABELS


@pytest.mark.tf
def test_another_data_set_without_a_network_ends_at_once_and_says_so(new_cache, silent_proxy):
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        load_dataset(yaml.safe_load((CONF / "mnist.yaml").read_text()))
    assert time.monotonic() - start < 30 and caught.value.key == "data.name"
    assert "'mnist' is not on this machine" in caught.value.message
    assert "Type: stackfit data fetch mnist  where there is a network" in caught.value.message


@pytest.mark.tf
def test_an_unknown_data_set_is_refused_with_the_nearest_name(new_cache):
    with pytest.raises(DataError) as caught:
        load_dataset({"kind": "tfds", "name": "kmnits"})
    assert caught.value.key == "data.name" and "'kmnits'. Did you mean 'kmnist'?" in caught.value.message
    assert "Type data.name=NAME" in caught.value.message


@pytest.mark.tf
def test_any_prepared_tfds_set_is_decoded_once_and_streamed_above_the_limit(
    tfds_order, tmp_path, monkeypatch
):
    """Fashion-MNIST again, asked for by its catalogue name and a slice."""
    monkeypatch.setenv("STACKFIT_CACHE", str(tmp_path))
    data = {
        "kind": "tfds",
        "name": "fashion_mnist",
        "splits": {"train": "train[:1000]", "test": "test[:10%]"},
    }
    stream = load_dataset({**data, "max_memory_bytes": 1000, "validation_split": 0.1})
    assert stream.sizes == {"train": 900, "validation": 100, "test": 1000}
    for split, part in (("train", slice(0, 900)), ("validation", slice(900, 1000))):
        x, _ = next(iter(stream.batches(split, 1000)))
        assert np.array_equal(x, tfds_order.train.x[part])
    sliced = load_dataset({**data, "input_shape": [28, 28, 1], "num_classes": 10})  # the limit was lower
    assert np.array_equal(sliced.train.x, tfds_order.train.x[:1000]) and len(sliced.test) == 1000
    assert sliced.class_names[1] == "Trouser"
    with pytest.raises(DataError, match=r"num_classes is 9, but 'fashion_mnist' has 10\."):
        load_dataset({**data, "max_memory_bytes": 1000, "num_classes": 9})
