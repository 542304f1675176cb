"""The trained model in the Hugging Face format, with its tokenizer beside it."""

from pathlib import Path
from typing import Any

from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from aira_dsl.data.tokens.corpus import TokenCorpus
from aira_dsl.interop.huggingface import export_hugging_face
from aira_dsl.interop.standalone.source import unsupported
from aira_dsl.interop.tokenizer import TokenizerFiles, byte_tokenizer
from aira_dsl.models import LanguageModel
from aira_dsl.models.construction import lay_out
from aira_dsl.pretraining.processes import Processes


def export(
    model: LanguageModel, corpus: TokenCorpus, folder: Path, processes: Processes
) -> list[str]:
    """Write the folder `export`; all processes take part, the first writes.

    Returns:
        why there is no export: blocks for which the format has no code; empty if there is one.

    Raises:
        RunError: E0502, E0904, it cannot be written.
    """
    if reasons := unsupported(model.architecture):
        return reasons
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=whole)
    tokenizer = tokenizer_of(corpus)
    processes.first_does(lambda: _write(model, weights, tokenizer, folder))
    return []


def tokenizer_of(corpus: TokenCorpus) -> TokenizerFiles:
    """Return the files of the tokenizer that made the tokens."""
    if corpus.tokenizer_path is None:
        return byte_tokenizer()
    content = corpus.tokenizer_path.read_text(encoding="utf-8")
    return TokenizerFiles(content, corpus.tokenizer.separator, corpus.tokenizer.separator_text)


def _write(
    model: LanguageModel, weights: dict[str, Any], tokenizer: TokenizerFiles, folder: Path
) -> None:
    whole = lay_out(model.architecture, model.seed)
    whole.load_state_dict(weights, assign=True)
    whole.restore_links()
    export_hugging_face(whole, folder, tokenizer=tokenizer, force=True)
