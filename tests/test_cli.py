"""The command line: exit codes, what stands on stdout, and every kind of bad input."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from PIL import Image

from stackfit.cli.app import COMMANDS, app, load_command
from stackfit.config import project
from stackfit.results.run_folder import RunFolder

RUN = ("run", "digits_quickstart", "epochs=1")
HEAD = "defaults: [digits_quickstart, _self_]\n"


def stackfit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed program in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "stackfit", *words],
        capture_output=True, text=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def check_refusal(answer, *said: str) -> None:
    """Exit code 2, an error with what was found, what is expected and what to type; no traceback, nothing left."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert answer.err.startswith("error: ") and "Traceback" not in answer.err
    assert "Expected" in answer.err or "is built for" in answer.err
    for text in said:
        assert text in answer.err
    assert not Path("outputs").exists()


# ---- what works


def test_list_names_every_experiment_with_its_question(cli):
    answer = cli("list")
    assert answer.code == 0 and answer.err == ""
    for path in project.shipped("experiments").glob("*.yaml"):
        assert f"{path.stem} " in answer.out
    assert "published: " in answer.out
    assert answer.out.rstrip().splitlines()[-1].startswith("Run one:  stackfit run ")


def test_list_takes_a_pattern_and_says_when_nothing_matches(cli):
    assert "digits_quickstart" not in cli("list", "gsp631").out
    check_refusal(cli("list", "no such thing"), "No experiment matches 'no such thing'", "Try: stackfit list")


def test_show_prints_yaml_that_composes_to_the_same(cli, write):
    text = cli("show", "gsp631_base", "epochs=3").out
    assert "epochs: 3\n" in text and "hydra" not in text
    import yaml

    assert yaml.safe_load(text)["model"]["layers"]["output"]["units"] == "${data.num_classes}"
    assert yaml.safe_load(cli("show", "gsp631_base", "--resolve").out)["model"]["layers"]["output"]["units"] == 10


def test_show_origin_puts_a_place_after_every_value(cli):
    lines = cli("show", "gsp631_base", "seed=3", "--origin").out.splitlines()
    assert all("  # " in line for line in lines)
    assert [line.split("  # ")[1] for line in lines if line.startswith("seed:")] == ["seed=3"]
    assert next(line for line in lines if line.startswith("epochs:")).rpartition(":")[0].endswith("gsp631_base.yaml")


def test_show_names_what_a_run_would_refuse_unless_it_is_trusted(cli, write):
    write("experiments/mine.py", "raise SystemExit('imported')\n")
    words = ("show", "digits_quickstart", "+callbacks.a={_target_: experiments.mine.Stop}")
    shown = cli(*words)
    assert shown.code == 0 and "_target_: experiments.mine.Stop" in shown.out
    assert shown.err.startswith(f"warning: {words[2]}  callbacks.a._target_\n  experiments.mine.Stop is not allowed")
    assert "add --trust experiments.mine" in shown.err
    assert cli(*words, "--trust", "experiments.mine") == shown._replace(err="")
    assert "There is no module 'nowhere'" in cli(*words[:2], "optimizer._target_=nowhere.Sgd", "--trust", "nowhere").err
    write("pyproject.toml", '[tool.stackfit]\ntrust = ["experiments.mine"]\n')
    assert cli(*words).err == ""


def test_show_warns_of_no_shipped_experiment(cli):
    for path in sorted(project.shipped("experiments").glob("*.yaml"))[::8]:
        answer = cli("show", path.stem)
        assert (answer.code, answer.err) == (0, ""), path.stem


def test_show_diff_prints_only_what_differs(cli):
    answer = cli("show", "codelab_base_128", "--diff", "gsp631_base")
    changed = {line.partition(":")[0] for line in answer.out.splitlines()}
    assert changed == {"data.order", "model.layers.hidden.units", "shuffle"}
    assert cli("show", "gsp631_base", "--diff", "gsp631_base").out == ""


@pytest.mark.parametrize("words", [[], *map(str.split, COMMANDS)], ids=" ".join)
def test_every_help_is_whole_at_80_columns(cli, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "80")
    answer = cli(*words, "--help")
    assert (answer.code, answer.err) == (0, "") and max(map(len, answer.out.splitlines())) <= 80
    said = " ".join(answer.out.split())
    name = " ".join(words)
    command = load_command(name) if words else typer.main.get_command(app)
    texts = [command.help, *(param.help for param in command.params if not getattr(param, "hidden", False))]
    texts += [line for below, (_, line) in COMMANDS.items() if below.rpartition(" ")[0] == name]
    for text in texts:
        assert " ".join(text.replace("\b", "").split()) in said  # the mark of an example, which is not wrapped
    examples = [line for line in command.help.splitlines() if line.startswith("stackfit ")]
    assert all(f"  {line}" in answer.out.splitlines() for line in examples)


def test_a_command_is_a_module_and_a_line(cli, monkeypatch):
    def command(name: str, twice: bool = False) -> int:
        """Twice, if asked to."""
        print(f"Hello {name}. " * (1 + twice))
        return 3

    monkeypatch.setitem(COMMANDS, "greet", ("greeting", "Says hello."))
    monkeypatch.setitem(sys.modules, "stackfit.cli.greeting", SimpleNamespace(command=command))
    answer = cli("greet", "you", "--twice")
    assert (answer.code, answer.out.strip()) == (3, "Hello you. Hello you.")
    assert "Says hello.\n\n  Twice, if asked to.\n" in cli("greet", "--help").out


def test_the_version_and_the_nearest_command_are_told(cli):
    assert cli("--version").out.startswith("stackfit 0.")
    assert "Did you mean 'table'?" in cli("tabel").err and "Did you mean 'fetch'?" in cli("data", "fetsh").err
    assert "Usage: stackfit [OPTIONS] COMMAND" in cli().err + cli().out


def test_new_writes_an_experiment_that_composes(cli):
    answer = cli("new", "mine", "--from", "digits_quickstart")
    assert answer.code == 0 and answer.out.splitlines()[0] == "experiments/mine.yaml"
    assert "What do you want to find out?" in cli("list", "mine").out
    assert cli("show", "mine").code == 0
    assert "taken" in cli("new", "mine").err


def test_new_callback_writes_the_class_and_trusts_it(cli, lab):
    answer = cli("new", "--callback", "StopEarly")
    assert answer.code == 0
    assert (lab / "experiments" / "stop_early.py").is_file()
    assert 'trust = ["experiments.stop_early"]' in (lab / "pyproject.toml").read_text()
    assert "experiments.stop_early.StopEarly" in answer.out


PYPROJECTS = {
    "an empty table and another's": "[tool.stackfit]\n\n[tool.other]\ntrust = ['theirs']\n",
    "a comment behind the header": "[tool.stackfit]  # mine\n[tool.other] # theirs\ntrust = ['theirs']  # x\n",
    "an inline table": "[tool]\nstackfit = { trust = ['experiments.old'] }\nother = { trust = ['theirs'] }\n",
    "dotted keys": "tool.stackfit.trust = []\ntool.other.trust = ['theirs']\n",
    "a list over lines": "[tool.stackfit]\ntrust = [\n  'experiments.old', # first\n]\n[tool.other]\ntrust = ['theirs']\n",
    "tables in pieces": "[tool.other]\ntrust = ['theirs']\n[project]\nname = 'x'\n[tool.third]\ny = 1\n",
    "a byte order mark": "\ufeff[project]\nname = 'x'\n[tool.other]\ntrust = ['theirs']\n",
    "line ends of Windows": "[project]\r\nname = 'x'\r\n[tool.other]\r\ntrust = ['theirs']\r\n[tool.stackfit]\r\n",
}


@pytest.mark.parametrize("text", PYPROJECTS.values(), ids=PYPROJECTS)
def test_new_callback_changes_nothing_else_in_a_pyproject(cli, lab, text):
    import tomllib

    from stackfit.config.project import project_trust

    path = lab / "pyproject.toml"
    path.write_bytes(text.encode())
    before, old = tomllib.loads(text.removeprefix("\ufeff")), project_trust()
    answer = cli("new", "--callback", "StopEarly")
    assert answer.code == 0 and "pyproject.toml now trusts experiments.stop_early" in answer.out
    assert project_trust() == (*old, "experiments.stop_early")
    changed = path.read_bytes().decode()
    after = tomllib.loads(changed.removeprefix("\ufeff"))
    for content in (before, after):
        content["tool"].pop("stackfit", None)
    assert after == before
    assert changed.startswith("\ufeff") == text.startswith("\ufeff")
    assert changed.count("\n") == changed.count("\r\n") or "\r" not in text
    lines = changed.splitlines()
    assert [line for line in text.splitlines() if line not in lines and "stackfit" not in line and "old" not in line] == []


@pytest.mark.parametrize("name", ["../x", "a b", "", "gsp631_base", "config", "-x"])
def test_new_refuses_names_that_are_bad_or_taken(cli, name):
    answer = cli("new", "--", name)
    assert answer.code == 2 and "Traceback" not in answer.err
    assert not Path("experiments").exists()


@pytest.mark.tf
def test_the_last_line_of_run_is_the_folder_and_progress_is_on_stderr(cli, keras):
    answer = cli(*RUN)
    lines = answer.out.splitlines()
    assert answer.code == 0 and len(lines) == 2
    assert lines[0].startswith("test_loss ") and "test_accuracy" in lines[0]
    assert (Path(lines[1]) / "status.json").is_file()
    assert "epoch 1/1" in answer.err
    assert (Path(lines[1]) / "log.txt").read_text().strip().splitlines()[-1].startswith("test ")


@pytest.mark.tf
def test_quiet_leaves_only_the_result(cli, keras):
    answer = cli(*RUN, "--quiet")
    assert (answer.code, answer.err, len(answer.out.splitlines())) == (0, "", 2)


@pytest.mark.tf
def test_flags_may_stand_anywhere_after_run(cli, keras):
    assert cli("run", "--quiet", "digits_quickstart", "epochs=1").code == 0
    shown = cli("run", "digits_quickstart", "--cfg", "job", "epochs=3")
    assert shown.code == 0 and "epochs: 3" in shown.out


def test_hydras_flags_show_numbers_with_the_schemas_types(cli):
    shown = cli("run", "digits_quickstart", "--cfg", "job", "data.validation_split=0")
    assert "  seconds: 4.0\n" in shown.out and "  validation_split: 0.0\n" in shown.out
    assert "  seconds: 4.0\n" in cli("run", "digits_quickstart", "--info", "config").out


def test_data_show_takes_overrides_without_an_examples_number(cli, lab):
    Path("flowers.csv").write_text("petal,species\n" + "1.5,setosa\n4.5,virginica\n" * 5)
    own = ["data.path=flowers.csv", "data.label=species"]
    assert "csv, train example 0, row 8 of the file: label" in cli("data", "show", "csv", *own).out
    assert "csv, train example 1, row " in cli("data", "show", "csv", "1", *own).out
    assert "'x' is not an example's number. Expected 0 or more" in cli("data", "show", "csv", "x", *own).err


def test_data_show_of_a_split_without_examples_names_splits_that_have_some(cli):
    answer = cli("data", "show", "digits", "--split", "validation")
    assert answer.code == 2 and "Expected another split, such as train or test" in answer.err


def test_the_program_itself_runs_and_prints_its_folder_last(lab):
    done = stackfit(*RUN, "model.layers.hidden.units=4")
    assert done.returncode == 0
    folder = Path(done.stdout.splitlines()[-1])
    assert folder.parent == Path("outputs/digits_quickstart") and folder.is_dir()
    assert "oneDNN" not in done.stderr and "I0000" not in done.stderr and "Warning" not in done.stderr


def test_a_pipe_that_closes_early_is_not_an_error(lab):
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m stackfit list | true",
        shell=True, executable="/bin/bash", capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


# ---- what fails while it trains: 1


@pytest.mark.tf
def test_a_failed_run_is_1_and_is_in_the_table_with_its_reason(cli, keras, write):
    write("experiments/mine.py", "import keras\nclass Bad(keras.callbacks.Callback):\n"
          "    def on_epoch_end(self, epoch, logs=None):\n        raise RuntimeError('not today')\n")  # fmt: skip
    answer = cli(*RUN, "--trust", "experiments.mine", "+callbacks.bad={_target_: experiments.mine.Bad}")
    assert answer.code == 1 and "not today" in answer.err and "Traceback" not in answer.err
    (folder,) = Path("outputs/digits_quickstart").iterdir()
    assert "Traceback" in (folder / "log.txt").read_text()
    table = cli("table")
    assert table.code == 0 and "failed" in table.out


# ---- bad input: 2, nothing trained, no folder left


@pytest.mark.parametrize(
    "words, said",
    [
        (["run", "digits_quikstart"], ["'digits_quikstart'. Did you mean 'digits_quickstart'?", "stackfit list"]),
        (["run", "../digits_quickstart"], ["is not an experiment's name"]),
        (["run"], ["No experiment was named", "stackfit list"]),
        (["run", "epochs=3"], ["'epochs=3' is not an experiment", "Write: stackfit run NAME epochs=3"]),
        ([*RUN, "--freshh"], ["There is no option '--freshh'", "Write: --fresh"]),
        ([*RUN, "--cfg"], ["--cfg needs a value"]),
        ([*RUN, "optimizer=adamm"], ["optimizer=adamm  optimizer\n", "Did you mean 'adam'?", "Write: optimizer=adam"]),
        ([*RUN, "epocs=3"], ["epocs=3  epocs\n", "Did you mean 'epochs'?"]),
        ([*RUN, "+epocs=3"], ["Did you mean 'epochs'?"]),
        ([*RUN, "model.layers.hidden.unit=3"], ["Did you mean 'units'?"]),
        ([*RUN, "epochs=three"], ["epochs=three  epochs\n", "epochs is 'three'. Expected a whole number."]),
        (["run", "digits_quickstart", "epochs=0"], ["epochs=0  epochs\n", "epochs is 0.", "Write: epochs=1"]),
        (["run", "digits_quickstart", "epochs=-3"], ["epochs is -3."]),
        ([*RUN, "batch_size=0"], ["batch_size is 0.", "Write: batch_size=1"]),
        ([*RUN, "model.layers.hidden.units=0"], ["units is 0.", "Write: model.layers.hidden.units=64"]),
        ([*RUN, "model.layers.hidden.units=-5"], ["units is -5."]),
        ([*RUN, "model.layers.hidden._target_=os.system"], ["os.system is not allowed as part of", "os belongs to Python and cannot be trusted"]),
        ([*RUN, "model.layers.hidden._target_=keras.layers.Lambda"], ["keras.layers.Lambda is refused"]),
        ([*RUN, "optimizer._target_=keras.layers.Dense"], ["is not allowed as part of optimizer"]),
        ([*RUN, "+callbacks.a={_target_: experiments.mine.Stop}"], ["add --trust experiments.mine"]),
        ([*RUN, "--trust", "nowhere", "+callbacks.a={_target_: nowhere.Stop}"], ["There is no module 'nowhere'"]),
        ([*RUN, "+callbacks.a={_target_: keras.callbacks.CSVLogger, filename: ../x}"], ["leaves the run folder"]),
        ([*RUN, "data=fashion"], ["'fashion' is not an option of the group 'data'. Did you mean 'fashion_mnist'?"]),
        ([*RUN, "data=csv", "data.path=none.csv", "data.label=x"], ["data.path=none.csv  data.path\n", "no none.csv"]),
        ([*RUN, "hydra.run.dir=/tmp/x"], ["is set only by stackfit"]),
        ([*RUN, "seed=${oc.env:HOME}"], ["The resolver 'oc.env' is not allowed"]),
        (["show", "nope"], ["No experiment 'nope'"]),
        (["table", "nowhere"], ["nowhere"]),
        (["evaluate", "nowhere"], ["nowhere does not exist. Expected a run folder", "stackfit table"]),
        (["predict", "./no/where"], ["no/where is not a run folder"]),
        (["best", "--metric", "test_accuracy", "nowhere"], ["nowhere does not exist"]),
    ],
)  # fmt: skip
def test_bad_words_are_told_at_their_place(cli, words, said):
    check_refusal(cli(*words), *said)


@pytest.mark.tf
@pytest.mark.parametrize(
    "words, said",
    [
        (["model.layers.hidden.activation=rlu"], ["activation=rlu  model.", "'rlu'. Did you mean 'relu'?"]),
        (["model.layers.hidden._target_=keras.layers.Dens"], ["no 'Dens' in keras.layers. Did you mean 'Dense'?"]),
        (["+model.layers.hidden.unit=3"], ["has no argument 'unit'. Did you mean 'units'?"]),
        (["+optimizer.lr=3"], ["+optimizer.lr=3  optimizer.lr", "Adam has no argument 'lr'"]),
        (["task.loss._target_=keras.losses.Nope"], ["There is no 'Nope' in keras.losses."]),
        (["callbacks=early_stopping"], ["val_loss", "Write: data.validation_split=0.1"]),
        (["+callbacks.a={_target_: keras.callbacks.EarlyStopping, patence: 3}"], ["Did you mean 'patience'?"]),
        (["model.layers.flatten=null"], ["flatten=null  model.layers.flatten", "The output has shape (8, 8, 10)",
                                         "Expected (10,)", "put Flatten before the first Dense"]),
        (["model.layers.output.units=5"], ["The output has 5 units, so the labels 5, 6, 7, 8, 9 have none",
                                           "Write: model.layers.output.units=10"]),
        (["+model.layers.drop={_target_: keras.layers.Dropout, rate: 7}"], ["rate is 7. Expected a fraction from 0 to 1."]),
        (["data.input_shape=[9,9,1]"], ["data.input_shape"]),
        (["data.num_classes=9"], ["data.num_classes=9"]),
        # TensorFlow asks for ten seconds before it gives up.
        pytest.param(["model.layers.hidden.units=99999999999"], ["model.layers.hidden", "OOM"], marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_told_before_a_folder_is_made(cli, keras, words, said):
    check_refusal(cli(*RUN, *words), *said)


@pytest.mark.tf
@pytest.mark.parametrize(
    "table, override, said",
    [
        ("a,b,kind\n1,2,x\n", "data.label=knd", "kind"),
        ("a,b,kind\n1,oops,x\n3,4,y\n", "data.label=kind", "oops"),
        ("a,b,kind\n", "data.label=kind", "mine.csv"),
        ("", "data.label=kind", "mine.csv"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(cli, write, keras, table, override, said):
    write("mine.csv", table)
    check_refusal(cli(*RUN, "data=csv", "data.path=mine.csv", override), said)


@pytest.mark.tf
def test_labels_out_of_range_and_pictures_of_several_sizes_are_told(cli, lab, keras):
    np.savez(lab / "mine.npz", x=np.zeros((6, 8, 8, 1), np.uint8), y=np.array([0, 1, 2, 3, 4, 99]))
    words = ["data=npz", "data.path=mine.npz", "data.input_shape=[8,8,1]", "data.num_classes=5"]
    check_refusal(cli(*RUN, *words), "99")
    for number, size in enumerate(((8, 8), (9, 9), (8, 8), (8, 8))):
        (lab / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("L", size).save(lab / "photos" / "ab"[number % 2] / f"{number}.png")
    check_refusal(cli(*RUN, "data=images", "data.path=photos"), "9")


@pytest.mark.parametrize(
    "text, said",
    [
        (HEAD + "hydra:\n  callbacks: {x: {_target_: evil.Evil}}\n", "mine.yaml:3  hydra.callbacks"),
        (HEAD + "hydra: {run: {dir: /tmp/anywhere}}\n", "mine.yaml:2  hydra.run"),
        (HEAD + "hydra: {job: {env_set: {PATH: x}}}\n", "mine.yaml:2  hydra.job"),
        (HEAD + "hydra: {searchpath: ['file:///tmp']}\n", "mine.yaml:2  hydra.searchpath"),
        ("# @package _global_\n" + HEAD, "mine.yaml:1"),
        (HEAD + "seed: ${oc.env:HOME}\n", "mine.yaml:2"),
        (HEAD + "model: {layers: {hidden: {_partial_: true}}}\n", "mine.yaml:2  model.layers.hidden._partial_"),
        (HEAD + "model: {layers: {hidden: {_args_: [1]}}}\n", "mine.yaml:2  model.layers.hidden._args_"),
        (
            HEAD + "callbacks: {a: {_target_: keras.callbacks.CSVLogger, filename: ../x}}\n",
            "mine.yaml:2  callbacks.a.filename",
        ),
        ("defaults: [config, override hydra/launcher: basic, _self_]\n", "mine.yaml:1"),
        (HEAD + "epochs: 0\n", "mine.yaml:2  epochs"),
    ],
)
def test_a_file_that_reaches_too_far_is_told_with_its_line(cli, write, text, said):
    write("evil.py", "open('ran', 'w').close()\nclass Evil: pass\n")
    write("experiments/mine.yaml", text)
    check_refusal(cli("run", "mine"), f"error: experiments/{said}")
    assert not Path("ran").exists() and not Path("/tmp/anywhere").exists()


@pytest.mark.parametrize(
    "text, said",
    [
        (HEAD + "epocs: 3\n", "mine.yaml:2  epocs"),
        (HEAD + "epochs: three\n", "mine.yaml:2  epochs"),
        (HEAD + "epochs: [1\n", "mine.yaml:2"),
        ("defaults: [mine, _self_]\n", "mine.yaml"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(cli, write, text, said):
    write("experiments/mine.yaml", text)
    check_refusal(cli("run", "mine"), f"error: experiments/{said}")


def test_a_shipped_name_for_ones_own_experiment_names_both_files(cli, write):
    write("experiments/gsp631_base.yaml", HEAD)
    check_refusal(cli("run", "gsp631_base"), "experiments/gsp631_base.yaml", str(project.shipped("experiments")))


def test_several_errors_are_told_at_once_and_counted(cli):
    answer = cli("run", "digits_quickstart", "epochs=0", "seed=-1")
    check_refusal(answer, "epochs is 0.", "seed is -1.", "2 errors; nothing was trained.")
    assert answer.err.count("error: ") == 2


@pytest.mark.tf
def test_outputs_that_cannot_be_written_are_told(cli, lab, keras):
    (lab / "outputs").write_text("a file")
    answer = cli(*RUN)
    assert answer.code == 2 and "Traceback" not in answer.err
    assert "error: outputs/digits_quickstart cannot be written: Not a directory. Expected a folder" in answer.err


def test_a_folder_that_is_not_a_run_is_told(cli, lab):
    (lab / "empty").mkdir()
    for command in ("evaluate", "predict"):
        check_refusal(cli(command, "empty"), "empty is not a run folder: it has no status.json")


def test_an_unreadable_picture_is_told(cli, lab, finished):
    (lab / "a.png").write_text("no picture")
    check_refusal(cli("predict", str(finished), "a.png"), "a.png cannot be read", "Convert, replace or remove it.")
    check_refusal(cli("predict", str(finished), "none.png"), "There is no file none.png", "Correct the path.")


def test_a_test_item_that_is_not_there_is_told(cli, finished):
    check_refusal(cli("predict", str(finished), "--item", "360"), "There is no test item 360. Expected 0 to 359")
    with np.load(RunFolder(finished).predictions) as stored:
        right = stored["scores"][0].argmax() == stored["labels"][0]
    assert cli("predict", str(finished), "--item", "0").out.split()[2] == ("right" if right else "WRONG")


def test_a_damaged_status_among_good_ones_is_named_and_the_others_are_shown(cli, lab):
    for number in range(3):
        about = {"experiment": "mine", "settings": {"seed": number}, "seed": number, "overrides": [], "axes": {}}
        folder = RunFolder.create(lab / "outputs" / "mine", "f" * 64, about)
        folder.finish({}, {"test_accuracy": 0.5})
    folder.status.write_text("{")
    answer = cli("table")
    assert answer.code == 0 and len(answer.out.partition("Folders are below outputs/mine")[0].splitlines()) == 2 + 2
    assert folder.path.name in answer.err and "Traceback" not in answer.err


def test_debug_shows_the_traceback_and_nothing_else_does(lab):
    plain, debug = stackfit("show", "nope"), stackfit("show", "nope", "--debug")
    assert plain.returncode == 2 and "Traceback" not in plain.stderr
    assert debug.returncode != 0 and "Traceback" in debug.stderr


@pytest.mark.parametrize("words", [["nope"], ["table", "--nope"], ["table", "--last", "x"], ["data", "nope"], ["show"]])
def test_a_wrong_command_is_2(cli, words):
    answer = cli(*words)
    assert answer.code == 2 and "Traceback" not in answer.err


# ---- pictures and evaluation


@pytest.mark.tf
def test_predict_names_classes_with_probabilities(cli, lab, finished):
    Image.new("L", (100, 50), 255).save(lab / "a.png")
    answer = cli("predict", str(finished), "a.png", "--invert")
    assert answer.code == 0
    name, *ranked = answer.out.splitlines()
    shares = [float(line.split()[1].rstrip("%")) for line in ranked]
    assert name.startswith("a.png  ") and len(ranked) == 10
    assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 100) < 0.1


@pytest.mark.tf
def test_a_file_that_is_not_a_picture_leaves_the_others_predicted(cli, lab, finished):
    for number in range(7):
        Image.fromarray(np.random.default_rng(number).integers(0, 200, (9, 9), np.uint8)).save(lab / f"{number}.png")
    (lab / "3.png").write_bytes(b"%PDF-1.7")
    answer = cli("predict", str(finished), *(f"{number}.png" for number in range(7)))
    assert answer.code == 1
    error, *lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines if ".png" in line] == [f"{n}.png" for n in (0, 1, 2, 4, 5, 6)]
    assert error.startswith("error  3.png  3.png cannot be read")
    table = cli("predict", str(finished), "3.png", "0.png", "--format", "csv")
    assert table.code == 1 and [line.split(",")[0] for line in table.out.splitlines()] == ["name", "0.png"]
    assert table.err.startswith("error  3.png")


@pytest.mark.tf
def test_predict_draws_what_the_network_sees_and_names_what_the_training_pictures_are_not(cli, lab, finished):
    digit = np.zeros((8, 8), np.uint8)
    digit[1:7, 3:5] = 240
    Image.fromarray(digit).save(lab / "one.png")
    Image.fromarray(255 - digit).resize((80, 80)).save(lab / "paper.png")
    Image.new("L", (1, 1), 9).save(lab / "dot.png")
    drawn = ["", *["      %%%%"] * 6, ""]
    plain = cli("predict", str(finished), "one.png")
    assert plain.err.splitlines() == drawn and len(plain.out.splitlines()) == 11
    assert "warning" not in cli("predict", str(finished), "paper.png", "--invert").err
    answer = cli("predict", str(finished), "one.png", "paper.png", "dot.png")
    assert [line for line in answer.err.splitlines() if "warning" in line] == [
        "warning: paper.png: much brighter at the edges than the training pictures (251, theirs 39 of 255). Try --invert.",
        "warning: dot.png: one colour only (9 of 255): there is nothing to recognize.",
    ]


@pytest.mark.tf
def test_predict_writes_a_csv_file(cli, lab, finished):
    Image.new("L", (8, 8), 9).save(lab / "a.png")
    answer = cli("predict", str(finished), "a.png", "--csv", "out.csv")
    assert (answer.code, answer.out) == (0, "out.csv\n")
    assert (lab / "out.csv").read_text() == cli("predict", str(finished), "a.png", "--csv", "-").out
    assert (lab / "out.csv").read_text().startswith("name,predicted,p_0,")
    check_refusal(cli("predict", str(finished), "a.png", "--csv", "no/out.csv"), "cannot be written", "--csv out.csv")


def test_predict_without_a_picture_shows_right_and_wrong_items(cli, finished):
    answer = cli("predict", str(finished), "--count", "6")
    assert len(answer.out.splitlines()) == 7 and "WRONG" in answer.out and "right" in answer.out
    wrong = cli("predict", str(finished), "--wrong", "--count", "3").out.splitlines()
    assert all("WRONG" in line for line in wrong[:-1]) and "of 360 test items are right." in wrong[-1]


@pytest.mark.tf
def test_evaluate_shows_both_splits_and_the_gap(cli, finished):
    answer = cli("evaluate", str(finished))
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines() if line.startswith(("train", "test"))] == [
        "train",
        "test",
        "test",
    ]


# ---- light commands stay light


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["show", "gsp631_base", "--origin"], ["table"], ["run", "--help"], ["new", "mine"],
              ["data", "list"], ["show", "digits_quickstart", "epocs=3"]],
)  # fmt: skip
def test_light_commands_load_no_tensorflow(lab, words):
    RunFolder.create(lab / "outputs" / "mine", "f", {"experiment": "mine", "settings": {}, "seed": 0}).finish({}, {})
    code = (
        "import sys\nfrom stackfit.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print('\\nheavy:', sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_no_help_loads_what_only_the_command_needs(lab):
    code = (
        "import sys\nfrom stackfit.cli.app import COMMANDS, load_command\n"
        "for name in COMMANDS: load_command(name)\n"
        "print(sorted({'numpy', 'pandas', 'hydra', 'omegaconf', 'yaml', 'rich', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "gsp631_bse"],
        ["run", "gsp631_base", "epocs=3"],
        ["run", "gsp631_base", "model.layers.hidden.unit=3"],
        ["run", "gsp631_base", "optimizer=adamm"],
        ["run", "gsp631_base", "-m", "seed=0,1", "epocs=3"],
        ["run", "gsp631_base", "optimizer=adamm", "epochs=0"],
    ],
)
def test_a_misspelt_name_in_run_is_answered_without_tensorflow(lab, words):
    code = (
        "import sys\nfrom stackfit.cli import main\ntry:\n"
        f"    main({words})\nfinally:\n"
        "    print(sorted({'tensorflow', 'keras'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "[]\n") and "Did you mean" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["epocs=1", "+epochs=2"],
        ["epocs=1", "seed=1,2"],
        ["optimizer=adm", "save=[x]"],
        ["optimizer=adm", "save=[x]", "-m", "batch_size=10,20"],
        ["model.layers.hidden.nokey=1,2", "save=[x]", "-m"],
    ],
)
def test_a_misspelt_name_and_another_problem_are_reported_together_without_an_engine(cli, monkeypatch, words):
    def start(*arguments, **options):
        raise AssertionError("the engine was started")

    monkeypatch.setattr("stackfit.execution.members.start", start)
    answer = cli("run", "digits_quickstart", *words)
    assert answer.code == 2
    assert f"error: {words[0]}  " in answer.err and f"error: {words[1]}  " in answer.err
    assert "2 errors; nothing was trained." in answer.err


def test_expect_that_was_taken_away_is_a_wrong_command(cli):
    answer = cli("run", "digits_quickstart", "~expect", "epocs=1")
    assert answer.code == 2 and "expect was removed. Expected a value." in answer.err


def test_hydras_information_leaves_the_programs_own_logging_as_it_was(cli):
    root = logging.getLogger()
    before = list(root.handlers), root.level
    assert cli("run", "gsp631_base", "--info", "all").code == 0
    assert (list(root.handlers), root.level) == before
