"""Report of a prepared corpus."""

import json

from aira_dsl.data.tokens.corpus import Split, TokenCorpus
from aira_dsl.utils.formatting import plural


def corpus_json(corpus: TokenCorpus) -> str:
    """Return what `corpus_text` says, for machines."""
    manifest = corpus.manifest
    record: dict[str, object] = {
        "folder": str(corpus.folder),
        "identity": corpus.identity,
        "tokenizer": corpus.tokenizer.model_dump(),
        **{split.name: _facts(split) for split in (corpus.train, corpus.validation)},
        **manifest.model_dump(include={"files", "skipped", "blank"}),
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def corpus_text(corpus: TokenCorpus) -> str:
    """Describe a prepared corpus for people."""
    tokenizer, manifest = corpus.tokenizer, corpus.manifest
    between = "byte 0" if tokenizer.separator_text is None else repr(tokenizer.separator_text)
    lines = [
        f"{corpus.folder}",
        f"text        {manifest.name}: {plural(manifest.files, 'file')}",
        f"tokenizer   {tokenizer.kind}: {tokenizer.vocab_size:,} token ids, {between} between "
        "documents",
        *(_line(split) for split in (corpus.train, corpus.validation)),
    ]
    if manifest.skipped or manifest.blank:
        lines.append(f"left out    {_left_out(manifest.skipped, manifest.blank)}")
    return "\n".join([*lines, f"identity    {corpus.identity}", ""])


def _left_out(skipped: int, blank: int) -> str:
    verb = "is" if skipped == 1 else "are"
    files = f"{plural(skipped, 'file')} that {verb} not text" if skipped else ""
    documents = f"{plural(blank, 'document')} without text" if blank else ""
    return ", ".join(filter(None, (files, documents)))


def _line(split: Split) -> str:
    if not split.tokens:
        return f"{split.name:10}  no document"
    counts = f"{plural(split.tokens, 'token')} in {plural(split.documents, 'document')}"
    return f"{split.name:10}  {counts}, {split.bytes_per_token:.2f} bytes of text a token"


def _facts(split: Split) -> dict[str, int]:
    return {
        "tokens": split.tokens,
        "documents": split.documents,
        "text_bytes": split.text_bytes,
    }
