"""Values that an option refuses: the rule, the value and what is allowed, in our own words."""

import shlex
from collections.abc import Callable

import pytest
import typer
from aira_dsl.cli.options import with_options

import aira_dsl
from aira_dsl.errors import UsageError
from aira_dsl.study.options import SearchOptions
from aira_dsl.utils.options import arguments_of, parse_context
from tests.helpers.command_line import run

REFUSED = [
    (("search", "--budget", "0"), "'--budget': must be at least 1, not 0"),
    (("search", "--budget", "few"), "'--budget': must be a whole number, not 'few'"),
    (("search", "--prune", "2"), "'--prune': must be below 1, not 2"),
    (("search", "--prune", "half"), "'--prune': must be a number, not 'half'"),
    (
        ("search", "--sampler", "brute"),
        "'--sampler': must be one of random, tpe, gp, nsga2, evolution, not 'brute'",
    ),
    (
        ("search", "--policy", "mtcs"),
        "'--policy': must be one of oneshot, best-of-n, greedy, mcts, evolution, not 'mtcs'",
    ),
    (
        ("compare", "--out", "x", "--proposer", "me"),
        "'--proposer': must be one of anthropic, local, pydantic-ai, scripted, not 'me'",
    ),
    (("compile", "x.arch", "--seed", "-1"), "'--seed': must be at least 0, not -1"),
    (("table", "make", "--out", "x", "--precision", "fp8"), "must be one of auto, fp32, bf16"),
    (("compare",), "Missing option '--out'"),
    (("train", "x.arch", "--data", ""), "the argument after '--data' is empty"),
    (("data", "prepare", ""), "the argument after 'prepare' is empty"),
    (("evaluate", "x", "--tasks", "y", "--out="), "'--out=' gives an empty value"),
    (("data", "prepare", "x", "--split-at", ""), "the argument after '--split-at' is empty"),
]


@pytest.mark.parametrize(
    ("text", "tokens"), [("8192", 8192), ("128k", 131_072), ("128K", 131_072), ("1M", 1 << 20)]
)
def test_contexts_are_written_short(text: str, tokens: int) -> None:
    assert parse_context(text) == tokens


@pytest.mark.parametrize("text", ["0", "-1", "1.5k", "17M", "k", "99999999999999"])
def test_a_context_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 16M tokens"):
        parse_context(text)


@pytest.mark.parametrize(("arguments", "told"), REFUSED)
def test_the_command_line_names_rule_and_value(
    arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run(*arguments)
    assert done.code == 2
    assert told in done.err
    assert "Input should" not in done.err
    assert "Value error" not in done.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"budget": 0}, "budget must be at least 1, not 0"),
        ({"sampler": "brute"}, "sampler must be one of random, tpe, gp, nsga2, evolution"),
        ({"seconds": "1h"}, "seconds must be a number, not '1h'"),
        ({"where": "A<=4"}, "where must be a list, not 'A<=4'"),
        ({"force": "maybe"}, "force must be true or false, not 'maybe'"),
    ],
)
def test_the_interface_names_option_rule_and_value(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match="E0808") as refused:
        aira_dsl.search(**options)
    assert told in str(refused.value)


def test_the_printed_command_gives_the_same_options() -> None:
    options = SearchOptions(
        sampler="tpe", budget=7, seconds=90.5, where=("A<=4", "parameters<=1_000"), seed=3,
        memory_limit=900 << 20, prune=0.0, out="a folder/run", force=True, evaluator="table",
    )  # fmt: skip
    arguments = shlex.split(shlex.join(arguments_of(options)))
    seen: list[SearchOptions] = []
    app = typer.Typer()
    app.command()(with_options(keep(seen)))
    app(arguments, standalone_mode=False)
    assert seen == [options]


def keep(seen: list[SearchOptions]) -> Callable[..., None]:
    def command(*, options: SearchOptions) -> None:
        seen.append(options)

    return command


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("search", "--ray", "127.0.0.1:1"), "no Ray cluster at '127.0.0.1:1'"),
        (("search", "--ray=127.0.0.1:1"), "no Ray cluster at '127.0.0.1:1'"),
        (("search", "--ray", "missing.arch"), "missing.arch"),
        (("search", "--ray=missing.arch"), "must be auto or HOST:PORT, not 'missing.arch'"),
    ],
)
def test_an_address_after_ray_may_be_left_out(
    arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run(*arguments)
    assert done.code in {1, 2}
    assert told in done.err
