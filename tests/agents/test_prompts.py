"""Prompts have everything that a proposer needs, in an order that suits a cache."""

from dataclasses import replace
from itertools import pairwise

import pytest

from aira_dsl.agents.agent import Assignment, prompt_hash
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models.base import Usage
from aira_dsl.agents.policies import Greedy
from aira_dsl.agents.tree import Node, Operation, Tree
from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.noise import Noise
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.prompt_writer import (
    PLACEHOLDERS,
    EvaluatorFacts,
    PromptWriter,
    load_templates,
)
from aira_dsl.testing.policies import grow, planned

SPACE = Space.default()
PROMPTER = PromptWriter(
    load_templates(),
    AnswerRules(SPACE),
    EvaluatorFacts("mean accuracy", Noise(0.05, 0.06, 4.0, "calibration", "the cpu calibration")),
    memory=300,
    seed=1,
)
NODES = (
    Node(0, "draft", (), "valid", 0.5, 0.5, "16A", hypothesis="all attention", status="ok",
         details="recall 0.500"),
    Node(1, "draft", (), "buggy", candidate="", hypothesis="unclear", status="invalid",
         message="no JSON"),
    Node(2, "improve", (0,), "valid", 0.6, 0.6, "8×(A-M)", hypothesis="mix", status="ok"),
    Node(3, "debug", (1,), "buggy", candidate="16M", status="diverged", message="loss is nan"),
    Node(4, "draft", (), "running"),
)  # fmt: skip
TREE = Tree(NODES)


def ask(operation: Operation, calls: tuple[Attempt, ...] = (), number: int = 5, prompter=PROMPTER):
    return prompter.request(TREE, Assignment(number, operation, calls, "3 of 9 evaluations"))


def test_the_system_text_has_the_spaces_own_facts():
    text = PROMPTER.system
    for part in ("43,046,721", "exactly 16", "block Mb = mamba2", "mean accuracy", "0.050", "65,"):
        assert part in text
    assert "Constraints of every architecture" not in text


def test_the_system_text_names_constraints_and_freedom():
    narrow = replace(PROMPTER, rules=AnswerRules(SPACE.where("A<=4"), free=True))
    assert "A<=4" in narrow.system
    assert "parameters" in narrow.system
    assert "The blocks are fixed" not in narrow.system


def test_the_prefix_is_the_same_bytes_in_every_call():
    operations = [Operation("draft"), Operation("improve", (0,)), Operation("crossover", (0, 2))]
    assert len({ask(operation).system for operation in operations}) == 1
    assert len({ask(operation).context for operation in operations}) == 1


def test_memory_is_only_appended_to():
    tree = grow(Greedy(), planned([0.1, None, *[k / 50 for k in range(28)]]), 30)
    told = [
        PROMPTER.request(tree, Assignment(k, Operation("draft"), (), "")).context for k in range(30)
    ]
    for earlier, later in pairwise(told):
        assert later.startswith(earlier)


def test_memory_has_scores_hypotheses_and_failures():
    text = ask(Operation("draft")).context
    assert "trial 0 (draft): 16A: score 0.5000. all attention" in text
    assert "trial 1 (draft): no architecture: no score (invalid)" in text
    assert "trial 2 (improve of 0): 8×(A-M): score 0.6000. mix" in text
    assert "trial 4" not in text


def test_a_short_memory_keeps_the_best_and_the_latest():
    tree = grow(Greedy(), planned([0.1, 0.9, *[k / 100 for k in range(28)]]), 30)
    few = replace(PROMPTER, memory=4)
    lines = few.request(tree, Assignment(30, Operation("draft"), (), "")).context.splitlines()
    numbers = [int(line.split()[2]) for line in lines[1:]]
    assert numbers == [1, 27, 28, 29]


def test_independent_drafts_have_no_memory():
    assert ask(Operation("draft", memory="none")).context == ""


@pytest.mark.parametrize(
    ("operation", "parts"),
    [
        (Operation("draft"), ["3 of 9 evaluations", "should differ"]),
        (
            Operation("improve", (0,)),
            ["trial 0", "layers: 16A", "0.5000", "recall 0.5", "all att"],
        ),
        (
            Operation("debug", (3,), "ancestors"),
            ["layers: 16M", "diverged: loss is", "no JSON"],
        ),
        (Operation("debug", (1,), "ancestors"), ["layers: none", "invalid: no JSON", "unclear"]),
        (Operation("crossover", (0, 2)), ["layers: 16A", "layers: 8×(A-M)", "0.6000", "all att"]),
    ],
)
def test_a_request_has_the_facts_of_its_operation(operation, parts):
    text = ask(operation).messages[-1].text
    for part in parts:
        assert part in text
    assert "$" not in text


def test_a_repair_continues_the_conversation():
    call = Attempt(
        model="m", prompt="", answer="", complaint="error[E0205]: no Q", code="E0205",
        usage=Usage(), usd=0, seconds=0,
    )  # fmt: skip
    request = ask(Operation("draft"), (call,))
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].text, "an empty turn is refused by the service"
    assert "error[E0205]: no Q" in request.messages[2].text
    assert request.attempt == 1
    assert request.messages[0] == ask(Operation("draft")).messages[0]


def test_seeds_differ_from_call_to_call_and_from_search_to_search():
    draft = Operation("draft")
    other = replace(PROMPTER, seed=2)
    seeds = {ask(draft, number=k).seed for k in range(5)} | {ask(draft, prompter=other).seed}
    assert len(seeds) == 6


def test_the_hash_tells_prompts_apart():
    assert prompt_hash(ask(Operation("draft"))) == prompt_hash(ask(Operation("draft")))
    assert prompt_hash(ask(Operation("draft"))) != prompt_hash(ask(Operation("improve", (0,))))


def test_every_prompt_file_uses_all_its_placeholders():
    """A placeholder that the default prompts do not use is not tested."""
    templates = load_templates()
    for name, values in PLACEHOLDERS.items():
        for value in values:
            assert f"${{{value}}}" in templates.texts[name]


def test_a_folder_replaces_single_prompts(tmp_path):
    (tmp_path / "draft.md").write_text("Surprise me for $$1. ${budget}", encoding="utf-8")
    templates = load_templates(tmp_path)
    assert templates.fill("draft", budget="one") == "Surprise me for $1. one\n"
    assert templates.texts["improve"] == load_templates().texts["improve"]
    assert templates.identity != load_templates().identity


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("drafts", "x", "not the name of a prompt"),
        ("draft", "${score}", "${score}"),
        ("draft", "5 $ a piece", "does not begin a placeholder"),
    ],
)
def test_invalid_prompts_are_refused(tmp_path, name, text, reason):
    (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="E0813") as caught:
        load_templates(tmp_path)
    assert reason in str(caught.value)


def test_missing_prompts_are_refused(tmp_path):
    with pytest.raises(UsageError, match="E0812"):
        load_templates(tmp_path / "none")
    (tmp_path / "draft.md").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="E0812"):
        load_templates(tmp_path)
