"""A page of `stackfit report` in a real browser: it asks for nothing, complains of nothing, and each control does what it says."""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path

import pytest
from made_runs import make_run
from test_classbook import mark
from test_page import HOSTILE
from test_searched import BOTH, make_search

import stackfit
from stackfit.execution.progress import Reporter
from stackfit.reports.classbook import class_page
from stackfit.reports.page import render
from stackfit.results.run_folder import RunFolder

pytestmark = pytest.mark.extra
CHROMIUM = "/usr/bin/chromium"
UNITS, RATES, KINDS = (16, 32, 64, 128, 256), (0.0001, 0.0003, 0.001, 0.003, 0.01), ("elu", "gelu", "relu", "selu", "silu", "tanh", "sigmoid", "softplus")
SECONDS = {"first": 1.5, "sort": 0.1}


def make_thousand(outputs: Path) -> None:
    """A sweep of 8 x 5 x 5 cells with 5 seeds each, 5 epochs long; every 97th failed."""
    number = 0
    for kind in KINDS:
        for unit in UNITS:
            for rate in RATES:
                for seed in range(5):
                    axes = {"model.layers.hidden.activation": kind, "model.layers.hidden.units": unit, "optimizer.learning_rate": rate, "seed": seed}
                    name = ",".join(f"{key}={value}" for key, value in axes.items())
                    folder = RunFolder(outputs / "base" / "sweep-0a0a0a0a" / f"{name}-{number:08x}")
                    settings = {"task.metrics.accuracy._target_": "keras.metrics.SparseCategoricalAccuracy", "epochs": 5, **axes}
                    about = {"experiment": "base", "overrides": [f"{key}={value}" for key, value in axes.items()], "axes": axes}
                    folder.path.parent.mkdir(parents=True, exist_ok=True)
                    folder.claim(name, {**about, "cell": name, "sweep": "sweep-0a0a0a0a", "settings": settings, "seed": seed})
                    level = 0.6 + unit / 2000 - 3 * rate + KINDS.index(kind) / 200 + (number * 7919 % 100) / 10_000
                    for epoch in range(1, 6):
                        accuracy = level * (1 - 0.3**epoch) + (number * 31 % 17) / 3000
                        row = {"epoch": epoch, "loss": 1.5 - accuracy, "accuracy": accuracy, "val_loss": 1.6 - accuracy, "val_accuracy": accuracy - 0.01}
                        folder.append_history({**row, "seconds": 0.5, "members": 1})
                    if number % 97 == 96:
                        folder.fail(f"ValueError: {HOSTILE}")
                    else:
                        final = {"loss": 1.5 - level, "accuracy": level, "test_loss": 1.6 - level, "test_accuracy": level - 0.02}
                        final |= {"stopped_epoch": 5, "parameters": unit * 795}
                        folder.finish(final, final)
                    number += 1


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of pages by name, and how long the large one took to write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("browser"))
        with pytest.MonkeyPatch.context() as fast:
            fast.setattr(os, "fsync", lambda file: None)  # 9,000 small files
            make_thousand(Path("outputs"))
        began = time.process_time()
        found = {"large": stackfit.report(out="large.html").resolve()}
        took = time.process_time() - began
        for number in range(4):
            make_run(Path("small") / "base" / str(number), {"model.layers.hidden.units": 2**number, "data.path": HOSTILE * (number % 2)}, history=3)
        found["small"] = stackfit.report("small", out="small.html").resolve()
        make_run(Path("one") / "base" / "1", correct=[True, False, True, True], history=3)
        found["one"] = stackfit.report("one", out="one.html").resolve()
        stackfit.sweep("search_quickstart", search={"n_trials": 20, "batch": 10}, reporter=Reporter(0))
        found["search"] = stackfit.report("search_quickstart", out="search.html").resolve()
        for number in range(2):
            path = make_run(Path("long") / ("e" * 200) / str(number), {"data.path": f"{'p/' * 5000}{number}"}, failed="why " * 2000 if number else None, experiment="e" * 200)
            (path / "config.yaml").write_text(json.dumps({"about": {"question": "so long " * 1000}}))
        found["long"] = stackfit.report("long", metric="test_accuracy", out="long.html").resolve()
        make_search(settings=BOTH)
        found["front"] = stackfit.report("xor_needs_a_hidden_layer", out="front.html").resolve()
        marks = [mark(f"in--s{number:02}--ex{part}", "passed", "failed" if number % 3 else "passed") for number in range(25) for part in (1, 2)]
        found["class"] = Path("class.html").resolve()
        found["class"].write_text(render(class_page(marks)))
        yield found, took


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is missing. As root: apt-get install chromium"
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, pages):
    """Open a page by name; at the end there was no request besides its file, and nothing on the console."""
    opened, complaints, requests = [], [], []

    def open_page(name, width=1280, mode="light", blank=False, **more):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=mode, accept_downloads=True, **more)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        if not blank:
            page.goto(pages[0][name].as_uri())
        opened.append(page)
        return page

    yield open_page
    asked = [url for url in requests if not url.startswith(("data:", "blob:"))]
    assert asked == [page.url.partition("#")[0] for page in opened]
    assert complaints == []
    for page in opened:
        page.close()


def working(page):
    """A function that says how many seconds the page's main thread has worked since it was called before; whatever else runs here."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = [0.0]

    def work():
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        spent, before[0] = metrics["TaskDuration"] - before[0], metrics["TaskDuration"]
        return spent

    return work


def until(page, expression, argument=None):
    """Wait until an expression holds; by asking again and again, as the page lets nobody evaluate texts in it."""
    for _ in range(300):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{expression} did not become true; {page.locator('#count').all_text_contents()}")


def draw_all(page):
    """Scroll from top to bottom, until each chart is drawn."""
    for chart in page.query_selector_all(".chart[data-figure]"):
        chart.scroll_into_view_if_needed()
        until(page, "chart => 'drawn' in chart.dataset", chart)
    page.evaluate("scrollTo(0, 0)")


def shown_rows(page):
    return page.evaluate("[...document.querySelectorAll('#table tbody tr:not(.opened)')].filter(row => !('out' in row.dataset)).length")


def column(page, name):
    """The texts of a column, from top to bottom."""
    return page.evaluate(
        """name => { const at = [...document.querySelectorAll('#table thead th')].findIndex(head => head.textContent.trim() === name);
        return [...document.querySelectorAll('#table tbody tr:not(.opened)')].filter(row => !('out' in row.dataset)).map(row => row.cells[at].textContent.trim()); }""",
        name,
    )


@pytest.mark.parametrize(("name", "width", "mode"), [("small", 1280, "light"), ("small", 390, "dark"), ("one", 1280, "dark"), ("one", 390, "light"),
                                                    ("search", 1280, "light"), ("search", 390, "dark"), ("front", 1280, "dark"), ("class", 390, "light"), ("long", 390, "light")])  # fmt: skip
def test_axe_finds_no_violation(visit, name, width, mode):
    from axe_core_python.sync_playwright import Axe

    page = visit(name, width, mode, bypass_csp=True)  # for axe, which is no part of the page
    draw_all(page)
    for details in page.query_selector_all("details > summary"):
        details.click()
    if buttons := page.query_selector_all("#table tbody button"):
        buttons[0].click()
    answer = Axe().run(page)
    assert len(answer["passes"]) > (20 if name != "class" else 10)
    found = answer["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_its_window(visit, width):
    for name in ("large", "small", "one", "search", "front", "class", "long"):
        page = visit(name, width)
        draw_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_thousand_runs_fit_their_file_and_their_time(visit, pages):
    files, took = pages
    assert files["large"].stat().st_size <= 1_800_000
    assert took <= 12
    page = visit("large", blank=True)
    work = working(page)
    page.goto(files["large"].as_uri())
    page.wait_for_selector(".chart[data-drawn]")
    assert work() <= SECONDS["first"]
    draw_all(page)
    page.wait_for_timeout(1000)
    sorting = []
    for number in range(6):
        work()
        page.evaluate("number => { document.querySelectorAll('#table thead button')[number].click(); document.body.offsetHeight; }", number)
        sorting.append(work())
    assert statistics.median(sorting) <= SECONDS["sort"], sorting
    filtering = []
    for text in ("relu", "units>=64", "learning_rate<0.001 tanh", ""):
        work()
        page.evaluate(
            """async text => { const field = document.getElementById('filter'), count = document.getElementById('count'), before = count.textContent;
            field.value = text;
            field.dispatchEvent(new Event('input'));
            while (count.textContent === before) await new Promise(done => setTimeout(done, 1));
            document.body.offsetHeight; }""",
            text,
        )
        filtering.append(work())
        page.wait_for_timeout(1500)  # the charts follow
    assert statistics.median(filtering) <= SECONDS["sort"], filtering


def test_a_column_sorts_both_ways_and_blanks_come_last(visit):
    page = visit("large")
    head = page.get_by_role("columnheader", name="test_accuracy")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = column(page, "test_accuracy")
    numbers = [float(value) for value in values if value]
    assert numbers == sorted(numbers, reverse=True) and values[len(numbers) :] == [""] * 10
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    values = column(page, "test_accuracy")
    assert [float(value) for value in values if value] == sorted(numbers) and values[-1] == ""
    page.get_by_role("columnheader", name="activation").get_by_role("button").click()
    assert column(page, "activation") == sorted(column(page, "activation"))
    assert head.get_attribute("aria-sort") is None


def test_a_filter_picks_rows_and_the_charts_follow(visit):
    page = visit("large")
    draw_all(page)
    page.get_by_label("Filter").fill("units>=128 learning_rate<0.001 relu")
    until(page, "document.getElementById('count').textContent.startsWith('20 of')")
    assert shown_rows(page) == 20
    assert {*column(page, "units")} == {"128", "256"} and {*column(page, "activation")} == {"relu"}
    before = page.locator(".chart[data-figure]").nth(1).screenshot()
    page.get_by_role("button", name="Show all").click()
    assert page.locator("#count").text_content() == "1,000 runs" and shown_rows(page) == 1000
    page.wait_for_timeout(500)
    assert page.locator(".chart[data-figure]").nth(1).screenshot() != before
    page.get_by_label("Filter").fill("state!=finished")
    until(page, "document.getElementById('count').textContent.startsWith('10 of')")
    page.get_by_label("Filter").fill("no-such-word")
    until(page, "document.getElementById('count').textContent.startsWith('0 of')")
    page.get_by_label("Filter").fill("unit>64")
    until(page, "document.getElementById('count').textContent === 'There is no column unit'")


def test_dragging_over_a_chart_chooses_its_runs_in_the_table_and_in_the_other_charts(visit):
    page = visit("large")
    draw_all(page)
    figure = page.locator("figure", has=page.get_by_text("test_accuracy against parameters", exact=True))
    chart = figure.locator(".chart")
    chart.scroll_into_view_if_needed()
    other = page.locator("figure", has=page.get_by_text("test_accuracy against seconds", exact=True)).locator(".chart")
    before, box = other.screenshot(), chart.bounding_box()
    page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    until(page, "document.getElementById('count').textContent.includes(' of ')")
    assert {*column(page, "units")} == {"256"} and 0 < shown_rows(page) <= 200
    page.wait_for_timeout(500)
    assert other.screenshot() != before
    page.get_by_role("button", name="Show all").click()
    assert shown_rows(page) == 1000


def test_a_row_opens_its_curves_its_command_and_its_reason_and_closes_again(visit):
    page = visit("large")
    button = page.locator("#table tbody button").first
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    opened = page.locator("tr.opened")
    assert "stackfit run base model.layers.hidden.activation=elu" in opened.text_content()
    until(page, "document.querySelectorAll('tr.opened .chart[data-drawn]').length === 2")
    button.click()
    assert opened.count() == 0 and button.get_attribute("aria-expanded") == "false"
    page.get_by_label("Filter").fill("failed")
    until(page, "document.getElementById('count').textContent.startsWith('10 of')")
    page.locator("#table tbody tr:not([hidden]) button").first.click()
    assert HOSTILE in opened.text_content() and page.locator("tr.opened img").count() == 0


def test_the_table_goes_on_as_one_scrolls(visit):
    page = visit("large")
    laid_out = "document.querySelectorAll('#table tbody tr:not([hidden])').length"
    assert page.evaluate(laid_out) == 200
    until(page, f"(() => {{ const place = document.getElementById('table').parentElement; place.scrollIntoView({{behavior: 'instant'}}); place.scrollTop = 1e9; return {laid_out} === 1000; }})()")
    assert not page.locator("#end").is_visible()


def test_columns_hide_and_come_back(visit):
    page = visit("large")
    head = page.locator("#table thead th", has_text="learning_rate")
    page.locator("#choose summary").click()
    box = page.get_by_label("learning_rate", exact=True)
    box.uncheck()
    assert not head.is_visible()
    box.check()
    assert head.is_visible()


def test_every_other_control_does_what_it_says(visit):
    page = visit("one")
    draw_all(page)
    for details in page.query_selector_all("details.rows summary"):
        details.click()
    until(page, "[...document.querySelectorAll('details.rows')].every(details => details.querySelector('table tbody tr'))")
    for button in page.query_selector_all("button.save"):
        with page.expect_download() as download:
            button.click()
        assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    for button in page.query_selector_all("button.copy"):
        button.click()
        until(page, "button => button.textContent !== 'Copy'", button)
    for link in page.query_selector_all("nav a"):
        link.click()
        assert page.url.endswith(link.get_attribute("href"))
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Show in dark colours").click()
    assert page.evaluate(ground) != before
    page.get_by_role("button", name="Show in light colours").click()
    assert page.evaluate(ground) == before


def test_the_keyboard_reaches_every_control(visit):
    page = visit("small")
    names = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        names.add(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
        if page.evaluate("document.activeElement === document.body"):
            break
    assert {"mode", "filter", "save", "copy", "SUMMARY", "A", "BUTTON"} <= names


def test_a_chart_shows_texts_of_any_kind_as_texts(visit):
    page = visit("small")
    draw_all(page)
    chart = page.locator(".chart[data-figure]").nth(0)
    box = chart.bounding_box()
    for part in (0.3, 0.5, 0.7):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + 0.5 * box["height"])
    assert page.locator("#tip img").count() == 0
    assert json.loads(page.locator("#data").text_content())["table"]


def test_the_page_of_a_search_draws_what_it_found_and_what_chance_would_have(visit):
    page = visit("search")
    draw_all(page)
    assert page.locator("nav a").first.text_content() == "What the search found"
    history = page.locator("figure", has=page.get_by_text("Best val_accuracy by epochs spent", exact=True))
    history.locator("details.rows summary").click()
    until(page, "document.querySelectorAll('section#search details.rows table').length === 2")
    captions = history.locator("table caption").all_text_contents()
    assert captions == ["Best val_accuracy by epochs spent: steps", "Best val_accuracy by epochs spent: chance"]
    assert {"random search", "one epoch of all"} >= {*history.locator("table").nth(1).locator("tbody td:first-child").all_text_contents()} != set()
    words = page.locator("section#search .command code").all_text_contents()
    assert words[0].startswith("stackfit run search_quickstart hydra.mode=RUN") and words[1].startswith("stackfit new NAME --from-best")


def test_dragging_over_the_front_of_a_search_chooses_its_trials(visit):
    page = visit("front")
    draw_all(page)
    chart = page.locator("section#search .chart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    until(page, "document.getElementById('count').textContent.includes(' of 24 runs')")
    assert 0 < shown_rows(page) < 24


def test_before_a_page_is_printed_every_chart_is_drawn(visit):
    page = visit("search")
    count = "document.querySelectorAll('.chart[data-figure]').length"
    until(page, f"{count} > 0")
    assert page.evaluate(f"document.querySelectorAll('.chart[data-drawn]').length < {count}")  # the others are further down
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(f"document.querySelectorAll('.chart[data-drawn] canvas').length === {count}")
