"""`stop`: ask a sweep's workers to stop."""

from __future__ import annotations

import sys

from stackfit.cli.working import Sweep
from stackfit.errors import counted


def command(sweep: Sweep) -> None:
    """From any machine that sees the folder. Workers leave their cells with a checkpoint; new workers go on from there.

    stackfit stop outputs/gsp631_base/sweep-1a2b3c4d
    """
    from stackfit.results.sweep_folder import SweepFolder

    workers = SweepFolder(sweep).ask_to_stop()
    asked = f"Asked {counted(workers, 'worker')} to stop. Each looks about once a second."
    print(asked if workers else "No worker is known to run. Any that has begun by now will stop.", file=sys.stderr)
