"""What holds for any input: null removes, `after` orders, settings are flat, and one composition equals Hydra's own."""

from __future__ import annotations

import pytest
from composing import compose, compose_cell
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stackfit.config.experiments import find_experiment
from stackfit.config.hydra.composition import OWN_SETTINGS, Composer, search_path
from stackfit.config.origins import override_key
from stackfit.errors import ConfigError, Problems
from stackfit.files import finite
from stackfit.keys import flatten

examples = settings(
    max_examples=15,
    deadline=None,  # the first composition reads files
    derandomize=True,  # the same examples on every machine
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # an empty folder serves all examples
)
pytestmark = pytest.mark.usefixtures("lab")

NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True)
KEYS = st.text("abc", min_size=1, max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)

GROUPS = {
    "data": ["digits", "fashion_mnist", "xor"],
    "model": ["mlp", "linear", "cnn"],
    "optimizer": ["adam", "sgd", "sgd_exponential", "rmsprop"],
    "task": ["classification", "classification_logits", "regression"],
    "callbacks": ["none", "stop_at", "[stop_at,early_stopping]"],
}
VALUES = {
    "epochs": st.integers(1, 50),
    "++seed": st.integers(0, 2**32 - 1),
    "shuffle": st.booleans(),
    "batch_size": st.integers(1, 512),
    "precision": st.sampled_from(["float32", "mixed_bfloat16"]),
    "save": st.lists(st.sampled_from(["keras", "h5"]), max_size=2).map(lambda forms: f"[{','.join(forms)}]"),
    "data.validation_split": st.floats(0, 0.9).map(lambda share: f"{share:.3f}"),
    "+model.layers.output.use_bias": st.booleans(),
    "++model.layers.drop": st.just("{_target_: keras.layers.Dropout, rate: 0.5, after: input}"),
    "++model.layers.flatten": st.just("null"),
    "~model.layers.flatten": st.just(""),
    "++optimizer.learning_rate": st.just("0.5"),
}


@st.composite
def overrides(draw) -> list[str]:
    """Some choices of groups and some values, mixed."""
    chosen = draw(st.lists(st.sampled_from(sorted(GROUPS)), unique=True))
    words = [f"{group}={draw(st.sampled_from(GROUPS[group]))}" for group in chosen]
    for key in draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True)):
        value = draw(VALUES[key])
        words.append(
            key if key.startswith("~") else f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        )
    return draw(st.permutations(words))


@pytest.fixture(scope="module")
def composer() -> Composer:
    """One for all examples: it must not remember one example in the next."""
    return Composer("gsp631_base")


@pytest.fixture(scope="module")
def hydra() -> ConfigLoaderImpl:
    return ConfigLoaderImpl(search_path(find_experiment("gsp631_base")))


@examples
@given(words=overrides())
def test_the_composers_result_is_hydras_own(composer, hydra, words):
    try:
        expected = hydra.load_configuration("gsp631_base", [*words, *OWN_SETTINGS], RunMode.RUN)
    except HydraException:
        with pytest.raises(ConfigError):
            compose(composer, words)
        return
    expected = OmegaConf.to_container(expected)
    del expected["hydra"]
    ours = OmegaConf.to_container(compose(composer, words).config)
    assert ours == expected
    assert list(ours["model"]["layers"]) == list(expected["model"]["layers"])  # their order is that of the stack


@examples
@given(names=st.lists(st.sampled_from(["flatten", "hidden"]), unique=True))
def test_null_removes_exactly_what_it_names(composer, names):
    cell = compose_cell(composer, [f"model.layers.{name}=null" for name in names])
    left = [name for name, layer in cell.config["model"]["layers"].items() if layer is not None]
    assert left == [name for name in ("flatten", "hidden", "output") if name not in names]


@pytest.mark.tf
@examples
@given(data=st.data(), names=NAMES)
def test_after_gives_one_right_order_for_every_order_of_writing(keras, data, names):
    from stackfit.model.stack import order_layers

    behind = {name: data.draw(st.sampled_from([None, "input", *names[:number]])) for number, name in enumerate(names)}
    written = data.draw(st.permutations(names))
    layers = {name: {"after": behind[name]} if behind[name] else {} for name in written}
    ordered = list(order_layers(layers, Problems(), []))
    assert sorted(ordered) == sorted(names)  # none is lost, none is doubled
    free = [name for name in written if behind[name] is None]
    assert [name for name in ordered if name in free] == free  # what does not move keeps its order
    for name in names:
        start = -1 if behind[name] == "input" else ordered.index(behind[name]) if behind[name] else None
        if start is not None:  # directly behind, but for others that stand behind it too, and for what follows those
            between = ordered[start + 1 : ordered.index(name)]
            assert start < ordered.index(name) and all(leads_to(one, behind[name], behind) for one in between)


def leads_to(name: str, target: str, behind: dict[str, str | None]) -> bool:
    while name is not None and name != target:
        name = behind.get(name)
    return name == target


@examples
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_flattening_keeps_every_value_under_its_path(tree):
    flat = flatten(tree)
    assert not any(isinstance(value, dict) for value in flat.values())
    for key, value in flat.items():
        node = tree
        for part in key.split("."):
            node = node[part]
        assert node is value


@examples
@given(TREES)
def test_what_is_written_as_json_is_strict_json(tree):
    import json

    text = json.dumps(finite(tree), allow_nan=False)
    assert json.loads(text) == finite(tree)


@examples
@given(st.lists(KEYS, min_size=1, max_size=4), st.sampled_from(["", "+", "++"]), st.text(max_size=9))
def test_the_key_of_an_override_never_depends_on_its_value(parts, prefix, value):
    assert override_key(f"{prefix}{'.'.join(parts)}={value}") == ".".join(parts)
    assert override_key(f"~{'.'.join(parts)}") == ".".join(parts)
