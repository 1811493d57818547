"""`python -m benchmarks [NAME…] [--repeat N] [--quick]`. A missed target is printed, and is no error."""

import argparse
import gzip
import sys

import numpy as np

from benchmarks.measure import HERE, KERAS_HOME, STACKFIT, CommandFailed, Program, run_program
from benchmarks.report import describe_machine, write_result
from benchmarks.suite import BENCHMARKS
from stackfit.config.hydra.composition import Composer
from stackfit.data import load_dataset
from stackfit.errors import raising
from stackfit.execution.cells import compose_cell


def prepare() -> None:
    """Cache the data, ours and the rivals', and read every library once: no one pays for a cold disk."""
    run_program(Program([STACKFIT, "data", "fetch", "fashion_mnist"]))
    if len(list(KERAS_HOME.glob("datasets/fashion-mnist/*.gz"))) < 4:
        apart = "import benchmarks.__main__ as main; main.write_keras_files()"  # keeps this process small
        run_program(Program([sys.executable, "-c", apart], folder=HERE.parent))
    run_program(Program([sys.executable, "-c", "import tensorflow_datasets, keras, stackfit.training"]))
    run_program(Program([STACKFIT, "list"]))


def write_keras_files() -> None:
    """Fashion-MNIST's four IDX files, where keras.datasets looks before it turns to the network."""
    with raising() as problems:
        cell = compose_cell(Composer("codelab_base_128"), (), (), problems)
    dataset = load_dataset(cell.config["data"])
    folder = KERAS_HOME / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, split in (("train", dataset.train), ("t10k", dataset.test)):
        for name, array in (("images-idx3", split.x[..., 0]), ("labels-idx1", split.y)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / ".part").write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
            (folder / ".part").rename(folder / f"{prefix}-{name}-ubyte.gz")


def main() -> int:
    """Run the benchmarks that were named, or all; 1 if a command could not do its work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="stackfit against plain Keras")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds; medians are reported")
    parser.add_argument("--quick", action="store_true", help="one tiny round, only to see that all works")
    typed = parser.parse_args()
    if typed.repeat < 1 or not BENCHMARKS.keys() >= set(typed.names):
        parser.error(f"expected N of at least 1, and names of {', '.join(BENCHMARKS)}")
    machine = describe_machine()
    if float(machine["load before"]) > 0.3:
        print(f"Other programs are running (load {machine['load before']}): noisy times.", file=sys.stderr)
    missed, failed = [], []
    prepare()
    for name in typed.names or BENCHMARKS:
        question = str(BENCHMARKS[name].__doc__)
        print(f"{name}: {question}", file=sys.stderr)
        try:
            result = BENCHMARKS[name](1 if typed.quick else typed.repeat, typed.quick)
        except CommandFailed as error:
            print(f"{name}: FAILED: {error}", file=sys.stderr)
            failed.append(name)
            continue
        print(f"\n{name}: {question}\n\n{result.markdown()}", flush=True)
        missed += [f"  {name}: {claim.what}" for claim in result.claims if not claim.reached]
        if not typed.quick:
            write_result(name, question, result, machine)
    remark = " (of no meaning: --quick)" if typed.quick else ""
    print("\n".join([f"Targets missed: {len(missed)}{remark}", *missed]))
    if failed:
        print(f"Could not be measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
