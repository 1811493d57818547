"""stackfit: declarative Keras experiments.

    >>> import stackfit
    >>> run = stackfit.run("digits_quickstart", {"epochs": 2, "model.layers.hidden.units": 32})
    >>> run.metrics["test_accuracy"], run.history, run.folder
    >>> stackfit.sweep("digits_quickstart", {"model.layers.hidden.units": [16, 32], "seed": range(3)})
    >>> stackfit.table("digits_quickstart", over="seed")

Each function does what the command of its name does; `experiments` is `stackfit list`. Importing stackfit is cheap;
TensorFlow is loaded when something is trained, evaluated or loaded. Errors are `stackfit.errors.StackfitError`; with
`stackfit.debug = True`, or STACKFIT_DEBUG=1 in the environment, they come with every frame.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackfit.api import (
        Run,
        best,
        check,
        compare,
        eject,
        evaluate,
        experiments,
        explain,
        export,
        load_model,
        log_to_mlflow,
        plan,
        plot,
        predict,
        report,
        run,
        search_summary,
        show,
        sweep,
        table,
        verify,
    )

__version__ = "0.1.0"
__all__ = ["Run", "best", "check", "compare", "eject", "evaluate", "experiments", "explain", "export", "load_model",
           "log_to_mlflow", "plan", "plot", "predict", "report", "run", "search_summary", "show", "sweep", "table", "verify"]  # fmt: skip
debug = os.environ.get("STACKFIT_DEBUG", "0") not in ("", "0")


def __getattr__(name: str) -> Any:
    if name in __all__:
        from stackfit import api

        return getattr(api, name)
    from stackfit.errors import did_you_mean

    raise AttributeError(
        f"module 'stackfit' has no attribute {name!r}.{did_you_mean(name, __all__)} Expected one of: {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
