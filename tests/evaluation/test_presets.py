"""Presets as values: their identity, and what importing them costs."""

from pathlib import Path

from aira_dsl.evaluation.presets import preset_settings


def test_presets_differ_in_identity_and_a_corpus_counts_by_its_content(tmp_path: Path) -> None:
    identities = {preset_settings(name).identity() for name in ("smoke", "cpu", "paper")}
    assert len(identities) == 3

    def identity_of(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return preset_settings("smoke", objective="language", corpus=[tmp_path / name]).identity()

    sheep = "".join(f"{number} sheep\n" for number in range(900))
    assert identity_of("a.txt", sheep) == identity_of("b.txt", sheep)
    assert identity_of("a.txt", sheep) != identity_of("a.txt", sheep.replace("sheep", "goats"))
