"""What was claimed and what was measured: printed, kept in `results/`, and shown in the README."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import HERE, Rounds
from stackfit.training.tensorflow import runtime

RESULTS, README = HERE / "results", HERE / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
PACKAGES = ("stackfit", "tensorflow", "keras", "tensorflow-datasets", "numpy", "hydra-core", "pandas")


@dataclass(frozen=True)
class Claim:
    """A number that must not exceed its target."""

    what: str
    value: float
    target: float
    unit: str  # "x" for a ratio, "s", "GB", or "" for a count

    @property
    def reached(self) -> bool:
        return self.value <= self.target

    def row(self) -> list[str]:
        """The claim as a row of a table."""
        value = f"{self.value:.3g} {self.unit}".rstrip()
        target = f"≤ {self.target:g} {self.unit}".rstrip()
        return [self.what, value, target, "reached" if self.reached else "**MISSED**"]


@dataclass(frozen=True)
class Result:
    """The claims of one benchmark, and everything that was measured for them."""

    claims: list[Claim]
    rounds: list[Rounds]

    def markdown(self) -> str:
        """Two tables: the claims, and what each program took."""
        claims = [["claim", "measured", "target", ""], *(claim.row() for claim in self.claims)]
        programs = [["program", "seconds, median", "range", "CPU", "peak GB", "also"]]
        for rounds in self.rounds:
            for name, figures in rounds[0].items():
                seconds = rounds.values(name)
                span = f"{min(seconds):.2f} to {max(seconds):.2f}"
                also = [f"{key} {rounds.median(name, key):.4g}" for key in list(figures)[3:]]
                numbers = [rounds.median(name), rounds.median(name, "cpu"), rounds.peak(name)]
                clock, cpu, peak = (f"{number:.2f}" for number in numbers)
                programs.append([name, clock, span, cpu, peak, ", ".join(also)])
        return f"{_table(claims)}\n{_table(programs)}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in padded)


def describe_machine() -> dict[str, str]:
    """When, which versions, what machine, and how busy it was before the first benchmark."""
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall("model name.*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    describe = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": (models or [platform.machine()])[0],
        "cores": str(runtime.cores()),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "commit": subprocess.run(describe, capture_output=True, text=True).stdout.strip() or "unknown",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def write_result(name: str, question: str, result: Result, machine: dict[str, str]) -> None:
    """`results/<name>.json` and `.md`, and all results into the README, between its markers."""
    RESULTS.mkdir(exist_ok=True)
    claims = [asdict(claim) | {"reached": claim.reached} for claim in result.claims]
    content = {"question": question, "machine": machine, "claims": claims, "rounds": result.rounds}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    where = ", ".join(f"{key} {value}" for key, value in machine.items())
    text = f"### {name}\n\n{question}\n\n{result.markdown()}\n{where}\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    stored = "\n".join(path.read_text(encoding="utf-8") for path in sorted(RESULTS.glob("*.md")))
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{stored}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
