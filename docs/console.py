"""Run every command of a page in an empty folder and write what it prints below it: python docs/console.py lab

The pages: lab, tutorial. With words (`python docs/console.py lab compare 'seed=range'`) only the commands that hold one of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BLOCK = re.compile(r"```console\n\$ (.+)\n(?:.*\n)*?```")


def commands(page: str) -> list[str]:
    """The commands of a page, in order."""
    return BLOCK.findall((FOLDER / f"{page}.md").read_text(encoding="utf-8"))


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run one command by bash, with this Python's programs first; its exit code, and stderr before stdout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "118"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr + done.stdout


def as_on_a_terminal(lines: list[str]) -> list[str]:
    """The lines without the test metrics that a pipe gets once more: a terminal has shown them in the line `test`."""
    is_told = any(line.startswith("test  ") for line in lines)
    return [line for line in lines if not (is_told and line.startswith("test_"))]


def expected(command: str) -> int:
    """The exit code that a command of the page must have: mistakes of the page are errors."""
    return 2 if re.search("run gsp631_ex[45]|hiden", command) else 0


def main() -> None:
    """Fill the page in; a command that ends otherwise than it must leaves it as it is."""
    page = FOLDER / f"{sys.argv[1]}.md"
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def fill(match: re.Match[str]) -> str:
            if sys.argv[2:] and not any(word in match.group(1) for word in sys.argv[2:]):
                return match.group(0)
            print(match.group(1), file=sys.stderr, flush=True)
            code, printed = run(match.group(1), Path(folder))
            if code != expected(match.group(1)):
                sys.exit(f"It ended with {code}:\n{printed}")
            lines = [
                line.replace(f"{folder}/", "").replace(f"{FOLDER.parent}/", "").replace(str(Path.home()), "~") for line in printed.splitlines()
            ]
            return "\n".join(["```console", f"$ {match.group(1)}", *(line.rstrip() for line in as_on_a_terminal(lines)), "```"])

        page.write_text(BLOCK.sub(fill, text), encoding="utf-8")


if __name__ == "__main__":
    main()
