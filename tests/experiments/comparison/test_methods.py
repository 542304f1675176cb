"""How methods are named, the searches that they stand for, and what may be extended."""

from pathlib import Path
from typing import Any

import pytest

from aira_dsl.errors import InputError, UsageError
from aira_dsl.experiments.comparison.folder import ComparisonFolder
from aira_dsl.experiments.comparison.methods import SEARCHERS, Method, parse_methods
from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedOptions,
    ExecutionOptions,
)
from aira_dsl.experiments.comparison.plan import ComparisonPlan
from aira_dsl.study.options import SearchOptions

MODELS = "agent-greedy:anthropic/claude-opus-5,agent-greedy:pydantic-ai/openai:gpt-5"


def plan_of(methods: str, *, seeds: int = 2, where: tuple[str, ...] = (), **agents: Any):
    return ComparisonPlan(
        parse_methods(methods),
        None,
        ComparedOptions(seeds=seeds, budget=3, where=where, evaluator="table"),
        ComparedAgentOptions(**{"proposer": "scripted", **agents}),
        ExecutionOptions(out=Path("out"), jobs=1),
    )


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_sampler_and_a_policy_are_methods(name: str) -> None:
    assert [method.name for method in parse_methods(name)] == [name]


@pytest.mark.parametrize(
    ("text", "method", "name", "folder"),
    [
        ("agent-greedy:scripted", Method("agent-greedy", "scripted"),
         "agent-greedy:scripted", "agent-greedy-scripted"),
        ("agent-mcts:anthropic/claude-opus-5", Method("agent-mcts", "anthropic", "claude-opus-5"),
         "agent-mcts:claude-opus-5", "agent-mcts-claude-opus-5"),
        ("agent-mcts:pydantic-ai/openrouter:deepseek/deepseek-r1",
         Method("agent-mcts", "pydantic-ai", "openrouter:deepseek/deepseek-r1"),
         "agent-mcts:openrouter:deepseek/deepseek-r1",
         "agent-mcts-openrouter-deepseek-deepseek-r1"),
    ],
)  # fmt: skip
def test_an_agent_is_named_by_its_model(text: str, method: Method, name: str, folder: str) -> None:
    assert Method.parse(text) == method
    assert (method.name, method.folder) == (name, folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no method"), ("rando", "'rando' is not a method"), ("agent-dream", "not a method"),
        ("tpe:scripted", "a sampler asks no model"), ("agent-greedy:", "'' is not a proposer"),
        ("agent-greedy:openai/gpt-5", "'openai' is not a proposer"),
        ("agent-mcts:anthropic/a:b,agent-mcts:anthropic/a-b", "2 methods have the name"),
    ],
)  # fmt: skip
def test_what_is_not_a_method_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        parse_methods(text)
    assert caught.value.code == "E0825"


@pytest.mark.parametrize(
    "methods",
    [
        "agent-greedy,agent-greedy:scripted",
        "agent-greedy:anthropic,agent-greedy:anthropic/claude-sonnet-5-5",  # its default
    ],
)
def test_one_method_under_two_names_is_refused(methods: str) -> None:
    first, second = (method.name for method in parse_methods(methods))
    with pytest.raises(UsageError, match=f"{first} and {second} are the same method"):
        _ = plan_of(methods).settings


def test_options_complete_the_agents_that_name_no_service() -> None:
    plan = plan_of(
        f"random,agent-mcts,agent-mcts:local,{MODELS}", proposer="anthropic", model="mine",
        effort="low", free=True, prompts=Path("prompts"), prices=Path("prices.toml"),
        where=("A<=2",),
    )  # fmt: skip
    found = [plan.search_options(method, 1, Path("out/run")) for method in plan.methods]
    assert found[0] == SearchOptions(
        sampler="random", budget=3, workers=1, where=("A<=2",), out=Path("out/run"), seed=1,
        evaluator="table",
    )  # fmt: skip
    assert [(each.policy, each.proposer, each.model, each.effort) for each in found[1:]] == [
        ("mcts", "anthropic", "mine", "low"),
        ("mcts", "local", None, None),
        ("greedy", "anthropic", "claude-opus-5", "low"),
        ("greedy", "pydantic-ai", "openai:gpt-5", "low"),
    ]
    assert all(each.free and each.prompts == Path("prompts") for each in found[1:])
    assert all(each.prices == Path("prices.toml") for each in found[1:])


def test_money_is_shared_equally_among_agents() -> None:
    plan = plan_of("random,agent-mcts,agent-greedy", max_usd=10.0)
    mcts = plan.search_options(plan.methods[1], 1)
    assert (mcts.max_usd, mcts.policy, mcts.seed) == (2.5, "mcts", 1)
    assert plan.search_options(plan.methods[0], 1).max_usd is None
    runs = [(method.name, seed) for method, seed in plan.runs]
    assert runs[:4] == [("random", 0), ("agent-mcts", 0), ("agent-greedy", 0), ("random", 1)]


def test_a_missing_key_is_noticed_before_any_search(monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    plan = plan_of("random,agent-greedy:pydantic-ai/openai:gpt-5")
    plan.check_services(["random-s0"])
    with pytest.raises(UsageError, match=r"E0814.*OPENAI_API_KEY"):
        plan.check_services(plan.names)


def opened(folder: Path, methods: str, **options: Any) -> None:
    ComparisonFolder(folder, plan_of(methods, **options).settings).close()


def test_methods_and_seeds_extend_a_comparison(tmp_path: Path) -> None:
    opened(tmp_path, "random,tpe")
    opened(tmp_path, "tpe,agent-mcts,random", max_usd=4)  # the first agents
    opened(tmp_path, "tpe,agent-mcts,random,agent-greedy", seeds=4, max_usd=16)
    with pytest.raises(InputError, match=r"E0827.*seeds: 4 and 3"):
        opened(tmp_path, "tpe,agent-mcts,random,agent-greedy", seeds=3, max_usd=12)


@pytest.mark.parametrize(
    ("methods", "options", "told"),
    [
        ("random", {"max_usd": 2}, "methods: 'agent-mcts' is left out"),
        ("random,agent-mcts", {"max_usd": 4, "where": ("A<=2",)}, "where: "),
        ("random,agent-mcts", {"max_usd": 4, "free": True}, "agent-mcts free: False and True"),
        ("random,agent-mcts", {"max_usd": 4, "proposer": "anthropic"}, "agent-mcts proposer"),
        ("random,agent-mcts,agent-greedy", {"max_usd": 4}, r"\$2 and \$1 \(give --max-usd 8 "),
        ("random,agent-mcts", {"seeds": 3}, r"\$2 and no limit \(give --max-usd 6 to extend\)"),
    ],
)  # fmt: skip
def test_other_settings_are_no_extension(
    methods: str, options: dict[str, Any], told: str, tmp_path: Path
) -> None:
    opened(tmp_path, "random,agent-mcts", max_usd=4)
    before = (tmp_path / "comparison-settings.json").read_bytes()
    with pytest.raises(InputError, match=told) as caught:
        opened(tmp_path, methods, **options)
    assert caught.value.code == "E0827"
    assert (tmp_path / "comparison-settings.json").read_bytes() == before
