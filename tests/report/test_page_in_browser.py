"""The pages in a real browser: narrow and wide, light and dark, by keyboard, without a network."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from aira_dsl.experiments.comparison import Comparison
from aira_dsl.interop.gallery import published_models
from aira_dsl.report.gallery import Entry
from aira_dsl.report.html import render_comparison, render_design, render_run
from aira_dsl.report.html.gallery_page import gallery_page
from aira_dsl.study.run import Run
from tests.report.test_design_page import a_run

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="needs Debian's chromium"
    ),
]
# Contrast of every piece of text with what is painted behind it; translucent layers are laid over
# each other. Returns the worst pieces.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = rgba(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((under, [r, g, b, a]) =>
      [r, g, b].map((v, k) => v * a + under[k] * (1 - a)), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("svg, script")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${walker.currentNode.data.trim()}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "CI runs with a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, run: Run, agent_run: Run, comparison: Comparison
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    pages = {
        "run": render_run(run),
        "agent": render_run(agent_run),
        "comparison": render_comparison(comparison),
        "design": render_design(a_run(folder / "design")),
        "gallery": gallery_page([Entry.of(model) for model in published_models()], "models"),
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.mark.parametrize("name", ["run", "agent", "comparison", "design", "gallery"])
@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (375, "dark"), (1280, "dark")])
def test_pages_fit_are_quiet_and_readable(
    browser: Browser, files: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(files[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(CONTRAST) == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(13, 17, 23)") == (scheme == "dark")
    assert told == []
    assert [url for url in asked if not url.startswith("data:")] == [files[name].as_uri()]
    page.close()


@pytest.fixture(scope="module")
def nine_methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example's page: its matrix is wider than the text."""
    found = Comparison.model_validate_json(
        (ROOT / "docs/example/comparison.json").read_text(encoding="utf-8")
    )
    page = tmp_path_factory.mktemp("nine") / "page.html"
    page.write_text(render_comparison(found), encoding="utf-8")
    return page


@pytest.mark.parametrize("width", [390, 640, 1400])
def test_pictures_fit_the_screen_and_text_keeps_its_size(
    browser: Browser, nine_methods: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(nine_methods.as_uri())
    plots = page.locator("svg.plot:visible")
    assert plots.count() == 2  # one of the two sizes of each
    for place in range(2):
        box = plots.nth(place).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        heights = (
            plots.nth(place)
            .locator("text.tick")
            .evaluate_all("texts => texts.map(text => text.getBoundingClientRect().height)")
        )
        assert min(heights) >= 10
    means = plots.nth(1).locator("circle.mean")
    assert means.count() == 9
    page.close()


def test_wide_tables_use_the_margins_of_a_wide_screen(browser: Browser, nine_methods: Path) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(nine_methods.as_uri())
    matrix = page.locator("section[aria-labelledby=beats] .scroll").first
    assert matrix.evaluate("each => each.scrollWidth <= each.clientWidth")
    methods = page.locator("section[aria-labelledby=sheet-methods]").bounding_box()
    assert methods is not None
    assert methods["width"] > 1250  # of 1400, where the text takes 1016
    assert page.evaluate("document.documentElement.scrollWidth") == 1400
    page.close()


# Texts of a picture that overlap one another or a cell, or leave the picture, by their boxes.
OVERLAPS = """picture => {
  const boxes = (what) => [...picture.querySelectorAll(what)]
    .map(each => [each.textContent || "cells", each.getBoundingClientRect()]);
  const [frame, texts, cells] = [picture.getBoundingClientRect(), boxes("text"), boxes("path")];
  const apart = (a, b) => a.right <= b.left || b.right <= a.left
    || a.bottom <= b.top + 3 || b.bottom <= a.top + 3;
  const found = [];
  texts.forEach(([text, box], place) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push(`${text} leaves`);
    for (const [other, at] of [...texts.slice(place + 1), ...cells])
      if (!apart(box, at)) found.push(`${text} on ${other}`);
  });
  return found;
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_texts_of_the_gallery_do_not_overlap(
    browser: Browser, files: dict[str, Path], width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(files["gallery"].as_uri())
    picture = page.locator("svg.strips:visible")
    assert picture.count() == 1
    assert picture.locator("g.strip").count() == len(published_models())
    assert picture.evaluate(OVERLAPS) == []
    sizes = picture.locator("text").evaluate_all(
        "texts => texts.map(text => text.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 11
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_numbers_of_the_picture_are_those_of_the_table(
    browser: Browser, files: dict[str, Path], width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(files["gallery"].as_uri())
    rows = {
        cells[0].partition(" (")[0]: cells[3:]
        for cells in page.locator("table.sortable tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
    }
    strips = page.locator("svg.strips:visible g.strip").evaluate_all(
        "all => all.map(each => [...each.querySelectorAll('text')].map(text => text.textContent))"
    )
    assert {name for name, *_ in strips} == set(rows)
    for name, *texts in strips:
        total, active, *kept = rows[name]
        told = " ".join(texts)
        wanted = {total, active} | {each for each in kept if each != "0 B"}
        assert [each for each in wanted if each not in told] == []
    page.close()


def column(page: Page, place: int) -> list[str]:
    return page.locator(
        f"#trials ~ div table.sortable tbody td:nth-child({place})"
    ).all_inner_texts()


def test_tables_sort_by_keyboard(browser: Browser, files: dict[str, Path], run: Run) -> None:
    page = browser.new_page()
    page.goto(files["run"].as_uri())
    heading = page.get_by_role("columnheader", name="score")
    page.get_by_role("button", name="score").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    scores = sorted((row.score for row in run.rows if row.score is not None), reverse=True)
    missing = [""] * (len(run.rows) - len(scores))
    assert column(page, 2) == [f"{score:.4f}" for score in scores] + missing
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 2) == [f"{score:.4f}" for score in reversed(scores)] + missing
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert column(page, 1) == [str(row.number) for row in run.rows]
    page.close()


def test_without_scripts_the_page_is_complete(
    browser: Browser, files: dict[str, Path], run: Run
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["run"].as_uri())
    assert page.locator("table.sortable button").count() == 0
    assert len(column(page, 1)) == len(run.rows)
    context.close()


def test_files_are_saved_from_the_page(browser: Browser, files: dict[str, Path], run: Run) -> None:
    page = browser.new_page()
    page.goto(files["run"].as_uri())
    for name in ("trials.csv", "trials.json"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == name
        assert download.value.path().read_text(encoding="utf-8") == (run.folder / name).read_text(
            encoding="utf-8"
        )
    page.close()


def test_it_prints_with_everything_open(browser: Browser, files: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(files["agent"].as_uri())
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.locator("details:not([open])").count() == 0
    page.close()
