"""What README and docs say is real: commands, names, links, and the YAML they show."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml

from stackfit.cli import main
from stackfit.experiments import find_experiments

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
COMMANDS = {"list", "show", "explain", "schema", "run", "table", "compare", "check", "verify", "eject", "evaluate",
            "predict", "new", "data"}  # fmt: skip


def typed_commands(text):
    return re.findall(r"^\$ (stackfit .*?)(?:\s+#.*)?$", text, re.MULTILINE) + re.findall(r"`(stackfit [^`]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists_and_names_a_known_experiment(page):
    known = {*find_experiments(), "my_net", "NAME", "EXPERIMENT"}
    for command in typed_commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command)
        assert words[1] in COMMANDS or words[1].startswith("-"), command
        if words[1] in ("run", "show") and len(words) > 2:
            assert words[2] in known, command


def test_the_readme_says_what_new_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in (["new", "my_net", "--from", "gsp631_base"], ["new", "--callback", "StopAt84"]):
        with pytest.raises(SystemExit) as done:
            main(words)
        assert done.value.code == 0
        for line in capsys.readouterr().out.splitlines():
            assert line in readme, line


def test_the_yaml_in_the_readme_composes_as_an_experiment_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(# stackfit run my_net\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "my_net.yaml").write_text(block)
    with pytest.raises(SystemExit) as done:
        main(["show", "my_net"])
    assert done.value.code == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["epochs"] == 10 and shown["optimizer"]["_target_"] == "keras.optimizers.SGD"
    assert shown["model"]["layers"]["drop"]["after"] == "hidden"


@pytest.mark.parametrize("page", ["README.md", "experiments/README.md"])
def test_the_tables_name_experiments_that_exist_and_the_index_names_all(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    table = text.partition("<!-- experiments -->")[2].partition("<!-- /experiments -->")[0]
    named = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    shipped = {name for name, path in find_experiments().items() if path.parent == ROOT / "experiments"}
    assert named and named <= shipped
    assert page == "README.md" or named == shipped


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w[\w-]*)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def lab():
    spec = importlib.util.spec_from_file_location("lab", ROOT / "docs" / "lab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LAB = lab().commands((ROOT / "docs" / "lab.md").read_text(encoding="utf-8"))


def test_the_lab_page_covers_both_labs_exercises():
    for name in ("gsp631_base", "gsp631_ex3_raw", "gsp631_ex4_no_flatten", "gsp631_ex5_out5", "codelab_ex1_predict"):
        assert any(name in command for command in LAB)


@pytest.mark.slow
def test_the_commands_of_the_lab_page_run(tmp_path):
    for command in LAB:
        code, printed = lab().run(command, tmp_path)
        expected = 2 if "run gsp631_ex4" in command or "run gsp631_ex5" in command else 0
        assert code == expected, f"{command}\n{printed}"
        assert "Traceback" not in printed and "tensorflow/" not in printed
