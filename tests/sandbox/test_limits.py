"""Limits end everything that a program started, and the result names them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aira_dsl.errors import RunError
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Kind, Spec
from tests.sandbox.conftest import Start
from tests.sandbox.escapes.world import processes_with

MIB = 1 << 20

ESCAPING_DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os._exit(0)
os.wait()
print("left", flush=True)
if sys.argv[1] == "stay": time.sleep(600)
"""


def wait_until(condition, seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_program_that_ends_by_itself(start: Start, kind: Kind) -> None:
    result = start("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)").wait()
    assert (result.kind, result.exit_code, result.signal, result.ended_by) == (kind, 7, None, None)
    assert (result.stdout, result.stderr, result.dropped) == (b"out\n", b"err\n", 0)
    assert 0 < result.wall_seconds < 60
    assert 0 < result.cpu_seconds < 5


def test_a_signal_is_reported(start: Start) -> None:
    result = start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").wait()
    assert (result.exit_code, result.signal, result.ended_by) == (None, signal.SIGSEGV, None)


@pytest.mark.parametrize("children", ["are waited for", "are not"])
def test_processes_that_have_ended_count_in_the_time_used(start: Start, children: str) -> None:
    """Three, one after another: none alone has as much, nor have all that live at a time."""
    process = start(
        """
import os, signal, sys, time
if sys.argv[1] == "are not": signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        while time.process_time() < 0.4: pass
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
time.sleep(600)
""",
        children,
    )
    waiting = threading.Thread(target=process.wait)
    waiting.start()
    try:
        assert wait_until(lambda: process.usage().cpu_seconds > 0.9, 60)
    finally:
        process.stop()
        waiting.join()


def test_the_kernel_limits_the_number_of_processes(start: Start, kind: Kind) -> None:
    """A few more than allowed, and never a fork bomb where the kernel does not hold the limit."""
    code = """
import os, time
children = 0
try:
    for _ in range(60):
        if os.fork() == 0: time.sleep(600)
        children += 1
except OSError: pass
print(children, flush=True)
time.sleep(600 if children == 60 else 0)
"""
    result = start(code, processes=40).wait()
    if kind != "none" and os.geteuid() == 0:  # a user of its own
        assert result.stdout in (b"39\n", b"40\n")
    else:
        assert result.ended_by == "processes" or result.stdout in (b"39\n", b"40\n")


def test_an_allocation_beyond_the_limit_fails_inside(start: Start) -> None:
    code = "try: bytearray(800 << 20)\nexcept MemoryError: print('refused')"
    result = start(code, memory=400 * MIB).wait()
    assert result.stdout == b"refused\n"
    assert result.peak_memory < 400 * MIB


def test_pages_that_processes_share_count_once(start: Start) -> None:
    code = """
import os, time
held = bytearray(b"x") * (150 << 20)
children = [os.fork() for _ in range(1)]
if 0 not in children:
    more = [os.fork() for _ in range(3)]
time.sleep(0.3)
"""
    result = start(code, memory=400 * MIB).wait()
    assert result.ended_by is None


def test_the_scratch_folder_is_limited(start: Start, kind: Kind) -> None:
    code = """
import time
try:
    for n in range(100):
        with open(f"file{n}", "wb") as file: file.write(bytes(4 << 20))
    time.sleep(600)  # until somebody has looked
except OSError as error: print(error.strerror)
"""
    result = start(code, scratch=16 * MIB).wait()
    if kind == "bubblewrap":  # a file system of its own, which is full
        assert (result.ended_by, result.stdout) == (None, b"No space left on device\n")
    else:
        assert result.ended_by == "scratch"


def test_a_file_is_limited(start: Start) -> None:
    code = "f = open('x', 'wb')\ntry: f.truncate(10 ** 11)\nexcept OSError as e: print(e.strerror)"
    assert start(code, file=MIB).wait().stdout == b"File too large\n"


def test_output_beyond_the_limit_is_dropped(start: Start) -> None:
    code = """
import os
os.write(1, b"begin")
for _ in range(2000): os.write(1, bytes(100_000))
os.write(1, b"end")
"""
    result = start(code, output=1000).wait()
    assert result.exit_code == 0
    assert result.stdout.startswith(b"begin\0")
    assert result.stdout.endswith(b"\0end")
    assert (len(result.stdout), result.dropped) == (1000, 200_000_008 - 1000)


@pytest.mark.parametrize("stay", ["stay", "leave"])
def test_a_process_that_leaves_its_session_is_ended(start: Start, stay: str) -> None:
    word = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    result = start(ESCAPING_DAEMON, stay, word, wall_seconds=3 if stay == "stay" else 60).wait()
    assert result.stdout == b"left\n"
    assert result.ended_by == ("wall" if stay == "stay" else None)
    assert processes_with(word) == []


def test_stop_ends_the_program_from_another_thread(start: Start) -> None:
    process = start("import time; time.sleep(600)")
    process.stop()
    assert process.wait().ended_by == "stopped"


def test_a_program_that_cannot_be_executed(kind: Kind) -> None:
    with pytest.raises(RunError, match="no-such-program") as caught:
        run(Spec(("no-such-program",)), kind)
    assert caught.value.code == "E1102"


def test_descriptors_are_inherited_only_where_they_are_named(kind: Kind) -> None:
    (ours, theirs), (secret, other) = os.pipe(), os.pipe()
    os.set_inheritable(secret, True)
    code = """
import os, sys
os.write(int(sys.argv[1]), b"hello")
print(*os.listdir("/proc/self/fd"))
"""
    spec = Spec((sys.executable, "-I", "-c", code, str(theirs)), descriptors=(theirs,))
    result = run(spec, kind)
    assert os.read(ours, 10) == b"hello", result
    listed = {"0", "1", "2", str(theirs)}
    assert len(set(result.stdout.decode().split()) - listed) == 1  # the listing itself
    for number in (ours, theirs, secret, other):
        os.close(number)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_nothing_runs_when_the_supervisor_is_ended(kind: Kind, sign: signal.Signals) -> None:
    word = f"left-{os.getpid()}-{time.monotonic_ns()}"
    script = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits "ignore"
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Spec
run(Spec((sys.executable, "-I", "-c", {ESCAPING_DAEMON!r}, "stay", {word!r})), {kind!r})
"""
    supervisor = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: len(processes_with(f"\0{word}\0")) >= 2)  # the daemon too
    finally:
        supervisor.send_signal(sign)
        supervisor.wait(timeout=300)
    assert wait_until(lambda: not processes_with(word))


def test_folders_with_a_path_longer_than_the_system_allows(start: Start, kind: Kind) -> None:
    code = f"""
import os, time
for _ in range(30):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
time.sleep({0 if kind == "bubblewrap" else 600})
"""
    result = start(code).wait()
    assert result.ended_by == (None if kind == "bubblewrap" else "scratch")


def test_the_scratch_folder_is_gone_afterwards(start: Start) -> None:
    """One without permissions too, which an unprivileged supervisor cannot measure."""
    code = "import os; print(os.getcwd(), flush=True); os.makedirs('d/e'); open('x', 'w')"
    process = start(f"{code}; os.chmod('d', 0)")
    folder = process.wait().stdout.decode().strip()
    assert sorted(os.listdir(process.scratch)) == ["d", "x"]
    process.close()
    assert folder == "/tmp" or not Path(folder).exists()


def test_a_program_that_nothing_waits_for_is_ended_by_close(start: Start) -> None:
    word = f"left-{os.getpid()}-{time.monotonic_ns()}"
    process = start("import time; time.sleep(600)", word)
    assert wait_until(lambda: bool(processes_with(word)))
    begin = time.monotonic()
    process.close()
    assert time.monotonic() - begin < 60
    assert processes_with(word) == []
