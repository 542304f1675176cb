"""Kimi Delta Attention on the kernels."""

from aira_dsl.primitives.common.cpu_delta_net import run, supports

__all__ = ["run", "supports"]
