"""A text that is read on top of another one."""

import pytest

from aira_dsl.language import ArchitectureError, parse, parse_space
from aira_dsl.language.printer import space_text
from aira_dsl.space import Space

SPACE = parse_space(
    """
space small {
  width 48
  block A = attention { heads 3 }
  block M = mlp { hidden 16 }
  slots 4
}
"""
)
BASE = space_text(SPACE)


@pytest.mark.parametrize("definition", [SPACE, Space.default().definition], ids=["small", "paper"])
def test_the_text_of_a_space_is_that_space(definition):
    assert parse_space(space_text(definition)) == definition


def test_the_base_supplies_what_the_text_leaves_out():
    text = "architecture mine { block M = mlp { hidden 8 }\n layers 2A-2M }"
    architecture = parse(text, base=BASE)
    assert (architecture.name, architecture.width) == ("mine", 48)
    assert architecture.blocks["A"] == SPACE.blocks["A"]
    assert architecture.blocks["M"].hidden == 8


def test_the_base_does_not_supply_layers():
    with pytest.raises(ArchitectureError, match="E0209"):
        parse("architecture mine { width 48 }", base=BASE)


def test_an_error_that_follows_from_the_base_is_shown_in_the_text():
    with pytest.raises(ArchitectureError) as caught:
        parse("architecture mine {\n  width 64\n  layers 4A\n}", base=BASE)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0211"
    assert diagnostic.line in (1, 2)


def test_a_text_with_a_base_cannot_extend_a_file():
    with pytest.raises(ArchitectureError, match="E0310"):
        parse('architecture mine { extends "/etc/passwd"\n layers 4A }', base=BASE)
