"""The snippets of docs/compiler.md run as they stand, one after the other."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


def test_snippets_of_the_compiler_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 2
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    tokens = torch.randint(0, 256, (1, 12), generator=torch.Generator().manual_seed(0))
    names = {"tokens": tokens, "prompt": tokens, "torch": torch}
    for snippet in snippets:
        exec(snippet, names)
    assert (tmp_path / "airaformer_d.module" / "model.safetensors").is_file()
