"""`verify`: one line a run, and below it what differs and what has changed since."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from stackfit.cli import completion
from stackfit.cli.arguments import DataPath, Trust, chosen_runs, option, word
from stackfit.results.certificate import UNKNOWN, VERDICTS
from stackfit.results.run_files import RunFiles

NAMES = {"data_fingerprint": "data", "numerics": "stackfit's numerics"}
PREFIXES = {"versions.": "", "determinism.": "", "variables.": "", "code.": "code of "}


def command(
    runs: Annotated[
        list[Path],
        word("Run folders, sweeps, or experiments' names: the newest finished run.", completion.runs, "RUN..."),
    ],
    tolerance: Annotated[float, option("By how much a metric may differ where the weights are not equal.")] = 1e-3,
    quiet: Annotated[bool, option("Only the verdicts.", "--quiet", "-q")] = False,
    data_path: DataPath = None,
    trust: Trust = None,
) -> int:
    """From the folder alone; every epoch's metrics, the weights, the predictions and the model are compared.

    bit-equal, within tolerance, or diverged: then with the first epoch that differs and what has changed since. The
    verdict is kept as certificate.json and shown by `stackfit table`. Exit code 1 when a run diverged or could not be
    verified, or when a file of it has changed since the run wrote it; 2 when none could be verified.
    """
    from stackfit.cli.each import for_each
    from stackfit.execution.progress import Reporter, make_reporter
    from stackfit.files import shown
    from stackfit.proof.verify import find_folders, verify
    from stackfit.results.run import Run
    from stackfit.results.run_folder import RunFolder

    reporter = Reporter(0) if quiet else make_reporter()
    found: list[Path] = []
    code = for_each(runs, lambda path: found.extend(find_folders(chosen_runs([path])[0], reporter)), shown)
    verdicts: list[str] = []

    def judge(folder: Path) -> None:
        reporter.line(f"{shown(folder)}: running it again ({found.index(folder) + 1} of {len(found)})")
        certificate = verify(Run(folder, data_path), reporter, trust or (), tolerance)
        sys.stdout.write("\n".join(lines(certificate, shown(folder), quiet)) + "\n")
        sys.stdout.flush()
        verdicts.append(certificate["verdict"])
        if reason := RunFolder(folder).write_certificate(certificate):
            reporter.line(f"warning: the verdict is not signed, so it counts as another's: {reason}", always=True)

    if found:
        code = max(code, for_each(found, judge, shown))
    if len(found) > 1:
        counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
        counts["error"] = len(found) - len(verdicts)
        sys.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) + "\n")
    if not verdicts:
        return 2
    return 1 if code or {"diverged", "changed"} & {*verdicts} else 0


def lines(certificate: dict[str, Any], folder: str, quiet: bool = False) -> Iterator[str]:
    """The verdict on one line; below it where it differs, and what has changed since the run."""
    verdict = certificate["verdict"]
    equal = certificate["numbers"] == "bit-equal"
    yield f"{verdict:<{max(map(len, VERDICTS))}}  {folder}  {_compared(certificate) if equal else _apart(certificate)}"
    if not equal and (first := certificate["first"]):
        when = f"epoch {first['epoch']}" if first["epoch"] else "at the end"
        yield f"  first {when}: {first['metric']} {_short(first['was'])} -> {_short(first['now'])}"
    yield from (f"  {fault}" for fault in certificate["faults"])
    if changed := certificate["changed"]:
        yield f"  changed since it was written: {', '.join(changed)}"
    changes = [_change(factor) for factor in certificate["factors"]]
    if changes and not (equal and quiet):
        yield f"  {'although these have' if equal else 'what has'} changed since: {'; '.join(changes)}"
    if not equal and not changes and not changed and not certificate["faults"]:
        yield from _no_factor(certificate)


def _compared(certificate: dict[str, Any]) -> str:
    compared = certificate["compared"]
    scores = f", {compared['predictions']:,} predictions" if compared["predictions"] else ""
    models = "".join(f", {RunFiles(Path()).model(form)}" for form in compared["models"])
    return f"{_count(compared['epochs'], 'epoch')}, weights{scores}{models}{_no_manifest(certificate)}"


def _no_manifest(certificate: dict[str, Any]) -> str:
    return "" if certificate["manifest"] else f", {UNKNOWN}"


def _apart(certificate: dict[str, Any]) -> str:
    parts = []
    if largest := certificate["largest"]:
        when = f"epoch {largest['epoch']}" if largest["epoch"] else "final"
        parts.append(f"largest difference {abs(largest['was'] - largest['now']):.3g} ({largest['metric']}, {when})")
    if certificate["compared"]["weights"]:
        parts.append("equal weights" if certificate["weights_equal"] else "other weights")
    if scores := certificate["predictions"]:
        parts.append(f"{scores['differ']:,} of {scores['examples']:,} predictions differ")
    return ", ".join(parts) + _no_manifest(certificate)


def _no_factor(certificate: dict[str, Any]) -> Iterator[str]:
    missing = certificate["not_recorded"]
    besides = f" (the run did not record its {', '.join(missing)})" if missing else ""
    yield f"  nothing that is recorded has changed since{besides}: versions, threads, processor, data and code are the same"
    modes = [environment.get("determinism") or {} for environment in certificate["environment"].values()]
    if any(mode.get("op_determinism") is False for mode in modes):
        yield "  deterministic: false: TensorFlow may add up in another order each time. Set deterministic=true"
    else:
        yield "  the cause is not known: a file of the run was changed, or code that depends on more than its seed"


def _change(factor: dict[str, Any]) -> str:
    name = factor["metric"]
    for prefix, kind in PREFIXES.items():
        if name.startswith(prefix):
            name = kind + name.removeprefix(prefix)
    unset = "unset" if factor["metric"].startswith("variables.") else "none"
    was, now = (unset if factor[side] is None else _short(factor[side]) for side in ("was", "now"))
    return f"{NAMES.get(name, name)} {was} -> {now}"


def _short(value: Any) -> str:
    """A number to the digits of float32, a digest's first 12; texts whole."""
    if isinstance(value, float):
        return f"{value:.9g}"
    text = "none" if value is None else str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
