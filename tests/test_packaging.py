"""The wheel carries configs and experiments, and works from an unrelated folder."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_config_every_experiment_and_both_plugins(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "experiments"):
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in (".yaml", ".py") and "__pycache__" not in file.parts:
                assert f"stackfit/{file.relative_to(ROOT)}" in names
    assert {"hydra_plugins/stackfit_launcher.py", "hydra_plugins/stackfit_sweeper.py"} <= names
    assert "stackfit/experiment.schema.json" in names
    assert {f"stackfit/reports/page.{end}" for end in ("html.jinja", "js", "css")} <= names
    assert "hydra_plugins/__init__.py" not in names  # a namespace package: other Hydra plugins live there too


def test_an_installed_wheel_lists_and_shows_the_experiments_from_an_unrelated_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run([*install, "--disable-pip-version-check"], check=True, capture_output=True)
    # The path comes before the editable install, so that the wheel's own files answer.
    start = f"import sys; sys.path.insert(0, {str(site)!r}); import stackfit.cli; "
    for words in (["list"], ["show", "gsp631_callback_acc84"]):
        code = f"{start}assert {str(site)!r} in stackfit.cli.__file__; stackfit.cli.main({words!r})"
        done = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "gsp631_callback_acc84" in done.stdout or "StopAboveAccuracy" in done.stdout
    assert not list(elsewhere.iterdir())
