"""`log-to mlflow`: runs that have ended into MLflow."""

from __future__ import annotations

import sys
from typing import Annotated

from stackfit.cli.arguments import Paths, option
from stackfit.cli.text import complain, say


def command(
    paths: Paths = None,
    uri: Annotated[
        str | None, option("A tracking server or a folder; else MLFLOW_TRACKING_URI, or MLflow's own files here.", metavar="URI")
    ] = None,
) -> int:
    """Settings become parameters, metrics have a value an epoch, and the files of the run are artifacts; the cells of a sweep stand
    below one run. What was logged there before is left alone. Exit code 1 if a run could not be logged.

    stackfit log-to mlflow gsp631_base --uri http://127.0.0.1:5000
    """
    from stackfit.results.mlflow_log import log_runs

    ids, problems = log_runs(paths or (), uri, say)
    complain(problems)
    sys.stdout.write("".join(f"{each}\n" for each in ids))
    return 1 if problems else 0
