"""A user's callback that misbehaves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from faults import lab
from faults.fault import expect, fault
from faults.lab import SHORT, decent
from faults.reference import reference

MODULE = """
import os, sys, time
import keras

class Strange(BaseException):
    pass

def act(what):
    if what == "raises":
        raise ValueError("I had enough.")
    if what == "raises a BaseException":
        raise Strange("odd")
    if what == "raises without a message":
        raise RuntimeError
    if what == "raises an error without text":
        class Mute(Exception):
            def __str__(self):
                raise TypeError("no text")
        raise Mute
    if what == "calls sys.exit":
        sys.exit("bye")
    if what == "calls sys.exit(0)":
        sys.exit(0)
    if what == "calls os._exit":
        os._exit(7)
    if what == "raises KeyboardInterrupt":
        raise KeyboardInterrupt
    if what == "raises MemoryError":
        raise MemoryError
    if what == "recurses without end":
        act(what)
    if what == "sleeps":
        time.sleep(3)
    if what == "prints garbage":
        print("\\x00\\x1b[31m\\udcff\\u202e\\ufffe" * 3)
        print("no utf-8", "\\ud800", file=sys.stderr)
        os.write(2, bytes(range(128, 256)))
    if what == "changes the folder":
        os.chdir("/")
    if what == "closes stdout":
        sys.stdout.close()
    if what == "removes what it runs in":
        import shutil
        shutil.rmtree("outputs")
    if what == "divides by zero in numpy":
        import numpy
        numpy.seterr(all="raise")
        numpy.float32(1) / numpy.float32(0)

class Bad(keras.callbacks.Callback):
    def __init__(self, what, when):
        super().__init__()
        self.what, self.when = what, when
        self.act("__init__")

    def act(self, when):
        if when == self.when:
            act(self.what)

    def on_train_begin(self, logs=None):
        self.act("on_train_begin")

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.act("on_epoch_begin")

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.act("on_epoch_end")

    def on_train_end(self, logs=None):
        self.act("on_train_end")
"""
HARMLESS = ("sleeps", "prints garbage", "changes the folder")
WHATS = (
    *HARMLESS, "raises", "raises a BaseException", "raises without a message", "raises an error without text", "calls sys.exit",
    "calls sys.exit(0)", "calls os._exit", "raises KeyboardInterrupt", "raises MemoryError", "recurses without end", "closes stdout",
    "removes what it runs in", "divides by zero in numpy",
)  # fmt: skip


class Misdeed(NamedTuple):
    """A case: what the callback does, in which of its methods, in a run or in one cell of a sweep."""

    what: str
    when: str
    sweep: bool = False


def misdeeds() -> list[Misdeed]:
    whens = ("__init__", "on_train_begin", "on_epoch_begin", "on_train_end")
    others = [Misdeed(what, whens[number % 4]) for number, what in enumerate(WHATS[:12])]
    swept = [Misdeed(what, "on_epoch_end", True) for what in WHATS[:10:2]]
    return [*(Misdeed(what, "on_epoch_end") for what in WHATS), *others, *swept]


@fault("callback", "a user's callback that raises, sleeps, exits, prints garbage or changes the folder, in every hook", 1, misdeeds)
def callback(case: Misdeed, folder: Path) -> str:
    (folder / "own_bad.py").write_text(MODULE)
    words = [*SHORT, "--trust", "own_bad"]
    target = f"{{_target_: own_bad.Bad, what: '{case.what}', when: {case.when}}}"
    if case.sweep:  # the first cell's callback behaves, the second's does not
        words += ["-m", f"+callbacks.own={target.replace(case.when, 'never')},{target}"]
    else:
        words += [f"+callbacks.own={target}"]
    began = time.monotonic()
    answer = decent(stackfit_any(folder, words), (0, 1, 2, 130, 7))
    took = time.monotonic() - began
    found = {path: lab.status(path) for path in lab.folders(folder)}
    states = [status["status"] for status in found.values()]
    (original,) = lab.folders(reference(*SHORT).folder)
    good = lab.numbers(original)
    for path, state in zip(found, states, strict=True):
        if state == "finished":
            lab.same(path, good)
    if case.sweep and case.what not in ("calls os._exit", "raises KeyboardInterrupt", "removes what it runs in"):
        expect("finished" in states, f"the other cell is lost: {states}: {answer.err[-500:]}")
    if case.what in HARMLESS:
        expect(answer.code == 0 and set(states) == {"finished"}, f"code {answer.code}, {states}: {answer.err[-600:]}")
        return "finished, identical digest"
    if case.what == "calls os._exit":
        expect(answer.code == 7, f"code {answer.code}")
        expect(set(states) <= {"running", "finished"}, f"{states}")
        return "the process exits with the callback's code; its folder counts as interrupted"
    if case.what == "raises KeyboardInterrupt":
        expect(answer.code == 130, f"code {answer.code}")
        expect(set(states) <= {"interrupted", "finished"}, f"{states}")
        return "as Ctrl-C: code 130, interrupted"
    if answer.code == 0:
        expect(case.what == "closes stdout", "code 0")
        return "finished, identical digest"
    expect(took < lab.LIMIT and answer.code in (1, 2), f"code {answer.code}")
    if answer.code == 1 and case.what != "removes what it runs in":
        expect("failed" in states, f"{states}")
        reasons = [status["reason"] for status in found.values() if status["status"] == "failed"]
        expect(all(reasons), "no reason")
        expect(any("own_bad" in (status["traceback"] or "") for status in found.values()), "its status has no traceback")
    if answer.code == 2:
        expect(case.when == "__init__" and not found, f"code 2, but {states}")
    if case.what == "removes what it runs in":
        return "failed with a message; its folder is gone, code 1"
    return "failed with its reason, code 1; the traceback is in its status" if answer.code == 1 else "refused before training, code 2"


def stackfit_any(folder: Path, words: list[str]) -> lab.Answer:
    return lab.Process(folder, words, warm=True).finish()


