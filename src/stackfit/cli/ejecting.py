"""`eject`: a way out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import DataPath, RunPath, Trust, option


def command(
    run: RunPath,
    out: Annotated[Path | None, option("Write it here, your own data next to it.", metavar="FILE")] = None,
    data_path: DataPath = None,
    trust: Trust = None,
) -> None:
    """Its weights are bit-equal to the run's. Without --out it is printed, for data sets that a name fetches.

    stackfit eject outputs/gsp631_base/2026-01-31_12-00-00 --out train.py
    """
    from stackfit.proof.eject.script import eject
    from stackfit.results.run import Run

    text = eject(Run(run, data_path), trust or (), out)
    sys.stdout.write(f"{out}\n" if out else text)
