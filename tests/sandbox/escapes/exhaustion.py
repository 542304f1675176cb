"""Attempts to use more than the limits allow, where the kernel refuses it.

The limits are those of `world.TIGHT`; without a sandbox they are those of `world.LOOSE`. What the
supervisor ends is in tests/sandbox/test_limits.py and in `programs`.
"""

import contextlib
import ctypes
import mmap
import os
import threading
import time

from .table import Aim, attempt, system_call

MIB = 1 << 20
MUCH = 200 * MIB  # more than TIGHT.memory and TIGHT.scratch
BLOCK = bytes(MIB)


@attempt()
def memory(aim: Aim) -> bool:
    """allocate more memory than the limit"""
    return len(bytearray(MUCH)) == MUCH


@attempt()
def mapped_memory(aim: Aim) -> bool:
    """map more private memory than the limit"""
    with mmap.mmap(-1, MUCH, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        return True


@attempt()
def memory_file(aim: Aim) -> bool:
    """memory in a memfd, which no process has mapped"""
    number = os.memfd_create("x")
    return all(os.write(number, BLOCK) == MIB for _ in range(MUCH // MIB))


@attempt("depends")
def shared_memory(aim: Aim) -> bool:
    """memory in /dev/shm"""
    path = f"/dev/shm/aira-dsl-{os.getpid()}"
    with open(path, "wb", buffering=0) as file, contextlib.ExitStack() as after:
        after.callback(os.unlink, path)
        return all(file.write(BLOCK) == MIB for _ in range(MUCH // MIB))


@attempt()
def system_v_memory(aim: Aim) -> bool:
    """shared memory of System V, which stays after the end"""
    number = system_call(29, 194, 0, ctypes.c_size_t(MIB), 0o1600)
    system_call(31, 195, number, 0, None)  # IPC_RMID
    return True


@attempt("depends")
def locked_memory(aim: Aim) -> bool:
    """lock memory, so that it cannot be swapped"""
    page = mmap.mmap(-1, 16 * MIB)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CDLL(None).mlock(ctypes.c_void_p(address), ctypes.c_size_t(16 * MIB)) == 0


@attempt()
def sparse_file(aim: Aim) -> bool:
    """a sparse file of 100 GB"""
    with open("sparse", "wb") as file, contextlib.ExitStack() as after:
        after.callback(os.unlink, "sparse")
        file.truncate(100 * 10**9)
        return True


@attempt()
def large_file(aim: Aim) -> bool:
    """one large file"""
    with open("large", "wb", buffering=0) as file, contextlib.ExitStack() as after:
        after.callback(os.unlink, "large")
        return all(file.write(BLOCK) == MIB for _ in range(MUCH // MIB))


@attempt()
def many_descriptors(aim: Aim) -> bool:
    """open 2,000 files"""
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(2000)]) == 2000


@attempt()
def many_threads(aim: Aim) -> bool:
    """start 300 threads"""
    end = threading.Event()
    threads = [threading.Thread(target=end.wait, args=(3,), daemon=True) for _ in range(300)]
    try:
        for thread in threads:
            thread.start()
    finally:
        end.set()
    return True


@attempt()
def many_processes(aim: Aim) -> bool:
    """start 150 processes"""
    children = []
    try:
        for _ in range(150):
            if (child := os.fork()) == 0:
                time.sleep(2)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    return True


@attempt("depends")
def core_dump(aim: Aim) -> bool:
    """allow itself core dumps"""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (MIB, MIB))
    return True
