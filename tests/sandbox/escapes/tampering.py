"""Attempts to change what runs later: Python, its packages, shells, the clock."""

import ctypes
import fcntl
import os
import pty
import sys
import time

from .table import LIBC, Aim, attempt, read, system_call, write


def left(name: str):
    return lambda world: world.has_left(name)


@attempt(evidence=left("sitecustomize.py"))
def site_customize(aim: Aim) -> bool:
    """sitecustomize.py in the packages"""
    return write(f"{aim['packages']}/sitecustomize.py")


@attempt(evidence=left("hook.pth"))
def path_file(aim: Aim) -> bool:
    """a .pth file, which Python executes at its start, in the packages"""
    return write(f"{aim['packages']}/hook.pth")


@attempt(evidence=left("user"))
def user_customize(aim: Aim) -> bool:
    """usercustomize.py in the home folder"""
    folder = f"{aim['home']}/.local/lib/python3/site-packages"
    os.makedirs(folder, exist_ok=True)
    return write(f"{folder}/usercustomize.py")


@attempt(evidence=left("json.py"))
def shadow_a_module(aim: Aim) -> bool:
    """json.py in the working folder of the supervisor"""
    return write(f"{aim['study']}/json.py")


@attempt(evidence=left("bashrc"))
def shell_start(aim: Aim) -> bool:
    """a line in ~/.bashrc"""
    return write(f"{aim['home']}/.bashrc")


@attempt("unsafe")
def change_the_library(aim: Aim) -> bool:
    """append to a module of Python's library"""
    os.close(os.open(os.__file__, os.O_WRONLY | os.O_APPEND))
    return True


@attempt("unsafe")
def change_the_interpreter(aim: Aim) -> bool:
    """move a file over the Python interpreter"""
    write("python", "#!/bin/sh", "w")
    os.replace("python", os.path.realpath(sys.executable))
    return True


@attempt("unsafe")
def change_the_environment_of_python(aim: Aim) -> bool:
    """add a file to the virtual environment"""
    return write(f"{aim['prefix']}/hook", "x")


@attempt("unsafe")
def change_the_launcher(aim: Aim) -> bool:
    """change the program that starts the next candidate"""
    os.close(os.open(aim["launcher"], os.O_WRONLY | os.O_APPEND))
    return True


@attempt("unsafe")
def preload_a_library(aim: Aim) -> bool:
    """/etc/ld.so.preload"""
    return write("/etc/ld.so.preload", "", "a")


@attempt("unsafe")
def change_system_programs(aim: Aim) -> bool:
    """a program in /usr/local/bin"""
    return write("/usr/local/bin/hook", "#!/bin/sh", "w")


@attempt("depends")
def type_into_a_terminal(aim: Aim) -> bool:
    """TIOCSTI: keys typed into the terminal"""
    child, terminal = pty.fork()
    if child == 0:
        try:
            fcntl.ioctl(0, 0x5412, b"x")
        except OSError:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return status == 0


@attempt("depends")
def rename_the_machine(aim: Aim) -> bool:
    """sethostname (to the name it has)"""
    name = os.uname().nodename.encode()
    return LIBC.sethostname(name, len(name)) == 0


@attempt("depends")
def hide_open_files(aim: Aim) -> bool:
    """prctl: hide from the measurement"""
    return LIBC.prctl(4, 0, 0, 0, 0) == 0


@attempt("depends")
def load_into_the_kernel(aim: Aim) -> bool:
    """bpf"""
    attributes = ctypes.create_string_buffer(72)
    ctypes.memmove(attributes, (ctypes.c_uint32 * 4)(2, 4, 4, 1), 16)  # an array of one element
    return system_call(321, 280, 0, attributes, 72) >= 0


@attempt("depends")
def watch_the_machine(aim: Aim) -> bool:
    """perf_event_open"""
    attributes = ctypes.create_string_buffer(112)
    ctypes.memmove(attributes, (ctypes.c_uint32 * 2)(1, 112), 8)
    return system_call(298, 241, attributes, 0, -1, -1, 0) >= 0


@attempt("depends")
def set_the_clock(aim: Aim) -> bool:
    """clock_settime (to the time it is)"""
    time.clock_settime(time.CLOCK_REALTIME, time.time())
    return True


@attempt("depends")
def set_the_time_of_day(aim: Aim) -> bool:
    """settimeofday (the time zone, to none)"""
    return system_call(164, 170, None, (ctypes.c_int * 2)(0, 0)) == 0


@attempt("depends")
def slow_the_clock_down(aim: Aim) -> bool:
    """adjtimex (to the speed it has)"""
    values = ctypes.create_string_buffer(208)
    LIBC.adjtimex(values)
    ctypes.c_uint32.from_buffer(values).value = 2  # ADJ_FREQUENCY
    return LIBC.adjtimex(values) >= 0


@attempt("depends")
def open_the_hardware_clock(aim: Aim) -> bool:
    """/dev/rtc0"""
    os.close(os.open("/dev/rtc0", os.O_RDONLY))
    return True


@attempt("depends")
def change_a_control_group(aim: Aim) -> bool:
    """a control group with another limit"""
    for folder in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        if os.path.isdir(folder):
            os.mkdir(f"{folder}/aira-dsl-escape")
            os.rmdir(f"{folder}/aira-dsl-escape")
            return True
    return False


@attempt("unsafe")
def ask_the_kernel_to_stop(aim: Aim) -> bool:
    """reboot, by a command that only asks (and /proc/sysrq-trigger, opened)"""
    if LIBC.reboot(0x89ABCDEF) == 0:
        return True
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))
    return True


@attempt("depends")
def read_kernel_log(aim: Aim) -> bool:
    """syslog"""
    return system_call(103, 116, 3, ctypes.create_string_buffer(1000), 1000) >= 0


@attempt("depends")
def raise_own_limits(aim: Aim) -> bool:
    """raise a limit of its own"""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft + 1, soft + 1))
    return read("/proc/self/limits") != ""
