"""Places in texts: `|` is where the cursor is."""

from pathlib import Path

from aira_dsl.lsp.scope import Source

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").rglob("*.arch"))


def at(marked: str, path: Path | None = None) -> tuple[Source, int]:
    offset = marked.index("|")
    return Source(marked[:offset] + marked[offset + 1 :], path), offset
