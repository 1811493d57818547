"""Names of folders, very many runs, and changing data."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np

from faults import lab
from faults.fault import expect, fault
from faults.lab import GRID, SHORT, Process, decent
from faults.reference import reference
from faults.session import stackfit

NAMES = (
    "with spaces  two", "it's \"quoted\"", "new\nline", "Übung ñ 実験 🧪", "[brackets] {braces} (round)", "a=b,c=d", "100% %s %(x)s",
    "$HOME ${epochs} `id`", "back\\slash", "-m --fresh", "a;b|c&d", "#hash ?q *star !", "~tilde", "long " + "x" * 240, "tab\there", "..dots",
    os.fsdecode(b"not utf-8 \xff\xfe"),
)  # fmt: skip
OWN = "defaults: [digits_quickstart, _self_]\nabout: {question: \"Does it work here?\", source: ours}\nepochs: 1\n"


@fault("name", "a working folder whose name has spaces, quotes, newlines, brackets, `=`, `%`, `$`, or is not UTF-8: run, sweep, and commands that read", 0, lambda: NAMES)
def name(case: str, folder: Path) -> str:
    lab_folder = folder / case
    (lab_folder / "experiments").mkdir(parents=True)
    (lab_folder / "experiments" / "mine.yaml").write_text(OWN)
    (lab_folder / "table.csv").write_text("a,b,label\n" + "".join(f"{n % 7},{n % 5},{n % 2}\n" for n in range(60)))
    answers = [stackfit(lab_folder, *words) for words in (SHORT, GRID, ("show", "mine", "--origin"))]
    answers.append(stackfit(lab_folder, "run", "mine", "data=csv", "data.path=table.csv", "data.label=label"))
    run = answers[0].out.rstrip("\n").rpartition("\n")[2]
    answers += [stackfit(lab_folder, *words) for words in (
        ("table",), ("compare", str(lab_folder / "outputs" / "digits_quickstart")), ("predict", run, "--item", "1"),
        ("evaluate", str(lab_folder / run)),
    )]  # fmt: skip
    expect([answer.code for answer in answers] == [0] * len(answers), "\n".join(answer.err for answer in answers if answer.code))
    (path,) = lab.folders(reference(*SHORT).folder)
    lab.same(lab_folder / run, lab.numbers(path))
    return "run, sweep, table, compare, predict, evaluate: code 0, identical digest"


# ---- very many runs

MANY = 10_000
seconds_of_many: dict[str, float] = {}


@fault("10000-runs", "10,000 run folders of one experiment: table, list, compare and a run", 0, lambda: [MANY])
def many(count: int, folder: Path) -> str:
    (original,) = lab.folders(reference(*SHORT).folder)
    files = {file.name: file.read_bytes() for file in original.iterdir() if file.suffix in (".csv", ".yaml")}
    status = lab.status(original)
    for number in range(count):
        path = folder / "outputs" / "digits_quickstart" / time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime(1.7e9 + number))
        path.mkdir(parents=True)
        settings = status["settings"] | {"seed": number}
        changed = {"fingerprint": f"{number:064x}", "seed": number, "settings": settings, "started": path.name, "manifest": None}
        for file, content in (*files.items(), ("status.json", json.dumps(status | changed).encode())):
            (path / file).write_bytes(content)
    took = {}
    for words in (("table", "--csv", "all.csv"), ("table", "--last", "5"), ("list",), ("compare", "--metric", "test_accuracy"), SHORT):
        answer = lab.stackfit(folder, *words)
        expect(answer.code == 0 or words[0] == "compare", f"{words}: {answer.err[-500:]}")
        took[" ".join(words[:2])] = answer.seconds
    expect((folder / "all.csv").read_text().count("\n") == count + 1, "rows are missing in the table")
    expect(max(took.values()) < 60, f"takes {took}")
    return "usable: " + ", ".join(f"{words} {seconds:.1f} s" for words, seconds in took.items())


# ---- data that change

CSV = ("run", "mine", "data=csv", "data.path=table.csv", "data.label=label", "epochs=3", "batch_size=16")


def write_table(folder: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(200, 3)).round(3)
    rows = [f"{a},{b},{c},{int(a + b > 0)}" for a, b, c in noise]
    (folder / "table.csv").write_text("a,b,c,label\n" + "\n".join(rows) + "\n")
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "mine.yaml").write_text(OWN)


def fingerprint(path: Path) -> str:
    return json.loads((path / "environment.json").read_bytes())["data_fingerprint"]


CHANGES = ("between two runs", "between two sweeps", "before it is evaluated", "while a run trains", "while a sweep trains",
           "cut short between two runs", "gone between two runs", "one byte of an npz file")  # fmt: skip


@fault("data-change", "a user's data file that changes between runs or during training", 0, lambda: CHANGES)
def data_change(case: str, folder: Path) -> str:
    write_table(folder, 1)
    if case == "one byte of an npz file":
        return npz_change(folder)
    if case.startswith("while"):
        return changed_while(case, folder)
    sweep = "sweep" in case
    words = (*CSV, "-m", "seed=0,1") if sweep else CSV
    first = stackfit(folder, *words)
    expect(first.code == 0, first.err)
    before = {path: (fingerprint(path), (path / "metrics.json").read_bytes()) for path in lab.folders(folder)}
    if case == "gone between two runs":
        (folder / "table.csv").unlink()
    elif case == "cut short between two runs":
        content = (folder / "table.csv").read_bytes()
        (folder / "table.csv").write_bytes(content[: len(content) // 2])
    else:
        write_table(folder, 2)
    if case == "before it is evaluated":
        answer = stackfit(folder, "evaluate", str(next(iter(before))))
        expect(answer.code == 0 and "data have changed" in answer.err, answer.err)
        return "noticed by the fingerprint: evaluate reports it"
    answer = stackfit(folder, *words)
    for path, (digest, metrics) in before.items():
        expect((fingerprint(path), (path / "metrics.json").read_bytes()) == (digest, metrics), "an earlier run was changed")
    if case == "gone between two runs" or (case.startswith("cut") and answer.code):
        expect(answer.code == 2 and "table.csv" in answer.err, answer.err)
        return "a message that names the file, code 2; the earlier run stays"
    expect(answer.code == 0, answer.err)
    new = [path for path in lab.folders(folder) if path not in before]
    expect(len(new) == len(before), f"{len(new)} new runs")
    expect(not {fingerprint(path) for path in new} & {digest for digest, _ in before.values()}, "the same data fingerprint")
    if sweep:
        expect("changed since it ran" in answer.err, answer.err)
    return "noticed by the fingerprint: new folders, earlier results stay"


def changed_while(case: str, folder: Path) -> str:
    sweep = "sweep" in case
    words = (*CSV[:-2], "epochs=200", "batch_size=16", *(("-m", "seed=0,1,2", "hydra.launcher.max_members=1") if sweep else ()))
    process = Process(folder, words, warm=True)
    process.wait_until(lambda: any(map(lab.epochs_in, lab.folders(folder))))
    write_table(folder, 2)
    answer = decent(process.finish())
    found = {path: fingerprint(path) for path in lab.folders(folder)}
    expect(all(lab.status(path)["status"] == "finished" for path in found), answer.err)
    if not sweep:
        expect(answer.code == 0 and len(found) == 1, answer.err)
        again = stackfit(folder, *words)
        expect(again.code == 0 and len({fingerprint(path) for path in lab.folders(folder)}) == 2, again.err)
        return "the run uses the data it has read; the next one notices"
    expect(answer.code == 1, f"code {answer.code}, though cells of the planned data are not there: {answer.err[-600:]}")
    expect("have changed" in answer.err, f"does not say so: {answer.err[-600:]}")
    expect(len(set(found.values())) == 1, "cells of one sweep were trained on different data")
    again = stackfit(folder, *words)
    expect(again.code == 0, again.err)
    return "noticed by the fingerprint: the other cells are refused, code 1; the same command trains them"


def npz_change(folder: Path) -> str:
    arrays = {"x_train": np.arange(400, dtype=np.float32).reshape(100, 4) / 400, "y_train": np.arange(100) % 3}
    words = ("run", "mine", "data=npz", "data.path=table.npz", "data.scale=none", "epochs=1")
    np.savez(folder / "table.npz", **arrays)
    first = stackfit(folder, *words)
    arrays["x_train"][50, 2] = np.nextafter(arrays["x_train"][50, 2], np.float32(1))
    np.savez(folder / "table.npz", **arrays)
    second = stackfit(folder, *words)
    expect((first.code, second.code) == (0, 0), first.err + second.err)
    expect(len({fingerprint(path) for path in lab.folders(folder)}) == 2, "one last bit of one number was not noticed")
    return "noticed by the fingerprint: new folders, earlier results stay"
