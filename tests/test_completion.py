"""`completion`: what a TAB offers, in plain calls and in an interactive shell."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from composing import compose
from shells import Shell

from stackfit.cli.completing import complete
from stackfit.cli.completion import Keys, experiment_names
from stackfit.cli.shells import BASH
from stackfit.config.experiments import find_experiments
from stackfit.config.explanation import Explainer
from stackfit.config.hydra.composition import Composer


def asked(words, at=None, shell="bash"):
    """The shell's question, put to the program: its answer, what it wrote to stderr, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1 if at is None else at),
        "_STACKFIT_COMPLETE": f"complete_{shell}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "stackfit"], capture_output=True, text=True, timeout=60, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout.splitlines(), done.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    "name", ["zalando_cnn_113k", "tf_hparams_grid", "overfit_large_l2"]
)
def test_the_keys_that_are_offered_are_those_that_hydra_composes(lab, name):
    for typed in ([], ["optimizer=sgd_exponential"], ["model=cnn", "callbacks=[stop_at,early_stopping]"]):
        explainer = Explainer(compose(Composer(name), typed))
        composed = {key for key in explainer.values if not key.startswith(("about.", "expect"))}
        offered = set(Keys(name, typed)._keys(""))
        assert {f"{key}=" for key in composed} <= offered | {"callbacks="}
        schema = {step.removesuffix("=") for step in offered} - composed
        assert all(
            key.startswith("about.") or key in ("data", "model", "task", "optimizer", "callbacks") for key in schema
        ), schema


def test_keys_are_completed_level_by_level_and_a_level_with_one_way_on_is_passed_through(lab):
    keys = Keys("gsp631_base")
    assert keys.complete("mod") == ["model.", "model="]
    assert keys.complete("model.") == ["model.layers.flatten.", "model.layers.hidden.", "model.layers.output."]
    assert keys.complete("model.layers.hidden.u") == ["model.layers.hidden.units="]
    assert keys.complete("epo") == ["epochs="] and keys.complete("nope") == []


def test_values_are_options_of_groups_names_and_truth(lab, write):
    keys = Keys("gsp631_base")
    assert keys.complete("optimizer=adam_") == ["optimizer=adam_cosine "]
    assert keys.complete("optimizer=sgd,mom") == ["optimizer=sgd,momentum "]
    assert keys.complete("shuffle=") == ["shuffle=false ", "shuffle=true "]
    assert keys.complete("data.order=") == ["data.order=keras ", "data.order=tfds "]
    assert "model.layers.output.activation=softmax " in keys.complete("model.layers.output.activation=so")
    assert keys.complete("optimizer._target_=keras.optimizers.RMS") == ["optimizer._target_=keras.optimizers.RMSprop "]
    assert keys.complete("epochs=") == []
    write("conf/optimizer/my_own.yaml", "_target_: keras.optimizers.SGD\n")
    assert keys.complete("optimizer=my") == ["optimizer=my_own "]


def test_plus_offers_the_targets_other_arguments_and_tilde_what_can_be_removed(lab):
    keys = Keys("gsp631_base")
    assert keys.complete("+model.layers.hidden.use") == ["+model.layers.hidden.use_bias="]
    assert keys.complete("+model.layers.hidden.use_bias=f") == ["+model.layers.hidden.use_bias=false "]
    assert keys.complete("+model.layers.hidden.units") == [] != keys.complete("++model.layers.hidden.units")
    assert keys.complete("~model.layers.fl") == ["~model.layers.flatten "]


def test_an_option_that_is_typed_changes_the_keys_behind_it(lab):
    keys = Keys("gsp631_base", ["optimizer=sgd_exponential", "~model.layers.flatten", "model.layers.output=null"])
    assert "optimizer.learning_rate.decay_rate=" in keys.complete("optimizer.learning_rate.")
    assert keys.complete("model.layers.o") == ["model.layers.output="] and keys.complete("model.layers.f") == []


def test_commands_names_options_and_their_values(lab):
    assert complete([], "expl") == ["explain "]
    assert complete(["data"], "f") == ["fetch "] and complete(["data", "fetch"], "dig") == ["digits "]
    assert complete(["show"], "gsp631_ex1") == ["gsp631_ex1_128 "]
    assert complete(["show", "gsp631_base", "--diff"], "gsp631_ex1") == ["gsp631_ex1_128 "]
    assert complete(["table", "--format"], "m") == ["md "] and "--resolve " in complete(["show", "x"], "--")
    assert complete(["explain", "gsp631_base"], "optimizer.l") == ["optimizer.learning_rate "]
    assert complete(["run", "-m", "gsp631_base"], "epo") == ["epochs="]
    assert experiment_names() == sorted(find_experiments())


def test_run_folders_are_completed_where_a_run_is_expected(lab):
    for name in ("a/2026-01-01_00-00-00", "a/2026-01-02_00-00-00", "b/sweep-1/cell"):
        folder = lab / "outputs" / name
        folder.mkdir(parents=True)
        (folder / "status.json").write_text("{}")
    assert complete(["predict"], "") == ["outputs/a/", "outputs/b/"]
    assert complete(["predict"], "outputs/a/2026-01-01") == ["outputs/a/2026-01-01_00-00-00 "]
    assert complete(["table"], "outputs/b") == ["outputs/b/sweep-1/cell "]
    assert complete(["evaluate"], "../") == []


@pytest.mark.parametrize(
    "text",
    [
        "a: [1\n",
        "\t",
        "- 1\n",
        "defaults: 3\n",
        "defaults: [{}]\nepochs: 1\n",
        "defaults: [mine, _self_]\n",
        "a: &a [*a]\n",
        "\x00",
    ],
)
def test_a_broken_file_is_no_trouble_to_a_tab(lab, write, text):
    write("experiments/mine.yaml", text)
    write("experiments/child.yaml", "defaults: [mine, _self_]\nepochs: 3\n")
    for name in ("mine", "child", "nowhere"):
        assert "epochs=" in complete(["run", name], "e")
    found, error, _ = asked(["stackfit", "run", "mine", "epo"])
    assert (found, error) == (["epochs="], "")


@pytest.mark.parametrize(
    "words, found",
    [
        (
            ["run", "gsp631_base", "optimizer", "=", "adamw"],
            ["adamw "],
        ),  # bash splits at =, and replaces what follows it
        (["run", "gsp631_base", "shuffle", "="], ["false ", "true "]),
        (["run", "gsp631_base", "optimizer=adamw"], ["optimizer=adamw "]),  # = taken out of COMP_WORDBREAKS
        (
            ["run", "gsp631_base", "'model.layers.hidden.u"],
            ["model.layers.hidden.units=", "model.layers.hidden.units=..."],
        ),
        (["run", "gsp631_base", "epochs", "=", "3", "batch"], ["batch_size="]),
        (["run", "nope", "x", "=", ""], None),
    ],
)
def test_words_as_bash_splits_them(lab, words, found):
    answer, error, _ = asked(["stackfit", *words])
    assert error == "" and (found is None or answer == found)


def test_a_tab_takes_less_than_a_third_of_a_second_and_imports_no_hydra(lab):
    words = ["stackfit", "run", "tf_hparams_grid", "model.layers.hidden."]
    assert min(asked(words)[2] for _ in range(3)) < 0.3
    code = "import sys; from stackfit.cli.completing import complete; complete(['run', 'gsp631_base'], 'mod'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout.split()
    assert "yaml" in loaded and not {"hydra", "omegaconf", "numpy", "pandas", "rich", "keras"} & set(loaded)


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_in_an_interactive_shell(lab, name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed here")
    shell = Shell(name, lab)
    try:
        assert shell.words("ru\tdigits_q\tepo\t3") == ["run", "digits_quickstart", "epochs=3"]
        assert shell.words("run gsp631_base\toptimizer=adam_\t") == ["run", "gsp631_base", "optimizer=adam_cosine"]
        assert shell.words("run gsp631_base shuf\tf\t") == ["run", "gsp631_base", "shuffle=false"]
        assert shell.words("run gsp631_base 'model.l\th\tu\t[3,4]'")[2] == "model.layers.hidden.units=[3,4]"
        assert shell.words("run gsp631_base optimizer=sgd,adam_\t")[2] == "optimizer=sgd,adam_cosine"
    finally:
        shell.close()


def test_the_scripts_are_shown_and_installed_once(cli, lab, monkeypatch):
    monkeypatch.setenv("HOME", str(lab))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("SHELL", "/usr/bin/bash")
    assert cli("--show-completion").out == BASH
    (lab / ".bashrc").write_text("alias x=y")
    for _ in range(2):
        answer = cli("--install-completion")
        script = Path(answer.out.splitlines()[0])
        assert answer.code == 0 and script.read_text() == BASH
    assert (lab / ".bashrc").read_text() == f"alias x=y\nsource '{script}'  # completion of stackfit\n"
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "Expected bash or zsh" in cli("--show-completion").err
