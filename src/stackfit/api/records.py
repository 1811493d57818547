"""What the API hands out besides runs and tables: plain containers that a notebook shows as the commands print them."""

from __future__ import annotations

from typing import Any

from stackfit.api.wording import in_python


class Text(str):
    """A text that is shown with its lines."""

    def __repr__(self) -> str:
        return str(self)


class Config(dict[str, Any]):
    """A composed config; shown as YAML."""

    def __repr__(self) -> str:
        import yaml

        return yaml.safe_dump(dict(self), sort_keys=False, allow_unicode=True).rstrip()


class Plan(dict[str, Any]):
    """A plan as `stackfit plan --json` prints it; shown as `stackfit plan` prints it."""

    def __repr__(self) -> str:
        from stackfit.cli.planning import plan_lines, problem_lines

        return "\n".join([*plan_lines(self), *map(in_python, problem_lines(self))])


class Search(dict[str, Any]):
    """What a search found; shown as `stackfit table` prints it below the search's table."""

    def __repr__(self) -> str:
        from stackfit.results.search_lines import search_lines

        return "\n".join(search_lines(self))


class Certificate(dict[str, Any]):
    """What `verify` found, as in the run's certificate.json; shown as `stackfit verify` prints it."""

    def __init__(self, content: dict[str, Any], folder: str):
        super().__init__(content)
        self.folder = folder

    def __repr__(self) -> str:
        from stackfit.cli.verifying import lines

        return "\n".join(lines(self, self.folder))
