"""Weights of Hugging Face checkpoints, both ways, by one map of names for each family."""

from aira_dsl.interop.weights.export import export_checkpoint
from aira_dsl.interop.weights.load import import_checkpoint, load_checkpoint

__all__ = ["export_checkpoint", "import_checkpoint", "load_checkpoint"]
