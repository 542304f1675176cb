"""Speed of preparing a corpus: reading, checking, tokenizing, writing shards, on one core.

    taskset -c 0 python -m benchmarks.tokenizing [PATH…]

The tokenizer is a byte-level BPE of 32,000 tokens that is learned from the same text first. Printed
are megabytes of text a second of CPU time: as bytes; by the BPE, word by word; by the same BPE with
a normalizer, which leaves all text to the package tokenizers, as any other tokenizer does, and any
on a machine of more than four cores; and by the package without anything else.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aira_dsl.data.tokens.corpus import TokenCorpus
from aira_dsl.data.tokens.documents import find_sources
from aira_dsl.data.tokens.prepare import prepare

VOCABULARY = 32_000
LIMIT = 40 << 20  # bytes of text that the tokenizer is learned from


def texts(paths: list[str]) -> list[str]:
    """Return documents of the text, about `LIMIT` bytes of them."""
    found: list[str] = []
    left = LIMIT
    for source in find_sources(paths):
        for document in source.documents(None):
            found.append(document.decode())
            left -= len(document)
            if left < 0:
                return found
    return found


def learn(found: list[str], folder: Path) -> dict[str, str]:
    """Write two files of a tokenizer; return the tokenizers by the names of lines."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    encoder = Tokenizer(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    encoder.train_from_iterator(found, trainer)
    words, package = folder / "words.json", folder / "package.json"
    encoder.save(str(words))
    encoder.normalizer = normalizers.NFC()
    encoder.save(str(package))
    return {"bytes": "bytes", "word by word": str(words), "by the package": str(package)}


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def package_speed(path: str, found: list[str]) -> float:
    """Return megabytes a second of the package alone."""
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_file(path)
    size = sum(len(text.encode()) for text in found)
    return size / 1e6 / cpu_seconds(lambda: [e.ids for e in encoder.encode_batch_fast(found)])


def corpus_speed(paths: list[str], tokenizer: str, cache: Path) -> tuple[float, TokenCorpus]:
    """Return megabytes of text a second of preparing a corpus, and the corpus."""
    made: list[TokenCorpus] = []
    seconds = cpu_seconds(
        lambda: made.append(prepare(paths, tokenizer=tokenizer, cache=cache, validation=0.05))
    )
    size = made[0].train.text_bytes + made[0].validation.text_bytes
    return size / 1e6 / seconds, made[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["python-sources"])
    paths = parser.parse_args().paths
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    found = texts(paths)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizers = learn(found, folder)
        for label, tokenizer in tokenizers.items():
            speed, corpus = corpus_speed(paths, tokenizer, folder / "cache")
            facts = f"{corpus.train.tokens:,} tokens, {corpus.train.bytes_per_token:.2f} bytes each"
            print(f"{label:16}{speed:8.1f} MB/s   {facts}")
        alone = package_speed(tokenizers["word by word"], found[:1000])
        print(f"{'package alone':16}{alone:8.1f} MB/s")


if __name__ == "__main__":
    main()
