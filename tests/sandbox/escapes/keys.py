"""Attempts to find an API key of the supervisor."""

import os

from .table import Aim, attempt, read, system_call


@attempt()
def key_in_the_environment(aim: Aim) -> bool:
    """the key among the own variables"""
    return aim["key_end"] in str(dict(os.environ))


@attempt()
def key_in_own_environment_file(aim: Aim) -> bool:
    """the key in /proc/self/environ"""
    return aim["key_end"] in read("/proc/self/environ")


@attempt()
def key_in_environments_of_processes(aim: Aim) -> bool:
    """the key in /proc/PID/environ of any process"""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if aim["key_end"] in read(f"/proc/{name}/environ"):
                return True
        except OSError:
            continue
    return False


@attempt("depends")
def key_in_the_environment_of_the_parent(aim: Aim) -> bool:
    """the key in /proc/PPID/environ"""
    return aim["key_end"] in read(f"/proc/{aim['parent']}/environ")


@attempt()
def key_in_a_file(aim: Aim) -> bool:
    """the key in a .env file of the project"""
    return aim["key_end"] in read(f"{aim['study']}/.env")


@attempt()
def key_in_open_files(aim: Aim) -> bool:
    """the key in a file that the supervisor has open"""
    return any(
        aim["key_end"].encode() in os.pread(number, 1 << 16, 0)
        for number in map(int, os.listdir("/proc/self/fd"))
        if number > 2 and os.path.isfile(f"/proc/self/fd/{number}")
    )


@attempt("depends")
def key_ring(aim: Aim) -> bool:
    """the key ring of the user in the kernel"""
    return system_call(250, 219, 0, -4, 1) >= 0
