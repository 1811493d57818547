"""`loop`: a member gets, bit for bit, what it gets alone and what a plain `model.fit` gives."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from composing import compose, compose_cell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackfit.config.hydra.composition import Composer
from stackfit.data import Dataset, load_dataset
from stackfit.data.dataset import Scaling, Split
from stackfit.errors import TrainingError
from stackfit.execution.cells import Cell
from stackfit.execution.engines import ENGINES
from stackfit.execution.members import settings_of
from stackfit.training.tensorflow import runtime

ENGINE = ENGINES["tensorflow"]
pytestmark = [
    pytest.mark.tf,
    # Keras's ReduceLROnPlateau makes an array of a TensorFlow variable in a way that NumPy 2 calls old.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

DIGITS = Composer("digits_quickstart")
TRAIN, VALIDATION, TEST = 50, 22, 30  # 50 in batches of 16: three whole ones and one of two

ADAM, SGD, RMSPROP, ADAMW, MOMENTUM = (
    f"optimizer={name}" for name in ("adam", "sgd", "rmsprop", "adamw", "momentum")
)
DROPOUT = "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.3, after: hidden}"

CONVOLUTION = "+model.layers.conv={_target_: keras.layers.Conv2D, filters: 4, kernel_size: 3, after: input}"


def digits(validation: bool = True) -> Dataset:
    """A few real digits with values 0 to 16, divided by 16."""
    whole = load_dataset(compose(DIGITS).config.data)
    x, y = whole.train.x, whole.train.y
    second = Split(x[TRAIN : TRAIN + VALIDATION], y[TRAIN : TRAIN + VALIDATION]) if validation else None
    test = Split(whole.test.x[:TEST], whole.test.y[:TEST])
    scaling = Scaling(divisor=np.array(16, np.float32))
    return dataclasses.replace(
        whole, train=Split(x[:TRAIN], y[:TRAIN]), validation=second, test=test, scaling=scaling
    )


def cell(*overrides: str) -> Cell:
    return compose_cell(DIGITS, ["batch_size=16", "epochs=3", "model.layers.hidden.units=5", *overrides])


@dataclasses.dataclass
class Trained:
    """What one member became."""

    weights: list[np.ndarray]
    history: list[dict[str, float]]
    scores: np.ndarray
    events: list[Any]

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Trained)
        return (
            len(self.weights) == len(other.weights)
            and all(map(np.array_equal, self.weights, other.weights))
            and self.history == other.history
            and np.array_equal(self.scores, other.scores)
        )


def train(
    cells: list[Cell],
    dataset: Dataset | None = None,
    callbacks: Callable[[int], list[Any]] = lambda number: [],
    predict: bool = False,
) -> list[Trained]:
    """Train cells in one cohort; what each became. `callbacks(number)` gives a member its own."""
    runtime.start()
    from stackfit.execution.members import build_member
    from stackfit.training import loop

    dataset = dataset or digits(validation=False)
    feeds = ENGINE.feeds(dataset)
    members = [build_member(one, dataset, feeds) for one in cells]
    for number, member in enumerate(members):
        member.callbacks = callbacks(number)
    program = ENGINE.program(members)
    program.trace()
    events = list(loop.train(members, program))
    tests = [feeds.feed("test", settings_of(one.config)) for one in cells]
    scores = [np.zeros(0)] * len(cells)
    if predict:
        scores = [scores for _, scores in ENGINE.evaluate([member.model for member in members], tests)]
    ends = [event for event in events if isinstance(event, loop.EpochEnd)]
    return [
        Trained(
            member.model.get_weights(),
            [end.logs for end in ends if end.member == number],
            scores[number],
            [event for event in events if getattr(event, "member", None) == number],
        )
        for number, member in enumerate(members)
    ]


def alone(
    one: Cell, dataset: Dataset | None = None, callbacks: Sequence[Any] = (), predict: bool = False
) -> Trained:
    return train([one], dataset, lambda number: list(callbacks), predict)[0]


def plain_fit(one: Cell, dataset: Dataset) -> Trained:
    """The cell's model, trained by Keras's own `fit` on NumPy batches in the documented order."""
    runtime.start()
    import keras
    import tensorflow as tf

    from stackfit.execution.members import make_model
    from stackfit.training.batches import epoch_order

    config = one.config
    model = make_model(one, dataset.input_shape)
    size, epochs, task = config["batch_size"], config["epochs"], config["task"]
    weight = np.array([(task["class_weight"] or {}).get(label, 1.0) for label in range(10)], np.float32)

    def target(y: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[y] if task["labels"] == "one_hot" else y

    def batches():
        for epoch in range(epochs):
            order = epoch_order(TRAIN, config["seed"] if config["shuffle"] else None, epoch)
            for start in range(0, TRAIN, size):
                chosen = order[start : start + size]
                x, y = dataset.scaling.apply(dataset.train.x[chosen]), dataset.train.y[chosen]
                yield (x, target(y), weight[y]) if task["class_weight"] else (x, target(y))

    signature = tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), next(batches())
    )
    second = dataset.validation
    history = model.fit(
        tf.data.Dataset.from_generator(batches, output_signature=signature),
        epochs=epochs,
        steps_per_epoch=-(-TRAIN // size),
        validation_data=second and (dataset.scaling.apply(second.x), target(second.y)),
        validation_batch_size=size,
        shuffle=False,
        verbose=0,
    ).history
    rows = [{name: float(values[epoch]) for name, values in history.items()} for epoch in range(epochs)]
    scores = model.predict(dataset.scaling.apply(dataset.test.x), batch_size=size, verbose=0)
    keras.utils.clear_session(free_memory=False)
    return Trained(model.get_weights(), rows, scores, [])


# ---- alone, and as Keras does it


@pytest.mark.parametrize(
    "overrides",
    [
        [ADAM, "task.class_weight={3: 2.5, 7: 0.25}"],
        pytest.param([SGD, "shuffle=false"], marks=pytest.mark.slow),
        [RMSPROP, DROPOUT, "seed=3"],
        [ADAMW, "model.layers.hidden.units=[7,4]", "task=classification_one_hot"],
        ["optimizer=adam_cosine", "optimizer.learning_rate.decay_steps=9"],
        pytest.param(
            ["optimizer=sgd_exponential", "optimizer.learning_rate.decay_steps=4", "+optimizer.momentum=0.9"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=" ".join,
)
def test_a_cohort_of_one_is_bit_equal_to_a_plain_fit_over_the_same_batches(overrides):
    one = cell(*overrides, "epochs=2")
    assert alone(one, digits(), predict=True) == plain_fit(one, digits())


def test_without_validation_it_is_bit_equal_too():
    one = cell("batch_size=50")
    mine = alone(one, predict=True)
    assert mine == plain_fit(one, digits(validation=False))
    assert set(mine.history[0]) == {"accuracy", "loss"}


# ---- together and alone


def member_overrides() -> st.SearchStrategy[list[str]]:
    """Settings of one member that may differ within a cohort."""
    units = st.lists(st.integers(1, 9), max_size=3).map(lambda widths: f"model.layers.hidden.units={widths}")
    optimizers = [
        [ADAM],
        [ADAM, "optimizer.learning_rate=0.03"],
        [SGD],
        [MOMENTUM, "optimizer.nesterov=true"],
        [RMSPROP],
        [ADAMW],
        ["optimizer=adam_cosine", "optimizer.learning_rate.decay_steps=5"],
        ["optimizer=sgd_exponential", "optimizer.learning_rate.decay_steps=3"],
    ]
    parts = st.tuples(
        units.map(lambda text: [text.replace(" ", "")]),
        st.sampled_from(optimizers),
        st.sampled_from([[], [DROPOUT]]),
        st.integers(0, 5).map(lambda seed: [f"seed={seed}"]),
        st.integers(1, 4).map(lambda epochs: [f"epochs={epochs}"]),
        st.sampled_from([["shuffle=true"], ["shuffle=false"]]),
    )
    return parts.map(lambda lists: [text for part in lists for text in part])


def stops_early(early: bool) -> list[Any]:
    import keras

    if not early:
        return []
    return [
        keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=0.02, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.05),
    ]


COHORTS = st.lists(st.tuples(member_overrides(), st.booleans()), min_size=2, max_size=3)
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)


def check_together_is_alone(members: list[tuple[list[str], bool]], batch_size: int) -> None:
    # ReduceLROnPlateau cannot change a schedule's rate, and says so by raising
    members = [
        (texts, early and not any("decay_steps" in text for text in texts)) for texts, early in members
    ]
    cells = [cell(*texts, f"batch_size={batch_size}") for texts, _ in members]
    together = train(cells, digits(), lambda number: stops_early(members[number][1]), predict=True)
    assert not any("Failed" in repr(event) for one in together for event in one.events)
    assert together == [
        alone(one, digits(), stops_early(early), predict=True)
        for one, (_, early) in zip(cells, members, strict=True)
    ]


@given(COHORTS, st.sampled_from([7, 16, 50, 64]))
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=QUIET)
def test_members_of_any_kind_are_bit_equal_together_and_alone(members, batch_size):
    check_together_is_alone(members, batch_size)


@pytest.mark.slow
@given(COHORTS, st.integers(1, 64))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_many_more_members_of_any_kind_are_bit_equal_together_and_alone(members, batch_size):
    check_together_is_alone(members, batch_size)


def test_a_convolution_is_bit_equal_together_and_alone():
    cells = [cell(CONVOLUTION, f"seed={seed}", "epochs=2") for seed in (0, 1)]
    assert train(cells) == [alone(one) for one in cells]


# ---- callbacks act on each member by itself


def test_early_stopping_stops_one_member_restores_its_best_weights_and_the_other_goes_on():
    import keras

    cells = [cell("epochs=6", "optimizer.learning_rate=0.3"), cell("epochs=6", "seed=1")]
    stopping = lambda: [keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]  # noqa: E731
    first, second = train(cells, digits(), lambda number: stopping() if number == 0 else [])
    losses = [row["val_loss"] for row in first.history]
    assert 1 < len(losses) < 6 and losses[-1] > min(losses)
    assert len(second.history) == 6
    best = alone(cell(f"epochs={1 + losses.index(min(losses))}", "optimizer.learning_rate=0.3"))
    assert all(map(np.array_equal, first.weights, best.weights))
    assert second == alone(cells[1], digits())


def test_the_learning_rate_of_one_member_falls_on_its_own_plateau():
    import keras

    rates: dict[int, list[float]] = {0: [], 1: []}

    def callbacks(number: int) -> list[Any]:
        def note(epoch: int, logs: Any) -> None:
            rates[number].append(round(float(noting.model.optimizer.learning_rate), 6))

        noting = keras.callbacks.LambdaCallback(on_epoch_end=note)
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=100.0)
        return [plateau, noting] if number == 0 else [noting]

    train([cell(), cell("seed=1")], callbacks=callbacks)
    assert rates == {0: [0.001, 0.0005, 0.00025], 1: [0.001] * 3}


def test_stop_at_stops_the_member_that_gets_there():
    from stackfit.callbacks import StopAt

    first, second = train(
        [cell(), cell()], callbacks=lambda number: [StopAt("loss", value=[0.0, 99.0][number], mode="min")]
    )
    assert [len(first.history), len(second.history)] == [3, 1]


def test_a_schedule_by_epoch_sets_the_rate_of_its_member_only():
    from stackfit.callbacks import EpochSchedule

    cells = [cell(), cell("seed=1")]
    first, second = train(cells, callbacks=lambda number: [EpochSchedule({"2": 0.0})] if number == 0 else [])
    assert all(map(np.array_equal, first.weights, alone(cell("epochs=1")).weights))
    assert second == alone(cells[1])


def test_each_member_writes_its_own_checkpoint(tmp_path):
    import keras

    paths = [str(tmp_path / f"{number}.keras") for number in (0, 1)]
    members = train(
        [cell(), cell("model.layers.hidden.units=3")],
        callbacks=lambda number: [keras.callbacks.ModelCheckpoint(paths[number])],
    )
    for path, member in zip(paths, members, strict=True):
        assert all(map(np.array_equal, keras.models.load_model(path).get_weights(), member.weights))


def test_a_callback_sees_keras_s_own_order_of_calls_and_its_member_s_model():
    import keras

    calls: list[str] = []

    class Note(keras.callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_") and "batch" not in name:
                calls.append(name)
            return super().__getattribute__(name)

    def run(action: Callable[[list[Any]], Any]) -> list[str]:
        calls.clear()
        action([Note()])
        return [*calls]

    mine = run(lambda callbacks: alone(cell("epochs=2"), digits(), callbacks))
    x = np.zeros((4, 8, 8, 1), np.float32)
    from stackfit.execution.members import make_model

    model = make_model(cell(), (8, 8, 1))
    options = {"epochs": 2, "verbose": 0, "validation_data": (x, np.zeros(4))}
    theirs = run(lambda callbacks: model.fit(x, np.zeros(4), callbacks=callbacks, **options))
    assert mine == theirs and mine.count("on_test_end") == 2


def test_hooks_at_batches_of_the_validation_data_get_what_keras_gives_them_and_may_stop_there():
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self, stop: int | None):
            super().__init__()
            self.stop, self.seen = stop, []

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.seen.append(batch)

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen.append((batch, dict(logs)))
            self.model.stop_evaluating = batch == self.stop

    plain = alone(cell("epochs=2"), digits())
    watch = Watch(None)
    watched = alone(cell("epochs=2"), digits(), [watch])
    assert all(map(np.array_equal, watched.weights, plain.weights)) and watched.history == plain.history
    assert [each for each in watch.seen if isinstance(each, int)] == [0, 1, 0, 1]  # 22 in batches of 16
    assert [{f"val_{name}": value for name, value in watch.seen[place][1].items()} for place in (3, 7)] == [
        {name: value for name, value in row.items() if name.startswith("val_")} for row in watched.history
    ]
    halved = alone(cell("epochs=2"), digits(), [Watch(0)])
    assert all(map(np.array_equal, halved.weights, plain.weights)) and halved.history != plain.history


# ---- one member's failure is its own


def test_an_infinite_loss_fails_that_member_alone_and_names_the_epoch():
    from stackfit.training.loop import Done, Failed

    wild = cell("optimizer=sgd", "optimizer.learning_rate=1e30")
    first, second = train([wild, cell()])
    (failed,) = [event for event in first.events if isinstance(event, Failed)]
    assert isinstance(failed.error, TrainingError)
    assert str(failed.error).startswith("loss is nan in epoch 1.") and "optimizer.learning_rate" in str(
        failed.error
    )
    assert second == alone(cell()) and isinstance(second.events[-1], Done)


def test_a_callback_that_raises_or_exits_fails_its_member_alone():
    import keras

    from stackfit.training.loop import Done, Failed

    errors = {
        "on_train_begin": ValueError("mine"),
        "on_epoch_begin": SystemExit(3),
        "on_epoch_end": AssertionError(),
        "on_train_end": OSError("disk"),
    }

    def callbacks(number: int) -> list[Any]:
        def boom(*_: Any) -> None:
            raise error

        hook, error = list(errors.items())[number] if number < len(errors) else ("on_epoch_end", None)
        return [keras.callbacks.LambdaCallback(**{hook: boom})] if error is not None else []

    *failing, healthy = train([cell("epochs=2")] * 5, callbacks=callbacks)
    assert [[event.error for event in one.events if isinstance(event, Failed)] for one in failing] == [
        [error] for error in errors.values()
    ]
    assert [[event.epoch for event in one.events if isinstance(event, Failed)] for one in failing] == [
        [0],
        [1],
        [1],
        [2],
    ]
    assert not any(isinstance(event, Done) for one in failing for event in one.events)
    assert healthy == alone(cell("epochs=2"))


def test_ctrl_c_in_a_callback_is_the_user_s_and_stops_everything():
    import keras

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alone(cell(), callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop)])


def test_what_a_callback_prints_goes_where_the_member_says(capsys):
    import keras

    from stackfit.execution.members import build_member
    from stackfit.training import loop

    runtime.start()
    dataset, said = digits(), []
    member = build_member(cell("epochs=1"), dataset, ENGINE.feeds(dataset))
    member.callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("hello", epoch))
    ]
    member.printed = said.append
    list(loop.train([member], ENGINE.program([member])))
    assert said == ["hello 0\n"] and capsys.readouterr().out == ""


def test_an_error_of_the_graph_is_raised_for_the_whole_cohort():
    with pytest.raises(TrainingError, match=r"^TensorFlow stopped: indices\[0\] = 9\d is not in \[0, 10\).$"):
        train([cell(), cell()], raising_digits())


def raising_digits() -> Dataset:
    """Labels beyond the classes: TensorFlow notices while it trains, since nobody checked these."""
    dataset = digits()
    return dataclasses.replace(dataset, train=Split(dataset.train.x, dataset.train.y + 90))


# ---- batches


def batch_noter(seen: list[int]) -> Any:
    import keras

    class Noter(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert set(logs) == {"loss", "accuracy"}
            seen.append(batch)

    return Noter()


def test_a_callback_that_listens_gets_every_batch_and_the_bits_stay_the_same():
    seen: list[int] = []
    heard = alone(cell(), callbacks=[batch_noter(seen)])
    assert seen == [0, 1, 2, 3] * 3
    assert heard == alone(cell())


def test_stop_training_at_a_batch_ends_the_epoch_there_as_in_keras():
    import keras

    class StopAtSecond(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    stopped, other = train(
        [cell("shuffle=false"), cell()], callbacks=lambda number: [StopAtSecond()] if number == 0 else []
    )
    whole = digits(validation=False)
    two_batches = dataclasses.replace(whole, train=Split(whole.train.x[:32], whole.train.y[:32]))
    assert stopped == alone(cell("shuffle=false", "epochs=1"), two_batches)
    assert other == alone(cell())


# ---- calls


def test_the_number_of_steps_in_a_call_does_not_change_the_bits(monkeypatch):
    from stackfit.training import loop

    cells = [cell("batch_size=3"), cell("batch_size=3", DROPOUT)]
    expected = train(cells)
    for first, seconds in ((1, 0.0), (1000, 1e9)):
        monkeypatch.setattr(loop, "FIRST_STEPS", first)
        monkeypatch.setattr(loop, "CALL_SECONDS", seconds)
        assert train(cells) == expected


def test_a_call_covers_about_the_seconds_it_may(monkeypatch):
    from stackfit.training import loop

    monkeypatch.setattr(loop, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(loop, "FIRST_STEPS", 2)
    steps: list[float] = []
    began = time.perf_counter()
    train_slowly(lambda: steps.append(time.perf_counter() - began))
    gaps = np.diff(steps)
    assert len(steps) > 4 and gaps.max() < 1.0


def train_slowly(on_step: Callable[[], None]) -> None:
    """One epoch of 100 steps of about 10 ms each."""
    runtime.start()
    import tensorflow as tf

    from stackfit.execution.members import build_member
    from stackfit.training import loop

    class SlowFeed:
        def __init__(self, feed: Any):
            self.feed, self.steps, self.remainder, self.begin = feed, 100, 0, feed.begin

        def batch(self, epoch_input: Any, step: Any, size: Any = None) -> Any:
            waited = tf.py_function(lambda: time.sleep(0.01) or 0, [], tf.int32)
            with tf.control_dependencies([waited]):
                return self.feed.batch(epoch_input, tf.identity(step) * 0)

    dataset = digits(validation=False)
    member = build_member(cell("epochs=1"), dataset, ENGINE.feeds(dataset))
    member.train = SlowFeed(member.train)
    for event in loop.train([member], ENGINE.program([member])):
        if isinstance(event, loop.Step):
            on_step()


def test_a_whole_epoch_is_a_step_only_where_a_member_that_ended_waits_for_it():
    from stackfit.execution.members import build_member
    from stackfit.training import loop

    runtime.start()
    dataset = digits()
    members = [build_member(cell(f"epochs={n}"), dataset, ENGINE.feeds(dataset)) for n in (1, 2)]
    steps = [event for event in loop.train(members, ENGINE.program(members)) if isinstance(event, loop.Step)]
    assert [(step.epoch, step.running) for step in steps if step.done == 1.0] == [(2, (1,))]


def test_each_epoch_says_how_many_members_shared_its_seconds():
    first, second = train([cell("epochs=1"), cell("epochs=2")])
    shares = [[event.members for event in one.events if hasattr(event, "members")] for one in (first, second)]
    assert shares == [[2], [2, 1]]


def test_members_of_no_epochs_do_nothing():
    fresh, other = train([dataclasses.replace(cell(), config=cell().config | {"epochs": 0}), cell()])
    assert fresh.history == [] and len(other.history) == 3


# ---- XLA, threads, precision


def test_xla_trains_and_a_last_smaller_batch_is_not_an_obstacle():
    trained = alone(cell("jit_compile=true", "epochs=2"))
    assert trained.history[1]["loss"] < trained.history[0]["loss"]
    expected = alone(cell("epochs=2"))
    for mine, theirs in zip(trained.weights, expected.weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-3)  # other bits, the same training


def test_half_precision_trains_in_bfloat16_and_keeps_float32_weights():
    trained = alone(cell("precision=mixed_bfloat16"))
    assert {weight.dtype for weight in trained.weights} == {np.dtype(np.float32)}
    assert trained != alone(cell())


THREADS = """
import sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
tf.config.threading.set_inter_op_parallelism_threads(1)
sys.path.insert(0, sys.argv[2])
import test_loop
print(test_loop.digest_of_some(*sys.argv[3:]))
"""
CONVOLUTIONS = [
    "model=cnn",
    "model.layers.pool2=null",
    "+model.layers.depthwise={_target_: keras.layers.DepthwiseConv2D, kernel_size: 2, padding: same, after: conv1}",
    "+model.layers.more={_target_: keras.layers.Conv2DTranspose, filters: 8, kernel_size: 2, after: conv2}",
    "+model.layers.norm={_target_: keras.layers.LayerNormalization, after: conv1}",
]


def digest_of_some(*words: str) -> str:
    """Over the weights of layers with dropout, trained together."""
    trained = train([cell(*words, DROPOUT, f"model.layers.hidden.units={units}") for units in (300, 500)])
    return hashlib.sha256(b"".join(w.tobytes() for one in trained for w in one.weights)).hexdigest()


def digest_elsewhere(threads: int, *words: str) -> str:
    """The digest in a process of so many intra-op threads, and of one inter-op thread; here they are one, and the cores."""
    command = [sys.executable, "-W", "ignore", "-c", THREADS, str(threads), os.path.dirname(__file__), *words]
    runtime.start()
    assert runtime.describe()["threads"]["intra_op"] == 1
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_number_of_threads_does_not_change_the_bits_of_dense_layers():
    assert digest_of_some() == digest_elsewhere(2)


@pytest.mark.slow
def test_which_operations_run_side_by_side_does_not_change_the_bits_of_convolutions():
    assert digest_of_some(*CONVOLUTIONS) == digest_elsewhere(1, *CONVOLUTIONS)


# ---- memory


def test_the_data_in_the_graphs_of_earlier_cohorts_are_let_go():
    from stackfit.execution.members import build_member
    from stackfit.training import loop

    runtime.start()

    def train_and_forget() -> weakref.ref[Any]:
        dataset = digits()
        feeds = ENGINE.feeds(dataset)
        member = build_member(cell("epochs=1"), dataset, feeds)
        list(loop.train([member], ENGINE.program([member])))
        return weakref.ref(member.train.data.x)

    data = [train_and_forget() for _ in range(2)]
    ENGINE.feeds(digits())
    assert [one() for one in data] == [None, None]


def test_letting_go_of_our_graphs_leaves_the_custom_gradients_of_other_models():
    runtime.start()
    import tensorflow as tf
    from tensorflow.python.framework import ops

    @tf.function
    def theirs(x):
        @tf.custom_gradient
        def doubled(x):
            return 2 * x, lambda upstream: 100 * upstream

        return doubled(x)

    def registered() -> set[str]:
        return {name for name in ops.gradient_registry._registry if name.startswith("CustomGradient-")}

    forward = theirs.get_concrete_function(tf.TensorSpec((), tf.float32))
    ENGINE.feeds(digits())  # what earlier tests left goes
    before = registered()
    alone(cell("epochs=1"))
    assert registered() > before  # Keras's optimizers make some
    ENGINE.feeds(digits())
    assert registered() >= before
    with tf.GradientTape() as tape:
        x = tf.Variable(3.0)
        y = forward(x)
    assert tape.gradient(y, x).numpy() == 100


# ---- the engine's door


def test_the_loop_asks_an_engines_program_for_every_step_and_whether_members_go_on_and_knows_no_library():
    """Two members of 3 and 5 steps, "trained" by a program that only counts."""
    runtime.start()
    import keras

    from stackfit.training import loop
    from stackfit.training.engine import Member

    class Counted:
        def __init__(self):
            self.done, self.epochs = [0, 0], []

        def begin(self, epochs):
            self.epochs.append(list(epochs))
            self.done = [0, 0]

        def run(self, starts, stops):
            assert list(starts) == self.done
            self.done = list(stops)

        def logs(self, number):
            return {"loss": float(self.done[number])}

        def validate(self, numbers):
            return {number: {"loss": 0.5} for number in numbers}

        def sync(self, number):
            pass

    def member(steps: int, epochs: int, validation: Any) -> Member:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.optimizer.build(model.trainable_variables)
        return Member(model, SimpleNamespace(steps=steps), validation, epochs)

    program = Counted()
    asked = []

    def rank(waiting, is_last):
        """The first two rungs of member 0 are decided when member 1 has come to its own; then member 1 leaves."""
        asked.append((waiting, is_last))
        return {0: True} if len(waiting) == 1 else {0: True, 1: False}

    ranked = [member(3, 3, None), member(5, 9, None)]
    ranked[0].rungs, ranked[1].rungs = (1, 2), (2,)
    events = list(loop.train(ranked, program, rank))
    assert asked == [([0], False), ([0, 1], True)]
    assert [(type(event).__name__, event.member) for event in events if isinstance(event, (loop.EpochEnd, loop.Done))] == [
        *[("EpochEnd", 0), ("EpochEnd", 1)] * 2, ("EpochEnd", 0), ("Done", 0),
    ]  # fmt: skip
    ranked = [member(3, 2, None), member(5, 9, None)]
    ranked[0].rungs, ranked[1].rungs = (1,), (3,)
    events = list(loop.train(ranked, program, lambda waiting, is_last: dict.fromkeys(waiting, False) if is_last else {}))
    assert [event.epoch for event in events if isinstance(event, loop.EpochEnd)] == [1, 1, 2, 3]  # 0 waits for 1
    assert not any(isinstance(event, loop.Done) for event in events)

    program = Counted()
    events = list(loop.train([member(3, 1, None), member(5, 2, SimpleNamespace(steps=1))], program))
    ends = [(event.member, event.epoch, event.logs) for event in events if isinstance(event, loop.EpochEnd)]
    assert ends == [(0, 1, {"loss": 3.0}), (1, 1, {"loss": 5.0, "val_loss": 0.5}), (1, 2, {"loss": 5.0, "val_loss": 0.5})]
    assert program.epochs == [[0, 0], [1, 1]]
    assert [event.member for event in events if isinstance(event, loop.Done)] == [0, 1]


# ---- what cannot be traced


def test_what_the_program_refuses_is_a_config_error():
    from stackfit.execution import runner

    error = runner.as_config_error(ValueError("Shapes (21,)\n   and (21, 10) are incompatible."))
    assert "cannot be trained on these data: Shapes (21,) and (21, 10) are incompatible. Expected" in str(error) and "Compare `task` with the last layer." in str(error)
