"""The Python API: what the commands do, as functions that return objects. `help(stackfit)` lists them."""

from __future__ import annotations

from stackfit.api.launch import plan, run, sweep
from stackfit.api.proofs import Run, check, eject, evaluate, load_model, predict, verify
from stackfit.api.tools import export, log_to_mlflow, plot, report
from stackfit.api.views import best, compare, experiments, explain, search_summary, show, table

__all__ = ["Run", "best", "check", "compare", "eject", "evaluate", "experiments", "explain", "export", "load_model",
           "log_to_mlflow", "plan", "plot", "predict", "report", "run", "search_summary", "show", "sweep", "table", "verify"]  # fmt: skip
