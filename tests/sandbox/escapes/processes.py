"""Attempts on other processes, and to leave processes after the end."""

import ctypes
import os
import signal
import time

from .table import LIBC, Aim, attempt, read, system_call, write

ATTACH, SEIZE, DETACH = 16, 0x4206, 17
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000


@attempt()
def see_a_process(aim: Aim) -> bool:
    """read the command line of another process"""
    return aim["token"] in read(f"/proc/{aim['victim']}/cmdline")


@attempt()
def list_processes(aim: Aim) -> bool:
    """find another process in /proc"""
    return str(aim["victim"]) in os.listdir("/proc")


@attempt()
def signal_a_process(aim: Aim) -> bool:
    """send a signal to another process"""
    os.kill(aim["victim"], signal.SIGCONT)
    return True


@attempt()
def signal_by_descriptor(aim: Aim) -> bool:
    """send a signal to another process by pidfd_send_signal"""
    signal.pidfd_send_signal(os.pidfd_open(aim["victim"]), signal.SIGCONT)
    return True


@attempt()
def signal_a_group(aim: Aim) -> bool:
    """send a signal to the group of another process"""
    os.killpg(aim["victim"], signal.SIGCONT)
    return True


@attempt()
def signal_the_supervisor(aim: Aim) -> bool:
    """send a signal to the supervisor"""
    os.kill(aim["supervisor"], 0)
    return True


@attempt("unsafe")
def kill_the_parent(aim: Aim) -> bool:
    """kill the process that started the candidate (`World.run` would notice)"""
    os.kill(aim["parent"], signal.SIGKILL)
    return False


@attempt("depends")
def trace_a_process(aim: Aim) -> bool:
    """ptrace another process"""
    if LIBC.ptrace(SEIZE, aim["victim"], None, None) < 0:
        return False
    LIBC.ptrace(DETACH, aim["victim"], None, None)
    return True


@attempt("depends")
def trace_the_parent(aim: Aim) -> bool:
    """ptrace the process that started the candidate"""
    return LIBC.ptrace(SEIZE, aim["parent"], None, None) == 0


@attempt("depends")
def read_memory_of_a_process(aim: Aim) -> bool:
    """process_vm_readv of another process"""
    text = ctypes.create_string_buffer(len(aim["token"]))
    here = (ctypes.c_uint64 * 2)(ctypes.addressof(text), len(aim["token"]))
    there = (ctypes.c_uint64 * 2)(aim["address"], len(aim["token"]))
    system_call(310, 270, aim["victim"], here, 1, there, 1, 0)
    return text.raw.decode() == aim["token"]


@attempt("depends")
def write_memory_of_a_process(aim: Aim) -> bool:
    """process_vm_writev to another process"""
    text = ctypes.create_string_buffer(aim["token"].encode())
    here = (ctypes.c_uint64 * 2)(ctypes.addressof(text), 1)
    there = (ctypes.c_uint64 * 2)(aim["address"], 1)
    return system_call(311, 271, aim["victim"], here, 1, there, 1, 0) == 1


@attempt("depends")
def read_memory_by_file(aim: Aim) -> bool:
    """/proc/PID/mem of another process"""
    with open(f"/proc/{aim['victim']}/mem", "rb") as file:
        file.seek(aim["address"])
        return file.read(len(aim["token"])).decode() == aim["token"]


@attempt("depends")
def read_memory_of_the_parent(aim: Aim) -> bool:
    """/proc/PPID/mem, opened"""
    os.close(os.open(f"/proc/{aim['parent']}/mem", os.O_RDWR))
    return True


@attempt("depends")
def read_maps_of_a_process(aim: Aim) -> bool:
    """/proc/PID/maps of another process"""
    return "python" in read(f"/proc/{aim['victim']}/maps")


@attempt("depends")
def take_a_descriptor(aim: Aim) -> bool:
    """pidfd_getfd: take an open file of another process"""
    return system_call(438, 438, os.pidfd_open(aim["victim"]), 0, 0) >= 0


@attempt("depends")
def limit_a_process(aim: Aim) -> bool:
    """prlimit of another process"""
    import resource

    limits = resource.prlimit(aim["victim"], resource.RLIMIT_CORE)
    resource.prlimit(aim["victim"], resource.RLIMIT_CORE, limits)
    return True


@attempt()
def move_a_process_to_one_core(aim: Aim) -> bool:
    """sched_setaffinity of another process"""
    os.sched_setaffinity(aim["victim"], os.sched_getaffinity(aim["victim"]))
    return True


@attempt()
def slow_a_process_down(aim: Aim) -> bool:
    """setpriority of another process"""
    os.setpriority(os.PRIO_PROCESS, aim["victim"], 5)
    return True


@attempt("unsafe")
def slow_all_processes_down(aim: Aim) -> bool:
    """setpriority of all processes of the user"""
    os.setpriority(os.PRIO_USER, 0, 19)
    return True


@attempt("depends")
def offer_a_process_to_the_kernel(aim: Aim) -> bool:
    """make another process the first that the kernel kills when memory is short"""
    return write(f"/proc/{aim['victim']}/oom_score_adj", "500", "w")


@attempt("depends")
def new_user_namespace(aim: Aim) -> bool:
    """unshare: a user namespace, in which it is root"""
    return LIBC.unshare(NEW_USER) == 0


@attempt("depends")
def new_network_namespace(aim: Aim) -> bool:
    """unshare: a network namespace"""
    return LIBC.unshare(NEW_NETWORK) == 0


@attempt("depends")
def clone_a_namespace(aim: Aim) -> bool:
    """clone with a user namespace"""
    child = system_call(56, 220, NEW_USER | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


@attempt("depends")
def clone3_a_namespace(aim: Aim) -> bool:
    """clone3 with a user namespace, whose flags no filter can read"""
    arguments = (ctypes.c_uint64 * 11)(NEW_USER, 0, 0, 0, signal.SIGCHLD)
    child = system_call(435, 435, arguments, 88)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


@attempt("depends")
def enter_a_namespace(aim: Aim) -> bool:
    """setns: enter the network of another process"""
    number = os.open(f"/proc/{aim['victim']}/ns/net", os.O_RDONLY)
    return LIBC.setns(number, NEW_NETWORK) == 0


def _leave_a_process(aim: Aim, word: str, before_fork) -> bool:
    """Start a process that stays; the supervisor looks for the word in command lines."""
    before_fork()
    if os.fork() == 0:
        code = "import time; time.sleep(600)"
        os.execv(aim["python"], [aim["python"], "-I", "-S", "-c", code, aim["daemon"] + word])
    time.sleep(0.05)
    return False


def _detach() -> None:
    os.setsid()
    if os.fork():
        os._exit(0)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def stays(word: str):
    return lambda world: world.is_running(word)


@attempt("unsafe", evidence=stays("plain"))
def outlive(aim: Aim) -> bool:
    """leave a child that outlives the program"""
    return _leave_a_process(aim, "plain", lambda: None)


@attempt("unsafe", evidence=stays("session"))
def outlive_in_another_session(aim: Aim) -> bool:
    """leave a daemon: setsid, two forks"""
    return _leave_a_process(aim, "session", _detach)


@attempt("unsafe", evidence=stays("deaf"))
def outlive_signals(aim: Aim) -> bool:
    """leave a process that ignores SIGTERM, SIGHUP and SIGINT"""
    return _leave_a_process(aim, "deaf", _ignore_signals)


@attempt("unsafe", evidence=stays("reaper"))
def outlive_below_an_own_reaper(aim: Aim) -> bool:
    """leave a process below one that gets children without a parent itself"""
    return _leave_a_process(aim, "reaper", lambda: (LIBC.prctl(36, 1, 0, 0, 0), _detach()))


@attempt("unsafe", evidence=stays("group"))
def outlive_in_another_group(aim: Aim) -> bool:
    """leave a process in a process group of its own"""
    return _leave_a_process(aim, "group", lambda: os.setpgid(0, 0))
