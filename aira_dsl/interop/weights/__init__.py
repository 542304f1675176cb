"""Weights of Hugging Face checkpoints as weights of ours, by one map of names for each family."""

from aira_dsl.interop.weights.load import import_checkpoint, load_checkpoint

__all__ = ["import_checkpoint", "load_checkpoint"]
