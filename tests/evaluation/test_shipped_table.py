"""The table that ships: whole, of the preset as it is, and described as the command prints it."""

from pathlib import Path

import numpy as np
import pytest

from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.table import Table, load_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.experiments.sampler_benchmark import search_table
from aira_dsl.language import expand_pattern
from aira_dsl.report.terminal.table import table_text
from aira_dsl.space import Space

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table() -> Table:
    return load_table()


def test_it_holds_the_whole_space(table: Table) -> None:
    assert table.definition == Space.load(ROOT / "examples" / "six_layers.arch").definition
    assert table.is_complete
    assert list(table.arrangements) == [table.space.layers(i) for i in range(table.space.size)]
    assert sum(sitting.evaluations for sitting in table.sittings) == sum(table.seeds_A)


def test_it_is_of_the_preset_as_it_is(table: Table) -> None:
    """After a change of the preset the table is made again, or gets another name."""
    assert table.evaluator.identity() == preset_settings("cpu", precision="fp32").identity()


def test_docs_show_what_the_command_prints(table: Table) -> None:
    shows = "    aira-dsl table show --"
    (command,) = [line for line in DOCS.splitlines() if line.startswith(shows)]
    patterns = [part.strip("'") for part in command.split()[4::2]]
    asked = [expand_pattern(pattern, table.space.names) for pattern in patterns]
    assert len(asked) > 5
    shown = "".join(f"    {line}".rstrip() + "\n" for line in table_text(table, asked).splitlines())
    assert shown in DOCS


def test_searching_it_takes_no_training(table: Table) -> None:
    held = search_table(table, "evolution", seed=0, budget=60)
    assert table.means_A[held[-1]] > np.quantile(table.means_A, 0.9)
    best = table.space.architecture(table.arrangements[int(table.means_A.argmax())])
    assert TableEvaluator(table).recall(best, 0, "test").score == table.means_A.max()
