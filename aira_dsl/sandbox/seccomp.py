"""The list of denied system calls, as a seccomp filter (BPF); the second layer of both sandboxes.

Everything is allowed but what the table names. An allow-list is not practical for torch and JAX,
which use most of the rest. Own code, because the one binding on PyPI (pyseccomp) has had no release
since 2021 and needs libseccomp, and a deny-list takes no more than comparisons.

Sources: seccomp(2), linux/filter.h, and the numbers of asm/unistd_64.h (x86_64) and
asm-generic/unistd.h (aarch64).
"""

import errno
import platform
import struct

# name: number on x86_64, number on aarch64 (None: there is no such call)
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # Network. Every family, so that no path leads out; `socketpair` stays, for multiprocessing.
    "socket": (41, 198),
    "io_uring_setup": (425, 425),  # it makes sockets without the call `socket`
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # Files by another way than their path
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "truncate": (76, 45),  # Landlock controls it since version 3 only; `ftruncate` stays
    "mknod": (133, None),
    "mknodat": (259, 33),
    "fanotify_init": (300, 262),
    # Memory that belongs to no process and so escapes the measurement
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # Pages of files in memory, which all processes share: one process could drop some, and a later
    # one, which is meant to know nothing of it, could see which ones are there
    "fadvise64": (221, 223),
    "mincore": (27, 232),
    "cachestat": (451, 451),
    # The kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    # The clock
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
}

# `clone3` passes its flags in memory, where a filter cannot look; `preadv2` with RWF_NOWAIT tells
# whether a page of a file is in memory. glibc falls back to `clone` and `preadv`.
_ABSENT: dict[str, tuple[int, int]] = {"clone3": (435, 435), "preadv2": (327, 286)}

# Landlock does not control permissions, owners, times and attributes of files, so that a program of
# the same user could change them anywhere. The calls do nothing and say that they have succeeded:
# programs that copy files use them.
_IGNORED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}

# name: numbers, index of an argument, values that are denied
_DENIED_VALUES: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "ioctl": ((16, 29), 1, (0x5412, 0x541C)),  # TIOCSTI, TIOCLINUX: keys typed into a terminal
    "prctl": ((157, 167), 0, (4,)),  # PR_SET_DUMPABLE, which would hide the process's open files
    "madvise": ((28, 233), 2, (20, 21)),  # MADV_COLD, MADV_PAGEOUT: pages of files, as `fadvise64`
}

# name: numbers, index of the argument that names a process and must be 0, the caller itself
_ONLY_SELF: dict[str, tuple[tuple[int, int], int]] = {
    "prlimit64": ((302, 261), 0),
    "sched_setaffinity": ((203, 122), 0),
    "sched_setscheduler": ((144, 119), 0),
    "sched_setparam": ((142, 118), 0),
    "sched_setattr": ((314, 274), 0),
}

# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_CLONE = (56, 220)

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = tuple(_AUDIT_ARCH)
"""The machines whose system call numbers are known."""

_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_DENY = 0x00050000 | errno.EPERM
_MISSING = 0x00050000 | errno.ENOSYS
_IGNORE = 0x00050000  # returns 0


def program(machine: str | None = None, *, file_attributes: bool) -> bytes:
    """Return the filter as an array of `struct sock_filter`.

    Args:
        file_attributes: whether permissions, owners and times of files can be changed, where mounts
            protect those outside.
        machine: `x86_64` or `aarch64`; default this machine.

    Raises:
        KeyError: another machine.
    """
    machine = platform.machine() if machine is None else machine
    column = MACHINES.index(machine) if machine in MACHINES else None
    if column is None:
        raise KeyError(machine)
    code = [
        _instruction(_LOAD, 4),  # seccomp_data.arch
        _instruction(_JUMP_EQUAL, _AUDIT_ARCH[machine], when_true=1),
        _instruction(_RETURN, _KILL),  # 32-bit calls have other numbers
        _instruction(_LOAD, 0),  # seccomp_data.nr
        _instruction(_JUMP_FROM, 0x40000000, when_false=1),  # the x32 calls of x86_64
        _instruction(_RETURN, _DENY),
    ]
    for numbers in _DENIED.values():
        code += _when(numbers[column], [_instruction(_RETURN, _DENY)])
    for absent in _ABSENT.values():
        code += _when(absent[column], [_instruction(_RETURN, _MISSING)])
    for numbers in () if file_attributes else _IGNORED.values():
        code += _when(numbers[column], [_instruction(_RETURN, _IGNORE)])
    for numbers, place, values in _DENIED_VALUES.values():
        code += _when(numbers[column], _argument(place, _JUMP_EQUAL, values, if_so=_DENY))
    for numbers, place in _ONLY_SELF.values():
        code += _when(numbers[column], _argument(place, _JUMP_EQUAL, (0,), if_so=_ALLOW))
    code += _when(_CLONE[column], _argument(0, _JUMP_BITS, (_NEW_NAMESPACES,), if_so=_DENY))
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _instruction(code: int, value: int, *, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)


def _when(number: int | None, block: list[bytes]) -> list[bytes]:
    """Execute the block, which returns, for one system call; the number is in the accumulator."""
    if number is None:
        return []
    return [_instruction(_JUMP_EQUAL, number, when_false=len(block)), *block]


def _argument(place: int, jump: int, values: tuple[int, ...], *, if_so: int) -> list[bytes]:
    """Return by the low 32 bits of an argument, which are all that the kernel uses of these."""
    otherwise = _ALLOW if if_so == _DENY else _DENY
    block = [_instruction(_LOAD, 16 + 8 * place)]
    for value in values:
        block += [_instruction(jump, value, when_false=1), _instruction(_RETURN, if_so)]
    return [*block, _instruction(_RETURN, otherwise)]
