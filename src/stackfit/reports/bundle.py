"""The drawing program of a page: Vega and its interpreter, as vl-convert carries them, and charts compiled for it.

The interpreter walks through expressions where Vega would compile them, so that the page may forbid evaluated text. Without
Vega-Lite and vega-embed, which are not needed once a chart is compiled, it is a third smaller and starts sooner.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import mmap
import re
from pathlib import Path
from typing import Any

from stackfit.errors import StackfitError

VEGA_LITE = "6.4"  # of those that vl-convert knows
# vl-convert's own copies of Vega's modules have these names in a bundle; nothing is fetched. It tells the version of `vega`, and
# offers `vega` in a bundle, but there it is null: that module has no default.
ADDRESS = "https://cdn.jsdelivr.net/npm/{name}@{version}/+esm.js"
PROGRAM = 'import {{parse, View}} from "{vega}"; import {{expressionInterpreter}} from "{interpreter}"; window.vega = {{parse, View, expressionInterpreter}};'


@functools.cache
def drawing_program() -> str:
    """JavaScript that defines `vega`; its own names stay inside a function."""
    import vl_convert

    names = {"vega": _address("vega"), "interpreter": _address("vega-interpreter")}
    return f"(() => {{{vl_convert.javascript_bundle(PROGRAM.format(**names), VEGA_LITE)}}})();"


def _address(name: str) -> str:
    """The name of vl-convert's copy of a module; StackfitError if it has none."""
    found = importlib.util.find_spec("vl_convert.vl_convert")
    assert found is not None and found.origin is not None
    with Path(found.origin).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
        found_name = re.search(rb"/npm/" + name.encode() + rb"@(\d+\.\d+\.\d+)/", library)
        version = found_name and found_name[1].decode()
    if version is None:
        raise StackfitError(
            f"vl-convert-python has no {name} in it. Expected one that draws in a page. Type: pip install vl-convert-python==1.9.0"
        )
    return ADDRESS.format(name=name, version=version)


def compiled(chart: Any) -> dict[str, Any]:
    """An Altair chart as Vega draws it, without the colours, which the page chooses."""
    import vl_convert

    record = json.loads(chart.to_json(validate=False))
    record.pop("config", None)
    spec: dict[str, Any] = vl_convert.vegalite_to_vega(record, vl_version=VEGA_LITE)
    return {name: value for name, value in spec.items() if name != "background"}
