"""The tables of metadata.yaml in docs/design.md are those of the models."""

from pathlib import Path

import pytest

from aira_dsl.design.metadata import CandidateFiles, Metadata, Size

PAGE = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "model"), [("task", Metadata), ("candidate", CandidateFiles), ("size", Size)]
)
def test_every_field_has_its_row(
    name: str, model: type[Metadata] | type[CandidateFiles] | type[Size]
) -> None:
    rows = [f"| {name} | default | meaning |", "| --- | --- | --- |"]
    for field, info in model.model_fields.items():
        is_fixed = isinstance(info.default, str | int | float)
        default = f"`{info.default}`" if is_fixed else ""
        rows.append(f"| `{field}` | {default} | {info.description} |")
    assert "\n".join(rows) in PAGE
