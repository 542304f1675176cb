"""The exported Python file: only torch, the same logits, decoding, readable."""

import subprocess
import sys
import types

import pytest
import torch

import aira_dsl
from aira_dsl.architecture import Architecture
from aira_dsl.interop.standalone.python import to_python
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.models import decode, prompts, random_architecture, trained, with_overrides

SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 30))]


def module_of(architecture):
    module = types.ModuleType("exported")
    exec(compile(to_python(architecture), "exported.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("seed", SEEDS)
def test_logits_and_decoding_equal_ours(seed):
    architecture = with_overrides(random_architecture(seed))
    ours = trained(architecture, seed)
    theirs = module_of(architecture).Model().eval()
    theirs.load_state_dict(ours.state_dict())  # strict: every tensor has its counterpart
    tokens = prompts(seed)
    with torch.no_grad():
        expected, found = ours(tokens), theirs(tokens)
        caches = theirs.new_caches()
        pieces = [theirs(piece, caches) for piece in tokens.split((30, 1, 14), dim=1)]
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(theirs.generate(tokens, 8), decode(ours, tokens, 8))


def test_the_file_runs_with_torch_alone(tmp_path):
    path = tmp_path / "model.py"
    architecture = aira_dsl.load("examples/airahybrid_e.arch")
    path.write_text(to_python(architecture), encoding="utf-8")
    script = (
        "import sys, runpy; runpy.run_path(sys.argv[1], run_name='__main__'); "
        "assert not {'aira_dsl', 'transformers', 'lark', 'pydantic'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parameters = aira_dsl.cost(architecture).total_parameters
    assert done.stdout.startswith(f"{parameters:,} total parameters, 16 layers")


def test_only_what_is_used_is_written():
    source = to_python(Architecture(blocks={"A": Attention(), "M": MLP()}, layers=("A",) * 4))
    assert "class Mamba2" not in source
    assert "class MLP" not in source
    assert 'LAYERS = 4 * ["A"]' in source


def test_fresh_weights_are_drawn_as_ours():
    architecture = aira_dsl.load("examples/airahybrid_e.arch")
    torch.manual_seed(0)
    theirs = module_of(architecture).Model().state_dict()
    ours = aira_dsl.build(architecture, seed=0).state_dict()
    assert theirs.keys() == ours.keys()
    for name, tensor in ours.items():
        assert theirs[name].shape == tensor.shape
        if tensor.numel() > 1000:
            assert theirs[name].std().item() == pytest.approx(tensor.std().item(), rel=0.2), name


def test_training_step():
    model = module_of(random_architecture(3)).Model()
    tokens = prompts(3)
    loss = torch.nn.functional.cross_entropy(
        model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()
    )
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_long_patterns_stay_readable():
    layers = ("A", "A", "M") * 5 + ("A",) + ("M", "A") * 20
    architecture = Architecture(blocks={"A": Attention(), "M": MLP()}, layers=layers)
    assert tuple(module_of(architecture).LAYERS) == layers
    assert max(map(len, to_python(architecture).splitlines())) <= 100


def test_exported_mamba2_trains_in_the_memory_of_ours():
    """Bytes kept for the backward pass; a product of three operands would keep many times more."""
    block = Mamba2(inner=512, state=128, head_dim=64)
    architecture = Architecture(width=256, blocks={"S": block}, layers=("S",))
    ours = aira_dsl.build(architecture).stack[0].mixer
    exported = module_of(architecture).Model()
    exported.load_state_dict(aira_dsl.build(architecture).state_dict())
    theirs = exported.layers[0].mixer
    x = torch.randn(1, 256, 256)
    assert kept_bytes(lambda: theirs(x, {})) <= 1.1 * kept_bytes(lambda: ours(x))


def kept_bytes(run):
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storages.values())
