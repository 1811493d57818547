"""A page of `stackfit report`, read as a program reads it: its texts, its table, and the data that its script gets."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class PageReader(HTMLParser):
    """Tags with their attributes, the text outside of scripts and styles, and the rows of each table."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self._inside, self._in_table = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
            if tag == "script":
                self.scripts.append((dict(attrs), ""))
        elif tag == "table":
            self.tables.append([])
            self._in_table = True
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("th", "td") and self.tables:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""
        self._in_table = self._in_table and tag != "table"

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif not self._inside:
            self.words.append(data)
            if self._in_table and self.tables[-1] and self.tables[-1][-1] and data.strip():
                self.tables[-1][-1][-1] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(next(text for attributes, text in self.scripts if attributes.get("id") == "data"))

    def column(self, place: int) -> list[Any]:
        """A column of the page's data, decoded as its script decodes it."""
        coded = self.data["columns"][place]
        if isinstance(coded, list):
            return coded
        if "of" in coded:
            values = self.column(coded["of"])
            return [values[number] for number in coded["at"]]
        values, before = [], ""
        for shared, rest in zip(coded["front"][::2], coded["front"][1::2], strict=True):
            before = before[:shared] + rest
            values.append(before)
        return values

    def rows(self, places: dict[str, int]) -> dict[str, list[Any]]:
        return {name: self.column(place) for name, place in places.items()}


def read_page(path: Path) -> PageReader:
    return PageReader(path.read_text(encoding="utf-8"))


def sections_of(text: str) -> list[str]:
    """The names of a page's sections, from top to bottom."""
    return re.findall(r'<section id="([\w-]+)"', text)
