"""Byte-pair encoding by the package tokenizers, with the raw bytes of every token.

Text is first split as for GPT-4, but with at most two digits in a row, as in karpathy/nanochat.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.tokens.tokenizer import byte_of_letter
from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.extras import install_command

_SPLIT = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Tokenizer:
    """A trained vocabulary.

    Attributes:
        bytes: raw bytes of every token, by its number.
    """

    bytes: tuple[bytes, ...]
    _encoder: Any

    def encode(self, texts: list[str]) -> list[NDArray[np.uint16]]:
        """Return the tokens of every text."""
        return [np.array(found.ids, np.uint16) for found in self._encoder.encode_batch(texts)]


def train(texts: Iterator[str], *, vocabulary: int) -> Tokenizer:
    """Learn a vocabulary.

    Args:
        texts: what to learn from.
        vocabulary: tokens, the 256 bytes included; at most 65,536.

    Raises:
        UsageError: E1241, the package tokenizers is not installed.
        InputError: E1242, the texts have fewer tokens.
    """
    try:
        from tokenizers import Regex, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Encoder
    except ImportError as error:
        raise UsageError(
            "E1241",
            "BPE tokens need the package tokenizers, which is not installed",
            help=install_command("climbmix"),
        ) from error
    encoder = Encoder(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False
    )
    encoder.train_from_iterator(texts, trainer)
    if encoder.get_vocab_size() != vocabulary:
        raise InputError(
            "E1242",
            f"the text gives {encoder.get_vocab_size():,} tokens, not {vocabulary:,}",
            help="give more text",
        )
    names = {number: name for name, number in encoder.get_vocab().items()}
    bytes_of = byte_of_letter()
    tokens = (bytes(bytes_of[letter] for letter in names[n]) for n in range(vocabulary))
    return Tokenizer(tuple(tokens), encoder)
