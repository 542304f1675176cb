"""The model to evaluate: the folder, transformers' class in lm-eval, and our own for comparison."""

import json
import sys
from pathlib import Path
from typing import Any

from aira_dsl.errors import InputError
from aira_dsl.evaluation.accuracy.likelihood import TextModel
from aira_dsl.evaluation.accuracy.options import EvaluateOptions
from aira_dsl.interop.exported import is_exported, load_exported
from aira_dsl.interop.huggingface import CONFIG, MODEL_TYPE
from aira_dsl.interop.tokenizer import BYTES, TOKENIZER
from aira_dsl.utils.machine import Device

_EXPORT = "export"
_TOKENIZERS = (TOKENIZER, "tokenizer_config.json", "tokenizer.model")


def model_folder(folder: Path) -> Path:
    """Return the folder for transformers: that of a training run is its `export`.

    Raises:
        InputError: E1801, there is no model for transformers, or it has no tokenizer.
    """
    found = next((f for f in (folder, folder / _EXPORT) if (f / CONFIG).is_file()), None)
    if found is None and not folder.exists():
        raise InputError(
            "E1801", f"there is no folder {folder}", help="check the path of the model"
        )
    if found is None:
        raise InputError(
            "E1801",
            f"{folder} has no {CONFIG}, nor a folder {_EXPORT} with one",
            help="`aira-dsl train` writes an export at its end, unless a kind of block has no "
            "standalone code; a module folder becomes one with "
            "`aira-dsl compile FILE --weights MODULE --emit hf`",
        )
    if not any((found / name).is_file() for name in _TOKENIZERS):
        raise InputError(
            "E1801",
            f"{found} has no tokenizer",
            help=f"copy the {TOKENIZER} that the model is trained with into it",
        )
    return found


def harness_model(folder: Path, options: EvaluateOptions, device: Device) -> Any:
    """Load a folder into lm-eval's class for transformers.

    Raises:
        InputError: E1808, transformers cannot load it.
    """
    from lm_eval.models.huggingface import HFLM

    no_bars = not sys.stderr.isatty()

    class Model(HFLM):  # type: ignore[misc]
        """HFLM with errors for what does not fit, and bars on a terminal only."""

        batch_size_per_gpu: int

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = no_bars) -> Any:
            return super().loglikelihood(requests, disable_tqdm)

        def _loglikelihood_tokens(self, requests: list[Any], **named: Any) -> Any:
            for _, _, continuation in requests:
                _require_place(len(continuation), self.max_length)
            return super()._loglikelihood_tokens(requests, **{**named, "disable_tqdm": no_bars})

        def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = no_bars) -> Any:
            return super().loglikelihood_rolling(requests, disable_tqdm)

        def generate_until(self, requests: list[Any], disable_tqdm: bool = no_bars) -> Any:
            self.batch_size_per_gpu = 1 if ours else options.batch  # ours takes no padding
            try:
                return super().generate_until(requests, disable_tqdm)
            finally:
                self.batch_size_per_gpu = options.batch

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        ours = config.get("model_type") == MODEL_TYPE
        return Model(
            pretrained=str(folder),
            backend="causal",
            device=device,
            softmax_dtype="float32",
            batch_size=options.batch,
            trust_remote_code=ours,
        )
    except Exception as error:  # transformers raises what its readers raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            "E1808",
            f"transformers cannot load {folder}: {reason}",
            help="its own message is the cause; code of other packages is not run",
        ) from error


def own_model(folder: Path, harness: Any, device: Device) -> TextModel | None:
    """Return the same model by our own modules; None if aira-dsl did not export it."""
    if not is_exported(folder):
        return None
    model = load_exported(folder).to(device)
    is_bytes = model.architecture.vocab == BYTES

    def encode(text: str) -> list[int]:
        if is_bytes:
            return list(text.encode())
        return list(harness.tokenizer.encode(text, add_special_tokens=False))

    return TextModel(
        logits=lambda tokens_BL: model(tokens_BL.to(device)).cpu(),
        encode=encode,
        end_of_document=harness.prefix_token_id,
        context=harness.max_length,
        batch=harness.batch_size,
    )


def _require_place(tokens: int, context: int) -> None:
    if tokens > context:
        raise InputError(
            "E1807",
            f"an answer has {tokens:,} tokens, the context of the model {context:,}",
            help="evaluate a model with a longer context",
        )
    if tokens == 0:
        raise InputError("E1805", "an answer of the task is empty")
