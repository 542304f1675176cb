"""`aira-dsl isoflop plan`: sizes of designs, the runs and their order, costs, refusals."""

import json
import math
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import aira_dsl
from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.scaling.grid.checks import check_plan, expected_optimum
from aira_dsl.scaling.grid.corpus import Corpus
from aira_dsl.scaling.grid.grid import Size, read_grid
from aira_dsl.scaling.grid.plan import make_plan, read_plan, run_id
from aira_dsl.scaling.grid.sizes import Proportions, at_width, sized
from tests.helpers.command_line import run

EXAMPLES = Path(__file__).parents[2] / "examples"
HYBRID = EXAMPLES / "paper" / "airahybrid_d_stretched.arch"
GRID = {
    "name": "test",
    "designs": {
        "llama": str(EXAMPLES / "paper" / "llama_3_2.arch"),
        "hybrid": str(HYBRID),
    },
    "data": ["text"],
    "sizes": ["20k", "50k", "100k", "200k", "400k"],
    "budgets": [
        "1e11",
        {"flops": "1e12", "sizes": ["50k", "100k", "200k", "400k"], "seeds": [0, 1]},
    ],
    "learning_rates": [0.01],
    "context": 64,
    "batch": 4,
    "tokens_per_parameter": 4,
}


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """Return a corpus of 7 MB."""
    path = tmp_path_factory.mktemp("corpus") / "text.jsonl"
    lines = (json.dumps({"text": f"{number} " * 300}) for number in range(5_000))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def grid(tmp_path, text):
    """Return a function that writes a changed grid."""

    def write(**changes):
        path = tmp_path / "grid.yaml"
        content = {**GRID, "data": [str(text)], **changes}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write


def plan(path, *arguments):
    return run("isoflop", "plan", path, "--out", path.parent / "out", *arguments)


def planned(path):
    done = plan(path)
    assert done.code == 0, done.err
    return read_plan(path.parent / "out" / "plan.json")


@pytest.mark.parametrize("parameters", [50_000, 400_000, 10_000_000])
@pytest.mark.parametrize("name", ["llama_3_2", "airahybrid_e_stretched", "mamba"])
def test_a_design_has_the_size_and_keeps_its_layers(name, parameters):
    design = aira_dsl.load(EXAMPLES / "paper" / f"{name}.arch")
    found = sized(design, parameters, Proportions())
    assert found.layers == design.layers
    got = cost(found).parameters
    for width in (found.width - 4, found.width + 4):  # no other width is nearer
        other = cost(at_width(design, width, Proportions())).parameters
        assert abs(math.log(got / parameters)) <= abs(math.log(other / parameters))
    assert got == pytest.approx(parameters, rel=0.25 if parameters < 100_000 else 0.06)


def test_a_size_may_be_stretched_or_stacked_first():
    design = aira_dsl.load(HYBRID)
    wide = sized(design, 3_000_000, Proportions())
    for how in ("stretch", "stack"):
        deep = sized(design, 3_000_000, Proportions(), how=how, factor=Fraction(2))
        assert deep.depth == 2 * wide.depth
        assert deep.width < wide.width
        assert cost(deep).parameters == pytest.approx(3_000_000, rel=0.06)


def test_proportions_are_those_of_the_width():
    found = sized(aira_dsl.load(HYBRID), 10_000_000, Proportions())
    heads = round(found.width / 16)
    assert found.blocks["A"].heads == found.blocks["A"].kv_heads == heads
    assert found.blocks["M"].hidden == 8 * round(found.width / 3)
    assert found.blocks["M"].activation == "swiglu"
    assert found.blocks["Mb"].inner == 16 * round(found.width / 8)


def test_every_run_spends_its_budget_in_whole_steps_and_never_more(grid):
    found = planned(grid())
    assert len(found.runs) == 2 * (5 + 4 * 2)
    for each in found.runs:
        model = found.model(each)
        step = 4 * 64 * model.flops_per_token
        assert each.flops == each.steps * step <= each.budget < each.flops + step
        assert each.tokens == each.steps * 4 * 64
        architecture = aira_dsl.parse(model.architecture)
        assert cost(architecture).training_flops == model.flops_per_token
        assert architecture.context == 64
        assert architecture.vocab == 256
    assert len({each.id for each in found.runs}) == len(found.runs)


def test_all_designs_at_the_smallest_budgets_come_first(grid):
    runs = planned(grid()).runs
    keys = [(each.budget, each.seed, each.size) for each in runs]
    assert keys == sorted(keys)
    assert [each.design for each in runs[:4]] == ["llama", "hybrid"] * 2


def test_rates_are_tried_at_the_smallest_budget_of_each_size_with_one_seed(grid):
    found = planned(grid(learning_rates=[0.01, 0.005], seeds=[3, 4]))
    tried = [each for each in found.runs if each.learning_rate is not None]
    assert len(tried) == 2 * 5 * 2
    assert {each.seed for each in tried} == {3}
    assert {each.budget for each in tried} == {10**11}
    assert [each.learning_rate for each in tried] == [0.005] * 10 + [0.01] * 10
    assert {each.learning_rate for each in found.runs if each not in tried} == {None}


def test_sizes_of_expensive_budgets_take_the_rate_of_a_smaller_one(grid):
    text = grid(
        learning_rates=[0.01, 0.02],
        budgets=[
            {"flops": "1e11", "sizes": ["20k", "50k", "100k", "200k"], "seeds": [0, 1]},
            {"flops": "1e12", "sizes": ["50k", "100k", "200k", "400k"]},
        ],
        tuning={"up_to": "1e11"},
    )
    tried = [each for each in planned(text).runs if each.learning_rate is not None]
    assert {each.size for each in tried} == {20_000, 50_000, 100_000, 200_000}


def test_the_plan_says_what_it_costs(grid):
    path = grid()
    found = json.loads(plan(path, "--format", "json").out)
    runs = read_plan(path.parent / "out" / "plan.json").runs
    assert found["flops"] == sum(each.flops for each in runs)
    assert found["core_hours"] == pytest.approx(found["flops"] / 1e11 / 3600)
    assert found["designs"]["llama"]["runs"] == len(runs) // 2
    assert sum(each["tokens"] for each in found["budgets"].values()) == found["tokens"]
    gpus = json.loads(plan(path, "--gpu", "h100", "--format", "json").out)["gpu_hours"]
    assert list(gpus.values()) == [
        pytest.approx(found["flops"] / (0.4 * 989.4e12) / 3600, rel=0.01)
    ]
    assert plan(path, "--gpu", "abacus").code == 2
    text = plan(path).out
    assert "26 runs of 2 designs" in text
    assert "no token is seen twice" in text
    assert text.rstrip().endswith("unchanged")


def test_the_expected_best_size_spends_the_budget(grid):
    found = planned(grid())
    for budget in (10**11, 10**12):
        best = expected_optimum(found, "llama", budget)
        models = sorted(
            (m for m in found.models if m.design == "llama"), key=lambda m: m.parameters
        )
        below = max((m for m in models if m.parameters <= best), key=lambda m: m.parameters)
        above = min((m for m in models if m.parameters >= best), key=lambda m: m.parameters)
        spent = [m.parameters * 4 * m.flops_per_token for m in (below, above)]
        assert spent[0] <= budget <= spent[1]


def test_a_file_is_not_the_folder_of_a_grid(grid, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine", encoding="utf-8")
    done = plan(grid(), "--out", file, "--force")
    assert (done.code, f"error[E0503]: {file} is not a folder" in done.err) == (1, True)
    assert file.read_text(encoding="utf-8") == "mine"


def test_another_plan_is_not_replaced_unasked(grid):
    assert plan(grid()).code == 0
    done = plan(grid(seeds=[0, 1, 2]))
    assert (done.code, "E0503" in done.err) == (1, True)
    assert plan(grid(seeds=[0, 1, 2]), "--force").code == 0


@pytest.mark.parametrize(
    ("changes", "code", "part"),
    [
        ({"sizes": ["20k", "200k"], "budgets": ["1e11", "1e12"]}, "E1602", "2 sizes"),
        ({"budgets": [{"flops": "1e12", "seeds": [0, 1]}]}, "E1602", "1 budget;"),
        ({"sizes": ["20k", "20.1k", "50k", "400k"], "budgets": ["1e11", "1e12"]}, "E1602",
         "sizes 20k and 20.1k of llama are one model"),
        ({"budgets": ["1e9", "1e12"], "seeds": [0, 1]}, "E1602", "fewer than 50 steps"),
        ({"tokens_per_parameter": 400}, "E1603", "budget 1e+11"),
        ({"budgets": ["1e11", "1e13"], "seeds": [0, 1], "accept": ["edge"]}, "E1604", "twice"),
        ({"budgets": ["1e11", "1e12"], "accept": ["edge"]}, "E1606", "one seed"),
        ({"sizes": ["7", "50k", "100k"], "budgets": ["1e11", "1e12"]}, "E1605", "7 parameters"),
        ({"sizes": "many"}, "E1601", "sizes"),
        ({"sizes": ["20k", "20k", "50k"]}, "E1601", "a size is there twice"),
        ({"budgets": [{"flops": 1e12, "sizes": ["30k"]}]}, "E1601", "30,000"),
        ({"learning_rates": [0]}, "E1601", "learning_rates.0"),
        ({"learningrate": 1}, "E1601", "learningrate: unknown field; did you mean"),
        ({"batsh": 3}, "E1601", "batsh: unknown field; did you mean `batch`?"),
        ({"sizes": [{"parametrs": 7}]}, "E1601", "sizes.0.parameters: is missing\n  sizes.0.para"),
        ({"name": "../x"}, "E1601", "name: must be 1 to 40 letters, digits, `.`, `_` and `+`"),
        ({"designs": {}}, "E1601", "designs: must not be empty"),
        ({"batch": 0, "seeds": []}, "E1601", "2 mistakes\n  seeds: must not be empty\n  batch: "),
        ({"train": {"clipp": 1}}, "E1601", "train.clipp: unknown field; did you mean `clip`?"),
        ({"train": {"steps": 5}}, "E1601", "train.steps is set by the grid"),
        ({"train": {"clip": -1}}, "E1601", "train.clip"),
        ({"data": ["nowhere"]}, "E0613", "nowhere"),
        ({"designs": {"one": "missing.arch"}}, "E0301", "grid.yaml: design one: there is no file"),
    ],
)  # fmt: skip
def test_grids_that_cannot_answer_are_refused(grid, changes, code, part):
    path = grid(**changes)
    done = plan(path)
    assert done.code == 1
    assert f"[{code}" in done.err
    assert part in done.err
    assert not (path.parent / "out").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens_per_parameter": 400, "accept": ["edge"]}, "best size lies at an edge"),
        (
            {"budgets": ["1e11", "1e13"], "seeds": [0, 1], "accept": ["edge", "repeated data"]},
            "tokens are seen more than once",
        ),
    ],
)
def test_weaknesses_that_the_author_accepts_are_said(grid, changes, said):
    done = plan(grid(**changes))
    assert done.code == 0
    assert said in done.out
    assert "accepted: " in done.out


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "x" * 100, "\0", "name: 2026-02-30"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "grid.yaml").write_text(text, encoding="utf-8")
    done = run("isoflop", "plan", tmp_path / "grid.yaml")
    assert (done.code, "E1601" in done.err) == (1, True)


def test_a_field_that_stands_twice_is_refused(grid):
    path = grid()
    path.write_text(path.read_text(encoding="utf-8") + "\nname: other\n", encoding="utf-8")
    done = run("isoflop", "plan", path)
    assert (done.code, "`name` twice, in lines" in done.err) == (1, True)


def test_damaged_plans_are_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="is not a plan"):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(InputError, match="No such file"):
        read_plan(tmp_path / "none.json")


def test_names_of_runs_tell_all_sizes_and_budgets_apart():
    sizes = [1_000_000, 1_000_001, 999, 1_234_000]
    names = {run_id(("a", size, budget, 0)) for size in sizes for budget in (10**13, 10**13 + 1)}
    assert len(names) == 8
    assert {"a-1M-1e13-s0", "a-1000001-10000000000001-s0"} < names


@pytest.mark.parametrize(
    ("text", "number"),
    [("50k", 50_000), ("1.6M", 1_600_000), ("1e13", 10**13), (1e16, 10**16), (7, 7)],
)
def test_counts_are_read(text, number):
    assert Size.model_validate({"parameters": text}).parameters == number


@pytest.mark.parametrize("text", ["1.5", 1.5, "-1", -1, 0, "ten", "1e400000000", "", True, None])
def test_other_counts_are_refused(text):
    with pytest.raises(ValidationError):
        Size.model_validate({"parameters": text})


@pytest.mark.parametrize(("name", "tokens"), [("smoke", 15_000_000), ("claim", 800_000_000)])
def test_the_shipped_grids_are_sound(name, tokens):
    place = EXAMPLES / "isoflop"
    found = read_grid(place / f"{name}.yaml")
    corpus = Corpus(paths=("text",), tokenizer="bytes", identity="0", tokens=tokens, vocab=256)
    accepted = check_plan(make_plan(found, corpus, place))
    assert {each.weakness for each in accepted} == set(found.accept)
