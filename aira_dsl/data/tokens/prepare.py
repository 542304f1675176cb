"""Preparing a corpus: text files become shards, once; the next call opens them.

    CACHE/KEY/              a corpus; KEY is a hash of the text, the tokenizer and the settings
    CACHE/KEY/progress.json while it is being made: the shards that are finished, and the place
    CACHE/known/HASH        KEY for files of this size and time of change: text is hashed once

Preparing continues after the last finished shard when it was interrupted. Of several processes that
ask for the same corpus one makes it, the others wait.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aira_dsl.data.tokens.building import Builder, Plan
from aira_dsl.data.tokens.corpus import MANIFEST, TokenCorpus, is_corpus, open_corpus
from aira_dsl.data.tokens.documents import Source, find_sources, is_named
from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.data.tokens.tokenizer import Tokenizer, open_tokenizer
from aira_dsl.errors import InputError
from aira_dsl.utils.files import cache_folder, reporting, write_atomically
from aira_dsl.utils.locking import wait_for
from aira_dsl.utils.options import options_of

Progress = Callable[[int, int], None]
"""Called with the bytes of files done, and of all files."""

_FORMAT = 1  # of the shards; a change makes every corpus again


def prepare(
    paths: Sequence[str | Path], *, progress: Progress | None = None, **options: Any
) -> TokenCorpus:
    """Return the corpus of some text; it is made if it is not in the cache.

    Args:
        paths: `.txt`, `.jsonl` (one object a line, its "text"), `.parquet` (column "text"), folders
            of these; one name of `aira_dsl.data.text.named.CORPORA`; or the folder of a prepared
            corpus, which options must fit unless they are the defaults.
        progress: called while text is read.
        **options: fields of `CorpusOptions`.

    Raises:
        InputError: E0613 to E0619, the text cannot be read; E1401, E1402, the tokenizer; E1404, the
            corpus in the cache is damaged; E1405, a prepared corpus has other settings; E1407, too
            few documents; E0503, the cache is a file; E1408, a file changed meanwhile.
        UsageError: E0618, E1403, a package is not installed; E0808, an option is not valid.
        RunError: E0904, a file cannot be written; what is finished stays, the same call continues.
    """
    if "tokenizer" in options:
        options["tokenizer"] = str(options["tokenizer"])
    chosen = options_of(CorpusOptions, options)
    if len(paths) == 1 and is_corpus(Path(paths[0])):
        return _opened(Path(paths[0]), chosen)
    _require_texts(paths)
    sources = find_sources(paths, chosen.include)
    tokenizer = open_tokenizer(chosen.tokenizer, chosen.separator)
    root = chosen.cache or cache_folder() / "tokens"
    if root.exists() and not root.is_dir():
        raise InputError("E0503", f"{root} is not a folder", help="choose another with --cache")
    with reporting(f"{root} cannot be written"):
        (root / "known").mkdir(parents=True, exist_ok=True)
    key = _known_key(root, sources, tokenizer, chosen)
    folder = root / key
    with reporting(f"{folder} cannot be written"):
        folder.mkdir(exist_ok=True)
    if not (folder / MANIFEST).exists():
        with wait_for(folder / ".lock"):
            if not (folder / MANIFEST).exists():
                plan = Plan(", ".join(map(str, paths)), sources, tokenizer, chosen)
                Builder(folder, plan, progress).build()
    return open_corpus(folder)


def _require_texts(paths: Sequence[str | Path]) -> None:
    """Refuse a named or prepared corpus among several paths: each has its own documents."""
    for path in paths if len(paths) > 1 else ():
        is_prepared = is_corpus(Path(path))
        if is_prepared or is_named(path):
            raise InputError(
                "E0614" if is_prepared else "E0613",
                f"{path} is a {'prepared' if is_prepared else 'named'} corpus, which cannot be "
                "combined with other paths",
                help="give it alone, or give files and folders of text only",
            )


def _opened(folder: Path, wanted: CorpusOptions) -> TokenCorpus:
    """Open a prepared corpus; options other than the defaults must be those of the corpus."""
    corpus = open_corpus(folder)
    default = CorpusOptions()
    if (wanted.tokenizer, wanted.separator) != (default.tokenizer, default.separator):
        asked, own = open_tokenizer(wanted.tokenizer, wanted.separator), corpus.tokenizer
        if (asked.sha256, asked.separator) != (own.sha256, own.separator):
            raise _other(folder, f"was made with another tokenizer ({own.kind})")
    for name in ("validation", "split_at"):
        value, made_with = getattr(wanted, name), getattr(corpus.manifest, name)
        if value not in (getattr(default, name), made_with):
            raise _other(folder, f"was made with {name} {made_with}, not {value}")
    return corpus


def _other(folder: Path, what: str) -> InputError:
    return InputError(
        "E1405",
        f"the prepared corpus {folder} {what}",
        help="give the text itself, it is then prepared with these settings",
    )


def _known_key(
    root: Path, sources: Sequence[Source], tokenizer: Tokenizer, options: CorpusOptions
) -> str:
    """Return the key of a corpus; text whose files did not change is not hashed again."""
    states = [source.state for source in sources]
    settings = _settings(tokenizer, options)
    memo = root / "known" / _hash([states, settings])
    if None not in states and memo.exists():
        return memo.read_text(encoding="utf-8")
    key = _hash([[[source.kind, source.digest()] for source in sources], settings])
    write_atomically(memo, key)
    return key


def _settings(tokenizer: Tokenizer, options: CorpusOptions) -> list[Any]:
    return [
        _FORMAT,
        tokenizer.sha256,
        tokenizer.separator,
        options.validation,
        options.split_at,
        options.not_text,
    ]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
