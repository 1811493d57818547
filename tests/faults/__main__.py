"""`python -m faults [NAME…] [--few]`: inject the named faults, or all, and write docs/reliability.md; the exit code is 1 if one did harm."""

from __future__ import annotations

import argparse
import sys

from faults import FAULTS
from faults.fault import run_fault
from faults.report import write_page, write_result


def main() -> int:
    """Inject faults, report, and print what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FAULTS)}; all if none")
    parser.add_argument("--count", type=int, metavar="N", help="at most this many cases of each; writes nothing")
    typed = parser.parse_args()
    if not set(typed.names) <= FAULTS.keys():
        parser.error(f"expected names of {', '.join(FAULTS)}")
    harm = False
    for name in typed.names or FAULTS:
        result = run_fault(FAULTS[name], typed.count, lambda line: print(line, file=sys.stderr, flush=True))
        harm |= bool(result.wrong)
        print(f"{name}: {result.injected} injected, {len(result.wrong)} wrong, {result.seconds:.0f} s", flush=True)
        for line in (*result.wrong, *sorted(set(result.impossible))):
            print(f"  {line}", flush=True)
        if typed.count is None:
            write_result(FAULTS[name], result)
    if typed.count is None:
        write_page()
    return 1 if harm else 0


if __name__ == "__main__":
    sys.exit(main())
