"""`certificate`: what a table says of a run's numbers, and when a verdict is not believed."""

from __future__ import annotations

import json

import pytest
from made_runs import make_run

from stackfit.results.certificate import Standing, copies_that_differ
from stackfit.results.comparison import compare
from stackfit.results.frames import read_runs
from stackfit.results.manifest import describe
from stackfit.results.run_files import RunFiles, read_status
from stackfit.results.run_folder import RunFolder
from stackfit.results.tables import table


@pytest.fixture
def run(lab) -> RunFolder:
    return RunFolder(make_run(lab / "outputs" / "run", history=2, correct=[True, False]))


def judge(run: RunFolder, verdict: str = "bit-equal") -> None:
    """As `stackfit verify` writes it."""
    started = read_status(run.path)["started"]
    about = {"host": "here", "verified": "2026-11-26T20:00:00+00:00", "started": started}
    run.write_certificate({"format": 2, "verdict": verdict, "files": describe(run), **about})


def says(run: RunFiles, whole: bool = False) -> str:
    return Standing.of(run.path, read_status(run.path), whole).text


def edit(path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def make_older(run: RunFiles) -> None:
    run.manifest.unlink()
    edit(run.status, manifest=None)


@pytest.mark.parametrize("verdict", ["bit-equal", "within tolerance", "diverged"])
def test_a_verdict_is_shown_while_the_files_are_those_that_it_is_about(run, verdict):
    assert says(run) == ""
    judge(run, verdict)
    assert says(run) == says(run, whole=True) == verdict
    run.history.write_text("epoch\n")
    assert says(run) == "changed: history.csv"


def test_a_verdict_about_other_bytes_is_stale(run):
    make_older(run)
    judge(run)
    assert says(run) == "bit-equal"
    edit(run.metrics, test_accuracy=0.97)
    edit(run.status, metrics={"test_accuracy": 0.97})
    assert says(run) == "stale: status.json and metrics.json"
    judge(run)
    run.history.unlink()
    assert says(run) == "stale: history.csv"


def test_a_changed_file_is_shown_and_not_a_verdict_that_did_not_look_at_it(run):
    judge(run)
    edit(run.status, metrics={"test_accuracy": 0.99})
    assert says(run) == "changed: status.json"
    judge(run, "diverged")  # verify has looked at it since
    assert says(run) == "changed: status.json; diverged"


def test_a_verdict_that_came_with_the_folder_was_judged_elsewhere_until_it_is_verified_here(run, lab, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(lab / "another"))
        judge(run)
    assert says(run) == "judged elsewhere (here, 2026-11-26)"
    judge(run)
    assert says(run) == "bit-equal"
    run.certificate.unlink()
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", "/dev/null")
        judge(run)
    assert says(run) == "judged elsewhere (here, 2026-11-26)"  # nobody signed it


def test_a_verdict_of_an_earlier_version_has_no_signature_and_counts_as_another_ones(run):
    make_older(run)
    started = read_status(run.path)["started"]
    old = {"format": 1, "verdict": "bit-equal", "verified": "2026-11-20T20:00:00+00:00", "started": started}
    run.certificate.write_text(json.dumps(old))
    assert says(run) == "judged elsewhere (2026-11-20)"
    run.certificate.write_text(json.dumps(old | {"started": "long ago"}))
    assert says(run) == ""


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", '{"verdict": ["diverged"]}', '{"verdict": "happy"}', "[" * 99_999,
                '{"format": 2, "verdict": "bit-equal"}']
)  # fmt: skip
def test_a_damaged_certificate_is_named(run, content):
    run.certificate.write_text(content)
    assert says(run) == "changed: certificate.json"


def test_the_copy_of_the_metrics_is_compared_where_there_is_no_manifest(run):
    make_older(run)
    assert copies_that_differ(run, read_status(run.path)) == [] and says(run, whole=True) == ""
    edit(run.status, metrics={"test_accuracy": 0.99, "loss": 0.5, "new": 1})
    assert copies_that_differ(run, read_status(run.path)) == ["test_accuracy", "new"]
    assert says(run, whole=True) == "changed: status.json"


def test_a_run_at_work_is_not_judged_and_an_interrupted_one_has_nothing_to_judge(lab):
    folder = RunFolder(lab / "run")
    folder.claim("f", {})
    assert says(folder, whole=True) == ""
    folder.fail("Because.")
    assert says(folder, whole=True) == ""


# ---- in tables


def test_the_column_is_shown_once_a_run_has_something_to_say_and_older_runs_have_no_manifest(lab, run):
    make_older(RunFiles(make_run(lab / "outputs" / "older", {"seed": 1})))
    make_run(lab / "outputs" / "failed", failed="NaN")
    assert "verified" not in table("outputs")
    judge(run)
    frame = table("outputs", sort="folder")
    assert frame["verified"].fillna("").tolist() == ["", "no manifest", "bit-equal"]
    assert len(table("outputs", filter="verified == 'bit-equal'")) == 1


def test_a_strict_table_names_each_run_that_was_changed_is_stale_or_diverged(lab, run, cli):
    good = RunFolder(make_run(lab / "outputs" / "good"))
    judge(good)
    assert cli("table", "--strict").code == 0
    run.predictions.unlink()
    stale, diverged = (RunFolder(make_run(lab / "outputs" / name)) for name in ("stale", "diverged"))
    judge(diverged, "diverged")
    make_older(stale)
    judge(stale)
    stale.metrics.write_text("{}")
    code, out, err = cli("table", "--strict")
    assert code == 1 and "  good\n" in out and "Folders are below outputs\n" in out
    assert err.splitlines() == [
        "warning: outputs/diverged: it diverged when it was verified. Try: stackfit verify outputs/diverged",
        "warning: outputs/run: changed since it was written: predictions.npz. Try: stackfit verify outputs/run",
        "warning: outputs/stale: its verdict is about other bytes: metrics.json. Try: stackfit verify outputs/stale",
    ]
    code, out, err = cli("table")
    assert (code, err) == (0, "") and "changed: predictions.npz" in out and "stale: metrics.json" in out
    assert cli("table", "outputs/good", "--strict").code == 0


def test_a_run_whose_status_is_gone_is_named(lab, run, cli):
    make_run(lab / "outputs" / "good")
    run.status.unlink()
    code, out, err = cli("table", "--strict")
    assert code == 1 and "outputs/run is not a run folder: it has no status.json" in err and "outputs/good" in out


def test_a_mean_over_runs_says_how_many_of_them_are_changed(lab):
    for seed in range(3):
        make_run(lab / "outputs" / f"{seed}", {"seed": seed})
    judge(RunFolder(lab / "outputs" / "0"))
    edit(lab / "outputs" / "2" / "metrics.json", loss=0.1)
    judged = table("outputs", over="seed")["verified"].tolist()
    assert judged == ["bit-equal (1); not verified (1); changed: metrics.json (1)"]


def test_compare_names_changed_runs_and_shows_the_column(lab):
    for seed, units in ((0, 32), (1, 32), (0, 64), (1, 64)):
        make_run(lab / "outputs" / f"{units}-{seed}", {"seed": seed, "model.layers.hidden.units": units}, correct=[True])
    edit(lab / "outputs" / "64-1" / "metrics.json", loss=0.1)
    said = "outputs/64-1: changed since it was written: metrics.json. Try: stackfit verify outputs/64-1"
    two = compare(["outputs/32-1", "outputs/64-1"])
    assert two.problems == [said] and "verified" in two.tables["What differs"]["setting"].tolist()
    several = compare("outputs")
    (configurations, _) = several.tables.values()
    assert several.problems == [said]
    assert sorted(configurations["verified"].fillna("")) == ["", "not verified (1); changed: metrics.json (1)"]
    assert "verified" not in compare(["outputs/32-1", "outputs/64-0"]).tables["What differs"]["setting"].tolist()


def test_a_run_of_a_newer_stackfit_is_named_and_the_others_are_shown(lab, run):
    from stackfit.results.sealing import write_sealed

    make_run(lab / "outputs" / "good")
    write_sealed(run.manifest, {"format": 9, "files": {}})
    runs, problems = read_runs("outputs")
    assert len(runs.about) == 1 and len(problems) == 1 and "Update stackfit" in problems[0]
