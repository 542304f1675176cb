"""Models whose structure is not the usual one: norm placement, scales, bounds."""

from aira_dsl.architecture import Architecture
from aira_dsl.language import parse

BLOCKS = """
  width 24
  vocab 50
  block A = attention { heads 4, kv_heads 2, head_dim 6, norm post }
  block M = mlp       { hidden 30, activation swiglu, norm sandwich, residual_scale 0.22 }
  block S = mamba2    { inner 24, state 4, head_dim 8, norm none, residual_scale 1.5 }
  block N = mlp       { hidden 20 }
  block D = mamba2    { inner 24, state 4, head_dim 8, norm stream, stream_scale 1.5 }
  block E = attention { heads 2, norm stream, stream_scale 1.5, residual_scale 0.5 }
  block K = mlp       { hidden 20, norm post, stream_scale 0.75 }
  block P = attention { heads 2, residual_scale 0.5 }
  block Q = mamba2    { inner 24, state 4, head_dim 8 }
  block T = attention { heads 2, tied true, norm sandwich }
  block U = mlp       { hidden 20, tied true, norm sandwich }
"""


def structured(settings: str = "", more: str = "N") -> Architecture:
    """Return a model of every placement of norms, with more settings and layers."""
    return parse(f"architecture structured {{{BLOCKS}\n  {settings}\n  layers A-M-S-N-A-{more}\n}}")


STRUCTURES = {
    "rms": structured("embedding_scale 12; softcap 0.5"),
    "layer": structured("norm_kind layer; logit_scale 0.25"),
    "layer_no_bias": structured("norm_kind layer_no_bias; tie_embeddings true"),
    "stream": structured(more="D-K-(D|E)-N-D"),
    "stream_layer": structured("norm_kind layer", more="E-D-K"),
    "parallel": structured(more="2×(P|Q)-(N|P|Q)"),
    "tied": structured(more="T-N-T-(T|U)-U-(T|U)"),
}
