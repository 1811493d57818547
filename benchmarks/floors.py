"""Where a step is heavy, or an epoch short, nothing of ours may cost more than plain Keras: floors, not leads."""

import statistics

from benchmarks.measure import script, side_by_side
from benchmarks.measure import stackfit_run as run
from benchmarks.report import Claim, Result

ROUNDS, LIMIT = 7, 1.05  # a ratio near 1 needs more rounds than one of a fifth
CLOCKS = {"seconds": "on the clock", "cpu": "CPU"}


def floor_wide(repeat: int, quick: bool) -> Result:
    """Three layers of 1,024 units in batches of 512: time is the matrix products'."""
    words = ("gsp631_base", "model.layers.hidden.units=[1024,1024,1024]", "batch_size=512")
    return floor("wide", words, 2 if quick else 4, repeat, quick)


def floor_cnn(repeat: int, quick: bool) -> Result:
    """The network of zalando_cnn_113k, two convolutions in batches of 64, a fifth of the pictures for validation."""
    return floor("cnn", ("zalando_cnn_113k",), 2 if quick else 3, repeat, quick)


def floor_epochs(repeat: int, quick: bool) -> Result:
    """100 epochs of gsp631_base in batches of 512, with validation: 94 steps and an epoch's end with its checkpoint."""
    words = ("gsp631_base", "batch_size=512", "data.validation_split=0.2")
    return floor("epochs", words, 3 if quick else 100, repeat, quick)


def floor(network: str, words: tuple[str, ...], epochs: int, repeat: int, quick: bool) -> Result:
    """Whole commands, and the epochs after the first: what a command of one epoch takes less, checkpoints included."""
    ours, rival = "stackfit run", "keras_floor.py"
    programs = {
        f"{name}, {count}": program
        for count in (epochs, 1)
        for name, program in (
            (ours, run(1, *words, f"epochs={count}")),
            (rival, script("rivals/keras_floor.py", network, count)),
        )
    }
    rounds = side_by_side(programs, repeat if quick else max(repeat, ROUNDS))
    claims = []
    for figure, clock in CLOCKS.items():
        whole = rounds.ratio(f"{ours}, {epochs}", f"{rival}, {epochs}", figure)
        claims.append(Claim(f"the command with {epochs} epochs against plain Keras, {clock}", whole, LIMIT, "x"))
    for figure, clock in CLOCKS.items():
        ratio = statistics.median(_later(one, ours, epochs, figure) / _later(one, rival, epochs, figure) for one in rounds)
        claims.append(Claim(f"its epochs after the first, {clock}", ratio, LIMIT, "x"))
    return Result(claims, [rounds])


def _later(taken: dict[str, dict[str, float]], name: str, epochs: int, figure: str) -> float:
    return taken[f"{name}, {epochs}"][figure] - taken[f"{name}, 1"][figure]


FLOORS = (floor_wide, floor_cnn, floor_epochs)
