"""`docs/development.md`: a stranger who follows it gets what it promises, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
# A line with nothing but a file's name, then what the file holds, or how it changes.
BLOCKS = re.findall(r"^`(\S+)`\n\n```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)
ROOMS = [path.name for path in (ROOT / "src" / "stackfit").iterdir() if (path / "__init__.py").is_file()]


def change(file: Path, diff: str) -> None:
    """Apply a block of `-`, `+` and context lines, which must stand in the file exactly once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file.name} has not exactly one place for\n{before}"
    file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the tree in which every block of the page has been followed."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("src", "conf", "experiments"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, language, text in BLOCKS:
        if language == "diff":
            change(tree / name, text)
        else:
            assert not (tree / name).exists()
            (tree / name).write_text(text, encoding="utf-8")
    return tree


@pytest.fixture
def stackfit(tree, lab):
    """`stackfit("table")`: what the copy's program prints, in an empty folder."""

    def run(*words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
        done = subprocess.run(
            [sys.executable, "-m", "stackfit", *words], capture_output=True, text=True, timeout=120, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_each_task_touches_at_most_two_files():
    tasks = re.split(r"^## ", PAGE, flags=re.M)
    counts = {task.partition("\n")[0]: len(re.findall(r"^`(\S+)`\n\n```", task, re.M)) for task in tasks}
    assert {title: count for title, count in counts.items() if count} == {
        "A data set with a reader of its own": 2,
        "A callback": 2,
        "A table column about a run": 1,
        "A command": 2,
    }


def test_every_room_is_on_the_page_and_every_name_of_a_room_on_it_is_there():
    assert not [room for room in ROOMS if f"| `{room}/` |" not in PAGE]
    for name in re.findall(rf"`((?:{'|'.join(ROOMS)})[./][\w./]+)`", PAGE):
        path, rest = ROOT / "src" / "stackfit", re.split(r"[./]", name.removesuffix(".py"))
        while rest and ((path / rest[0]).is_dir() or (path / f"{rest[0]}.py").is_file()):
            path /= rest.pop(0)
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
        assert not rest or re.search(rf"^(def|class) {rest[0]}\b|\b{rest[0]}\b.*import|import .*\b{rest[0]}\b", text, re.M), name


@pytest.mark.tf
def test_a_new_data_set_trains_with_a_new_callback_and_the_new_command_and_column_show_the_run(stackfit):
    words = ("data=rings", "data.validation_split=0.1", "callbacks=[stop_at_gap]", "callbacks.stop_at_gap.gap=-1000.0")
    folder = stackfit("run", "digits_quickstart", *words, "epochs=3").splitlines()[-1]
    assert len((Path(folder) / "history.csv").read_text().splitlines()) == 1 + 1  # stopped after its first epoch
    assert stackfit("newest").strip() == folder
    assert "host" in stackfit("table").splitlines()[0].split()
    assert "rings" in stackfit("data", "list")
