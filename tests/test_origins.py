"""`origins`: file and line of every key, and which place decided a value."""

from __future__ import annotations

import pytest
import yaml

from stackfit.config.origins import Origins, override_key, read_config_file
from stackfit.errors import ConfigError

MODEL = """\
# a comment
layers:
  hidden:
    units: 64
  output: {units: 10}
"""


def test_every_key_has_its_line_and_its_package(write):
    file = read_config_file(write("conf/model/mine.yaml", MODEL), package="model")
    assert {key: str(origin) for key, origin in file.items()} == {
        "model.layers": "conf/model/mine.yaml:2",
        "model.layers.hidden": "conf/model/mine.yaml:3",
        "model.layers.hidden.units": "conf/model/mine.yaml:4",
        "model.layers.output": "conf/model/mine.yaml:5",
        "model.layers.output.units": "conf/model/mine.yaml:5",
    }


def test_the_defaults_list_is_not_a_key(write):
    file = read_config_file(write("mine.yaml", "defaults:\n  - config\n  - {data: xor}\nepochs: 3\n"))
    assert [key for key, _ in file.items()] == ["epochs"]


def test_an_empty_file_has_no_keys(write):
    assert list(read_config_file(write("mine.yaml", "# nothing yet\n")).items()) == []


def test_the_last_place_decides_and_a_typed_override_comes_after_all_files(write):
    parent = read_config_file(write("parent.yaml", "epochs: 1\nseed: 0\n"))
    child = read_config_file(write("child.yaml", "\nepochs: 2\n"))
    origins = Origins([parent, child], ("++epochs=3",))
    assert origins.chain("epochs") == ["parent.yaml:1", "child.yaml:2", "++epochs=3"]
    assert origins.locate("epochs") == "++epochs=3"
    assert origins.locate("seed") == "parent.yaml:2"
    assert origins.locate("batch_size") is None


def test_a_key_that_no_file_names_is_placed_by_the_nearest_key_above_it(write):
    origins = Origins([read_config_file(write("mine.yaml", MODEL))], ("callbacks={a: {b: 1}}",))
    assert origins.locate("layers.output.units.0") == "mine.yaml:5"
    assert origins.locate("callbacks.a.b") == "callbacks={a: {b: 1}}"


def test_an_error_gets_a_place_once(write):
    origins = Origins([read_config_file(write("mine.yaml", "epochs: 0\n"))], ())
    assert origins.add_place(ConfigError("x", key="epochs")).where == "mine.yaml:1"
    assert origins.add_place(ConfigError("x", key="epochs", where="there")).where == "there"
    assert origins.add_place(ConfigError("x")).where is None


@pytest.mark.parametrize(
    "override, key",
    [
        ("epochs=3", "epochs"),
        ("+model.layers.a={b: 1}", "model.layers.a"),
        ("++seed=1", "seed"),
        ("~callbacks.a", "callbacks.a"),
        ("hydra/launcher=basic", "hydra.launcher"),
        ("a=b=c", "a"),
    ],
)
def test_the_key_of_an_override_is_what_stands_before_the_first_equals(override, key):
    assert override_key(override) == key


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "just words\n", "3\n"])
def test_a_file_that_is_not_a_mapping_says_so(write, text):
    with pytest.raises(ConfigError, match=r"mine.yaml:1\n  This file is not a mapping. Expected .* See: stackfit new"):
        read_config_file(write("mine.yaml", text))


def test_a_file_that_is_not_text_or_is_not_there_says_so(lab):
    (lab / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    for name, said in (("binary.yaml:1", "This file is not in UTF-8: it has the byte 0xff"), ("missing.yaml", "This file cannot be read: No")):
        with pytest.raises(ConfigError, match=rf"{name}\n  {said}"):
            read_config_file(lab / name.partition(":")[0])


@pytest.mark.parametrize("depth", [51, 200_000])  # at 200,000 the C parser alone ends in a segmentation fault
def test_a_file_nested_too_deep_is_refused(write, depth):
    text = "epochs: 1\na: " + "[" * depth + "]" * depth
    with pytest.raises(ConfigError, match=r"deep.yaml:2\n  A value 51 levels deep is not allowed"):
        read_config_file(write("deep.yaml", text))


def test_our_own_limits_are_named_before_those_of_the_parser(write, monkeypatch):
    class Limited(yaml.SafeLoader):
        def get_token(self):
            raise yaml.scanner.ScannerError(None, None, "exceeded maximum nesting depth", self.get_mark())

        peek_token = check_token = get_token

    monkeypatch.setattr("stackfit.config.origins._Loader", Limited)
    with pytest.raises(ConfigError, match=r"deep.yaml:2\n  A value 51 levels deep is not allowed"):
        read_config_file(write("deep.yaml", "epochs: 1\na: " + "[" * 51 + "]" * 51))
    with pytest.raises(ConfigError, match=r"flat.yaml:1\n  This line cannot be read as YAML: epochs: 1"):  # nothing of ours
        read_config_file(write("flat.yaml", "epochs: 1\n"))


def test_an_alias_is_refused_before_it_is_expanded(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]  # 9^30 values when expanded
    with pytest.raises(ConfigError, match=r"bomb.yaml:2\n  The alias \*a0 is not allowed here. Expected plain values"):
        read_config_file(write("bomb.yaml", "\n".join(lines)))
