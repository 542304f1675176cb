"""From an Architecture to a PyTorch model, and to a folder and back."""

from aira_dsl.models.construction import build
from aira_dsl.models.model import Cache, LanguageModel
from aira_dsl.models.storage import load_model, save_model

__all__ = ["Cache", "LanguageModel", "build", "load_model", "save_model"]
