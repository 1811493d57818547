"""The benchmarks of a search, held against the full grid of its space, against Keras Tuner, and against its own cost."""

import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks import simulated
from benchmarks.measure import STACKFIT, CommandFailed, Figures, Program, Rounds, run_program, script, side_by_side
from benchmarks.report import Claim, Result
from stackfit.results.run_files import find_run_folders, read_status
from stackfit.results.study import read_study
from stackfit.results.sweep_folder import SweepFolder

SEARCH, GRID, TUNER = "stackfit run kt_units_lr_search", "the full grid", "keras_tuner_hyperband.py"
METRIC, SEEDS, NEAR = "val_accuracy", range(10), 0.005
PEAK = "peak_val_accuracy"  # of any epoch of any trial, which is what Keras Tuner reports; ours are of the last epoch
UNITS, RATE = "model.layers.hidden.units", "optimizer.learning_rate"
WHOLE = ("hydra.sweeper.sampler=grid", "hydra.sweeper.pruner=none")
AGAIN = 5  # seeds, with which the setting that each tuner finds is trained again
SMALL = ("epochs=2", f"{UNITS}=32,64", f"{RATE}=1e-2,1e-3")
SMALL_SEARCH = ("hydra.sweeper.n_trials=4", "hydra.sweeper.batch=2", *SMALL)
OVERHEAD = ("gsp631_base", "-m", "hydra/sweeper=search", "hydra.sweeper.n_trials=64", "data.validation_split=0.2", "epochs=8",
            f"{UNITS}=range(32,513,step=32)", f"{RATE}=tag(log, interval(1e-4,1e-2))")  # fmt: skip


def search(seed: int, quick: bool) -> Program:
    """The search with this seed: its best value, its epochs."""

    def read(printed: str, folder: Path) -> Figures:
        study = read_study(SweepFolder(folder / printed.splitlines()[-1]))
        if study is None:
            raise CommandFailed("no search was made")
        best, epochs = simulated.best_of(study.trials), float(sum(trial.epochs for trial in study.trials))
        peak = max(value for trial in study.trials for value in trial.curve)
        found = {"units": float(best.axes[UNITS]), "learning_rate": float(best.axes[RATE])}
        return {METRIC: best.values[0], PEAK: peak, "epochs": epochs, **found}

    words = ["run", "kt_units_lr_search", f"hydra.sweeper.seed={seed}", *(SMALL_SEARCH if quick else ()), "--quiet"]
    return Program([STACKFIT, *words], read)


def trained_again(found: Figures, quick: bool) -> float:
    """The mean validation accuracy of the setting that a tuner has found, over five seeds, trained by stackfit for all epochs."""

    def read(printed: str, folder: Path) -> Figures:
        statuses = [read_status(path) for path in find_run_folders([folder / printed.splitlines()[-1]])]
        return {METRIC: statistics.mean(status["metrics"][METRIC] for status in statuses)}

    setting = (f"{UNITS}={found['units']:.0f}", f"{RATE}={found['learning_rate']}", f"epochs={2 if quick else 10}")
    words = (*WHOLE, f"seed=range({AGAIN})", f"hydra.sweeper.n_trials={AGAIN}", f"hydra.sweeper.batch={AGAIN}", *setting)
    return run_program(Program([STACKFIT, "run", "kt_units_lr_search", *words, "--quiet"], read))[METRIC]


def grid(quick: bool, keep: Callable[[simulated.Grid], None]) -> Program:
    """The same settings as one fused sweep, every one to its end."""

    def read(printed: str, folder: Path) -> Figures:
        found = simulated.read_grid(folder / printed.splitlines()[-1], METRIC)
        keep(found)
        return {METRIC: max(known.final for known in found.values()), "epochs": float(sum(len(k.curve) for k in found.values()))}

    words = ["run", "kt_units_lr_search", *WHOLE, "hydra.sweeper.batch=48"]
    return Program([STACKFIT, *words, *(SMALL if quick else ()), "--quiet"], read)


def search_kt(repeat: int, quick: bool) -> Result:
    """kt_units_lr_search against the full grid of its 48 settings: ten search seeds, simulated from the grid's curves; time."""
    grids: list[simulated.Grid] = []
    rounds = side_by_side({SEARCH: search(0, quick), GRID: grid(quick, grids.append)}, repeat)
    spread = simulated.spread_of("kt_units_lr_search", *(SMALL_SEARCH if quick else ()))
    assert spread.space is not None and spread.study is not None
    best = max(known.final for known in grids[0].values())
    whole = sum(len(known.curve) for known in grids[0].values())
    distances, epochs = [], []
    for seed in SEEDS:
        trials = simulated.simulate(spread.space, {**spread.study, "seed": seed}, grids[0])
        distances.append(best - simulated.best_of(trials).values[0])
        epochs.append(sum(trial.epochs for trial in trials) / whole)
        if seed == 0 and (simulated.best_of(trials).values[0], sum(t.epochs for t in trials)) != (rounds[0][SEARCH][METRIC], rounds[0][SEARCH]["epochs"]):
            raise CommandFailed("the simulated search of seed 0 is not the real one")
    near = sum(distance <= NEAR for distance in distances)
    claims = [
        Claim("mean distance from the grid's best validation accuracy, ten seeds", statistics.mean(distances), NEAR, ""),
        Claim(f"of ten seeds, those farther than {NEAR} from it", len(distances) - near, 2, ""),
        Claim("epochs against the grid's, ten seeds", max(epochs), 0.27, "x"),
        Claim("time against the grid's", rounds.ratio(SEARCH, GRID), 0.36, "x"),
    ]
    return Result(claims, [rounds])


def search_tuner(repeat: int, quick: bool) -> Result:
    """kt_units_lr_search against Keras Tuner's Hyperband over the same 48 settings, as its own guide writes it."""
    rounds = Rounds()
    for seed in range(repeat):
        programs = {SEARCH: search(seed, quick), TUNER: script("rivals/keras_tuner_hyperband.py", 2 if quick else 10, seed)}
        rounds += side_by_side(programs, 1)
        for figures in rounds[-1].values():
            figures["again"] = trained_again(figures, quick)
    lead = statistics.median(one[TUNER][PEAK] - one[SEARCH][PEAK] for one in rounds)
    behind = statistics.median(one[TUNER]["again"] - one[SEARCH]["again"] for one in rounds)
    claims = [
        Claim("time against Keras Tuner's Hyperband", rounds.ratio(SEARCH, TUNER), 0.35, "x"),
        Claim("validation accuracy of Keras Tuner's setting above that of ours, both trained with five seeds", behind, 0.003, ""),
        Claim("validation accuracy, of the best epoch of any trial, that Keras Tuner finds above it", lead, 0.003, ""),
    ]
    return Result(claims, [rounds])


def search_overhead(repeat: int, quick: bool) -> Result:
    """64 trials of gsp631_base: what a search does besides training, of the whole command's time."""
    words = [*OVERHEAD, *(("epochs=2", "hydra.sweeper.n_trials=4", "hydra.sweeper.batch=2") if quick else ())]
    rounds = side_by_side({OVERHEAD[0]: script("probes/search_overhead.py", *words)}, repeat)
    return Result([Claim("asking, telling, pruning and bookkeeping", rounds.median(OVERHEAD[0], "share"), 3.0, "%")], [rounds])


SEARCHES = (search_kt, search_tuner, search_overhead)
