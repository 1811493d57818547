"""The plan of a search as text: its space, how its batches shrink, what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stackfit.cli.text import as_fact, as_seconds
from stackfit.errors import counted
from stackfit.keys import short_names
from stackfit.results.layout import fold, lay_out

LONGEST = 40  # characters of a line of an axis's space


def search_lines(plan: dict[str, Any]) -> Iterator[str]:
    """The lines of `plan_search`; the rows of its first batch are in the JSON document."""
    search = plan.get("search")
    if not search:
        yield f"{plan['experiment']}: cannot be trained"
        return
    size = "infinitely many settings" if search["size"] is None else counted(search["size"], "setting")
    yield f"{plan['experiment']}: a search among {size}, by {search['sampler']}"
    names = short_names(axis["key"] for axis in search["axes"])
    rows = [["axis", "values", "space"]]
    for axis in search["axes"]:
        values = "∞" if axis["values"] is None else f"{axis['values']:,}"
        name = names[axis["key"]] if axis["grid"] is None else f"{names[axis['key']]} ({axis['grid'] + 1})"
        rows.append([name, values, fold(axis["space"], LONGEST)])
    yield from lay_out(rows, "lrl")
    yield as_fact("trials", _trials(search))
    yield as_fact("ranked", _ranked(search))
    yield as_fact("budget", _budget(search))
    if search["seconds"] is not None:
        yield as_fact("time", f"about {as_seconds(search['seconds'])}")
    elif search["listed"]:
        yield as_fact("time", f"not estimated; {search['listed']} trials have been asked for already")
    elif not plan["errors"]:
        yield as_fact("time", "not measured; --probe trains for a moment to estimate it")
    if not search["installed"]:
        yield as_fact("needs", "optuna, which is not installed. Type: pip install 'stackfit[search]'")
    yield as_fact("folder", plan["folder"])


def _trials(search: dict[str, Any]) -> str:
    seeds = f", {search['seeds']} seeds each" if search["seeds"] > 1 else ""
    if search["trials"] is None:
        return f"as many as {search['minutes']:g} minutes last for, in batches of {search['batch']}{seeds}"
    until = "" if search["minutes"] is None else f", or until {search['minutes']:g} minutes are over"
    batches = f"{search['batches']} batch{'es' * (search['batches'] != 1)} of {search['batch']}"
    return f"{search['trials']:,} in {batches}{seeds}{until}"


def _ranked(search: dict[str, Any]) -> str:
    metric = " and ".join(search["metric"])
    if not search["rungs"]:
        return f"by {metric} at the end; nothing is pruned"
    rungs, training = search["rungs"], search["epochs"]["training"]
    left = [str(training[rung]) for rung in rungs]
    after = f"epoch{'s' * (len(rungs) > 1)} {', '.join(map(str, rungs))}"
    return f"by {metric} after {after}; of {training[0]} trials then {', '.join(left)} go on ({search['pruner']})"


def _budget(search: dict[str, Any]) -> str:
    epochs = search["epochs"]
    of = "" if search["trials"] is not None else " a batch"
    if epochs["budget"] == epochs["full"]:
        return f"{epochs['full']:,} epochs{of}; fewer if cells stop by themselves"
    share = f"{100 * epochs['share']:.0f} %"
    return f"{epochs['budget']:,} of {epochs['full']:,} epochs{of}, {share}; fewer if cells stop by themselves"
