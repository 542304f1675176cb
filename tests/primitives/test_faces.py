"""Every registered kind through everything that shows, costs, reads, writes or builds a block.

A target that cannot express a kind refuses it with a code; nothing raises a KeyError.
"""

import ast
import inspect
import json
import warnings
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import jsonschema
import pytest
import torch
import typer
import yaml
from aira_dsl.cli.compile import compile_
from pygments.token import Keyword
from rich.console import Console
from typer.testing import CliRunner

from aira_dsl.architecture import Architecture, Workload, cost
from aira_dsl.errors import AiraError
from aira_dsl.interop.exporters import EXPORTERS
from aira_dsl.interop.standalone.python import to_python
from aira_dsl.language import check, format_text, parse, to_text, to_yaml
from aira_dsl.language.yaml.schema import schema
from aira_dsl.lsp.completion import complete
from aira_dsl.lsp.highlight import ArchLexer
from aira_dsl.lsp.hover import hover
from aira_dsl.models import build, cuda_model, load_model, save_model
from aira_dsl.models.accelerate import accelerate
from aira_dsl.primitives.registry import KINDS, part
from aira_dsl.report.stack import lines
from aira_dsl.report.summary import show_json, summary
from aira_dsl.report.svg import draw
from aira_dsl.scaling import extrapolate
from aira_dsl.scaling.paper_sizes import SIZES
from aira_dsl.utils.documented import attribute_docstrings
from tests.lsp.texts import at

every_kind = pytest.mark.parametrize("kind", KINDS)


def text_of(kind: str) -> str:
    return (
        f"architecture x {{\n  width 32\n  vocab 11\n  block X = {kind}\n  block N = mlp\n"
        "  layers 2×(X-N)-X\n}\n"
    )


def architecture_of(kind: str) -> Architecture:
    return parse(text_of(kind))


def tokens(length: int = 12) -> torch.Tensor:
    return torch.randint(11, (2, length), generator=torch.Generator().manual_seed(0))


@every_kind
def test_language_reads_and_writes_it(kind: str) -> None:
    architecture = architecture_of(kind)
    assert architecture.blocks["X"].kind == kind
    assert parse(to_text(architecture)) == architecture
    assert parse(to_yaml(architecture), filename="x.yaml") == architecture
    assert format_text(text_of(kind)) == format_text(format_text(text_of(kind)))
    every_field = to_text(architecture).replace(f"X = {kind}", f"X = {kind} {{{_written(kind)}}}")
    assert parse(every_field).fingerprint == architecture.fingerprint
    (wrong,) = check(text_of(kind).replace(f"X = {kind}", f"X = {kind} {{ no_such_field 1 }}"))
    assert wrong.code == "E0203"


def _written(kind: str) -> str:
    """Write every parameter with its value at width 32."""
    block = KINDS[kind].model_validate({}).resolve(32)
    values = {key: str(value).lower() for key, value in block if key != "kind"}
    return ", ".join(f"{key} {value}" for key, value in values.items())


@every_kind
def test_yaml_schema_describes_it(kind: str) -> None:
    content = yaml.safe_load(to_yaml(architecture_of(kind)))
    jsonschema.Draft202012Validator(schema()).validate(content)
    fields = KINDS[kind].model_fields.keys() - {"kind"}
    assert fields <= attribute_docstrings(KINDS[kind]).keys(), "each has a docstring"


@every_kind
def test_editor_knows_it(kind: str) -> None:
    offered = complete(*at("architecture x { block X = |")).proposals
    assert kind in [each.label for each in offered]
    inside = complete(*at(f"architecture x {{ block X = {kind} {{ |")).proposals
    assert {each.label for each in inside} == KINDS[kind].model_fields.keys() - {"kind"}
    above = hover(*at(text_of(kind).replace(f"X = {kind}", f"X = |{kind}")))
    assert above is not None
    assert f"**{kind}**" in above.text
    block = hover(*at(text_of(kind).replace("(X-N)", "(|X-N)")))
    assert block is not None
    for name, shape in architecture_of(kind).blocks["X"].weights(32).items():
        assert f"{name} {'×'.join(map(str, shape))}" in block.text
    assert (Keyword.Type, kind) in ArchLexer().get_tokens(text_of(kind))


@every_kind
def test_show_draws_it(kind: str) -> None:
    architecture = architecture_of(kind)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(summary(architecture))
    assert kind in captured.get()
    shown = json.loads(json.dumps(show_json(architecture, Workload())))
    assert kind in {line["kind"] for line in shown["stack"]}
    picture = ElementTree.fromstring(draw(architecture, Workload()))
    texts = ["".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert KINDS[kind].symbol in texts


@every_kind
@pytest.mark.parametrize("convention", ["paper", "megatron"])
def test_costs_count_it(kind: str, convention: str) -> None:
    architecture = architecture_of(kind)
    costs = cost(architecture, convention=convention)
    assert costs.total_parameters == sum(p.numel() for p in build(architecture).parameters())
    assert costs.training_flops > 0
    stack = lines(architecture, convention=convention)
    assert sum(line.parameters for line in stack) + architecture.width == costs.parameters
    assert sum(line.cache_bytes for line in stack) == costs.kv_cache_bytes
    assert sum(line.state_bytes for line in stack) == costs.state_bytes


@every_kind
def test_a_scale_enlarges_it_or_refuses(kind: str) -> None:
    architecture = architecture_of(kind)
    if architecture.blocks["X"].at(SIZES["350m"].dimensions(hybrid=False)) is None:
        with pytest.raises(AiraError, match=f"E0225.*{kind}"):
            extrapolate(architecture, "350m")
        return
    large = extrapolate(architecture, "350m")
    assert large.blocks["X"].kind == kind
    assert cost(large).parameters > 3e8


@every_kind
@pytest.mark.parametrize("emit", EXPORTERS)
def test_exports_write_it_or_refuse(kind: str, emit: str, tmp_path: Path) -> None:
    (tmp_path / "x.arch").write_text(text_of(kind), encoding="utf-8")
    app = typer.Typer()
    app.command()(compile_)
    command = [str(tmp_path / "x.arch"), "--emit", emit, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    if isinstance(result.exception, AiraError):
        assert result.exception.code == "E0510"
        assert not (tmp_path / "out").exists()
    else:
        assert result.exit_code == 0, result.output
        assert (tmp_path / "out").exists()


@every_kind
def test_exported_python_computes_the_same(kind: str) -> None:
    architecture = architecture_of(kind)
    if part(KINDS[kind], "standalone") is None:
        with pytest.raises(AiraError, match=rf"{kind} has no standalone code"):
            to_python(architecture)
        return
    exported = ModuleType("exported")
    exec(compile(to_python(architecture), "exported.py", "exec"), exported.__dict__)
    ours, theirs = build(architecture), exported.Model()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens()), ours(tokens()), atol=1e-5, rtol=1e-4)
        caches = theirs.new_caches()
        pieces = [theirs(piece, caches) for piece in tokens().split(5, dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), ours(tokens()), atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")  # transformers' own
@every_kind
def test_exported_folder_loads_and_computes_the_same(kind: str, tmp_path: Path) -> None:
    from aira_dsl.interop.huggingface import export_hugging_face

    ours = build(architecture_of(kind))
    if part(KINDS[kind], "standalone") is None:
        with pytest.raises(AiraError, match="E0510"):
            export_hugging_face(ours, tmp_path / "hf")
        assert not (tmp_path / "hf").exists()
        return
    export_hugging_face(ours, tmp_path / "hf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoModelForCausalLM
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "hf", trust_remote_code=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens()).logits, ours(tokens()), atol=1e-5, rtol=1e-4)


def test_names_in_exported_code_are_distinct() -> None:
    """One file holds the code of every kind."""
    found: dict[str, str] = {}
    for kind, spec in KINDS.items():
        module = part(spec, "standalone")
        for node in ast.parse(inspect.getsource(module)).body if module else []:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                assert node.name not in found, f"{kind} and {found[node.name]} both define it"
                found[node.name] = kind


@every_kind
def test_models_are_built_saved_and_trained(kind: str, tmp_path: Path) -> None:
    architecture = architecture_of(kind)
    module = tmp_path / "x.module"
    model = build(architecture)
    save_model(model, module)
    torch.testing.assert_close(load_model(module)(tokens()), model(tokens()))
    fast = accelerate(model, "fp32")
    torch.testing.assert_close(fast(tokens()), model(tokens()), atol=1e-4, rtol=1e-3)
    fast(tokens()).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.no_grad():
        compiled = cuda_model.CompiledModel(model, torch.float32, torch.device("cpu"))
        torch.testing.assert_close(compiled(tokens()), model(tokens()))


@every_kind
def test_decoding_equals_the_parallel_form(kind: str) -> None:
    model = build(architecture_of(kind))
    cache = model.new_cache(2)
    with torch.no_grad():
        pieces = [model(piece, cache) for piece in tokens().split(1, dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), model(tokens()), atol=1e-5, rtol=1e-4)


@every_kind
def test_warnings_know_what_it_does_with_earlier_tokens(kind: str) -> None:
    """`mixes_tokens` and `knows_order` are what the module does when earlier tokens change."""
    block = architecture_of(kind).blocks["X"]
    mixer = build(architecture_of(kind)).stack[0].mixer
    x = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0))
    changed, swapped = x.clone(), x[:, [1, 0, 2, 4, 3, 5]]
    changed[:, 3:5] += 1
    with torch.no_grad():
        last = mixer(x)[:, -1]
        assert block.mixes_tokens != torch.allclose(mixer(changed)[:, -1], last, atol=1e-7)
        assert block.knows_order != torch.allclose(mixer(swapped)[:, -1], last, atol=1e-7)
