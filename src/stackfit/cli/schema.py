"""`schema`: what an editor may know about experiment files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli import completion
from stackfit.cli.arguments import option
from stackfit.cli.text import write_whole
from stackfit.errors import ConfigError


def command(
    output: Annotated[Path | None, option("Write it to a file.")] = None,
    group: Annotated[
        str | None, option("Of a group's files in conf/: data, model, …", offers=completion.groups)
    ] = None,
    fresh: Annotated[bool, option("Make it from the installed Keras, whatever was shipped.", "--fresh")] = False,
) -> None:
    """Keys, targets with their arguments, types and choices. `stackfit new` places it next to your experiments."""
    from stackfit.files import write_text, writing
    from stackfit.model import json_schema

    schema = None if fresh else json_schema.shipped_schema()
    if schema is None:
        from stackfit.execution.engines import ENGINES
        from stackfit.training.engine import Settings

        ENGINES["tensorflow"].start(Settings())
        schema = json_schema.generate()
    text = json_schema.text_of(json_schema.group_schema(schema, group) if group else schema)
    if output is None:
        write_whole(text)
        return
    with writing(output, "a folder of yours", "Try: --output experiments/.schema.json", ConfigError):
        write_text(output, text)
    sys.stdout.write(f"{output}\n")
