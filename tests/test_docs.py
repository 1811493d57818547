"""What README and docs say is real: commands, names, links, and the YAML they show."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import stackfit
from stackfit.cli import main
from stackfit.cli.app import COMMANDS
from stackfit.config.claims import read_claims
from stackfit.config.experiments import find_experiments

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
TYPED = {name.partition(" ")[0] for name in COMMANDS}


def typed_commands(text):
    return re.findall(r"^\$ (stackfit .*?)(?:\s+#.*)?$", text, re.MULTILINE) + re.findall(r"`(stackfit [^`]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        titles = re.findall(r"^#+ (.*)$", (page.parent / target if target else page).read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, heading


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists_and_names_a_known_experiment(page):
    known = {*find_experiments(), "my_net"}
    for command in typed_commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command)
        assert words[1] in {*TYPED, "COMMAND"} or words[1].startswith("-"), command
        if words[1] in ("run", "show", "plan") and len(words) > 2 and not words[2].isupper():
            assert words[2] in known or words[2].endswith(".yaml"), command


@pytest.mark.parametrize(
    "page, words", [("own-experiment", ["new", "my_net", "--from", "gsp631_base"]), ("own-callback", ["new", "--callback", "StopAt84"])]
)
def test_a_page_says_what_new_writes(page, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 0
    for line in capsys.readouterr().out.splitlines():
        assert line in text, line


def test_what_a_page_shows_of_explain_is_what_it_prints(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"```\n(\$ stackfit explain.*?)```", (ROOT / "docs/looking.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = re.split(r"^\$ stackfit (.*)\n", block, flags=re.MULTILINE)[1:]
    for command, printed in zip(commands[::2], commands[1::2], strict=True):
        with pytest.raises(SystemExit):
            main(shlex.split(command))
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("page", ["README.md", "docs/own-experiment.md"])
def test_the_yaml_of_a_page_composes_as_an_experiment_of_ones_own(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(# stackfit run my_net\n.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "my_net.yaml").write_text(block)
    with pytest.raises(SystemExit) as done:
        main(["show", "my_net"])
    assert done.value.code == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["epochs"] == 10 and shown["optimizer"]["_target_"] == "keras.optimizers.SGD"
    assert shown["model"]["layers"]["drop"]["after"] == "hidden"


def test_the_experiment_of_the_own_data_page_takes_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(# stackfit run my_net\n.*?)```", (ROOT / "docs/own-data.md").read_text(), re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "my_net.yaml").write_text(block)
    (tmp_path / "flowers.csv").write_text("petal,species\n" + "1.5,rose\n2.5,daisy\n" * 10)
    with pytest.raises(SystemExit) as done:
        main(["show", "my_net"])
    shown = yaml.safe_load(capsys.readouterr().out)["data"]
    assert done.value.code == 0 and (shown["kind"], shown["path"], shown["label"]) == ("csv", "flowers.csv", "species")


SCALE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_page_about_launchers_has_every_setting_of_each_and_its_default():
    from hydra_plugins.stackfit_launcher import OPTIONS

    for name, config in OPTIONS.items():
        (row,) = re.findall(rf"^\| `{name}` \| (`.*) \|$", SCALE, re.MULTILINE)
        said = dict(re.findall(r"`(\w+)`(?: \((\d+)\))?", row))
        default = {key: str(value) for key, value in vars(config()).items() if key != "_target_"}
        assert said.keys() == default.keys() and said.items() >= {(key, text) for key, text in default.items() if text.isdigit()}


def test_the_settings_of_a_cluster_that_the_page_shows_are_read(write):
    from stackfit.config.hydra.launcher_keys import read_settings

    settings = re.findall(r"```yaml\n(.*?)```", SCALE, re.DOTALL)[0]
    path = settings.partition("\n")[0].removeprefix("# ")
    write(path, settings)
    assert read_settings(Path(path))["partition"] == "short"


def test_the_workers_that_the_page_starts_know_their_options():
    from stackfit.cli.working import command

    manifest = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", SCALE, re.DOTALL)[1])
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (words,) = container["args"]
    assert f"--of {manifest['spec']['completions']} " in words and manifest["spec"]["completionMode"] == "Indexed"
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    typed = re.findall(r"stackfit work [^<\n]*", SCALE)
    assert len(typed) >= 2 and any("--rank" in line for line in typed)
    for option in re.findall(r"--(\w[\w-]*)", " ".join(typed)):
        assert option.replace("-", "_") in command.__annotations__, option


SEARCH = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")


def test_the_page_about_searches_has_every_setting_and_its_default():
    from hydra_plugins.stackfit_sweeper import SearchConfig

    rows = "\n".join(re.findall(r"^\| (`.*)\|$", SEARCH.partition("| setting (")[2], re.MULTILINE))
    said = dict(re.findall(r"`(\w+)`(?: \((\w+)\))?", rows))
    default = {key: value for key, value in vars(SearchConfig()).items() if key not in ("_target_", "params", "union", "n_trials")}
    assert said.keys() >= {*default, "n_trials"}
    assert {key: said[key] for key in default} == {key: "" if value is None else str(value) for key, value in default.items()}


def test_the_experiment_of_the_search_page_is_a_search(tmp_path, monkeypatch):
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.spread import read_spread
    from stackfit.errors import raising
    from stackfit.results.directions import BY_CLASS

    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(# stackfit run my_net\n.*?)```", SEARCH, re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "my_net.yaml").write_text(block)
    with raising() as problems:
        composition = Composer("my_net").compose((), problems)
        spread = read_spread(composition, lambda cells: True, problems, BY_CLASS)
    assert composition.declares_sweep and spread.study["n_trials"] == 48 and spread.space.size == float("inf")


def script(name):
    """A program of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INDEX = script("index")
RECORDS = INDEX.read_records()
ROWS = {row["experiment"]: row for row in INDEX.read_rows(INDEX.MEASURED)}
CLAIMS = INDEX.read_rows(INDEX.CLAIMS)


def test_the_tables_are_what_the_record_of_measurements_gives():
    for page, text in INDEX.pages(RECORDS, ROWS, CLAIMS).items():
        assert page.read_text(encoding="utf-8") == text, f"{page} is not up to date: python docs/index.py"


def test_the_table_of_both_engines_is_what_was_measured():
    engines = script("engines")
    rows, text = engines.read_rows(), engines.PAGE.read_text(encoding="utf-8")
    assert engines.page(text, rows) == text, "python docs/engines.py"
    mean, half = engines.interval({f"seed {seed}": str(value) for seed, value in enumerate((1, 2, 3, 4, 5))}).split(" ± ")
    assert mean == "3.0000" and float(half) == pytest.approx(2.776 * 2.5**0.5 / 5**0.5, abs=1e-3)  # t of 4 degrees of freedom


SKIPPED = {claim["item"] for claim in CLAIMS if claim["state"] == "skipped"}
LONG = {name for name, record in RECORDS.items() if record.about.get("long")}


def test_every_experiment_was_measured_except_where_its_data_were_not_to_be_had():
    assert SKIPPED <= RECORDS.keys() - ROWS.keys() <= SKIPPED | LONG
    for name, row in ROWS.items():
        assert float(row["seconds"]) > 0, name
        refused = any("error" in claim for claim in RECORDS[name].expect)
        assert row["state"] == ("refused" if refused else "finished"), name
        assert refused or 0 < float(row["lowest"]) <= float(row["highest"]) <= 1, name


def test_the_verdicts_are_about_the_claims_that_the_files_make():
    made = {(record.name, claim.text()) for record in RECORDS.values() for claim in read_claims(record.expect)}
    judged = {(claim["item"], claim["claim"]) for claim in CLAIMS}
    assert judged <= made and {name for name, _ in made - judged} <= LONG
    for claim in CLAIMS:  # the figures that explain a claim which does not hold stand in the index
        listed = f"* `{claim['item']}`, {claim['claim']}: {claim['reason']}."
        assert (listed in (ROOT / "experiments" / "README.md").read_text()) == (claim["state"] == "failed"), claim


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row["members"]])
def test_a_file_states_the_time_that_was_measured(name):
    text = RECORDS[name].path.read_text(encoding="utf-8")
    assert text == INDEX.with_time(text, float(ROWS[name]["seconds"])), "python docs/index.py"


def test_measuring_goes_on_where_it_was_stopped_and_tries_again_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(INDEX, "MEASURING", tmp_path / "measuring.csv")
    asked = []

    def measure(name, refused):
        asked.append(name)
        if name == "b" and asked.count("b") == 1:
            raise RuntimeError("b ended with 1")
        if name == "c" and asked.count("c") == 1:
            raise KeyboardInterrupt
        return {"experiment": name, "state": "refused" if refused else "finished", "seconds": "1.0"}

    with pytest.raises(KeyboardInterrupt):
        INDEX.measure_all(["a", "b", "c"], {"a"}, measure)
    assert INDEX.measure_all(["a", "b", "c"], {"a"}, measure)
    assert asked == ["a", "b", "c", "b", "c"]
    assert {row["experiment"]: row["state"] for row in INDEX.read_rows(INDEX.MEASURING)} == {
        "a": "refused", "b": "finished", "c": "finished"}  # fmt: skip


def test_a_time_is_written_where_a_time_belongs():
    about = "\nabout:\n  question: Q?\n  seconds: 10\nepochs: 5\n"
    for before, after in [
        ("# stackfit run x            about 10 s on 2 cores", "# stackfit run x            about 7 s on 2 cores"),
        ("# stackfit run x   about 9 s on 2 cores, no download", "# stackfit run x   about 7 s on 2 cores, no download"),
        ("# stackfit run x   a sweep of two", "# stackfit run x   a sweep of two, about 7 s on 2 cores"),
        ("# stackfit run x", "# stackfit run x   about 7 s on 2 cores"),
    ]:
        wanted = after + about.replace("10", "7")
        assert INDEX.with_time(before + about, 6.6) == wanted == INDEX.with_time(wanted, 6.6)


def test_the_pictures_that_pages_show_are_those_that_the_script_makes_small_and_with_words_for_them():
    pictures, shown = script("pictures"), set()
    for page in PAGES:
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert len(words.split()) > 3, target
            shown.add((page.parent / target).resolve())
    made = {pictures.FOLDER / f"{name}.png" for name in (*pictures.SHOTS, "plot")}
    assert shown == made == {*pictures.FOLDER.iterdir()}
    assert all(path.stat().st_size <= pictures.MOST_BYTES for path in made)


def test_the_readme_is_two_screens_long():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w[\w-]*)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


CONSOLE = script("console")
LAB = CONSOLE.commands("lab")


def test_the_lab_page_covers_every_step_and_every_exercise_of_both_labs():
    experiments = {
        name
        for name, record in RECORDS.items()
        if name.startswith(("gsp631", "codelab")) and not record.about.get("long") and not is_ours(record)
    }
    inside = dict.fromkeys(("codelab_ex2_512", "codelab_ex2_1024"), "codelab_width_sweep")
    steps = ("data fetch", "data show", "^model:", "^optimizer:", "evaluate", "predict", "load_model", "new my_net")
    for what in (*steps, *(inside.get(name, name) for name in experiments - {"codelab_base_128"})):
        assert any(what in command for command in LAB), what


def is_ours(record):
    """Whether no lab has it as a step or an exercise: our own sweeps."""
    return "sweep" in record.name or record.name == "codelab_activations"


@pytest.mark.tf
@pytest.mark.slow
def test_the_code_of_the_python_page_runs(lab, keras, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.M | re.S)
    names = {"__name__": "a_notebook"}
    for block in blocks:
        exec(compile(block, "python.md", "exec"), names)
    assert len(blocks) >= 6 and "There is no key 'epoch'. Did you mean 'epochs'?" in capsys.readouterr().out
    assert len(names["run"].callbacks["loss_history"].losses) == 2 and len(names["frame"]) == 6


def test_the_python_page_names_every_function():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert not [name for name in stackfit.__all__ if f"stackfit.{name}(" not in page and name != "Run"]


@pytest.mark.tf
@pytest.mark.parametrize("page, said", [("own-layer", ["64 -> 256", "64 -> 128 -> 64"]), ("own-callback", ["stopped after epoch"])])
def test_the_class_that_a_page_shows_is_trusted_and_trained(page, said, write, keras, cli):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    write("pyproject.toml", re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    write(*re.search(r"```python\n# (experiments/\w+\.py)\n(.*?)```", text, re.DOTALL).groups())
    found = []
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        write("experiments/my_net.yaml", block)
        answer = cli("run", "my_net", "epochs=9")
        assert answer.code == 0, answer.err
        found.append(answer.err)
    assert all(any(words in printed for printed in found) for words in said), found
    assert "experiments.my_" in (Path(answer.out.split()[-1]) / "environment.json").read_text()  # its code is on record


@pytest.mark.slow
@pytest.mark.parametrize("page", ["lab", "tutorial"])
def test_the_commands_of_a_page_run(tmp_path, page):
    for command in CONSOLE.commands(page):
        code, printed = CONSOLE.run(command, tmp_path)
        assert code == CONSOLE.expected(command), f"{command}\n{printed}"
        assert "Traceback" not in printed and "tensorflow/" not in printed


def test_the_reference_is_what_the_program_says():
    made = subprocess.run([sys.executable, ROOT / "docs" / "reference.py", "-"], capture_output=True, text=True, check=True, encoding="utf-8")
    assert made.stdout == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), "python docs/reference.py"
