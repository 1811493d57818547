"""`launcher_keys`: the settings of launchers, typed or from the project's own conf, and from nowhere else."""

from __future__ import annotations

import pytest

from stackfit.config import choices
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigError, raising

SLURM = "conf/hydra/launcher/slurm.yaml"
HEAD = "defaults: [config, override data: digits, _self_]\n"


def launcher(*words: str) -> dict[str, object]:
    with raising() as problems:
        composition = Composer("digits_quickstart").compose(words, problems)
    problems.raise_errors()
    return composition.launcher


def test_the_projects_conf_sets_what_the_cluster_needs_and_what_is_typed_wins(write):
    write(SLURM, "partition: short\nworkers: 8\nsetup: [module load python]\noptions: {account: mine, exclusive: true}\n")
    found = launcher("hydra/launcher=slurm", "hydra.launcher.workers=2", "hydra.launcher.options={qos: high}")
    assert (found["partition"], found["workers"], found["minutes"]) == ("short", 2, 60)
    assert found["setup"] == ["module load python"]
    assert found["options"] == {"account": "mine", "exclusive": True, "qos": "high"}
    assert launcher("hydra/launcher=processes")["workers"] is None  # of another launcher nothing is set


@pytest.mark.parametrize(
    "word, options",
    [
        ("hydra.launcher.options={account: mine}", {"account": "mine"}),
        ("hydra.launcher.options.account=mine", {"account": "mine"}),
        ("hydra.launcher.options={gres: 'gpu:1', nice: 5}", {"gres": "gpu:1", "nice": 5}),
    ],
)
def test_options_of_sbatch_are_typed_as_the_page_says(lab, word, options):
    assert launcher("hydra/launcher=slurm", word)["options"] == options


def test_a_text_for_a_batch_script_is_the_shells_and_not_ours(write):
    typed = launcher("hydra/launcher=slurm", 'hydra.launcher.setup=["source ${HOME}/env.sh"]')
    assert typed["setup"] == ["source ${HOME}/env.sh"]
    write(SLURM, 'setup: ["export A=${B:-1}", "echo $(date)"]\n')
    assert launcher("hydra/launcher=slurm")["setup"] == ["export A=${B:-1}", "echo $(date)"]


def test_every_problem_of_the_file_is_named_with_its_line_and_nothing_is_made(cli, write, lab):
    write(SLURM, "partitoin: short\nworkers: '4'\nsetup: [1]\noptions: {a: {b: 1}}\ndefaults: [x]\n_target_: os.system\n")
    answer = cli("run", "digits_quickstart", "-m", "seed=0,1", "hydra/launcher=slurm")
    assert answer.code == 2 and not (lab / "outputs").exists()
    lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert lines == [f"error: {SLURM}:{number}" for number in range(1, 7)]
    for said in (
        "has no setting 'partitoin'. Did you mean 'partition'?",
        "workers is '4'. Expected a whole number. Write for example: workers: 2",
        "setup is [1]. Expected a list of texts.",
        "has no setting '_target_'.",
    ):
        assert said in answer.err


def test_a_number_that_makes_no_sense_and_a_file_that_is_no_yaml_have_their_line(cli, write):
    write(SLURM, "# Ours.\nworkers: 0\n")
    assert f"error: {SLURM}:2" in cli("run", "digits_quickstart", "-m", "seed=0,1", "hydra/launcher=slurm").err
    write(SLURM, "workers: [\n")
    with pytest.raises(ConfigError, match="not closed"):
        launcher("hydra/launcher=slurm")
    assert launcher("hydra/launcher=processes")["workers"] is None  # only the chosen one is read


@pytest.mark.parametrize(
    "name",
    [
        "conf/stackfit_schema.yaml",
        "conf/hydra/launcher/mine.yaml",
        "conf/hydra/launcher/slurm.yml",
        "conf/hydra/launcher/basic.yaml",
        "conf/hydra/sweeper/cells.yaml",
        "conf/hydra/job_logging/none.yaml",
    ],
)
def test_all_else_of_hydra_in_the_projects_conf_is_refused_by_its_name(write, name):
    write(name, "epochs: 3\n")
    with pytest.raises(ConfigError) as error:
        Composer("digits_quickstart")
    assert error.value.where == name
    assert "is a name that stackfit uses itself. Expected only groups there: data, model" in error.value.message
    assert "and settings of launchers: hydra/launcher/fused.yaml, " in error.value.message


@pytest.mark.parametrize(
    "text, line",
    [
        (f"{HEAD}hydra: {{launcher: {{partition: short}}}}\n", 2),
        (f"{HEAD}hydra:\n  launcher:\n    setup: [rm]\n", 3),
        ("defaults: [config, override hydra/launcher: slurm, _self_]\n", 1),
        ("defaults:\n  - config\n  - override /hydra/launcher: slurm\n  - _self_\n", 3),
    ],
)
def test_an_experiment_sets_nothing_of_a_launcher(write, text, line):
    write(SLURM, "partition: short\n")
    write("experiments/mine.yaml", text)
    with pytest.raises(ConfigError) as error, raising() as problems:
        Composer("mine").compose([], problems)
    assert error.value.where == f"experiments/mine.yaml:{line}"


def test_options_lists_launchers_with_their_settings_and_the_projects_own_values(cli, write):
    write(SLURM, "partition: short\n")
    found = {choice.name: choice for choice in choices.choices_of("hydra/launcher")}
    assert [*found] == ["basic", "fused", "processes", "slurm", "ray"] and found["slurm"].own and not found["ray"].own
    settings = {setting.key: setting for setting in choices.find_choice("hydra/launcher", "slurm").settings}
    assert (settings["hydra.launcher.partition"].default, settings["hydra.launcher.minutes"].default) == ("short", 60)
    assert all(setting.about and setting.kind for setting in settings.values())
    for words in (("options",), ("options", "hydra/launcher"), ("options", "hydra/launcher=ray")):
        lines = cli(*words).out.splitlines()
        assert max(map(len, lines)) <= 80
    assert "hydra/launcher basic, fused, processes, slurm, ray\n" in cli("options").out
    assert "hydra.launcher.workers      4 (a whole number)  tasks of the array job\n" in cli("options", "hydra/launcher=slurm").out
    assert "Did you mean 'slurm'?" in cli("options", "hydra/launcher=slrum").err
