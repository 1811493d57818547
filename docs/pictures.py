"""Make the pictures of docs/pictures again, from real runs on the digits: python docs/pictures.py [NAME…]

Needs `pip install -e '.[browser]'` and Debian's chromium. With names (`python docs/pictures.py search`) only these; with --keep FOLDER the
runs are made there, and kept for the next time.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

FOLDER = Path(__file__).resolve().parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 120_000
SWEEP = ("digits_quickstart", "-m", "model.layers.hidden.units=8,16,32,64", "optimizer.learning_rate=0.001,0.003", "seed=range(5)")
SEARCH = ("search_quickstart",)
PLOT = ("digits_quickstart", "--kind", "axis", "--by", "units", "--width", "120")


class Shot(NamedTuple):
    """A part of a page: so many pixels of it, from the heading of a section or from the top."""

    runs: tuple[str, ...]
    width: int
    height: int
    mode: str
    section: str = ""


SHOTS = {
    "report": Shot(SWEEP, 1280, 900, "light"),
    "phone": Shot(SWEEP, 390, 900, "dark", "runs"),
    "search": Shot(SEARCH, 1280, 1000, "light", "search"),
}


def stackfit(folder: Path, *words: str) -> None:
    """Run a command in the folder."""
    subprocess.run([sys.executable, "-m", "stackfit", *words], cwd=folder, check=True)


def save(name: str, picture: bytes) -> None:
    """Write a picture with the fewest colours that it needs; it must stay small."""
    path = FOLDER / f"{name}.png"
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}  {path.stat().st_size:,} bytes")
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{path} is too large. Expected at most {MOST_BYTES:,} bytes.")


@contextmanager
def drawn(browser: Any, file: Path, width: int, height: int, mode: str) -> Iterator[Any]:
    """The page in a window of this size, with every chart drawn."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=mode)
    page.goto(file.as_uri())
    for chart in page.query_selector_all(".chart[data-figure]"):
        chart.scroll_into_view_if_needed()
        while not page.evaluate("chart => 'drawn' in chart.dataset", chart):
            page.wait_for_timeout(50)
    page.evaluate("scrollTo(0, 0)")
    yield page
    page.close()


def shoot(browser: Any, shot: Shot, file: Path) -> bytes:
    """The picture."""
    with drawn(browser, file, shot.width, shot.height, shot.mode) as page:
        if shot.section:
            page.evaluate("name => document.getElementById(name).scrollIntoView({behavior: 'instant'})", shot.section)
        return page.screenshot()


def main() -> None:
    """Make them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"{', '.join(SHOTS)}, plot")
    parser.add_argument("--keep", type=Path, help="the folder of the runs")
    given = parser.parse_args()
    names = given.names or [*SHOTS, "plot"]
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        runs = {SHOTS[name].runs if name in SHOTS else SWEEP for name in names}
        for words in runs:
            stackfit(folder, "run", *words)
            stackfit(folder, "report", words[0], "--out", f"{words[0]}.html")
        for name in names:
            if name == "plot":
                stackfit(folder, "plot", *PLOT, "--out", "plot.png")
                save(name, (folder / "plot.png").read_bytes())
            else:
                save(name, shoot(browser, SHOTS[name], folder / f"{SHOTS[name].runs[0]}.html"))
        browser.close()


if __name__ == "__main__":
    main()
