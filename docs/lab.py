"""Run every command of docs/lab.md in an empty folder and write what it prints below it: python docs/lab.py

With words (`python docs/lab.py compare 'seed=range'`) only the commands that hold one of them.
"""

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


def expected(command: str) -> int:
    """The exit code that a command of the page must have: two exercises are errors."""
    return 2 if re.search("run gsp631_ex[45]", command) else 0


def main() -> None:
    """Fill the page in; a command that ends otherwise than it must leaves it as it is."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def fill(match: re.Match[str]) -> str:
            if sys.argv[1:] and not any(word in match.group(1) for word in sys.argv[1:]):
                return match.group(0)
            print(match.group(1), file=sys.stderr, flush=True)
            code, printed = run(match.group(1), Path(folder))
            if code != expected(match.group(1)):
                sys.exit(f"It ended with {code}:\n{printed}")
            lines = [
                line.replace(f"{folder}/", "").replace(f"{PAGE.parents[1]}/", "").replace(str(Path.home()), "~") for line in printed.splitlines()
            ]
            return "\n".join(["```console", f"$ {match.group(1)}", *(line.rstrip() for line in lines), "```"])

        PAGE.write_text(BLOCK.sub(fill, text), encoding="utf-8")


if __name__ == "__main__":
    main()
