"""Coverage-guided fuzzing of the language, by atheris.

    python tests/fuzz/fuzz_language.py -max_total_time=300

Arguments are those of libFuzzer; a folder among them keeps inputs that reach new code. The
corpus of broken files and the examples are where it begins. An input that breaks a promise is
written to `crash-…`; run the program with that file as argument to see it again.
"""

import re
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["aira_dsl.language", "lark"]):
    from aira_dsl.language import ArchitectureError, check, format_text, parse, render_all, to_text
    from aira_dsl.language.documents import decode

TESTS = Path(__file__).parents[1]
SEEDS = (TESTS / "language" / "broken", TESTS.parent / "examples")


def one(data: bytes) -> None:
    """Read some bytes as a file; every promise about the answer is checked."""
    try:
        text = decode(data, "fuzz.arch")
    except ArchitectureError:
        return
    found = check(text, filename="fuzz.arch")
    lines = text.removeprefix("\ufeff").split("\n")
    for each in found:
        assert each.line is not None, each
        assert 1 <= each.line <= len(lines), each
        assert 1 <= (each.column or 0) <= len(lines[each.line - 1]) + 1, each
        assert (each.end_line or 0) <= len(lines), each
    shown = render_all(found, text)
    assert all(character.isprintable() or character == "\n" for character in shown), shown
    if any(each.severity == "error" for each in found):
        return
    tidy = format_text(text)
    assert format_text(tidy) == tidy, tidy
    if re.match(r"(\ufeff|\s|#.*\n)*space\b", text):  # has no layers to compare
        return
    architecture = parse(text)
    assert parse(tidy) == architecture, tidy
    assert parse(to_text(architecture)) == architecture


def main() -> None:
    """Fuzz until libFuzzer has enough; without a folder of inputs, from the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = sys.argv
        if not any(Path(each).exists() for each in sys.argv[1:]):
            for number, path in enumerate(p for seed in SEEDS for p in seed.rglob("*.arch")):
                (Path(folder) / str(number)).write_bytes(path.read_bytes())
            arguments = [*sys.argv, folder]
        atheris.Setup(arguments, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
