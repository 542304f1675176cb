"""Bad input of every sort: a coded diagnostic that fits a screen, at once, and no traceback."""

import os
import re
import stat
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aira_dsl.errors import RunError
from aira_dsl.language import ArchitectureError, check, load, parse, render_all
from aira_dsl.language.documents import read_text
from aira_dsl.utils.files import write_atomically

HEAD = "architecture x {\n  block A = attention\n  block M = mlp\n"


def layers(pattern: str) -> str:
    return f"{HEAD}  layers {pattern}\n}}\n"


HOSTILE = {
    "exploding repeat": (layers("999999999×(A)"), "E0212"),
    "nested repeats": (layers("10×(" * 40 + "A" + ")" * 40), "E0212"),
    "long count": (layers("9" * 5000 + "A"), "E0212"),
    "zero in a bomb": (layers("0×(999999999A)"), "E0213"),
    "just too long": (layers("4097A"), "E0212"),
    "deep groups": (layers("(" * 10_000 + "A" + ")" * 10_000), "E0105"),
    "deep and open": (layers("(" * 10_000), "E0105"),
    "deep braces": ("architecture x " + "{" * 10_000, "E0105"),
    "closing only": (layers("A" + ")" * 10_000), "E0101"),
    "long width": (f"{HEAD}  width {'9' * 5000}\n  layers A\n}}", "E0210"),
    "long epsilon": (f"{HEAD}  norm_eps 0.{'9' * 5000}\n  layers A\n}}", "E0210"),
    "endless exponent": (f"{HEAD}  norm_eps 1e{'9' * 5000}\n  layers A\n}}", "E0210"),
    "long name": (f"architecture {'x' * 100_000} {{ block A = mlp; layers A }}", "E0215"),
    "long word": ("x" * 1_000_000, "E0101"),
    "nul": (HEAD + "\0", "E0104"),
    "escape": (HEAD + "# \x1b[31m red\n}", "E0104"),
    "c1 control": (HEAD + "# \x9b31m red\n}", "E0104"),
    "reversed text": (HEAD + "# \u202e\n}", "E0104"),
    "old line ends": (layers("A").replace("\n", "\r"), "E0104"),
    "no-break space": (layers("A").replace("  layers", "\u00a0layers"), "E0103"),
    "surrogate": (layers("A-\ud800"), "E0103"),
    "too long": ("#" * (1 << 20) + "\n", "E0106"),
    "too many words": (layers("A " * 120_000), "E0106"),
    "many lines": (layers("A-\n" * 20_000 + "A"), "E0212"),
    "many unknown settings": (HEAD + "foo 1\n" * 10_000 + "layers A }", "E0202"),
    "many undefined blocks": (layers(" ".join(f"B{i}" for i in range(20_000))), "E0205"),
    "many broken lines": (HEAD + "= $\n" * 25_000 + "}", "E0101"),
    "many blocks that do not fit": (
        "architecture x {\nwidth 1048576\n"
        + "".join(f"block A{i} = attention {{ heads 1048575 }}\n" for i in range(4000))
        + "layers A1\n}",
        "E0211",
    ),
    "many sections": (layers("A") * 2000, "E0224"),
    "semicolons": (";" * 1_000_000, "E0107"),
    "comments": ("#\n" * 400_000, "E0106"),
    "spaces": (" " * 1_000_000, "E0107"),
    "newlines": ("\n" * 1_000_000 + "x", "E0101"),
}


# CPU seconds: the slowest takes one on a laptop, two on a slow machine; what blows up, minutes.
BLOW_UP = 15.0


@pytest.mark.parametrize(("text", "code"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_at_once(text, code):
    begin = time.process_time()
    with pytest.raises(ArchitectureError) as caught:
        parse(text, filename="bad\x1b[2J.arch")
    shown = str(caught.value)
    assert time.process_time() - begin < BLOW_UP
    assert code in {each.code for each in caught.value.diagnostics}
    assert len(shown.splitlines()) < 20 * 8
    assert all(len(line) < 400 for line in shown.splitlines())
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_a_hundred_errors_are_counted_and_twenty_shown():
    text = HEAD + "foo 1\n" * 100 + "layers A }"
    found = check(text)
    assert len(found) == 100
    assert len(check(HEAD + "foo 1\n" * 9_000 + "layers A }")) == 1000
    shown = render_all(found, text)
    assert shown.count("error[E0202]") == 20
    assert shown.endswith("... and 80 more errors")


def test_bomb_costs_no_memory():
    import tracemalloc

    parse(layers("A"))
    tracemalloc.start()
    check(layers("4000×(" * 12 + "A" + ")" * 12))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@settings(max_examples=150)
@given(st.text(max_size=200))
@example("\r")
@example("{")
@example("architecture {} }")
def test_any_text_is_answered(text):
    check(text)


WORDS = re.findall(
    r"\S+",
    """
    architecture space block layers slots width A M attention mlp heads hidden { } ( ) = , - + × *
    ; 3 0 10_000 0.5 1e-5 2e3 $ : true none # # x
""",
)
TOKENS = st.sampled_from([*WORDS, "\n", "\n", " "])


@settings(max_examples=200)
@given(st.lists(TOKENS, max_size=40), st.booleans())
def test_any_soup_of_tokens_is_answered_in_human_words(tokens, framed):
    text = " ".join(tokens)
    text = layers(text) if framed else text
    lines = text.split("\n")
    for diagnostic in check(text):
        # Everything in capitals or with a leading underscore is a terminal or rule of the grammar.
        sentence = re.sub("NAME|KIND|YAML|JSON", "", f"{diagnostic.message} {diagnostic.help}")
        assert not re.search(r"\b_[A-Za-z]|\b[A-Z_]{3,}\b|\$END", sentence), sentence
        assert 1 <= diagnostic.line <= len(lines)
        assert 1 <= diagnostic.column <= len(lines[diagnostic.line - 1]) + 1
        assert (diagnostic.line, diagnostic.column) <= (diagnostic.end_line, diagnostic.end_column)


def refused(path):
    begin = time.process_time()
    with pytest.raises(ArchitectureError) as caught:
        load(path)
    assert time.process_time() - begin < BLOW_UP
    return caught.value


def test_files_that_are_no_files(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refused(tmp_path / "none.arch").code == "E0301"
    assert refused(tmp_path / "none.arch" / "deeper").code == "E0301"
    assert refused(tmp_path).code == "E0302"
    assert refused(pipe).code == "E0302"
    assert refused("/dev/zero").code == "E0302"
    assert refused("nul\0byte").code == "E0304"
    assert refused("x" * 5000).code == "E0304"


def test_huge_file_is_refused_by_its_size(tmp_path):
    path = tmp_path / "huge.arch"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    assert refused(path).code == "E0303"


def test_link_to_itself(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    assert refused(link).code == "E0304"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    path = tmp_path / "secret.arch"
    path.write_text(layers("A"), encoding="utf-8")
    path.chmod(0)
    assert refused(path).code == "E0304"


def test_not_utf8_names_the_byte(tmp_path):
    path = tmp_path / "latin.arch"
    path.write_bytes(b"architecture x {\n# caf\xe9\n}")
    error = refused(path)
    assert error.code == "E0305"
    assert "0xe9 at offset 22 (line 2)" in error.message
    assert (error.diagnostics[0].line, error.diagnostics[0].column) == (2, 6)


def test_utf16_is_refused(tmp_path):
    path = tmp_path / "wide.arch"
    path.write_text(layers("A"), encoding="utf-16")
    assert refused(path).code == "E0305"


def test_writing_keeps_mode_and_links(tmp_path):
    path, link = tmp_path / "a.arch", tmp_path / "link.arch"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    write_atomically(link, "new ×")
    assert link.is_symlink()
    assert read_text(path) == "new ×"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.arch", "link.arch"]


def test_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(RunError, match="E0904"):
        write_atomically(tmp_path / "none" / "a.arch", "text")
    assert not list(tmp_path.iterdir())
