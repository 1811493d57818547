"""The benchmarks: each a function of the number of rounds, and of whether tiny sizes do."""

import functools
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from benchmarks.floors import FLOORS
from benchmarks.measure import HERE, STACKFIT, Program, Rounds, read_json, run_program, script, side_by_side
from benchmarks.measure import stackfit_run as run
from benchmarks.report import Claim, Result
from benchmarks.searches import SEARCHES
from stackfit.config.hydra.composition import Composer
from stackfit.errors import raising
from stackfit.execution.cells import compose_cell
from stackfit.results.run_folder import RunFolder

OURS, LAB, NUMPY = "stackfit run", "lab_script.py", "keras_numpy.py"
UNITS, CODELAB = "model.layers.hidden.units", ("codelab_base_128", "-m")


@functools.cache
def gsp631_base(repeat: int, quick: bool) -> Rounds:
    """The runs that `epochs` and `command` share."""
    count = 2 if quick else 5
    programs = {
        OURS: run(1, "gsp631_base", f"epochs={count}"),
        LAB: script("rivals/lab_script.py", count),
        NUMPY: script("rivals/keras_numpy.py", count, 64, 1),
    }
    return side_by_side(programs, repeat)


def epochs(repeat: int, quick: bool) -> Result:
    """Seconds an epoch of gsp631_base: 60,000 pictures, 1,875 steps, median of epochs 2 to 5."""
    rounds = gsp631_base(repeat, quick)
    claims = [
        Claim("an epoch against the lab's own loop", rounds.ratio(OURS, LAB, "epoch"), 0.2, "x"),
        Claim("an epoch against fit on NumPy arrays", rounds.ratio(OURS, NUMPY, "epoch"), 0.25, "x"),
    ]
    return Result(claims, [rounds])


def command(repeat: int, quick: bool) -> Result:
    """The whole of gsp631_base, start to end: load, build, 5 epochs, evaluate, save."""
    rounds = gsp631_base(repeat, quick)
    claims = [
        Claim("stackfit run against the lab's whole script", rounds.ratio(OURS, LAB), 0.33, "x"),
        Claim("stackfit run against plain Keras on NumPy arrays", rounds.ratio(OURS, NUMPY), 0.33, "x"),
        Claim("peak memory of stackfit run", rounds.peak(OURS), 1.2, "GB"),
    ]
    return Result(claims, [rounds])


def engines(repeat: int, quick: bool) -> Result:
    """gsp631_base on TensorFlow and on JAX, whole commands; and 100 epochs of it."""
    base, count = ("gsp631_base", "epochs=1") if quick else ("gsp631_base",), 2 if quick else 100
    jax = run(1, *base, "engine=jax")
    cold, warm, many, many_jax = "jax, nothing compiled", "jax", f"tensorflow, {count} epochs", f"jax, {count} epochs"
    programs = {
        "tensorflow": run(1, *base),
        cold: replace(jax, argv=[sys.executable, str(HERE / "probes" / "cold.py"), *jax.argv[1:]]),
        warm: jax,
    }
    rounds = side_by_side(programs, repeat)
    long = {many: run(1, "gsp631_base", f"epochs={count}"), many_jax: run(1, "gsp631_base", f"epochs={count}", "engine=jax")}
    later = side_by_side(long, repeat)
    claims = [
        Claim("the command on JAX against TensorFlow", rounds.ratio(cold, "tensorflow"), 1.0, "x"),
        Claim("the same when it was compiled before", rounds.ratio(warm, "tensorflow"), 0.8, "x"),
        Claim(f"{count} epochs", later.ratio(many_jax, many), 0.65, "x"),
    ]
    return Result(claims, [rounds, later])


def startup(repeat: int, quick: bool) -> Result:
    """Commands that train nothing (`table` of 200 runs), and how soon the first training step starts."""
    targets = {"list": 0.2, "show gsp631_base": 0.2, "--help": 0.2, "table": 0.33}
    tensorflow = "import tensorflow"
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_runs(folder, 20 if quick else 200)
        shutil.copy(HERE / "probes" / "first_step.py", folder)
        programs = {tensorflow: Program([sys.executable, "-c", tensorflow])}
        programs |= {words: Program([STACKFIT, *words.split()], None, folder) for words in targets}
        rounds = side_by_side(programs, repeat * 3)
        steps = side_by_side({"start": Program([sys.executable, "first_step.py"], read_json, folder)}, repeat)
        heavy = sum(heavy_modules(words.split(), folder) for words in targets)
    claims = [
        Claim(f"stackfit {words} against {tensorflow}", rounds.ratio(words, tensorflow), target, "x")
        for words, target in targets.items()
    ]
    claims += [
        Claim("TensorFlow and Keras modules that these load", heavy, 0, ""),
        Claim("from the imports to the first step", steps.median("start", "first_step"), 1.5, "s"),
    ]
    return Result(claims, [rounds, steps])


def heavy_modules(words: list[str], folder: Path) -> float:
    """How many modules of TensorFlow and Keras a stackfit command loads."""
    return run_program(replace(script("probes/light.py", *words), folder=folder))["heavy_modules"]


def make_runs(project: Path, count: int) -> None:
    """Put `count` finished runs into `project/outputs`, without training: widths with ten seeds each."""
    with raising() as problems:
        cell = compose_cell(Composer("gsp631_base"), (), (), problems)
    config = yaml.safe_dump(cell.config, sort_keys=False)
    for number in range(count):
        settings = {**cell.settings, UNITS: 16 * (1 + number // 10), "seed": number % 10}
        folder = RunFolder(project / "outputs" / "gsp631_base" / f"made-{number:04}")
        folder.claim(str(number), {**cell.about_run(), "settings": settings, "seed": number % 10})
        folder.write_start(config, {})
        folder.append_history({"epoch": 1, "loss": 0.5, "accuracy": 0.8, "seconds": 0.7, "members": 1})
        metrics = {"loss": 0.5, "accuracy": 0.8, "test_loss": 0.4, "test_accuracy": 0.8 + number / 1e5}
        folder.finish(metrics, metrics)


def sweep_widths(repeat: int, quick: bool) -> Result:
    """Eight widths, 16 to 512 units, 3 epochs each on all of Fashion-MNIST; whole commands."""
    widths, count = ("16,32", 1) if quick else ("16,32,64,96,128,192,256,512", 3)
    words = (*CODELAB, f"{UNITS}={widths}", f"epochs={count}")
    basic, cells = "hydra/launcher=basic", len(widths.split(","))
    programs = {
        OURS: run(cells, *words),
        basic: run(cells, *words, basic),
        NUMPY: script("rivals/keras_numpy.py", count, widths, 1),
    }
    rounds = side_by_side(programs, repeat)
    claims = [
        Claim("the sweep against a loop of plain Keras fits", rounds.ratio(OURS, NUMPY), 0.25, "x"),
        Claim("the sweep against our own hydra/launcher=basic", rounds.ratio(OURS, basic), 0.8, "x"),
        Claim("peak memory of the sweep", rounds.peak(OURS), 2.0, "GB"),
    ]
    return Result(claims, [rounds])


def sweep_seeds(repeat: int, quick: bool) -> Result:
    """Eight seeds of 64 units, 3 epochs each on all of Fashion-MNIST; whole commands."""
    seeds, count = (2, 1) if quick else (8, 3)
    programs = {
        OURS: run(seeds, *CODELAB, f"{UNITS}=64", f"seed=range({seeds})", f"epochs={count}"),
        NUMPY: script("rivals/keras_numpy.py", count, 64, seeds),
    }
    rounds = side_by_side(programs, repeat)
    claims = [
        Claim("the sweep against a loop of plain Keras fits", rounds.ratio(OURS, NUMPY), 0.2, "x"),
        Claim("peak memory of the sweep", rounds.peak(OURS), 2.0, "GB"),
    ]
    return Result(claims, [rounds])


def sweep_scale(repeat: int, quick: bool) -> Result:
    """What a cell of 32 units costs when 4 or 32 of them are trained, 3 epochs each."""
    few, many, count = (2, 4, 1) if quick else (4, 32, 3)
    names = {f"{cells} cells": cells for cells in (few, many)}
    words = (*CODELAB, f"{UNITS}=32", f"epochs={count}")
    programs = {name: run(cells, *words, f"seed=range({cells})") for name, cells in names.items()}
    rounds = side_by_side(programs, repeat)
    fewer, more = names
    whole, later = rounds.ratio(more, fewer) * few / many, rounds.ratio(more, fewer, "epoch")
    claims = [
        Claim(f"a cell of {many} against one of {few}, whole commands", whole, 1.0, "x"),
        Claim(f"a cell's later epochs of {many} against {few}, without start-up", later, 1.0, "x"),
        Claim(f"peak memory of {more}", rounds.peak(more), 2.0, "GB"),
    ]
    return Result(claims, [rounds])


def launchers(repeat: int, quick: bool) -> Result:
    """16 cells of codelab_base_128, 2 epochs each, by each launcher of one machine; whole commands."""
    cells, count = (2, 1) if quick else (16, 2)
    words = (*CODELAB, f"seed=range({cells})", f"epochs={count}")
    fused, processes, basic = "hydra/launcher=fused", "hydra/launcher=processes, 2 workers", "hydra/launcher=basic"
    programs = {
        fused: run(cells, *words),
        processes: run(cells, *words, "hydra/launcher=processes", "hydra.launcher.workers=2"),
        basic: run(cells, *words, basic),
    }
    rounds = side_by_side(programs, repeat)
    claims = [
        Claim("fused against basic", rounds.ratio(fused, basic), 0.8, "x"),
        Claim("fused against processes", rounds.ratio(fused, processes), 1.0, "x"),
        Claim("processes against basic", rounds.ratio(processes, basic), 1.0, "x"),
    ]
    return Result(claims, [rounds])


def queue(repeat: int, quick: bool) -> Result:
    """A sweep of 10,000 cells that is left to its workers, and what four workers spend on taking cells of 2,000."""
    rounds = side_by_side({"claiming.py": script("probes/claiming.py", *((50, 10) if quick else (10_000, 120)))}, repeat)
    limits = {"detach": (15, "s"), "overhead": (5, "s"), "claiming": (2, "%")}
    claims = [Claim(name, rounds.median("claiming.py", name), *limit) for name, limit in limits.items()]
    return Result(claims, [rounds])


def checkpoint(repeat: int, quick: bool) -> Result:
    """A checkpoint beside the epoch of gsp631_base that it follows."""
    rounds = side_by_side({"run": script("probes/checkpoint.py")}, repeat)
    share = 100 * rounds.median("run", "share")
    return Result([Claim("checkpoint against an epoch of gsp631_base", share, 5, "%")], [rounds])


def resume(repeat: int, quick: bool) -> Result:
    """The same sweep again with every cell finished; and `table` of very many runs."""
    cells, runs = (5, 20) if quick else (200, 2000)
    again, table = f"a sweep of {cells} finished cells again", f"stackfit table of {runs} runs"
    # Six steps an epoch: only the number of cells matters here.
    words = (*CODELAB, f"seed=range({cells})", "epochs=1", "batch_size=10000", "save=[]")
    with TemporaryDirectory() as swept, TemporaryDirectory() as made:
        sweep = replace(run(cells, *words), folder=Path(swept))
        run_program(sweep)
        make_runs(Path(made), runs)
        rounds = side_by_side({again: sweep, table: Program([STACKFIT, "table"], None, Path(made))}, repeat)
        heavy = heavy_modules(["run", *words], Path(swept))
    claims = [
        Claim(again, rounds.median(again), 5.0, "s"),
        Claim("TensorFlow and Keras modules that it loads", heavy, 0, ""),
        Claim(table, rounds.median(table), 3.0, "s"),
    ]
    return Result(claims, [rounds])


def own_table(repeat: int, quick: bool) -> Result:
    """A CSV file of 1,000,000 rows and 30 columns of numbers, to arrays that train, and by pandas alone."""
    rows, columns, ours, rival = 10_000 if quick else 1_000_000, 30, "load_dataset", "pandas.read_csv"
    with TemporaryDirectory() as name:
        path = Path(name) / "table.csv"
        x = np.random.default_rng(0).standard_normal((rows, columns))
        frame = pd.DataFrame(x, columns=[f"c{number}" for number in range(columns)]).assign(y=(x[:, 0] > 0).astype(int))
        frame.to_csv(path, index=False, float_format="%.6g")
        programs = {ours: script("probes/own_table.py", path, "stackfit"), rival: script("probes/own_table.py", path, "pandas")}
        rounds = side_by_side(programs, repeat)
    claims = [
        Claim("reading a table against pandas.read_csv", rounds.ratio(ours, rival, "read"), 1.5, "x"),
        Claim("peak memory", rounds.peak(ours), 3 * x.size * 4 / 1e9 + 0.5, "GB"),
    ]
    return Result(claims, [rounds])


def own_pictures(repeat: int, quick: bool) -> Result:
    """50,000 PNG of 28 x 28 in grey, and as many JPEG of 64 x 64 in colour: each read once, to arrays that train and by Keras."""
    count, claims, rounds = 200 if quick else 50_000, [], []
    for form, colour, shape in (("PNG", "grayscale", (28, 28)), ("JPEG", "rgb", (64, 64, 3))):
        ours, rival = f"load_dataset, {form}", f"image_dataset_from_directory, {form}"
        with TemporaryDirectory() as name:
            make_pictures(Path(name), count, shape, form)
            programs = {
                ours: script("probes/own_pictures.py", name, "stackfit"),
                rival: script("probes/own_pictures.py", name, "keras", colour),
            }
            rounds.append(side_by_side(programs, repeat))
        claims.append(Claim(f"reading {form} against Keras's function, on the clock", rounds[-1].ratio(ours, rival, "read"), 1.25, "x"))
        claims.append(Claim(f"reading {form} against Keras's function, CPU", rounds[-1].ratio(ours, rival, "read_cpu"), 1.25, "x"))
    return Result(claims, rounds)


def make_pictures(folder: Path, count: int, shape: tuple[int, ...], form: str) -> None:
    """Smooth noise, as photographs have it, in ten classes; `form` as Pillow calls it."""
    random = np.random.default_rng(0)
    for label in range(10):
        (folder / f"class{label}").mkdir()
    for number in range(count):
        steps = random.integers(-12, 13, shape)
        picture = Image.fromarray(np.clip(np.cumsum(steps, axis=1) + 128, 0, 255).astype(np.uint8))
        picture.save(folder / f"class{number % 10}" / f"{number:05}.{form.lower()}")


BENCHMARKS = {
    benchmark.__name__: benchmark
    for benchmark in (epochs, command, engines, startup, sweep_widths, sweep_seeds, sweep_scale, launchers, queue, resume, checkpoint, own_table,
                      own_pictures, *SEARCHES, *FLOORS)
}
