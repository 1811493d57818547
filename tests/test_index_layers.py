"""`index_layers`: indices of Embedding and CategoryEncoding are checked against the data before anything is trained."""

from __future__ import annotations

import numpy as np
import pytest

import stackfit
from stackfit.errors import ConfigError
from stackfit.execution.progress import Reporter

pytestmark = pytest.mark.tf

EMBEDDING = "+model.layers.embed={{_target_: keras.layers.Embedding, input_dim: {rows}, output_dim: 8, after: input}}"
ENCODING = (
    "+model.layers.encode={{_target_: keras.layers.CategoryEncoding, num_tokens: {rows}, output_mode: multi_hot, after: input}}"
)


@pytest.fixture
def tokens(lab):
    """400 examples of four tokens from 0 to 49; the class is whether the first is above 24."""
    x = np.random.default_rng(0).integers(0, 50, (400, 4))
    x[0] = [49, 0, 49, 0]
    np.savez("tokens.npz", x=x, y=(x[:, 0] > 24).astype(int))
    return x


def train(rows: int, *overrides: str, layer: str = EMBEDDING, path: str = "tokens.npz"):
    data = ["data=npz", f"data.path={path}", "epochs=20", "optimizer.learning_rate=0.02"]
    words = [*data, layer.format(rows=rows), *overrides]
    return stackfit.run("digits_quickstart", *words, reporter=Reporter(0))


def refused(*arguments, **options) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        train(*arguments, **options)
    return caught.value


def test_whole_numbers_within_the_table_are_learnt(tokens, keras):
    assert train(50, "data.scale=none").metrics["test_accuracy"] == 1.0


def test_fractions_are_refused_before_training(tokens, keras, lab):
    error = refused(50, "data.scale=standardize")
    assert error.key == "data.scale" and error.where == "data.scale=standardize"
    assert error.message.startswith("Embedding 'embed' looks up rows by number, but the train part holds fractions such as ")
    assert error.message.endswith(
        ", after data.scale=standardize. Expected whole numbers from 0 to 49 (input_dim - 1). Write: data.scale=none"
    )
    assert not (lab / "outputs").exists()


@pytest.mark.parametrize("layer, name, key", [(EMBEDDING, "embed", "input_dim"), (ENCODING, "encode", "num_tokens")])
def test_an_index_beyond_the_table_is_named_with_the_layer(tokens, keras, layer, name, key):
    error = refused(49, "data.scale=none", layer=layer)
    assert f"{name!r} looks up rows by number, but the t" in error.message and "part has the index 49." in error.message
    assert error.message.endswith(f"Expected whole numbers from 0 to 48 ({key} - 1). Write: model.layers.{name}.{key}=50")


def test_the_test_part_counts_too_and_nothing_is_below_0(tokens, keras):
    y = np.arange(400) % 2
    np.savez("late.npz", x_train=tokens, y_train=y, x_test=tokens[:10] + 50, y_test=y[:10])
    assert "the test part has the index 9" in refused(60, "data.scale=none", path="late.npz").message
    np.savez("below.npz", x=tokens - 1, y=y)
    error = refused(50, "data.scale=none", path="below.npz")
    assert "has the index -1" in error.message and "Number the categories from 0 in the file" in error.message
    np.savez("half.npz", x=tokens + 0.5, y=y)
    assert "holds fractions such as" in refused(60, "data.scale=none", path="half.npz").message


def test_a_table_after_layers_that_only_pass_on_is_checked_and_one_after_others_is_not(tokens, keras):
    reshaped = "+model.layers.shape={{_target_: keras.layers.Reshape, target_shape: [2, 2], after: input}}"
    error = refused(49, EMBEDDING.format(rows=49).replace("after: input", "after: shape"), "data.scale=none", layer=reshaped)
    assert "part has the index 49" in error.message
    halved = "+model.layers.half={{_target_: keras.layers.Rescaling, scale: 0.5, after: input}}"
    train(49, EMBEDDING.format(rows=25).replace("after: input", "after: half"), "data.scale=none", "epochs=1", layer=halved)


def test_plan_names_it_and_so_does_the_cell_of_a_sweep(tokens, keras, cli):
    data = ["data=npz", "data.path=tokens.npz", "data.scale=none", "epochs=1", EMBEDDING.format(rows=50)]
    assert "has the index 49" in cli("plan", "digits_quickstart", *data, "model.layers.embed.input_dim=9").err
    answer = cli("plan", "digits_quickstart", "-m", *data[:2], *data[3:], "data.scale=none,standardize")
    assert answer.code == 1 and "cell 2" in answer.err and "holds fractions such as" in answer.err
    answer = cli("run", "digits_quickstart", "-m", *data, "model.layers.embed.input_dim=49,50")
    assert answer.code == 1 and "has the index 49" in answer.err
    assert sorted(stackfit.table()["state"]) == ["failed", "finished"]
