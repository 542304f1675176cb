"""Contract tests of a primitive's torch module.

    class TestMyPrimitive(PrimitiveContract):
        block = MyPrimitive(size=4)

in a test file runs all of them with pytest. The kind must be registered, by a line in
`aira_dsl.primitives.registry` or by an entry point (docs/primitives.md).

Shapes: B batch, L length, D model width.
"""

import copy
import random
from typing import ClassVar

import torch
from torch import Tensor

from aira_dsl.primitives import Primitive
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.registry import make_mixer


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return normal random numbers that follow from the seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


class PrimitiveContract:
    """What the module of every primitive must do.

    Attributes:
        block: the spec under test, with parameters that suit `width`.
        width: model width of the tested layers.
        cases: number of random divisions into pieces that decoding is tested with.
    """

    block: ClassVar[Primitive]
    width: ClassVar[int] = 24
    cases: ClassVar[int] = 8

    def make(self, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> Mixer:
        """Return the module with larger weights than at the start of training: faults show more."""
        mixer = make_mixer(self.resolved(), self.width)
        mixer.init_weights(torch.Generator().manual_seed(seed), depth=1)
        with torch.no_grad():
            for parameter in mixer.parameters():
                if parameter.dim() == 2:
                    parameter.mul_(8)
        return mixer.to(dtype)

    def resolved(self) -> Primitive:
        """Return the block with the defaults that follow from the width."""
        return self.block.resolve(self.width)

    def test_weights_have_the_names_and_shapes_of_the_spec(self) -> None:
        """`weights` and `parameters` of the spec describe the module's state dict."""
        block, parameters = self.resolved(), dict(self.make().named_parameters())
        shapes = {key: tuple(each.shape) for key, each in parameters.items()}
        assert block.weights(self.width) == shapes
        assert block.parameters(self.width) == sum(each.numel() for each in parameters.values())

    def test_later_tokens_never_change_earlier_outputs(self) -> None:
        """A token changes the output at its own position and after it alone."""
        mixer, x_BLD = self.make(), noise(2, 40, self.width)
        before_BLD = mixer(x_BLD)
        for position in (1, 15, 16, 17, 39):
            changed_BLD = x_BLD.clone()
            changed_BLD[:, position:] = 100 * noise(2, 40 - position, self.width, seed=1)
            after_BLD = mixer(changed_BLD)
            torch.testing.assert_close(after_BLD[:, :position], before_BLD[:, :position])
            assert not torch.allclose(after_BLD[:, position], before_BLD[:, position])

    def test_no_gradient_flows_from_an_output_to_later_inputs(self) -> None:
        """The gradient of one output is zero for later inputs, and not for its own."""
        mixer, x_BLD = self.make(), noise(1, 20, self.width).requires_grad_()
        (gradient_BLD,) = torch.autograd.grad(mixer(x_BLD)[:, 7].sum(), x_BLD)
        assert gradient_BLD[:, 8:].abs().max() == 0
        assert gradient_BLD[:, 7].abs().max() > 0

    def test_decoding_in_pieces_equals_the_whole(self) -> None:
        """With a cache, any division into pieces gives the output of the whole sequence."""
        for seed in range(self.cases):
            rng = random.Random(seed)
            cuts = [1 if seed == 0 else rng.randint(1, 20) for _ in range(rng.randint(2, 6))]
            mixer, x_BLD = self.make(seed=seed), noise(2, sum(cuts), self.width, seed=seed)
            cache = mixer.new_cache(2)
            with torch.no_grad():
                pieces = [mixer(piece, cache) for piece in torch.split(x_BLD, cuts, dim=1)]
                whole_BLD = mixer(x_BLD)
            torch.testing.assert_close(torch.cat(pieces, 1), whole_BLD, atol=2e-5, rtol=1e-4)

    def test_cache_holds_what_the_costs_say(self) -> None:
        """Its bytes are those of the spec: in float32, for three sequences."""
        block, mixer = self.resolved(), self.make()
        for length in (1, 7):
            cache = mixer.new_cache(3)
            mixer(noise(3, length, self.width), cache)
            kv_bytes = block.cached_tokens(length) * 4 * block.kv_cache_elements(self.width)
            expected = 3 * (kv_bytes + block.state_bytes(self.width, 4))
            assert (0 if cache is None else cache.nbytes) == expected

    def test_copied_cache_keeps_its_meaning(self) -> None:
        """Branching a sequence (beam search) needs a copy of references only."""
        mixer, x_BLD = self.make(), noise(1, 6, self.width)
        cache = mixer.new_cache(1)
        with torch.no_grad():
            mixer(x_BLD[:, :3], cache)
            branch = copy.copy(cache)
            mixer(noise(1, 3, self.width, seed=5), cache)
            found_BLD, expected_BLD = mixer(x_BLD[:, 3:], branch), mixer(x_BLD)[:, 3:]
        torch.testing.assert_close(found_BLD, expected_BLD, atol=1e-5, rtol=1e-4)

    def test_sequences_of_a_batch_do_not_see_each_other(self) -> None:
        """A batch gives what its sequences give alone."""
        mixer, x_BLD = self.make(), noise(4, 19, self.width)
        alone_BLD = torch.cat([mixer(row) for row in torch.split(x_BLD, 1)])
        torch.testing.assert_close(mixer(x_BLD), alone_BLD, atol=1e-5, rtol=1e-4)

    def test_gradients(self) -> None:
        """Analytic gradients of input and every parameter against finite differences."""
        mixer = self.make(dtype=torch.float64)
        names, values = zip(*mixer.named_parameters(), strict=True)

        def run(x_BLD: Tensor, *parameters: Tensor) -> Tensor:
            given = dict(zip(names, parameters, strict=True))
            output_BLD: Tensor = torch.func.functional_call(mixer, given, x_BLD)
            return output_BLD

        for length in (1, 5, 19):
            x_BLD = noise(1, length, self.width, dtype=torch.float64).requires_grad_()
            assert torch.autograd.gradcheck(run, (x_BLD, *values), fast_mode=True)

    def test_other_dtypes_agree_with_float32(self) -> None:
        """The relative error is below 3 % in bfloat16 and 1e-5 in float64."""
        x_BLD = noise(2, 21, self.width)
        expected_BLD = self.make()(x_BLD)
        for dtype, limit in ((torch.bfloat16, 0.03), (torch.float64, 1e-5)):
            y_BLD = self.make(dtype=dtype)(x_BLD.to(dtype))
            assert y_BLD.dtype == dtype
            assert (y_BLD.float() - expected_BLD).norm() / expected_BLD.norm() < limit

    def test_autocast_agrees_with_float32(self) -> None:
        """The relative error under autocast to bfloat16 is below 3 %."""
        mixer, x_BLD = self.make(), noise(2, 21, self.width)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y_BLD = mixer(x_BLD)
        assert (y_BLD.float() - mixer(x_BLD)).norm() / mixer(x_BLD).norm() < 0.03

    def test_tables_made_in_inference_mode_serve_training(self) -> None:
        """What a module keeps between calls does not block gradients."""
        mixer, x_BLD = self.make(), noise(1, 9, self.width)
        with torch.inference_mode():
            mixer(x_BLD)
        mixer(x_BLD).sum().backward()
        assert all(parameter.grad is not None for parameter in mixer.parameters())

    def test_meta_device_gives_shapes(self) -> None:
        """Nothing depends on the values of tensors."""
        mixer = make_mixer(self.resolved(), self.width).to("meta")
        x_BLD = torch.empty(2, 17, self.width, device="meta")
        assert mixer(x_BLD).shape == (2, 17, self.width)
