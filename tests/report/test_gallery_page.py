"""The gallery as a page and as a picture: a cell for each layer, numbers of the costs, files."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import aira_dsl
from aira_dsl.interop.gallery import published_model, published_models
from aira_dsl.primitives.registry import DRAWN
from aira_dsl.report.gallery import Entry
from aira_dsl.report.html.gallery_page import gallery_page, gallery_svg
from aira_dsl.report.strips import GROUPS, NARROW, WIDE, Picture, draw_strips
from tests.helpers.command_line import run
from tests.report.test_page import attached, words

ROOT = Path(__file__).parents[2]
ALL = [Entry.of(model) for model in published_models()]
DESIGN = ROOT / "examples/paper/airahybrid_d_stretched.arch"
BY_TITLE = {entry.title: entry for entry in ALL}


def cells(picture: Picture, place: int = 0) -> dict[str, int]:
    """Count the cells of a strip by their look."""
    return {each.look: each.path.count("M") for each in picture.strips[place].cells}


def own(text: str) -> Entry:
    design = aira_dsl.parse(text)
    return Entry("own.arch", design.name, design)


def test_every_layer_is_a_cell_and_every_branch_a_part_of_one() -> None:
    picture = draw_strips(ALL, "all")
    assert len(picture.strips) == len(ALL)
    for place, strip in enumerate(picture.strips):
        design = BY_TITLE[strip.pattern.partition(":")[0]].architecture
        parts = [part.kind for name in design.layers for part in design.block_of(name).parts]
        drawn = cells(picture, place)
        for kind in parts:
            with_windows = sum(n for look, n in drawn.items() if look.split()[0] == kind)
            assert with_windows == parts.count(kind)


def test_windows_look_different() -> None:
    (entry,) = [each for each in ALL if each.name == "gpt_oss_120b"]
    assert cells(draw_strips([entry], "one")) == {
        "attention limited": 18,
        "attention": 18,
        "moe": 36,
    }


@pytest.mark.parametrize("form", [WIDE, NARROW])
def test_long_stacks_take_several_lines(form) -> None:
    picture = draw_strips([own("architecture a { block A = attention; layers 200A }")], "one", form)
    (drawn,) = picture.strips[0].cells
    places = [part.split("h")[0].split() for part in drawn.path.split("M")[1:]]
    assert len({y for _, y in places}) == -(-200 // form.per_line)
    assert max(float(x) for x, _ in places) + 4 <= form.width


def test_cells_of_layers_that_keep_nothing_are_short() -> None:
    text = "architecture a { block A = attention; block M = mlp; layers A-M-(A|M) }"
    drawn = {each.look: each.path for each in draw_strips([own(text)], "one").strips[0].cells}
    heights = {
        look: [float(part.split("v")[1].split("h")[0]) for part in path.split("M")[1:]]
        for look, path in drawn.items()
    }
    assert heights == {"attention": [16, 8], "mlp": [8, 8]}


def test_groups_say_what_designs_keep() -> None:
    picture = draw_strips(ALL, "all")
    headings = {each.text: each.y for each in picture.labels if each.look == "heading"}
    assert list(headings) == list(GROUPS[:4])
    tops = {strip.labels[0].text: strip.labels[0].y for strip in picture.strips}
    order = ("Llama 3.1 8B", "Mistral 7B v0.1", "Qwen3.5 9B", "Falcon Mamba 7B")
    for title, (above, below) in zip(
        order, zip(headings.values(), [*list(headings.values())[1:], picture.height], strict=True),
        strict=True,
    ):  # fmt: skip
        assert above < tops[title] < below


def test_every_kind_has_a_color_of_its_own() -> None:
    own_kinds = [spec for spec in DRAWN.values() if spec.__module__.startswith("aira_dsl.")]
    assert len({spec.color for spec in own_kinds}) == len(own_kinds)


def test_the_page_holds_the_numbers_in_full() -> None:
    page = gallery_page(ALL, "36 published models")
    rows = list(csv.DictReader(io.StringIO(attached(page, "gallery.csv"))))
    assert [int(row["total"]) for row in rows] == [each.costs.total_parameters for each in ALL]
    assert [int(row["kv_bytes_128k"]) for row in rows] == [
        each.costs.kv_bytes(1 << 17) for each in ALL
    ]
    assert json.loads(attached(page, "gallery.json"))[0]["state_bytes"] == ALL[0].costs.state_bytes
    assert attached(page, "gallery.svg") == gallery_svg(ALL, "36 published models")
    assert "18 attention of 128, 36 moe, 18 attention" in words(page)
    assert page == gallery_page(ALL, "36 published models")


def test_titles_do_not_act() -> None:
    design = published_model("qwen3_8b").architecture
    entry = Entry("x", "<script>alert(1)</script>", design)
    assert "<script>alert" not in gallery_page([entry], "<b>one</b>")
    ElementTree.fromstring(gallery_svg([entry], "<b>one</b>"))


def test_the_picture_of_the_docs_is_current() -> None:
    """`aira-dsl gallery --svg docs/images/gallery.svg --force` draws it again."""
    shown = (ROOT / "docs/images/gallery.svg").read_text(encoding="utf-8")
    assert shown == gallery_svg(ALL, f"{len(ALL)} published models")
    ElementTree.fromstring(shown)


def test_the_command_writes_page_and_picture_of_any_designs(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(published_model("qwen3_8b").config), encoding="utf-8")
    html, svg = tmp_path / "g.html", tmp_path / "g.svg"
    done = run("gallery", DESIGN, config, "gpt_oss_20b", "--html", html, "--svg", svg)
    assert done.code == 0, done.err
    page = html.read_text(encoding="utf-8")
    assert page.count("<tbody>\n<tr>") == 1
    assert "3 models, layer by layer" in svg.read_text(encoding="utf-8")
    assert "gpt-oss 20B" in words(page)
    again = run("gallery", DESIGN, "--svg", svg)
    assert (again.code, "E0503" in again.err) == (1, True)
    assert "3 models" in svg.read_text(encoding="utf-8")
    assert run("gallery", DESIGN, "--svg", svg, "--force").code == 0
    assert "1 model, layer by layer" in svg.read_text(encoding="utf-8")


def test_the_command_compares_files_in_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # the path of a checkout may be long
    found = json.loads(run("gallery", DESIGN, "qwen3_8b", "--format", "json").out)
    assert [each["name"] for each in found] == [str(DESIGN), "qwen3_8b"]
    assert found[0]["total"] == aira_dsl.cost(aira_dsl.load(DESIGN)).total_parameters
    assert found[1]["published"] == published_model("qwen3_8b").total
    assert "airahybrid_d_stretched" in run("gallery", DESIGN).out
    assert run("gallery", tmp_path / "missing.arch").code == 1
    assert "E0523" in run("gallery", DESIGN, "qwen99").err
