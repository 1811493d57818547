"""`file_rules`: what a YAML file of the defaults chain may not hold, before Hydra sees it."""

from __future__ import annotations

import pytest

from stackfit.config import project
from stackfit.config.file_rules import find_faults
from stackfit.config.origins import read_config_file
from stackfit.errors import ConfigError

HEAD = "defaults: [digits_quickstart, _self_]\n"


def check(write, text: str, name: str = "experiments/mine.yaml") -> None:
    for fault in find_faults(read_config_file(write(name, text))):
        raise fault.error


@pytest.mark.parametrize("folder", ["conf", "experiments"])
def test_everything_that_ships_passes(folder):
    files = sorted(project.shipped(folder).rglob("*.yaml"))
    assert files
    for path in files:
        group = path.parent.name if path.parent.parent == project.shipped("conf") else ""
        assert not list(find_faults(read_config_file(path, group)))


@pytest.mark.parametrize(
    "text",
    [
        "hydra: {mode: MULTIRUN}\n",
        "hydra:\n  sweeper:\n    params: {epochs: '1,2', seed: 'range(3)'}\n",
        "hydra: {sweeper: {union: [{epochs: '1,2'}, {seed: '0,1'}]}}\n",
    ],
)
def test_a_mode_and_a_sweep_are_an_experiments_own(write, text):
    check(write, HEAD + text)


@pytest.mark.parametrize(
    "text, line, key",
    [
        ("hydra:\n  callbacks:\n    x: {_target_: mine.Evil}\n", 3, "hydra.callbacks"),
        ("hydra: {run: {dir: /tmp/anywhere}}\n", 2, "hydra.run"),
        ("hydra: {sweep: {dir: /tmp/anywhere}}\n", 2, "hydra.sweep"),
        ("hydra: {job: {env_set: {PATH: x}}}\n", 2, "hydra.job"),
        ("hydra: {job: {chdir: true}}\n", 2, "hydra.job"),
        ("hydra: {searchpath: ['file:///tmp']}\n", 2, "hydra.searchpath"),
        ("hydra: {output_subdir: x}\n", 2, "hydra.output_subdir"),
        ("hydra: {launcher: {_target_: mine.Evil}}\n", 2, "hydra.launcher"),
        ("hydra: {sweeper: {_target_: mine.Evil}}\n", 2, "hydra.sweeper._target_"),
        ("hydra: {job_logging: {handlers: {}}}\n", 2, "hydra.job_logging"),
        ("hydra.run.dir: x\n", 2, "hydra.run.dir"),
        ("'hydra': {\"run\": {dir: x}}\n", 2, "hydra.run"),
        ("? hydra\n: {callbacks: 1}\n", 3, "hydra.callbacks"),
        ("hydra: {<<: {callbacks: 1}}\n", 2, "hydra.<<"),
    ],
)
def test_a_hydra_section_that_reaches_beyond_is_refused(write, text, line, key):
    with pytest.raises(ConfigError) as error:
        check(write, HEAD + text)
    assert (error.value.where, error.value.key) == (f"experiments/mine.yaml:{line}", key)
    assert (
        f"{key!r} is set only by stackfit. Expected only mode and the sweeper's settings below `hydra`" in error.value.message
    )
    assert "Remove the line." in error.value.message


@pytest.mark.parametrize("text", ["hydra: null\n", "hydra: x\n", "hydra:\n", "hydra: [1]\n", "hydra: {mode: {a: b}}\n"])
def test_a_hydra_section_of_another_form_is_refused(write, text):
    with pytest.raises(ConfigError) as error:
        check(write, HEAD + text)
    assert error.value.where == "experiments/mine.yaml:2"


def test_a_merge_key_at_the_top_is_refused(write):
    with pytest.raises(ConfigError, match=r"mine.yaml:2"):
        check(write, HEAD + "<<: {hydra: {callbacks: 1}}\n")


def test_a_groups_file_may_not_set_hydra_either(write):
    with pytest.raises(ConfigError, match=r"conf/model/mine.yaml:1"):
        check(write, "hydra: {run: {dir: x}}\nlayers: {}\n", "conf/model/mine.yaml")


@pytest.mark.parametrize(
    "text, line",
    [
        ("seed: ${oc.env:HOME}\n", 2),
        ("about:\n  question: '${oc.env:USER,nobody}'\n", 3),
        ("model: {layers: {a: {units: ['${oc.decode:3}']}}}\n", 2),
        ("'${oc.env:HOME}': 3\n", 2),
        ("seed: '${ oc.env : HOME }'\n", 2),
        ("about:\n  question: >-\n    folded\n    ${now:%Y}\n", 3),
    ],
)
def test_a_resolver_is_refused_wherever_it_stands(write, text, line):
    with pytest.raises(ConfigError) as error:
        check(write, HEAD + text)
    assert error.value.where == f"experiments/mine.yaml:{line}"
    assert "is not allowed: a result must not depend on the machine" in error.value.message
    assert "Expected ${key} of this config" in error.value.message


def test_a_reference_to_a_key_is_allowed(write):
    check(write, HEAD + 'model: {layers: {output: {units: "${data.num_classes}"}}}\n')


@pytest.mark.parametrize("package", ["_global_", "foo.bar", "hydra"])
def test_a_package_header_is_refused(write, package):
    with pytest.raises(ConfigError) as error:
        check(write, f"# a comment\n#   @package {package}\n{HEAD}")
    assert error.value.where == "experiments/mine.yaml:2"
    assert f"'@package {package}' moves this file's keys elsewhere. Expected" in error.value.message


@pytest.mark.parametrize(
    "entry",
    [
        "override hydra/launcher: basic",
        "override /hydra/launcher: basic",
        "/hydra/launcher: basic",
        "hydra/job_logging: colorlog",
        "optimizer@model: sgd",
        "/optimizer@_global_: sgd",
        "override optimizer@foo: sgd",
        "other@hydra",
        "OVERRIDE hydra/x: y",
        "optional hydra/launcher: basic",
        "../conf/config",
        "/../../etc/passwd",
    ],
)
def test_a_defaults_list_that_reaches_beyond_is_refused(write, entry):
    with pytest.raises(ConfigError) as error:
        check(write, f"defaults:\n  - config\n  - {entry}\n  - _self_\n")
    assert error.value.where == "experiments/mine.yaml:3"
    assert "reaches beyond an experiment. Expected an experiment, or an option of" in error.value.message


@pytest.mark.parametrize(
    "entry", ["override data: xor", "{override data: xor}", "override /data: xor", "override callbacks: [stop_at]"]
)
def test_a_choice_of_a_group_is_allowed(write, entry):
    check(write, f"defaults:\n  - config\n  - {entry}\n  - _self_\n")


@pytest.mark.parametrize("value", ["x", "3", "{config: null}", "[3]", "[[config]]", "[null]"])
def test_defaults_that_are_not_a_list_of_names_say_so(write, value):
    with pytest.raises(ConfigError) as error:
        check(write, f"epochs: 1\ndefaults: {value}\n")
    assert error.value.where == "experiments/mine.yaml:2"
    assert "`defaults` is not a list of names. Expected for example" in error.value.message


@pytest.mark.parametrize("defaults", ["[config]", "[]", "[config, {override data: xor}]"])
def test_a_defaults_list_says_where_the_files_own_keys_come_in(write, defaults):
    with pytest.raises(
        ConfigError, match=r"mine.yaml:2\n  `defaults` does not say .* Expected `_self_`. Write it last"
    ):
        check(write, f"epochs: 1\ndefaults: {defaults}\n")


def test_a_checkouts_copy_of_the_root_is_the_root(write):
    text = (project.shipped("conf") / "config.yaml").read_text(encoding="utf-8")
    check(write, text, "conf/config.yaml")
    assert any("reaches beyond" in fault.error.message for fault in find_faults(read_config_file(write("conf/model/config.yaml", text))))


@pytest.mark.parametrize("entries, line, said", [
    (["config", "data: xor"], 3, "The base has a data already. Expected the word override. Write: override data: xor"),
    (["config", "override data: xor", "mine"], 4, "The base 'mine' comes after a choice. Expected bases first."),
    (["override data: xor"], 2, "There is no base whose data this could be. Expected one as the first entry. Write: config"),
])  # fmt: skip
def test_an_entry_at_the_wrong_place_of_a_defaults_list_says_how_to_write_it(write, entries, line, said):
    with pytest.raises(ConfigError) as error:
        check(write, "defaults:\n" + "".join(f"  - {entry}\n" for entry in (*entries, "_self_")))
    assert error.value.where == f"experiments/mine.yaml:{line}" and said in error.value.message
