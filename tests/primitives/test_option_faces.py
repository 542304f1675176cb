"""The blocks of the contract suite, with their options, through language, costs and exports."""

from types import ModuleType

import jsonschema
import pytest
import torch
import yaml

from aira_dsl.architecture import Architecture, Workload, cost
from aira_dsl.errors import AiraError
from aira_dsl.interop.exporters import EXPORTERS
from aira_dsl.interop.standalone.python import to_python
from aira_dsl.language import check, parse, to_text, to_yaml
from aira_dsl.language.yaml.schema import schema
from aira_dsl.models import build
from aira_dsl.models.accelerate import accelerate
from aira_dsl.primitives.registry import part
from aira_dsl.report.summary import show_json
from tests.primitives.test_contract import CASES

WIDTH = 24
every_case = pytest.mark.parametrize("name", CASES)


def architecture_of(name: str) -> Architecture:
    block = CASES[name].resolve(WIDTH)
    return Architecture(
        name="x", width=WIDTH, vocab=11, context=32, blocks={"X": block}, layers=("X", "X")
    )


def tokens(length: int = 18) -> torch.Tensor:
    return torch.randint(11, (2, length), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


@every_case
def test_both_forms_of_the_language_say_it(
    name: str, validator: jsonschema.Draft202012Validator
) -> None:
    architecture = architecture_of(name)
    text, as_yaml = to_text(architecture), to_yaml(architecture)
    assert parse(text) == architecture
    assert [each for each in check(text) if each.severity == "error"] == []
    assert parse(as_yaml, filename="x.yaml") == architecture
    validator.validate(yaml.safe_load(as_yaml))


@every_case
@pytest.mark.parametrize("convention", ["paper", "megatron"])
def test_costs_count_it(name: str, convention: str) -> None:
    architecture = architecture_of(name)
    costs = cost(architecture, convention=convention)
    assert costs.total_parameters == sum(p.numel() for p in build(architecture).parameters())
    assert costs.training_flops > 0
    assert show_json(architecture, Workload())["stack"]


@every_case
@pytest.mark.parametrize("emit", ["megatron", "nemotron_h", "olmo"])
def test_formats_of_other_tools_refuse_options(name: str, emit: str) -> None:
    """An option that a format does not know is never dropped in silence."""
    architecture = architecture_of(name)
    used = CASES[name].used_options()
    reasons = EXPORTERS[emit].unsupported(architecture)
    assert not used or reasons


@every_case
def test_engine_and_exported_python_compute_the_same(name: str) -> None:
    architecture = architecture_of(name)
    model = build(architecture)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator()))
        expected = model(tokens())
        fast = accelerate(model, "fp32")(tokens())
        torch.testing.assert_close(fast, expected, atol=1e-4, rtol=1e-3)
    if part(type(CASES[name]), "standalone") is None:
        with pytest.raises(AiraError, match="E0510"):
            to_python(architecture)
        return
    exported = ModuleType("exported")
    exec(compile(to_python(architecture), "exported.py", "exec"), exported.__dict__)
    theirs = exported.Model()
    theirs.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens()), expected, atol=1e-5, rtol=1e-4)
        caches = theirs.new_caches()
        pieces = [theirs(piece, caches) for piece in tokens().split(5, dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-4)
