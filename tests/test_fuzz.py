"""Whatever is typed or written: an error in words, within seconds, and nothing is run, written or fetched.

Overrides and files are made by their grammars, from the shipped experiments' own keys and lines, and then broken.
`make test` draws a few examples of each property, `make test-all` thousands.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from composing import compose, compose_cell
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made_runs import make_run

from stackfit.config import claims, project
from stackfit.config.checks import check_stored
from stackfit.config.experiments import list_experiments
from stackfit.config.explanation import Explainer
from stackfit.config.hydra import axes
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigErrors, StackfitError, raising
from stackfit.keys import flatten
from stackfit.results import comparison, run_files, tables
from stackfit.results.run import Run

SECONDS = 5.0  # of processor time: this machine may be busy with others
FEW = pytest.mark.parametrize("count", [15, pytest.param(2000, marks=pytest.mark.slow)])
pytestmark = pytest.mark.usefixtures("lab")

# ---- the property

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
RUNNING = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn",
           "socket.connect", "socket.getaddrinfo", "urllib.Request", "pickle.find_class", "os.mkdir", "os.remove",
           "os.rename", "os.putenv", "shutil.rmtree", "ctypes.dlopen")  # fmt: skip
# What a composed config is made of: the composer copies it by pickling it in memory.
CONFIG = ("omegaconf.", "stackfit.config.schema", "typing", "collections", "_operator", "_functools")
PLAIN = {"dict", "list", "int", "bool", "type", "float", "str"}
_watching = False
_seen: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook cannot be taken away again; outside of `watched` it does nothing."""
    if not _watching or "__pycache__" in str(arguments[:1]):
        return
    if event == "pickle.find_class" and (arguments[0].startswith(CONFIG) or (arguments[0] == "builtins" and arguments[1] in PLAIN)):
        return
    if event in RUNNING or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
        _seen.append(f"{event} {arguments[0]!r}")


sys.addaudithook(_watch)


class TookTooLong(BaseException):
    """Not an Exception: nobody may catch it on the way."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """A StackfitError is an answer; any other exception, `SECONDS` without one, or something run or written is none."""
    global _watching

    def stop(number: int, frame: Any) -> None:
        raise TookTooLong

    handlers = {one: signal.signal(one, stop) for one in (signal.SIGPROF, signal.SIGALRM)}
    began = time.process_time()
    _seen.clear()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 20 * SECONDS)  # what waits takes no processor time
    _watching = True
    try:
        yield
    except StackfitError as error:
        for one in error.errors if isinstance(error, ConfigErrors) else [error]:
            assert "Expected" in str(one), f"no three parts: {one}"
    except TookTooLong:
        raise AssertionError(f"no answer within {SECONDS} s") from None
    finally:
        _watching = False
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert time.process_time() - began < SECONDS
    assert not _seen, _seen


def holds(count: int, values: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """`check` answers for `count` drawn values."""

    @settings(
        max_examples=count,
        deadline=None,  # `watched` measures
        derandomize=count < 100,  # the same examples on every machine
        database=None,
        phases=[Phase.generate],  # to make an example of files smaller takes minutes
        report_multiple_bugs=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def each(value: Any) -> None:
        with watched():
            check(value)

    each()


# ---- words: keys and values in Hydra's grammar, then broken

COMPOSED = flatten(
    yaml.safe_load("""
about: {question: '', source: '', long: false, seconds: 1}
expect: []
data: {kind: digits, path: x, label: y, input_shape: [8, 8, 1], num_classes: 10, class_names: [], scale: unit,
  validation_split: 0, max_memory_bytes: 1, splits: {train: x}, examples: {train: 1}, name: x, order: tfds}
model: {layers: {flatten: {_target_: x}, hidden: {_target_: x, units: 1, activation: relu, after: x, inputs: []},
  output: {units: 1}}}
optimizer: {_target_: x, learning_rate: 1}
task: {labels: class, loss: {_target_: x, from_logits: true}, metrics: {accuracy: {_target_: x}}, class_weight: x}
callbacks: {x: {_target_: x, monitor: x, filepath: x}}
""")
)
KEYS = [*COMPOSED, "epochs", "batch_size", "shuffle", "seed", "precision", "jit_compile", "deterministic", "save",
        "verbosity", "data", "model", "optimizer", "task", "callbacks", "hydra", "hydra/launcher", "hydra/sweeper",
        "hydra.mode", "hydra.sweeper.params", "hydra.sweeper.union", "hydra.launcher.max_members", "hydra.run.dir",
        "model.layers", "data/x", "optimizer@x", "defaults", "silence"]  # fmt: skip
WORDS = ["adam", "sgd", "mlp", "digits", "xor", "none", "stop_at", "[stop_at,early_stopping]", "null", "true", "RUN",
         "MULTIRUN", "fused", "basic", "cells", "relu", "keras.layers.Dense", "os.system", "keras.layers.Lambda",
         "${epochs}", "${seed}", "${data.num_classes}", "${oc.env:HOME}", "'${oc.${seed}:HOME}'", "${.x}", "${..x}",
         "???", "'???'", "nan", "inf", "-inf", "1e400", "0x10", "0b1", "1_000", "9" * 5000, "-1", "1e9", "{}", "[]",
         "''", '""', "'", '"', "\\", "a b", "a\tb", "a\nb", "\0", "\x1b[2J", "é", "\u202e", "\ud7ff", "😀", "²", "٣",
         "x" * 3000, "[" * 60 + "]" * 60, "[" * 3000, "{a:" * 60 + "1" + "}" * 60, "(" * 200, "2020-01-01", "1:60",
         "!!python/name:os.system", "../../x", "/etc/passwd", "~", "$HOME", "%s", "{0}", "<<", "*", "&a", "#", "@"]  # fmt: skip
ATOMS = st.sampled_from(WORDS) | st.integers().map(str) | st.floats().map(str) | st.text(max_size=5)


def _function(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(
        [
            "choice",
            "range",
            "glob",
            "tag",
            "sort",
            "shuffle",
            "interval",
            "int",
            "float",
            "str",
            "bool",
            "json_str",
            "x",
        ]
    )
    named = st.sampled_from(["", "reverse=true", "start=1,stop=3", "exclude=[a]", "stop=1e12", "step=0", "step=1e-9"])
    parts = st.tuples(names, st.lists(inner, max_size=3), named)
    return parts.map(lambda made: f"{made[0]}({','.join([*made[1], *([made[2]] if made[2] else [])])})")


VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(inner, max_size=4).map(",".join)
        | st.lists(
            st.tuples(st.sampled_from(["a", "_target_", "units", "1", "'a b'", "class_name"]), inner), max_size=3
        ).map(lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}")
        | _function(inner)
        | inner.map(lambda text: f"'{text}'")
        | st.sampled_from(
            ["range(0,1e9)", "range(1000000000)", "range(0,1,1e-12)", "range(5,0)", "choice()", "glob(*)"]
        )
    ),
    max_leaves=6,
)


@st.composite
def broken(draw: Callable[..., Any], texts: st.SearchStrategy[str]) -> str:
    """A text with up to three places changed."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.integers(0, 3))
        text = text[:at] + draw(st.sampled_from(["", text[at:end] * 2, *"=,:.~+@/'\"{}[]()$\\ \t\n\0é"])) + text[end:]
    return text


OVERRIDES = st.tuples(
    st.sampled_from(["", "", "", "+", "++", "~"]), broken(st.sampled_from(KEYS)) | st.sampled_from(KEYS), VALUES
).map(lambda parts: parts[0] + parts[1] + ("" if parts[0] == "~" and len(parts[2]) % 2 else "=" + parts[2]))
LINES = st.lists(OVERRIDES | broken(OVERRIDES), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def composer() -> Composer:
    """One for all examples, as in a sweep."""
    return Composer("digits_quickstart")


@FEW
def test_any_overrides_give_a_cell_or_an_error(composer, count):
    def check(words: list[str]) -> None:
        if len(composer._bases) > 50:
            composer._bases.clear()
        cell = compose_cell(composer, words)
        assert json.loads(json.dumps(cell.settings, default=str))
        assert cell.fingerprint("x")

    holds(count, LINES, check)


@FEW
def test_any_axes_give_cells_or_an_error(composer, count):
    def check(words: list[str]) -> None:
        with raising() as problems:
            parsed = composer.parse(words, problems)
        own = [one for one in parsed if not one.is_hydra_override()]
        hydra = [one.input_line or "" for one in parsed if one.is_hydra_override()]
        fixed = [one.input_line or "" for one in own if not one.is_sweep_override()]
        with raising() as problems:
            grids = axes.plan_axes(own, *compose(composer, [*fixed, *hydra]).declared_axes, problems)
        for rest, grid in grids:
            if axes.count(grid) <= 2000:
                for point in itertools.islice(axes.expand(rest, grid), 3):
                    compose_cell(composer, point.overrides)

    holds(count, LINES, check)


# ---- files: the shipped ones, broken

SHIPPED = [path.read_text(encoding="utf-8") for path in sorted(project.shipped("experiments").glob("*.yaml"))]
LINES_OF = sorted({line for text in SHIPPED for line in text.splitlines() if line.strip()})
EVIL = ["hydra: {callbacks: {x: {_target_: evil.Evil}}}", "<<: *a", "x: &a [*a]", "? [a]", "? {a: b}\n: c", "- a", "...",
        "---", "%YAML 9.9", "!!python/name:os.system", "epochs: !!python/object/apply:os.system [id]", "\tepochs: 3",
        "epochs: 3\nepochs: 4", "epochs: 2020-01-01", "epochs: .nan", "epochs: .inf", "epochs: 0o17", "epochs: 1:60:60",
        "epochs: " + "9" * 5000, "epochs: !!int x", "epochs: !!timestamp x", "about: !!binary x", "about: !!set {a, b}",
        "about: " + "[" * 2000, "about: " + "{a: " * 60 + "}" * 60, "model: {layers: {a: ~, 1: ~, true: ~, 1.5: ~, ~: ~}}",
        "model: {layers: {hidden: {units: ${model.layers.hidden}}}}", "epochs: ${epochs}", "epochs: ${${seed}}",
        "data: ${data}", "model: {layers: ${model}}", "seed: ${oc.env:HOME}", "callbacks: {a: {b: {c: {_target_: os.system}}}}",
        "defaults: [mine, _self_]", "defaults: [config, {model: ../x}, _self_]", "defaults: {a: b}", "defaults: [[a]]",
        "expect: [{metric: x, between: [1]}]", "expect: [1]", "expect: {a: b}", "expect: [{log: '(a+)+$'}]",
        "task: {class_weight: {²: 1}}", "task: {metrics: {'': {_target_: x}}}", "save: [1, {a: b}]", "\ufeff", "\x85", "\0",
        "hydra: {sweeper: {params: {seed: 'range(1e12)', epochs: 3}}}", "hydra: {sweeper: {union: [1, [2]]}}",
        "hydra: {sweeper: {params: {1: 2, '': 3, a=b: c}}}", "hydra: {mode: x}", "data: {input_shape: [a, -1, 1e400]}",
        "data: {num_classes: 99999999999999999999}", "about: {seconds: 1e999}"]  # fmt: skip


@st.composite
def files(draw: Callable[..., Any]) -> bytes:
    """A shipped experiment's file with up to four lines or values changed; sometimes no text at all."""
    lines = draw(st.sampled_from(SHIPPED)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1)) if lines else 0
        match draw(
            st.sampled_from(["delete", "double", "swap", "indent", "insert", "value", "key", "letters", "wrap"])
        ):
            case "delete":
                lines = lines[:at] + lines[at + 1 :]
            case "double":
                lines[at:at] = lines[at : at + draw(st.integers(1, 4))]
            case "swap":
                other = draw(st.integers(0, max(0, len(lines) - 1)))
                if lines:
                    lines[at], lines[other] = lines[other], lines[at]
            case "indent":
                lines[at : at + 1] = [
                    draw(st.sampled_from([" ", "  ", "    ", "\t", "- "])) + line for line in lines[at : at + 1]
                ]
            case "insert":
                lines.insert(at, draw(st.sampled_from(EVIL) | st.sampled_from(LINES_OF)))
            case "value":
                value = draw(VALUES)
                lines[at : at + 1] = [
                    re.sub(r":.*", lambda found, value=value: f": {value}", line, count=1)
                    for line in lines[at : at + 1]
                ]
            case "key":
                key = draw(st.sampled_from(KEYS) | st.text(max_size=4))
                lines[at : at + 1] = [
                    re.sub(r"^(\s*)[^:\s]+:", rf"\g<1>{re.escape(key)}:", line) for line in lines[at : at + 1]
                ]
            case "letters":
                lines[at : at + 1] = [draw(broken(st.just(line))) for line in lines[at : at + 1]]
            case "wrap":
                lines = [f"{draw(st.sampled_from(KEYS))}:", *("  " + line for line in lines)]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(
        st.just(content) | st.just(content) | st.just(content) | st.binary(max_size=30).map(lambda more: content + more)
    )


@FEW
def test_any_file_is_an_experiment_or_an_error(lab, count):
    (lab / "experiments").mkdir()
    file = lab / "experiments" / "mine.yaml"

    def check(content: bytes) -> None:
        list_experiments()
        composer = Composer("mine")
        composition = compose(composer)
        explainer = Explainer(composition)
        for key in ("epochs", "model", "task.loss"):
            with contextlib.suppress(StackfitError):
                explainer.below(key) if explainer.is_mapping(key) else explainer.explain(key)
        with raising() as problems:
            axes.plan_axes([], *composition.declared_axes, problems)
        assert composition.claims is not None
        compose_cell(composer, ())

    def write(content: bytes) -> bytes:
        file.write_bytes(content)
        return content

    holds(count, files().map(write), check)


@FEW
def test_any_group_file_is_an_option_or_an_error(lab, count):
    texts = {path.parent.name: path.read_text() for path in sorted(project.shipped("conf").glob("*/*.yaml"))}
    for group in texts:
        (lab / "conf" / group).mkdir(parents=True)

    def write(made: tuple[str, str]) -> str:
        group, text = made
        (lab / "conf" / group / "mine.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        return group

    def check(group: str) -> None:
        compose_cell(Composer("digits_quickstart"), [f"{group}={'[mine]' if group == 'callbacks' else 'mine'}"])

    pairs = st.sampled_from(sorted(texts)).flatmap(
        lambda group: st.tuples(st.just(group), broken(st.just(texts[group]) | st.sampled_from(EVIL)))
    )
    holds(count, pairs.map(write), check)


# ---- what runs left, or somebody wrote in their name

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(WORDS)
    | st.just(10**400)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)
CLAIM = st.dictionaries(
    st.sampled_from([*claims.SUBJECTS, *claims.RULES, "where", "seeds", "margin", "published", "n", "source", "x"]),
    TREES,
    max_size=4,
)


@FEW
def test_any_expect_is_claims_or_an_error(count):
    def check(expect: list[Any]) -> None:
        if not list(claims.check_claims(expect, ["x:1"] * len(expect), ["loss"], ["seed"])):
            assert all(one.text() for one in claims.read_claims(expect))

    holds(count, st.lists(CLAIM | TREES, max_size=3), check)


@FEW
def test_any_run_folder_is_a_row_or_a_problem(lab, count):
    outputs = lab / "outputs" / "base"
    folder, other = outputs / "one", outputs / "two"
    for path in (folder, other):
        make_run(path, history=2, correct=[True, False, True])
    whole = json.loads((folder / "status.json").read_text())
    fields = st.dictionaries(st.sampled_from([*whole, "x"]), TREES, min_size=1, max_size=3)
    inner = st.dictionaries(st.sampled_from([*whole["settings"], *whole["metrics"], "x"]), TREES, max_size=3)
    texts = {name: (folder / name).read_text() for name in ("status.json", "history.csv", "metrics.json")}

    def write(made: tuple[Any, ...]) -> tuple[Any, ...]:
        changes, settings_, metrics, history, status, metrics_text = made
        new = whole | changes
        for name, more in (("settings", settings_), ("metrics", metrics)):
            new[name] = {**new[name], **more} if isinstance(new[name], dict) else more
        text = json.dumps(new) if status is None else status
        for name, content in (("status.json", text), ("history.csv", history), ("metrics.json", metrics_text)):
            (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
        return made

    def check(made: tuple[Any, ...]) -> None:
        for call in (
            lambda: tables.read_table([lab / "outputs"]),
            lambda: tables.read_table([lab / "outputs"], epochs=True),
            lambda: tables.read_table([lab / "outputs"], over="seed"),
            lambda: comparison.compare([folder, other]).render(),
            lambda: comparison.compare([lab / "outputs"]).render("md"),
            lambda: run_files.read_metrics(folder),
            lambda: Run(folder).history,
        ):
            with contextlib.suppress(StackfitError):
                call()

    maybe = st.none() | st.none() | broken(st.just(texts["status.json"]))
    changed = [broken(st.just(texts[name])) for name in ("history.csv", "metrics.json")]
    holds(count, st.tuples(fields, inner, inner, changed[0], maybe, changed[1]).map(write), check)


@FEW
def test_any_stored_config_is_a_config_or_an_error(lab, composer, count):
    whole = compose_cell(composer, ["callbacks=[stop_at]"]).config
    folder = Path(make_run(lab / "outputs" / "base" / "one"))
    places_ = st.lists(st.tuples(st.sampled_from([*flatten(whole), *whole, "x"]), TREES), min_size=1, max_size=3)

    def write(made: tuple[list[tuple[str, Any]], str | None]) -> Any:
        config = json.loads(json.dumps(whole))
        for key, value in made[0]:
            node, *rest = config, *key.split(".")
            for part in rest[:-1]:
                node = node[part] if isinstance(node.get(part), dict) else node
            node[rest[-1]] = value
        text = yaml.safe_dump(config) if made[1] is None else made[1]
        (folder / "config.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        return made

    text = yaml.safe_dump(whole)
    values = st.tuples(places_, st.none() | st.none() | broken(st.just(text)) | st.sampled_from(EVIL))
    holds(count, values.map(write), lambda made: check_stored(Run(folder).config, (), "config.yaml"))


@FEW
def test_any_project_file_trusts_modules_or_is_an_error(lab, count):
    text = '[project]\nname = "x"\n\n[tool.stackfit]\ntrust = ["experiments.mine"]\n'
    made = broken(st.just(text)) | VALUES.map(lambda value: f"[tool.stackfit]\ntrust = {value}\n")

    def write(content: str) -> str:
        (lab / "pyproject.toml").write_bytes(content.encode("utf-8", "surrogatepass"))
        return content

    holds(count, made.map(write), lambda content: project.project_trust())
