"""Run every command of docs/lab.md in an empty folder and write what it prints below it: python docs/lab.py"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "lab.md"
BLOCK = re.compile(r"```console\n\$ (.+)\n(?:.*\n)*?```")


def commands(text: str) -> list[str]:
    """The page's commands, in order."""
    return BLOCK.findall(text)


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run one command by bash, with this Python's programs first; its exit code, and stderr before stdout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "118"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr + done.stdout


def main() -> None:
    """Fill the page in."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def fill(match: re.Match[str]) -> str:
            _, printed = run(match.group(1), Path(folder))
            lines = [
                line.replace(f"{folder}/", "").replace(f"{PAGE.parents[1]}/", "").replace(str(Path.home()), "~") for line in printed.splitlines()
            ]
            return "\n".join(["```console", f"$ {match.group(1)}", *(line.rstrip() for line in lines), "```"])

        PAGE.write_text(BLOCK.sub(fill, text), encoding="utf-8")


if __name__ == "__main__":
    main()
