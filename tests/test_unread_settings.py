"""`unread_settings`: a setting that the chosen data do not use is refused, or named where it was meant for other data."""

from __future__ import annotations

import numpy as np
import pytest

from stackfit.config import project
from stackfit.config.checks import check_stored
from stackfit.config.hydra.composition import Composer
from stackfit.config.schema import Data, keys_of
from stackfit.data.kinds import EVERY, kind_of
from stackfit.errors import ConfigErrors, Problems
from stackfit.execution.cells import compose_cell

MINE = "defaults: [digits_quickstart, {override data: csv}, _self_]\nabout: {question: 'Which kind?'}\n"


def problems_of(experiment: str, *overrides: str, **more) -> Problems:
    problems = Problems()
    with problems.collect():
        compose_cell(Composer(experiment), overrides, (), problems, **more)
    return problems


def test_each_key_of_the_data_is_used_by_some_kind():
    used = {key for kind in project.data_kinds() for key in kind_of(kind).reads}
    assert used | {*EVERY} == {*keys_of(Data)} and not used & {*EVERY}


def test_every_setting_that_changes_nothing_is_refused_with_the_data_that_it_is_for(cli):
    """It trained on digits, as if nobody had named the file."""
    answer = cli("plan", "digits_quickstart", "data.path=nothing.csv", "data.label=species", "data.columns=auto", "data.group=x")
    assert answer.code == 2 and answer.err.count("but digits data do not use it") == 4
    assert "data.columns is 'auto', but digits data do not use it. Expected only what they use. Leave it out, or choose the data" in answer.err
    assert "data.path is 'nothing.csv'" in answer.err and "data=csv or data=images or data=npz." in answer.err
    shown = cli("data", "show", "digits", "data.background=black")
    assert shown.code == 2 and "data.background is 'black', but digits data do not use it." in shown.err


@pytest.mark.parametrize(
    ("override", "readers"),
    [
        ("data.test_split=0.5", "data=csv or data=images or data=npz"),
        ("data.test_split=0", "data=csv or data=images or data=npz"),
        ("data.split_seed=3", "data=csv or data=images or data=npz"),
        ("data.header=false", "data=csv"),
        ("data.missing=[]", "data=csv"),
        ("data.columns={a: number}", "data=csv"),
        ("data.scale_target=true", "data=csv or data=npz"),
        ("data.resize=[4,4]", "data=images"),
        ("data.order=keras", "data=fashion_mnist"),
        ("data.name=mnist", "data=tfds"),
        ("data.splits={train: train}", "data=tfds"),
        ("data.label=${seed}", "data=csv or data=npz"),
    ],
)
def test_of_any_type_and_wherever_its_value_comes_from(lab, override, readers):
    (error,) = problems_of("digits_quickstart", override).errors
    assert error.where == override and str(error).endswith(f"for: {readers}.")


def test_a_default_or_null_changes_nothing_and_is_allowed(lab):
    same = ("data.test_split=0.2", "data.path=null", "data.columns=null", "data.resize=[]", "data.order=tfds", "data.split_seed=0")
    assert problems_of("digits_quickstart", *same) == Problems()
    assert problems_of("digits_quickstart", "data.validation_split=0.1", "data.class_names=null").warnings == []


def test_the_share_of_the_test_does_nothing_where_another_file_is_the_test(write):
    write("t.csv", "a,species\n" + "1,x\n2,y\n" * 20)
    own = ("data=csv", "data.path=t.csv", "data.label=species")
    (error,) = problems_of("digits_quickstart", *own, "data.test_path=t.csv", "data.test_split=0.5").errors
    assert str(error).endswith("data.test_split is 0.5, but data.test_path is the test part. Expected one of them. Leave one out.")
    assert problems_of("digits_quickstart", *own, "data.test_split=0.5").errors == []
    assert problems_of("digits_quickstart", *own, "data.test_path=t.csv", "data.test_split=0", "data.split_seed=4").errors == []


@pytest.mark.parametrize(
    ("overrides", "key", "said"),
    [
        (["data.stratify=true"], "data.stratify", "data.stratify is True, but it is about the validation part, and there is none. Expected data.validation_split above 0;"),
        (["data.split_by=a", "data.split_seed=3"], "data.split_seed", "data.split_seed is 3, but data.split_by orders the rows, and nothing is drawn."),
        (["data.group=a", "data.test_split=0"], "data.test_split", "data.group is 'a', but all rows train. Expected a part to divide. Type data.test_split=0.2, or to "
         "leave the column out, 'data.columns={a:drop}'."),
        (["data.scale_target=true"], "data.scale_target", "data.scale_target is True, but the task tells classes apart. Expected values to predict. Type task=regression"),
        (["data.missing=[]"], "data.missing", "data.missing is set, but the empty cell always counts."),
        (["data.columns={species: category}"], "data.columns", "data.columns says 'category' of 'species', which is the label"),
        (["data.columns={A: drop}"], "data.columns", "data.columns drops 'A', which is not a column of t.csv. Did you mean 'a'?"),
        (["data.test_path=u.csv", "data.group=b"], "data.group", "data.group is 'b', but u.csv has no such column"),
        (["data.test_path=t.csv", "data.columns={c: drop}"], "data.columns", "data.columns drops 'c'"),
        (["data.test_path=u.csv", "data.columns={c: drop}", "data.validation_split=0.2", "data.group=b"], "", ""),
        (["data.stratify=true", "data.validation_split=0.2"], "", ""),
        (["data=npz", "data.path=d.npz", "data.label=z", "data.split_seed=2", "data.test_split=0.3"], "data.label",
         "data.label is 'z', but d.npz is divided already: it has x_train, y_train. Expected data that are not divided yet."),
    ],
)  # fmt: skip
def test_what_divides_nothing_is_refused(write, overrides, key, said):
    """Each was taken silently."""
    write("t.csv", "a,b,species\n" + "1,1,x\n2,2,y\n" * 20)
    write("u.csv", "a,c,species\n" + "3,1,x\n4,2,y\n" * 20)
    np.savez("d.npz", x_train=np.eye(4), y_train=np.arange(4) % 2, z=np.arange(4))
    own = ("data=csv", "data.path=t.csv", "data.label=species") if "data=npz" not in overrides else ()
    errors = problems_of("digits_quickstart", *own, *overrides).errors
    assert not key or [error for error in errors if error.key == key and said in str(error)], errors
    assert len(errors) == (3 if "data=npz" in overrides else bool(key))
    assert all(error.where in overrides for error in errors)


def test_what_decides_it_may_be_chosen_later_or_vary(write):
    """A line of a file that an override leaves without work is a warning; so is what another cell uses."""
    write("t.csv", "a,b,species\n" + "1,1,x\n2,2,y\n" * 20)
    write("experiments/mine.yaml", MINE + "data: {path: t.csv, label: species, validation_split: 0.2, stratify: true}\n")
    assert problems_of("mine") == Problems()
    found = problems_of("mine", "data.validation_split=0")
    assert found.errors == [] and [(each.kind, each.where) for each in found.warnings] == [("unread_setting", "data.validation_split=0")]
    own = ("data=csv", "data.path=t.csv", "data.label=species", "data.stratify=true")
    found = problems_of("digits_quickstart", *own, axes={"data.validation_split": "0"})
    assert found.errors == [] and len(found.warnings) == 1
    values = MINE.replace("csv}", "csv}, {override task: regression}, {override model: regressor}")
    write("experiments/prices.yaml", values + "data: {path: t.csv, label: a, columns: {species: flag}, scale_target: true}\n")
    assert problems_of("prices").errors == []
    found = problems_of("prices", "task=classification", "data.label=species", "data.columns=null")
    assert [each.kind for each in found.warnings] == ["unread_setting"] and not [e for e in found.errors if "scale_target" in str(e)]


def test_what_was_written_for_other_data_is_a_warning_once_others_are_chosen(write):
    write("experiments/mine.yaml", MINE + "data: {path: t.csv, label: species}\n")
    found = problems_of("mine", "data=digits")
    assert found.errors == [] and [(each.kind, each.where) for each in found.warnings] == [
        ("unread_setting", "experiments/mine.yaml:3"),
        ("unread_setting", "experiments/mine.yaml:3"),
    ]
    assert problems_of("mine", "data=digits", "silence=[unread_setting]").warnings == []
    write("experiments/child.yaml", "defaults: [mine, {override data: xor}, _self_]\nabout: {question: 'Which?'}\ndata: {group: a}\n")
    found = problems_of("child")
    assert [error.where for error in found.errors] == ["experiments/child.yaml:3"]
    assert {warning.where for warning in found.warnings} == {"experiments/mine.yaml:3"}
    # The own group file that names the kind is as wrong as the experiment's own.
    write("conf/data/tiny.yaml", "kind: digits\nexamples: {train: 1437, test: 360}\ninput_shape: [8, 8, 1]\nnum_classes: 10\npath: x\n")
    (error,) = problems_of("digits_quickstart", "data=tiny").errors
    assert error.where == "conf/data/tiny.yaml:5"


def test_a_sweep_over_the_data_holds_settings_of_any_of_them(cli, write):
    write("t.csv", "a,species\n" + "1,x\n2,y\n" * 20)
    own = ("data.path=t.csv", "data.label=species", "model.layers.flatten=null")
    found = problems_of("digits_quickstart", "data=digits", *own[:2], axes={"data": "digits"})
    assert found.errors == [] and len(found.warnings) == 2
    # What no cell could use is refused once, and no cell is trained.
    answer = cli("plan", "digits_quickstart", "-m", "data.path=a.csv,b.csv")
    assert answer.code == 2 and "data.path is 'a.csv', but digits data do not use it." in answer.err


def test_what_a_run_folder_or_a_sweep_holds_already_stays_valid(lab, compose):
    stored = compose("digits_quickstart").config
    stored["data"] |= {"path": "nothing.csv", "label": "species"}
    assert check_stored(stored, (), "config.yaml")["data"]["path"] == "nothing.csv"
    assert problems_of("digits_quickstart", "data.path=nothing.csv", planned=True).errors == []
    with pytest.raises(ConfigErrors):
        compose("digits_quickstart", "data.path=nothing.csv", "data.group=a")
