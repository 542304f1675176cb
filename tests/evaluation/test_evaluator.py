"""The evaluator is a pure function, and the training loop learns."""

import ast
import math
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import aira_dsl
from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import IGNORE, Examples, Memorization, SplitSizes
from aira_dsl.evaluation.evaluator import Evaluator, numeric_sources
from aira_dsl.evaluation.presets import EvaluatorSettings, TaskRun, preset_settings
from aira_dsl.evaluation.store import Store
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.training.loop import Diverged, train
from aira_dsl.training.recipe import Recipe

BLOCKS = {"A": Attention(heads=2), "M": MLP(hidden=32), "Mb": Mamba2(inner=16, head_dim=8)}


def architecture(layers: str) -> Architecture:
    return Architecture(width=16, blocks=BLOCKS, layers=tuple(layers.split()))


def settings(steps: int = 60, **recipe: float) -> EvaluatorSettings:
    run = TaskRun(
        task=Memorization(vocab=16, length=16),
        sizes=SplitSizes(train=256, validation=64, test=64),
        recipe=Recipe(steps=steps, batch=16, **{"learning_rate": 1e-2, **recipe}),
    )
    return EvaluatorSettings(objective="mad", preset="test", runs=(run,))


def test_a_task_is_learnt_only_by_a_model_that_can_express_it() -> None:
    """Memorization needs the previous token: a mixer has access to it, an MLP alone does not."""
    mixing = Evaluator(settings(120)).evaluate(architecture("Mb M"))
    local = Evaluator(settings(120)).evaluate(architecture("M M"))
    assert mixing.score is not None
    assert local.score is not None
    assert mixing.score > 0.95
    assert local.score < 0.7


def test_equal_arguments_give_equal_numbers_whatever_ran_before() -> None:
    evaluator = Evaluator(settings(10))
    first = evaluator.evaluate(architecture("A M Mb"), seed=1)
    torch.manual_seed(99)
    np.random.seed(99)
    evaluator.evaluate(architecture("M"), seed=5)
    again = evaluator.evaluate(architecture("A M Mb"), seed=1)
    drop = {"seconds": ..., "tasks": {0: {"seconds"}}}
    assert first.model_dump(exclude=drop) == again.model_dump(exclude=drop)
    other = evaluator.evaluate(architecture("A M Mb"), seed=2)
    assert other.tasks[0].bits_per_token != first.tasks[0].bits_per_token


def test_an_evaluation_leaves_random_state_and_threads_alone() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    expected = (torch.rand(1).item(), np.random.rand())
    torch.manual_seed(5)
    np.random.seed(5)
    threads = torch.get_num_threads()
    Evaluator(settings(2)).evaluate(architecture("A Mb"))
    assert (torch.rand(1).item(), np.random.rand()) == expected
    assert torch.get_num_threads() == threads


def test_the_test_split_is_another_split() -> None:
    evaluator = Evaluator(settings(20))
    validation = evaluator.evaluate(architecture("A M"), split="validation")
    test = evaluator.evaluate(architecture("A M"), split="test")
    assert validation.tasks[0].training_loss == test.tasks[0].training_loss
    assert validation.tasks[0].bits_per_token != test.tasks[0].bits_per_token


def test_a_result_is_kept_under_exactly_what_decides_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    evaluator = Evaluator(settings(2), store=store)
    base = architecture("A M")
    evaluation = evaluator.evaluate(base)
    assert evaluator.recall(base.replace(name="renamed"), 0) == evaluation
    assert evaluator.recall(architecture("M A"), 0) is None
    assert evaluator.recall(base, 1) is None
    assert evaluator.recall(base, 0, "test") is None
    assert Evaluator(settings(3), store=store).recall(base, 0) is None
    assert evaluator.evaluate(base).seconds == evaluation.seconds  # not computed again
    store.close()


def test_divergence_is_a_result(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    evaluator = Evaluator(settings(40, learning_rate=1e30, clip=1e30), store=store)
    evaluation = evaluator.evaluate(architecture("M"))
    assert (evaluation.status, evaluation.score) == ("diverged", None)
    assert "step" in evaluation.message
    assert evaluator.recall(architecture("M"), 0) == evaluation
    store.close()


def test_a_model_that_breaks_at_the_last_step_has_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every loss is finite, the weights after the last step are not: scores must not be NaN."""

    def train_and_break(network: nn.Module, *arguments: Any, **options: Any) -> list[float]:
        losses = train(network, *arguments, **options)
        with torch.no_grad():
            next(network.parameters()).fill_(math.nan)
        return losses

    monkeypatch.setattr("aira_dsl.evaluation.compute.train", train_and_break)
    store = Store(tmp_path / "store.db")
    evaluator = Evaluator(settings(1), store=store)
    evaluation = evaluator.evaluate(architecture("M"))
    assert (evaluation.status, evaluation.score) == ("diverged", None)
    assert evaluator.recall(architecture("M"), 0) == evaluation
    store.close()


def test_the_score_is_the_mean_accuracy_over_the_tasks() -> None:
    evaluation = Evaluator(preset_settings("smoke")).evaluate(architecture("A"))
    assert len(evaluation.tasks) == 6
    accuracies = [task.token_accuracy for task in evaluation.tasks]
    assert evaluation.score == pytest.approx(sum(accuracies) / 6, abs=1e-12)


def test_bits_per_byte_of_a_blind_model_are_near_the_entropy_of_bytes(tmp_path: Path) -> None:
    """Uniform random letters carry log2(26) bits each; no model can do better."""
    letters = np.random.default_rng(0).integers(97, 123, size=60_000).astype(np.uint8)
    (tmp_path / "random.txt").write_bytes(letters.tobytes())
    made = preset_settings("smoke", objective="language", corpus=[tmp_path / "random.txt"])
    run = made.runs[0]
    run = run.model_copy(
        update={
            "recipe": run.recipe.model_copy(update={"steps": 250}),
            "sizes": SplitSizes(train=1000, validation=64, test=64),
        }
    )
    evaluator = Evaluator(made.model_copy(update={"runs": (run,)}))
    evaluation = evaluator.evaluate(architecture("M M"))
    assert evaluation.score is not None
    assert math.log2(26) - 0.01 < evaluation.score < math.log2(26) + 0.3


def test_the_learning_rate_warms_up_and_follows_a_cosine_to_its_end() -> None:
    recipe = Recipe(steps=110, batch=1, learning_rate=1.0, final_learning_rate=0.1, warmup=10 / 110)
    assert [recipe.rate(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert recipe.rate(10) == pytest.approx(1.0)
    assert recipe.rate(60) == pytest.approx(0.55)
    assert recipe.rate(109) == pytest.approx(0.1, abs=1e-3)


class Bias(nn.Module):
    """Predicts token 0 by one number; parameters that are not used show weight decay alone."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))
        self.decayed = nn.Parameter(torch.ones(1))
        self.kept = nn.Parameter(torch.ones(1))
        self.kept._no_weight_decay = True  # type: ignore[attr-defined]

    def forward(self, tokens_BL: torch.Tensor) -> torch.Tensor:
        idle = 0.0 * (self.decayed + self.kept)
        return self.bias.expand(*tokens_BL.shape, 2) + idle


def test_training_honours_ignored_targets_and_flags_of_weight_decay() -> None:
    targets = np.full((8, 4), IGNORE)
    targets[:, -1] = 1
    examples = Examples(np.zeros((8, 4), dtype=np.int64), targets)
    network = Bias()
    losses = train(
        network, examples, Recipe(steps=20, batch=4, learning_rate=0.1, weight_decay=0.5), seed=0
    )
    assert losses[0] == pytest.approx(math.log(2))
    assert losses[-1] < 0.2
    assert network.bias[1] > network.bias[0]
    assert network.decayed.item() < 0.7
    assert network.kept.item() == 1.0


def test_examples_come_in_an_order_of_the_seed_and_each_once_an_epoch() -> None:
    seen: list[list[int]] = []

    class Spy(Bias):
        def forward(self, tokens_BL: torch.Tensor) -> torch.Tensor:
            seen.append(tokens_BL[:, 0].tolist())
            return super().forward(tokens_BL.clamp(max=1))

    rows = np.arange(12)[:, None] * np.ones((1, 2), dtype=np.int64)
    examples = Examples(rows.astype(np.int64), np.ones((12, 2), dtype=np.int64))
    for seed in (0, 0, 1):
        train(Spy(), examples, Recipe(steps=3, batch=4), seed=seed)
    first, again, other = ([*chain(*seen[i : i + 3])] for i in (0, 3, 6))
    assert sorted(first) == list(range(12))
    assert first == again != other


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    class Broken(Bias):
        def forward(self, tokens_BL: torch.Tensor) -> torch.Tensor:
            return super().forward(tokens_BL) * math.nan

    examples = Examples(np.zeros((4, 2), dtype=np.int64), np.ones((4, 2), dtype=np.int64))
    with pytest.raises(Diverged, match="step 1 of 3"):
        train(Broken(), examples, Recipe(steps=3, batch=2), seed=0)


def test_the_code_version_covers_all_modules_that_an_evaluation_imports() -> None:
    """Except for errors, names, files, and settings, which are in the key as values."""
    package = Path(aira_dsl.__file__).parent
    hashed = numeric_sources()
    imported = {file for source in hashed for file in imports_of(source, package)} - set(hashed)
    names = {str(file.relative_to(package)) for file in imported}
    assert {name for name in names if not name.startswith("utils/")} <= {
        *("errors.py", "error_codes.py", "models/storage.py", "evaluation/__init__.py"),
        *("evaluation/choices.py", "evaluation/presets.py", "evaluation/result.py"),
    }
    assert {"kernels.cpp", "compute.py", "cpu.py", "loop.py"} <= {file.name for file in hashed}


def imports_of(source: Path, package: Path) -> set[Path]:
    """Return the files of our package that a Python file imports, in functions too."""
    if source.suffix != ".py":
        return set()
    nodes = ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    names = {
        name
        for node in imports
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if str(name).startswith("aira_dsl.")
    }
    places = [package.joinpath(*str(name).split(".")[1:]) for name in names]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return {file for file in files if file.is_file()}
