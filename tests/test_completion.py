"""`completion`: what a TAB offers, asked as the shells' scripts ask, and in an interactive shell."""

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

from stackfit.cli import completion, main
from stackfit.cli.shells import BASH
from stackfit.config.experiments import find_experiments
from stackfit.config.explanation import Explainer
from stackfit.config.hydra.composition import Composer


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("STACKFIT_CACHE", str(tmp_path / "cache"))


def question(typed):
    """The variables in which the scripts ask what may stand at the end of `typed`."""
    return {
        "_STACKFIT_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": f"stackfit {typed}",
    }


@pytest.fixture
def complete(lab, monkeypatch, capsys):
    """`complete("run gsp631_base epo")`: the answers, without their help."""

    def ask(typed):
        for name, value in question(typed).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as done:
            main([])
        for name in question(typed):
            monkeypatch.delenv(name)
        printed = capsys.readouterr()
        assert (done.value.code, printed.err) == (0, "")
        return [line.partition("\t")[0] for line in printed.out.splitlines() if line]

    return ask


@pytest.fixture
def composed(cli):
    """`composed("gsp631_base")`: `show` has composed the experiment once, and left its keys."""

    def show(*words):
        assert cli("show", *words).code == 0

    return show


def test_commands_names_options_and_their_values(complete):
    assert complete("expl") == ["explain"]
    assert complete("data f") == ["fetch"] and complete("data fetch dig") == ["digits"]
    assert complete("show gsp631_ex1") == complete("run gsp631_ex1") == ["gsp631_ex1_128"]
    assert complete("run -m gsp631_ex1") == complete("check --long gsp631_ex1") == ["gsp631_ex1_128"]
    assert complete("show gsp631_base --diff gsp631_ex1") == ["gsp631_ex1_128"]
    assert complete("table --format m") == ["md"] and complete("data show digits --split v") == ["validation"]
    assert "--resolve" in complete("show x --") and "--multirun" in complete("run x --m")
    assert complete("schema --group opt") == ["optimizer"] and complete("nope x") == []
    assert completion.experiments() == sorted(find_experiments())


def test_the_keys_that_are_offered_are_those_of_the_last_composition(complete, composed):
    for typed in ([], ["optimizer=sgd_exponential"], ["model=cnn", "callbacks=[stop_at,early_stopping]"]):
        composed("zalando_cnn_113k", *typed)
        explainer = Explainer(compose(Composer("zalando_cnn_113k"), typed))
        wanted = {key for key in explainer.values if not key.startswith(("about.", "expect"))}
        assert set(completion._read_keys("zalando_cnn_113k")) == wanted


def test_explain_and_run_leave_the_keys_too_and_every_project_has_its_own(cli, complete, lab, monkeypatch):
    assert cli("explain", "gsp631_base", "epochs").code == 0
    assert complete("run gsp631_base epo") == ["epochs="]
    assert cli("run", "digits_quickstart", "epochs=0", "optimizer=momentum").code == 2
    assert complete("run digits_quickstart optimizer.m") == ["optimizer.momentum="]
    (lab / "other").mkdir()
    monkeypatch.chdir(lab / "other")
    assert complete("run gsp631_base epo") == []


def test_keys_are_completed_level_by_level_and_a_level_with_one_way_on_is_passed_through(complete, composed):
    composed("gsp631_base")
    assert complete("run gsp631_base mod") == ["model.", "model="]
    assert complete("run gsp631_base model.") == [
        "model.layers.flatten.", "model.layers.hidden.", "model.layers.output."]  # fmt: skip
    assert complete("run gsp631_base -m model.layers.hidden.u") == ["model.layers.hidden.units="]
    assert complete("plan gsp631_base epo") == ["epochs="] and complete("run gsp631_base nope") == []
    assert complete("run gsp631_base ++epo") == ["++epochs="] and complete("run gsp631_base +epo") == []
    assert complete("run gsp631_base '~model.layers.flatten._") == ["~model.layers.flatten._target_"]
    assert complete("explain gsp631_base optimizer.l") == ["optimizer.learning_rate"]


def test_values_are_options_of_groups_and_truth(complete, composed, write):
    assert complete("run gsp631_base optimizer=adam_") == ["optimizer=adam_cosine"]  # before anything was composed
    assert complete("run gsp631_base optim") == ["optimizer="]
    composed("gsp631_base")
    assert complete("run gsp631_base optimizer=sgd,mom") == ["optimizer=sgd,momentum"]
    assert complete("run gsp631_base shuffle=") == ["shuffle=false", "shuffle=true"]
    assert complete("run gsp631_base epochs=") == []
    write("conf/optimizer/my_own.yaml", "_target_: keras.optimizers.SGD\n")
    assert complete("run gsp631_base optimizer=my") == ["optimizer=my_own"]


def test_run_folders_are_completed_where_a_run_is_expected(complete, lab):
    for name in ("a/2026-01-01_00-00-00", "a/2026-01-02_00-00-00", "b/sweep-1/cell"):
        folder = lab / "outputs" / name
        folder.mkdir(parents=True)
        (folder / "status.json").write_text("{}")
    assert complete("predict ") == ["outputs/a/", "outputs/b/"]
    assert complete("predict outputs/a/2026-01-01") == ["outputs/a/2026-01-01_00-00-00"]
    assert complete("table outputs/b") == ["outputs/b/sweep-1/cell"]
    assert complete("evaluate ../") == []


@pytest.mark.parametrize("text", ["{", "[]", "\x00", '{"epochs": null}', ""])
def test_a_damaged_cache_is_no_trouble_to_a_tab(complete, composed, lab, text):
    composed("gsp631_base")
    (file,) = (lab / "cache" / "completion").iterdir()
    file.write_text(text)
    assert complete("run gsp631_base nope") == [] and "optimizer=" in complete("run gsp631_base opt")
    composed("gsp631_base")
    assert complete("run gsp631_base epo") == ["epochs="]


def test_a_cache_that_cannot_be_written_is_no_trouble_to_show(cli, monkeypatch):
    monkeypatch.setenv("STACKFIT_CACHE", "/dev/null/x")
    answer = cli("show", "gsp631_base")
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("text", ["a: [1\n", "- 1\n", "defaults: [mine, _self_]\n", "\x00"])
def test_a_broken_file_is_no_trouble_to_a_tab(complete, write, text):
    write("experiments/mine.yaml", text)
    assert complete("run min") == ["mine"] and complete("run mine opt") == ["optimizer="]


def test_a_tab_takes_less_than_a_third_of_a_second_and_imports_neither_hydra_nor_yaml(lab, composed):
    composed("tf_hparams_grid")
    for typed in ("run tf_hparams_grid model.layers.hidden.", "", "check gsp631", "table outputs"):
        seconds = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-m", "stackfit"], env=os.environ | question(typed), capture_output=True, timeout=60)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert min(seconds) < 0.3, typed
    code = "import sys\nfrom stackfit.cli import main\ntry: main([])\nfinally: print(*sys.modules)"
    asked = os.environ | question("run tf_hparams_grid model.layers.hidden.")
    printed = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, timeout=60).stdout
    assert "model.layers.hidden.units=" in printed
    assert not {"hydra", "omegaconf", "numpy", "pandas", "yaml", "keras"} & set(printed.split())


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_in_an_interactive_shell(lab, composed, name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed here")
    composed("gsp631_base")
    composed("digits_quickstart")
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


def test_a_folder_whose_name_is_not_utf_8_has_its_keys_too(cli, lab, monkeypatch):
    folder = os.fsencode(lab) + b"/not utf-8 \xff\xfe"
    os.mkdir(folder)
    monkeypatch.chdir(os.fsdecode(folder))
    answer = cli("show", "digits_quickstart")
    assert (answer.code, answer.err) == (0, "")
