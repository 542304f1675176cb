"""Which sandbox is chosen, and what is said where there is none."""

import os
from pathlib import Path

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.sandbox import kinds, seccomp
from aira_dsl.sandbox.launcher import descendants
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Kind, Spec
from tests.sandbox.conftest import KINDS


def test_this_machine_has_a_sandbox() -> None:
    """CI installs bubblewrap; a machine with neither kind fails here, so that it is noticed."""
    assert set(KINDS) & set(kinds.SAFE)


def test_the_stronger_kind_is_chosen_first() -> None:
    assert kinds.choose("auto") == KINDS[0]
    assert kinds.choose("none") == "none"


def test_a_machine_with_neither_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(kinds.landlock, "version", lambda: 1)
    kinds.obstacle.cache_clear()
    try:
        for wish in ("auto", "bubblewrap", "landlock"):
            with pytest.raises(
                UsageError, match=r"does not work here|no sandbox works here"
            ) as caught:
                kinds.choose(wish)
            assert caught.value.code == "E1101"
            assert "--sandbox none" in caught.value.help
        assert "bubblewrap is not installed" in str(kinds.available_kinds()["bubblewrap"])
    finally:
        kinds.obstacle.cache_clear()


def test_a_sandbox_that_does_not_start_is_reported_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n",
        encoding="utf-8",
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    kinds.obstacle.cache_clear()
    try:
        assert "No permissions to create new namespace" in str(kinds.obstacle("bubblewrap"))
    finally:
        kinds.obstacle.cache_clear()


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_is_short_enough_for_the_kernel(machine: str) -> None:
    code = seccomp.program(machine, file_attributes=False)
    assert len(code) % 8 == 0
    assert 100 < len(code) // 8 < 4096


@pytest.mark.parametrize("place", ["start.bubblewrap.map_users", "process.await_ready"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_an_interrupted_start_leaves_nothing(
    kind: Kind, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the launcher is waited for, or while bubblewrap of root waits for its users."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"aira_dsl.sandbox.{place}", interrupt)
    if "map_users" in place and (kind != "bubblewrap" or os.geteuid()):
        pytest.skip("users are mapped in bubblewrap of root only")
    before = set(descendants(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        run(Spec(("sleep", "600")), kind)
    assert set(descendants(os.getpid())) <= before
