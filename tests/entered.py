"""The way of a command through the house: the modules that it enters, in order, and what it does more than once.

    python tests/entered.py ways.json run digits_quickstart epochs=1

runs the command in this process and writes `ways.json`: `modules` in the order in which functions of theirs are called
(several calls in a row are one entry; a generator is entered again whenever it goes on), `compositions` (calls of Hydra's
`load_configuration`) and `models` (calls of Keras's `compile`). Importing a module is not entering it. More commands may
follow, each after a `/`; `{last}` stands for the last line that the command before it printed, the folder of a run.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

SOURCE = Path("src", "stackfit")  # what the path of every module of ours contains
DOORS = ("__init__", "errors", "files", "interrupts", "keys", "terminal", "waiting", "layers", "callbacks")  # every room calls them, and they call no room


@dataclass(frozen=True)
class Way:
    """What one command entered."""

    modules: list[str]
    compositions: int
    models: int

    @property
    def rooms(self) -> list[str]:
        """The packages in the order in which they are entered, without the doors."""
        rooms = [module.partition(".")[0] for module in self.modules]
        return [room for room, _ in itertools.groupby(room for room in rooms if room not in DOORS)]

    @property
    def transitions(self) -> int:
        """How often the way leads from one package into another."""
        return len(self.rooms) - 1


def follow(folder: Path, *commands: str) -> list[Way]:
    """The ways of `stackfit` commands, one after another in `folder`, in one process of their own.

    Raises:
        AssertionError: a command did not end with 0.
    """
    record = folder / "ways.json"
    words = " / ".join(commands).split()
    done = subprocess.run(
        [sys.executable, __file__, str(record), *words], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [Way(**way) for way in json.loads(record.read_text(encoding="utf-8"))]


class Recorder:
    """A profile function (`sys.setprofile`) that records a way."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.compositions = self.models = 0
        self.names: dict[str, str | None] = {}  # of the modules, by file

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or not frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # a module's or a class's body
            return
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        if path not in self.names:
            self.names[path] = name_of(path)
        name = self.names[path]
        if name is not None and (not self.modules or self.modules[-1] != name):
            self.modules.append(name)
        elif function == "load_configuration" and path.endswith("config_loader_impl.py"):
            self.compositions += 1
        elif function == "compile" and path.endswith("trainer.py"):
            self.models += 1


def name_of(path: str) -> str | None:
    """`results.run` for `…/src/stackfit/results/run.py`; None for a file that is not ours."""
    _, inside, module = path.rpartition(f"{SOURCE}/")
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".") if inside else None


def record_way(words: Sequence[str]) -> tuple[Way, str]:
    """Run `stackfit WORD…`; its way, and the last line that it printed.

    Raises:
        SystemExit: it did not end with 0.
    """
    from stackfit.cli import main

    recorder, printed = Recorder(), io.StringIO()
    sys.setprofile(recorder)
    try:
        with contextlib.redirect_stdout(printed):
            main(list(words))
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.setprofile(None)
    last = printed.getvalue().strip().rpartition("\n")[2]
    return Way(recorder.modules, recorder.compositions, recorder.models), last


def main(record: str, words: Sequence[str]) -> None:
    """Run the commands in `words` and write their ways to the file `record`."""
    ways, last = [], ""
    for separator, command in itertools.groupby(words, "/".__eq__):
        if not separator:
            way, last = record_way([word.replace("{last}", last) for word in command])
            ways.append(vars(way))
    Path(record).write_text(json.dumps(ways), encoding="utf-8")


if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules must not stand in for libraries
    main(sys.argv[1], sys.argv[2:])
