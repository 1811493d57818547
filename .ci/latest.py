"""The newest versions that pyproject.toml allows: write them down as constraints.txt, or run the tests with them.

    python .ci/latest.py --lock     a new environment with every extra; its versions become constraints.txt
    python .ci/latest.py            the tests with the newest versions; each test that fails runs again with one newer
                                    package at a time put back to its locked version, which tells the cause
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "constraints.txt"
FOLDER = ROOT / ".venv-latest"
PYTHON = FOLDER / "bin" / "python"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
TESTS = [str(PYTHON), "-m", "pytest", "-q", "-m", "not slow and not extra"]
HEAD = """\
# Every package that stackfit and its extras are tested with; written by `make lock`, used by `make lab` and `make test`.
# `make test-latest` runs the tests without it.
"""


def install(extras: str) -> dict[str, str]:
    """A new environment with the newest allowed versions; `{package: version}`, without stackfit itself."""
    venv.create(FOLDER, clear=True, with_pip=True)
    subprocess.run([*PIP, "install", "--quiet", "-e", f".[{extras}]"], cwd=ROOT, check=True)
    listed = subprocess.run(
        [*PIP, "list", "--format", "json", "--exclude-editable"], check=True, capture_output=True, text=True
    )
    found = {package["name"].lower(): package["version"] for package in json.loads(listed.stdout)}
    return {name: found[name] for name in sorted(found) if name not in ("pip", "setuptools", "stackfit")}


def read_lock() -> dict[str, str]:
    """`{package: version}` of constraints.txt."""
    lines = LOCK.read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def failing(only_last: bool) -> set[str]:
    """Run the tests, or those that failed last; the names of those that fail."""
    report = subprocess.run([*TESTS, *(["--last-failed"] if only_last else [])], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(report.stdout)
    return set(re.findall(r"^(?:FAILED|ERROR) (\S+)", report.stdout, re.MULTILINE))


def test_latest() -> int:
    """Exit code 0 if all tests pass with the newest versions."""
    locked, latest = read_lock(), install("test")
    newer = {name: version for name, version in latest.items() if locked.get(name, version) != version}
    for name, version in newer.items():
        print(f"newer: {name} {locked[name]} -> {version}", flush=True)
    for name in latest.keys() - locked.keys():
        print(f"not in constraints.txt: {name} {latest[name]}", flush=True)
    broken = failing(only_last=False)
    causes = []
    for name, version in newer.items() if broken else ():
        subprocess.run([*PIP, "install", "--quiet", "--no-deps", f"{name}=={locked[name]}"], check=True)
        mended = broken - failing(only_last=True)
        subprocess.run([*PIP, "install", "--quiet", "--no-deps", f"{name}=={version}"], check=True)
        causes += [f"{name} {version} breaks {test}; it passes with {locked[name]}" for test in sorted(mended)]
    print("\n".join(causes) or f"{len(newer)} newer versions, {len(broken)} failing tests")
    return 1 if broken else 0


if __name__ == "__main__":
    if "--lock" in sys.argv:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        versions = install(",".join(extras))
        LOCK.write_text(HEAD + "".join(f"{name}=={version}\n" for name, version in versions.items()))
        print(f"{LOCK.name}: {len(versions)} packages")
    else:
        sys.exit(test_latest())
