"""`each`: several runs in one command; a broken one does not stop the others."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from stackfit.cli.each import for_each
from stackfit.errors import ConfigError, RunFolderError

pytestmark = pytest.mark.tf


def act(word):
    if word.startswith("bad"):
        raise RunFolderError(f"{word}\x1b is broken.\nMend it.")


@pytest.mark.parametrize("words, code", [(["a"], 0), (["a", "b"], 0), (["a", "bad"], 1), (["bad", "bad2"], 2)])
def test_the_code_says_whether_some_or_all_have_failed(words, code, capsys):
    assert for_each(words, act) == code
    assert capsys.readouterr().out.count("error  bad") == sum(word.startswith("bad") for word in words)


def test_an_error_is_one_line_that_does_not_control_the_terminal_and_the_only_one_is_raised(capsys):
    for_each(["a", "bad"], act)
    assert capsys.readouterr().out == "error  bad  bad\\u001b is broken. Mend it.\n"
    with pytest.raises(RunFolderError):
        for_each(["bad"], act)


@pytest.fixture
def runs(lab, finished):
    """A sound run, one without its model, one whose status is damaged, one with a hostile config, and none at all."""
    for name in ("sound", "bare", "damaged", "hostile"):
        shutil.copytree(finished, lab / "runs" / name)
    for form in ("keras", "h5"):
        (lab / "runs" / "bare" / f"model.{form}").unlink()
    (lab / "runs" / "damaged" / "status.json").write_text("{")
    config = lab / "runs" / "hostile" / "config.yaml"
    config.write_text(config.read_text().replace("keras.layers.Flatten", "os.system").replace("keras.layers.Dense", "os.system"))
    return [f"runs/{name}" for name in ("damaged", "hostile", "missing", "bare", "sound")]


def test_evaluate_shows_every_run_that_can_be_evaluated(cli, runs):
    answer = cli("evaluate", *runs)
    assert answer.code == 1 and answer.out.count("test - train") == 1 and "runs/sound\n" in answer.out
    assert [line.split()[1] for line in answer.out.splitlines() if line.startswith("error")] == runs[:4]
    assert cli("evaluate", *runs[:2]).code == 2 and cli("evaluate", runs[2]).code == 2


def test_eject_writes_every_script_that_can_be_written(cli, lab, runs):
    answer = cli("eject", *runs, "--out", "scripts")
    assert answer.code == 1 and answer.out.count("error  ") == 3
    assert sorted(map(str, lab.glob("scripts/runs/*/*"))) == [str(lab / f"scripts/runs/{name}/train.py") for name in ("bare", "sound")]
    assert len([*lab.glob("scripts/runs/*")]) == 2
    assert cli("eject", *runs).code == 2


def test_predict_shows_every_file_that_is_a_picture(cli, lab, runs):
    Image.new("L", (8, 8)).save(lab / "a.png")
    (lab / "b.png").write_text("no picture")
    answer = cli("predict", "runs/sound", "b.png", "a.png", "none.png")
    assert answer.code == 1 and answer.out.count("\na.png  ") == 1
    assert [line.split()[1] for line in answer.out.splitlines() if line.startswith("error")] == ["b.png", "none.png"]
    assert cli("predict", "runs/sound", "b.png", "none.png").code == 2


def test_verify_gives_every_run_its_verdict(cli, runs):
    """Named one by one, or by the folder that holds them."""
    answer = cli("verify", *runs, "-q")
    assert answer.code == 1 and answer.out.count("bit-equal  ") == 1 and answer.out.count("changed  ") == 1
    assert [line.split()[1] for line in answer.out.splitlines() if line.startswith("error")] == ["runs/missing", *runs[:2]]
    below = cli("verify", "runs", "-q")
    assert below.code == 1 and below.out.endswith("1 bit-equal, 1 changed, 2 error\n")
    assert cli("verify", *runs[:3], "-q").code == 2


def test_a_wrong_option_is_still_wrong_for_all(cli, runs):
    assert cli("verify", *runs, "--tolerance", "-1").code == ConfigError.exit_code
