"""Programs that take a resource without end: each is ended by the limit that it reaches.

Name: what it does, its code, limits, and which of them may end it (None: it ends by itself).
"""

from dataclasses import dataclass, field

MIB = 1 << 20


@dataclass(frozen=True)
class Program:
    """A program, and what ends it.

    Attributes:
        text: what it does.
        code: the program.
        ended_by: limits of which one ends it; None where it ends by itself.
        limits: limits that it runs with.
        unsafe: whether nothing but a sandbox holds it.
    """

    text: str
    code: str
    ended_by: tuple[str | None, ...]
    limits: dict[str, float] = field(default_factory=dict)
    unsafe: bool = False


PROGRAMS = {
    "compute": Program("compute without end", "while True: pass", ("cpu",), {"cpu_seconds": 0.3}),
    "compute_in_children": Program(
        "compute without end in four processes",
        "import os\nos.fork(); os.fork()\nwhile True: pass",
        ("cpu",),
        {"cpu_seconds": 0.5},
    ),
    "sleep": Program(
        "sleep without end", "import time; time.sleep(600)", ("wall",), {"wall_seconds": 0.3}
    ),
    "stop_itself": Program(
        "stop itself with SIGSTOP",
        "import os; os.kill(os.getpid(), 19)",
        ("wall",),
        {"wall_seconds": 0.3},
    ),
    "ignore_signals": Program(
        "ignore every signal that can be ignored",
        "import signal, time\n"
        "for s in set(signal.Signals) - {9, 19}: signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(600)",
        ("wall",),
        {"wall_seconds": 0.3},
    ),
    "hang_at_exit": Program(
        "hang at exit, in a thread that never ends",
        "import threading\nthreading.Thread(target=threading.Event().wait).start()",
        ("wall",),
        {"wall_seconds": 0.3},
    ),
    "leave_zombies": Program(
        "start 500 processes and never wait for them",
        "import os, time\n"
        "try:\n"
        "  for _ in range(500):\n"
        "    if os.fork() == 0: os._exit(0)\n"
        "except OSError: pass\n"
        "time.sleep(600)",
        ("wall", "processes"),
        {"wall_seconds": 0.5, "processes": 40},
    ),
    "fork_bomb": Program(
        "fork without end",
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        ("wall", "processes"),
        {"wall_seconds": 0.5, "processes": 24},
        unsafe=True,  # as root the kernel does not hold it
    ),
    "memory_of_children": Program(
        "600 MiB of memory in six processes",
        "import os, time\n"
        "for _ in range(6):\n"
        "  if os.fork() == 0:\n"
        "    held = bytearray(b'x') * (100 << 20)\n"
        "    time.sleep(600)\n"
        "time.sleep(600)",
        ("memory",),
        {"memory": 300 * MIB},
    ),
    "shared_pages": Program(
        "600 MiB of shared memory without a file",
        "import mmap, time\n"
        "held = [mmap.mmap(-1, 100 << 20) for _ in range(6)]\n"
        "for m in held:\n"
        "  for n in range(0, 100 << 20, 4096): m[n] = 1\n"
        "time.sleep(600)",
        ("memory",),
        {"memory": 300 * MIB},
    ),
    "fill_the_disk": Program(
        "write files without end",
        "import os\nn = 0\nwhile True:\n"
        "  with open(f'{n}', 'wb') as f: f.write(bytes(1 << 20))\n"
        "  n += 1",
        ("scratch", None),  # a file system of its own is full, and the program ends
        {"scratch": 30 * MIB},
    ),
    "fill_the_disk_with_deleted_files": Program(
        "write files without end, deleted and open",
        "import os, time\nkept = []\ntry:\n  while len(kept) < 200:\n"
        "    f = open('x', 'wb', buffering=0); os.unlink('x'); kept.append(f)\n"
        "    if f.write(bytes(1 << 20)) < 1 << 20: break\n"
        "    time.sleep(0.002)\n"
        "except OSError: raise SystemExit\n"
        "time.sleep(0.3)\nprint(len(kept))",
        ("scratch", None),
        {"scratch": 30 * MIB},
    ),
    "many_files": Program(
        "make empty files without end",
        "n = 0\nwhile True:\n  open(f'{n}', 'w').close(); n += 1",
        ("scratch",),
        {"scratch_files": 500},
    ),
    "deep_folders": Program(
        "make folders in folders without end",
        "import os\nwhile True:\n  os.mkdir('d'); os.chdir('d')",
        ("scratch",),
        {"scratch_files": 500},
    ),
    "print": Program(
        "print without end",
        "import os\nwhile True: os.write(1, bytes(1 << 20))",
        ("wall",),
        {"wall_seconds": 0.5},
    ),
    "complain": Program(
        "print errors without end",
        "import os\nwhile True: os.write(2, b'x' * 100)",
        ("wall",),
        {"wall_seconds": 0.5},
    ),
}
